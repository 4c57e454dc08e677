"""The faces of the service: thin handlers that read a request, call one verb and shape the answer.

All paths are on this page, but for `/openapi.json` and `/docs` (`inbox/openapi/pages.py`), which describe them.
"""

from __future__ import annotations

from starlette.routing import BaseRoute, Mount, Route, WebSocketRoute

from inbox.routes import (
    activity,
    contexts,
    demo,
    empty,
    environments,
    events,
    feed,
    health,
    inbox,
    inbox_preferences,
    inbox_subscriptions,
    integrations,
    messages,
    named_feeds,
    notifications,
    organizations,
    personal_data,
    preferences,
    socket,
    socketio,
    subscribers,
    subscriptions,
    tenants,
    topics,
    widgets,
    workflow_overrides,
    workflows,
    workflows_v1,
)
from inbox.routes.static import static_files


def all_routes(*, with_demo: bool) -> list[BaseRoute]:
    """Every path of the service; the demo's only when asked for. Sockets first: refused ones come again and again."""
    return [*SOCKETS, *SERVER_SIDE, *BROWSER_SIDE, *HEALTH, *(DEMO if with_demo else [])]


def notification_routes(base: str) -> list[BaseRoute]:
    """What pages and backends share: reading notifications and changing them."""
    return [
        Route(base, notifications.list_notifications, methods=["GET"]),
        Route(f"{base}/count", notifications.count_notifications, methods=["GET"]),
        Route(f"{base}/seen", notifications.mark_seen, methods=["POST"]),
        Route(f"{base}/read", notifications.mark_all_read, methods=["POST"]),
        Route(f"{base}/archive", notifications.archive_all, methods=["POST"]),
        Route(f"{base}/read-archive", notifications.archive_all_read, methods=["POST"]),
        Route(f"{base}/delete", notifications.delete_all, methods=["POST"]),
        Route(f"{base}/{{notificationId}}/read", notifications.mark_read, methods=["PATCH"]),
        Route(f"{base}/{{notificationId}}/unread", notifications.mark_unread, methods=["PATCH"]),
        Route(f"{base}/{{notificationId}}/archive", notifications.archive, methods=["PATCH"]),
        Route(f"{base}/{{notificationId}}/unarchive", notifications.unarchive, methods=["PATCH"]),
        Route(f"{base}/{{notificationId}}/snooze", notifications.snooze, methods=["PATCH"]),
        Route(f"{base}/{{notificationId}}/unsnooze", notifications.unsnooze, methods=["PATCH"]),
    ]


def workflow_v1_routes(base: str) -> list[BaseRoute]:
    """v1 workflows, which have two names."""
    return [
        Route(base, workflows_v1.list_workflows, methods=["GET"]),
        Route(base, workflows_v1.create_workflow, methods=["POST"]),
        Route(f"{base}/{{workflowId}}", workflows_v1.get_workflow, methods=["GET"]),
        Route(f"{base}/{{workflowId}}", workflows_v1.update_workflow, methods=["PUT"]),
        Route(f"{base}/{{workflowId}}", workflows_v1.delete_workflow, methods=["DELETE"]),
        Route(f"{base}/{{workflowId}}/status", workflows_v1.set_status, methods=["PUT"]),
    ]


def override_routes(path: str) -> list[BaseRoute]:
    """An override, which is named by its id or by its workflow and tenant."""
    return [
        Route(path, workflow_overrides.get_override, methods=["GET"]),
        Route(path, workflow_overrides.update_override, methods=["PUT"]),
    ]


