"""The faces of the service: thin handlers that read a request, call one verb and shape the answer.

All paths are on this page.
"""

from __future__ import annotations

from starlette.routing import BaseRoute, Mount, Route, WebSocketRoute

from inbox.routes import demo, events, feed, health, inbox, socket, subscribers, workflows
from inbox.routes.static import static_files


def all_routes(*, with_demo: bool) -> list[BaseRoute]:
    """Every path of the service; the demo's only when asked for."""
    return [*SERVER_SIDE, *BROWSER_SIDE, *SOCKETS, *HEALTH, *(DEMO if with_demo else [])]


SERVER_SIDE: list[BaseRoute] = [
    Route("/v1/events/trigger", events.trigger, methods=["POST"]),
    Route("/v1/subscribers", subscribers.create, methods=["POST"]),
    Route("/v1/subscribers/{subscriberId}", subscribers.get, methods=["GET"]),
    Route("/v1/subscribers/{subscriberId}", subscribers.update, methods=["PUT"]),
    Route("/v1/subscribers/{subscriberId}", subscribers.delete, methods=["DELETE"]),
    Route("/v1/subscribers/{subscriberId}/online-status", subscribers.set_online_status, methods=["PATCH"]),
    Route("/v1/subscribers/{subscriberId}/notifications/feed", feed.get_feed, methods=["GET"]),
    Route("/v1/subscribers/{subscriberId}/notifications/unseen", feed.count_unseen, methods=["GET"]),
    Route("/v1/subscribers/{subscriberId}/messages/mark-as", feed.mark_as, methods=["POST"]),
    Route("/v1/subscribers/{subscriberId}/messages/markAs", feed.mark_as_legacy, methods=["POST"]),
    Route("/v1/subscribers/{subscriberId}/messages/mark-all", feed.mark_all, methods=["POST"]),
    Route("/v1/subscribers/{subscriberId}/messages/{messageId}/actions/{type}", feed.act, methods=["POST"]),
    Route("/v2/subscribers", subscribers.create_v2, methods=["POST"]),
    Route("/v2/subscribers/{subscriberId}", subscribers.get, methods=["GET"]),
    Route("/v2/subscribers/{subscriberId}", subscribers.patch, methods=["PATCH"]),
    Route("/v2/subscribers/{subscriberId}", subscribers.delete, methods=["DELETE"]),
    Route("/v2/workflows", workflows.create_workflow, methods=["POST"]),
    Route("/v2/workflows", workflows.list_workflows, methods=["GET"]),
    Route("/v2/workflows/{workflowId}", workflows.get_workflow, methods=["GET"]),
    Route("/v2/workflows/{workflowId}", workflows.update_workflow, methods=["PUT"]),
    Route("/v2/workflows/{workflowId}", workflows.patch_workflow, methods=["PATCH"]),
    Route("/v2/workflows/{workflowId}", workflows.delete_workflow, methods=["DELETE"]),
]

BROWSER_SIDE: list[BaseRoute] = [
    Route("/v1/inbox/session", inbox.open_session, methods=["POST"]),
    Route("/v1/inbox/notifications", inbox.list_notifications, methods=["GET"]),
    Route("/v1/inbox/notifications/count", inbox.count_notifications, methods=["GET"]),
    Route("/v1/inbox/notifications/seen", inbox.mark_seen, methods=["POST"]),
    Route("/v1/inbox/notifications/read", inbox.mark_all_read, methods=["POST"]),
    Route("/v1/inbox/notifications/{notificationId}/read", inbox.mark_read, methods=["PATCH"]),
    Route("/v1/inbox/notifications/{notificationId}/unread", inbox.mark_unread, methods=["PATCH"]),
    Route("/v1/inbox/notifications/{notificationId}/complete", inbox.complete, methods=["PATCH"]),
    Route("/v1/inbox/notifications/{notificationId}/revert", inbox.revert, methods=["PATCH"]),
    Route("/v1/inbox/notifications/{notificationId}/delete", inbox.delete, methods=["DELETE"]),
    Mount("/static", static_files),
]

SOCKETS: list[BaseRoute] = [
    WebSocketRoute("/ws", socket.plain_socket),
    WebSocketRoute("/", socket.plain_socket),
    Route("/ws", socket.upgrade_required, methods=["GET"]),
]
"""`/v1/socket` is kept for the native protocol."""

HEALTH: list[BaseRoute] = [
    Route("/health", health.health, methods=["GET"]),
    Route("/ready", health.ready, methods=["GET"]),
]

DEMO: list[BaseRoute] = [
    Route("/", demo.demo_page, methods=["GET"]),
    Route("/demo/config", demo.demo_config, methods=["GET"]),
    Route("/demo/trigger", demo.demo_trigger, methods=["POST"]),
]