SERVER_SIDE: list[BaseRoute] = [
    Route("/v1/events/trigger", events.trigger, methods=["POST"]),
    Route("/v1/events/trigger/bulk", events.trigger_bulk, methods=["POST"]),
    Route("/v1/events/trigger/broadcast", events.broadcast, methods=["POST"]),
    Route("/v1/events/trigger/{transactionId}", events.progress, methods=["GET"]),
    Route("/v1/events/trigger/{transactionId}", events.cancel, methods=["DELETE"]),
    Route("/v1/subscribers", subscribers.list_numbered, methods=["GET"]),
    Route("/v1/subscribers", subscribers.create, methods=["POST"]),
    Route("/v1/subscribers/bulk", subscribers.create_many, methods=["POST"]),
    Route("/v1/subscribers/{subscriberId}", subscribers.get, methods=["GET"]),
    Route("/v1/subscribers/{subscriberId}", subscribers.update, methods=["PUT"]),
    Route("/v1/subscribers/{subscriberId}", subscribers.delete, methods=["DELETE"]),
    Route("/v1/subscribers/{subscriberId}/online-status", subscribers.set_online_status, methods=["PATCH"]),
    Route("/v1/subscribers/{subscriberId}/credentials", subscribers.set_credentials, methods=["PUT"]),
    Route("/v1/subscribers/{subscriberId}/credentials", subscribers.add_credentials, methods=["PATCH"]),
    Route("/v1/subscribers/{subscriberId}/credentials/{providerId}", subscribers.drop_credentials, methods=["DELETE"]),
    Route("/v1/subscribers/{subscriberId}/preferences", preferences.list_v1, methods=["GET"]),
    Route("/v1/subscribers/{subscriberId}/preferences", preferences.update_v1_global, methods=["PATCH"]),
    Route("/v1/subscribers/{subscriberId}/preferences/{parameter}", preferences.list_level, methods=["GET"]),
    Route("/v1/subscribers/{subscriberId}/preferences/{parameter}", preferences.update_v1_workflow, methods=["PATCH"]),
    Route("/v1/subscribers/{subscriberId}/notifications/feed", feed.get_feed, methods=["GET"]),
    Route("/v1/subscribers/{subscriberId}/notifications/unseen", feed.count_unseen, methods=["GET"]),
    Route("/v1/subscribers/{subscriberId}/messages/mark-as", feed.mark_as, methods=["POST"]),
    Route("/v1/subscribers/{subscriberId}/messages/markAs", feed.mark_as_legacy, methods=["POST"]),
    Route("/v1/subscribers/{subscriberId}/messages/mark-all", feed.mark_all, methods=["POST"]),
    Route("/v1/subscribers/{subscriberId}/messages/{messageId}/actions/{type}", feed.act, methods=["POST"]),
    Route("/v2/subscribers", subscribers.search, methods=["GET"]),
    Route("/v2/subscribers", subscribers.create_v2, methods=["POST"]),
    Route("/v2/subscribers/{subscriberId}/preferences", preferences.get_v2, methods=["GET"]),
    Route("/v2/subscribers/{subscriberId}/preferences", preferences.update_v2, methods=["PATCH"]),
    Route("/v2/subscribers/{subscriberId}/preferences/global", preferences.get_v2_global, methods=["GET"]),
    Route("/v2/subscribers/{subscriberId}/preferences/bulk", preferences.update_v2_bulk, methods=["PATCH"]),
    Route("/v2/subscribers/{subscriberId}/data", personal_data.export, methods=["GET"]),
    Route("/v2/subscribers/{subscriberId}/data", personal_data.erase, methods=["DELETE"]),
    Route("/v2/subscribers/{subscriberId}", subscribers.get, methods=["GET"]),
    Route("/v2/subscribers/{subscriberId}", subscribers.patch, methods=["PATCH"]),
    Route("/v2/subscribers/{subscriberId}", subscribers.delete, methods=["DELETE"]),
    Route("/v2/subscribers/{subscriberId}/subscriptions", subscriptions.list_of_subscriber, methods=["GET"]),
    Route("/v1/messages", messages.list_messages, methods=["GET"]),
    Route("/v1/messages/transaction/{transactionId}", messages.delete_transaction, methods=["DELETE"]),
    Route("/v1/messages/{messageId}", messages.delete_message, methods=["DELETE"]),
    Route("/v1/notifications", activity.list_activities, methods=["GET"]),
    Route("/v1/notifications/{notificationId}", activity.get_activity, methods=["GET"]),
    Route("/v1/execution-details", activity.list_execution_details, methods=["GET"]),
    Route("/v1/tenants", tenants.create, methods=["POST"]),
    Route("/v1/tenants", tenants.list_tenants, methods=["GET"]),
    Route("/v1/tenants/{identifier}", tenants.get, methods=["GET"]),
    Route("/v1/tenants/{identifier}", tenants.update, methods=["PATCH"]),
    Route("/v1/tenants/{identifier}", tenants.delete, methods=["DELETE"]),
    Route("/v1/topics", topics.create_v1, methods=["POST"]),
    Route("/v1/topics", topics.list_v1, methods=["GET"]),
    Route("/v1/topics/{topicKey}", topics.get_v1, methods=["GET"]),
    Route("/v1/topics/{topicKey}", topics.rename_v1, methods=["PATCH"]),
    Route("/v1/topics/{topicKey}", topics.delete_v1, methods=["DELETE"]),
    Route("/v1/topics/{topicKey}/subscribers", topics.add_subscribers, methods=["POST"]),
    Route("/v1/topics/{topicKey}/subscribers/removal", topics.remove_subscribers, methods=["POST"]),
    Route("/v1/topics/{topicKey}/subscribers/{externalSubscriberId}", topics.get_member, methods=["GET"]),
    Route("/v2/topics", topics.list_topics, methods=["GET"]),
    Route("/v2/topics", topics.upsert, methods=["POST"]),
    Route("/v2/topics/{topicKey}", topics.get, methods=["GET"]),
    Route("/v2/topics/{topicKey}", topics.rename, methods=["PATCH"]),
    Route("/v2/topics/{topicKey}", topics.delete, methods=["DELETE"]),
    Route("/v2/topics/{topicKey}/subscriptions", subscriptions.list_of_topic, methods=["GET"]),
    Route("/v2/topics/{topicKey}/subscriptions", subscriptions.create, methods=["POST"]),
    Route("/v2/topics/{topicKey}/subscriptions", subscriptions.delete, methods=["DELETE"]),
    Route("/v2/topics/{topicKey}/subscriptions/{identifier}", subscriptions.get, methods=["GET"]),
    Route("/v2/topics/{topicKey}/subscriptions/{identifier}", subscriptions.patch, methods=["PATCH"]),
    Route("/v1/environments", environments.list_environments, methods=["GET"]),
    Route("/v1/environments/me", environments.get_mine, methods=["GET"]),
    Route("/v1/environments/api-keys", environments.list_keys, methods=["GET"]),
    Route("/v2/environments/{environmentId}/tags", environments.list_tags, methods=["GET"]),
    Route("/v1/integrations", integrations.list_integrations, methods=["GET"]),
    Route("/v1/integrations", integrations.create, methods=["POST"]),
    Route("/v1/integrations/active", integrations.list_active, methods=["GET"]),
    Route("/v1/integrations/in-app/status", integrations.in_app_status, methods=["GET"]),
    Route("/v1/integrations/{integrationId}", integrations.update, methods=["PUT"]),
    Route("/v1/integrations/{integrationId}/set-primary", integrations.set_primary, methods=["POST"]),
    Route("/v1/organizations", organizations.list_organizations, methods=["GET"]),
    Route("/v1/organizations", organizations.rename_organization, methods=["PATCH"]),
    Route("/v1/organizations/me", organizations.get_organization, methods=["GET"]),
    Route("/v1/organizations/members", organizations.list_members, methods=["GET"]),
    Route("/v1/organizations/branding", organizations.get_branding, methods=["GET"]),
    Route("/v1/organizations/branding", organizations.set_branding, methods=["PUT"]),
    Route("/v1/notification-groups", organizations.list_groups, methods=["GET"]),
    Route("/v1/notification-groups", organizations.create_group, methods=["POST"]),
    Route("/v1/notification-groups/{groupId}", organizations.get_group, methods=["GET"]),
    Route("/v1/notification-groups/{groupId}", organizations.rename_group, methods=["PATCH"]),
    Route("/v1/notification-groups/{groupId}", organizations.delete_group, methods=["DELETE"]),
    Route("/v2/contexts", contexts.create, methods=["POST"]),
    Route("/v2/contexts", contexts.list_contexts, methods=["GET"]),
    Route("/v2/contexts/{type}/{id}", contexts.get, methods=["GET"]),
    Route("/v2/contexts/{type}/{id}", contexts.update, methods=["PATCH"]),
    Route("/v2/contexts/{type}/{id}", contexts.delete, methods=["DELETE"]),
    Route("/v1/changes", empty.numbered_page, methods=["GET"]),
    Route("/v1/changes/count", empty.count, methods=["GET"]),
    Route("/v1/layouts", empty.numbered_page, methods=["GET"]),
    Route("/v2/layouts", empty.layouts, methods=["GET"]),
    Route("/v2/subscribers/{subscriberId}/notifications/{notificationId}", notifications.delete, methods=["DELETE"]),
    Route(
        "/v2/subscribers/{subscriberId}/notifications/{notificationId}/actions/{actionType}/complete",
        notifications.complete,
        methods=["PATCH"],
    ),
    Route(
        "/v2/subscribers/{subscriberId}/notifications/{notificationId}/actions/{actionType}/revert",
        notifications.revert,
        methods=["PATCH"],
    ),
    *notification_routes("/v2/subscribers/{subscriberId}/notifications"),
    Route("/v1/feeds", named_feeds.create_feed, methods=["POST"]),
    Route("/v1/feeds", named_feeds.list_feeds, methods=["GET"]),
    Route("/v1/feeds/{feedId}", named_feeds.delete_feed, methods=["DELETE"]),
    Route("/v1/workflow-overrides", workflow_overrides.create_override, methods=["POST"]),
    Route("/v1/workflow-overrides", workflow_overrides.list_overrides, methods=["GET"]),
    *override_routes("/v1/workflow-overrides/workflows/{workflowId}/tenants/{tenantId}"),
    *override_routes("/v1/workflow-overrides/{overrideId}"),
    Route("/v1/workflow-overrides/{overrideId}", workflow_overrides.delete_override, methods=["DELETE"]),
    *workflow_v1_routes("/v1/workflows"),
    *workflow_v1_routes("/v1/notification-templates"),
    Route("/v2/workflows", workflows.create_workflow, methods=["POST"]),
    Route("/v2/workflows", workflows.list_workflows, methods=["GET"]),
    Route("/v2/workflows/{workflowId}", workflows.get_workflow, methods=["GET"]),
    Route("/v2/workflows/{workflowId}", workflows.update_workflow, methods=["PUT"]),
    Route("/v2/workflows/{workflowId}", workflows.patch_workflow, methods=["PATCH"]),
    Route("/v2/workflows/{workflowId}", workflows.delete_workflow, methods=["DELETE"]),
]

BROWSER_SIDE: list[BaseRoute] = [
    Route("/v1/inbox/session", inbox.open_session, methods=["POST"]),
    Route("/v1/inbox/topics/{topicKey}/subscriptions", inbox_subscriptions.list_own, methods=["GET"]),
    Route("/v1/inbox/topics/{topicKey}/subscriptions", inbox_subscriptions.create_own, methods=["POST"]),
    Route("/v1/inbox/topics/{topicKey}/subscriptions/{identifier}", inbox_subscriptions.get_own, methods=["GET"]),
    Route("/v1/inbox/topics/{topicKey}/subscriptions/{identifier}", inbox_subscriptions.change_own, methods=["PATCH"]),
    Route("/v1/inbox/topics/{topicKey}/subscriptions/{identifier}", inbox_subscriptions.delete_own, methods=["DELETE"]),
    Route("/v1/inbox/preferences", inbox_preferences.list_preferences, methods=["GET"]),
    Route("/v1/inbox/preferences", inbox_preferences.update_global, methods=["PATCH"]),
    Route("/v1/inbox/preferences/global", inbox_preferences.get_global, methods=["GET"]),
    Route("/v1/inbox/preferences/bulk", inbox_preferences.update_bulk, methods=["PATCH"]),
    Route("/v1/inbox/preferences/{workflowId}", inbox_preferences.update_workflow, methods=["PATCH"]),
    Route(
        "/v1/inbox/subscriptions/{subscriptionId}/preferences/{workflowId}",
        inbox_preferences.update_subscription,
        methods=["PATCH"],
    ),
    Route("/v1/inbox/notifications/{notificationId}/complete", notifications.complete, methods=["PATCH"]),
    Route("/v1/inbox/notifications/{notificationId}/revert", notifications.revert, methods=["PATCH"]),
    Route("/v1/inbox/notifications/{notificationId}/delete", notifications.delete, methods=["DELETE"]),
    *notification_routes("/v1/inbox/notifications"),
    Route("/v1/widgets/session/initialize", widgets.open_session, methods=["POST"]),
    Route("/v1/widgets/notifications/feed", feed.get_feed, methods=["GET"]),
    Route("/v1/widgets/notifications/unseen", widgets.count_unseen, methods=["GET"]),
    Route("/v1/widgets/notifications/unread", widgets.count_unread, methods=["GET"]),
    Route("/v1/widgets/notifications/count", widgets.count, methods=["GET"]),
    Route("/v1/widgets/messages/markAs", feed.mark_as_legacy, methods=["POST"]),
    Route("/v1/widgets/messages/mark-as", feed.mark_as, methods=["POST"]),
    Route("/v1/widgets/messages/read", widgets.mark_all_read, methods=["POST"]),
    Route("/v1/widgets/messages/seen", widgets.mark_all_seen, methods=["POST"]),
    Route("/v1/widgets/messages/bulk/delete", widgets.delete_many, methods=["POST"]),
    Route("/v1/widgets/messages/{messageId}/actions/{type}", feed.act, methods=["POST"]),
    Route("/v1/widgets/messages/{messageId}", widgets.delete_message, methods=["DELETE"]),
    Route("/v1/widgets/messages", widgets.delete_all, methods=["DELETE"]),
    Route("/v1/widgets/organization", widgets.get_organization, methods=["GET"]),
    Route("/v1/widgets/preferences", preferences.list_v1, methods=["GET"]),
    Route("/v1/widgets/preferences", preferences.update_v1_global, methods=["PATCH"]),
    Route("/v1/widgets/preferences/{parameter}", preferences.list_level, methods=["GET"]),
    Route("/v1/widgets/preferences/{parameter}", preferences.update_v1_workflow, methods=["PATCH"]),
    Route("/v1/widgets/usage/log", widgets.log_usage, methods=["POST"]),
    Mount("/static", static_files),
]

SOCKETS: list[BaseRoute] = [
    WebSocketRoute("/ws", socket.plain_socket),
    WebSocketRoute("/", socket.plain_socket),
    Route("/ws", socket.upgrade_required, methods=["GET"]),
    WebSocketRoute("/socket.io/", socketio.socketio_socket),
    Route("/socket.io/", socketio.polling, methods=["GET", "POST"]),
]
"""`/v1/socket` is kept for the native protocol."""

NO_SOCKET = WebSocketRoute("/{path:path}", socket.unknown_socket)
"""Any other path, for the end of the table: the framework's own answer is a 403 without a word."""

HEALTH: list[BaseRoute] = [
    Route("/health", health.health, methods=["GET"]),
    Route("/ready", health.ready, methods=["GET"]),
]

DEMO: list[BaseRoute] = [
    Route("/", demo.demo_page, methods=["GET"]),
    Route("/demo/config", demo.demo_config, methods=["GET"]),
    Route("/demo/trigger", demo.demo_trigger, methods=["POST"]),
]

