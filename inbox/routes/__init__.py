"""The HTTP handlers: each reads a request, calls the service and shapes the answer.

`@operation` before a handler names its path (`inbox/http/operation.py`); this module lists the modules of handlers.
"""

from __future__ import annotations

from starlette.routing import Route

from inbox.http.operation import routes_of
from inbox.realtime import plain, socketio
from inbox.realtime.native.stream import stream_events
from inbox.routes import (
    activity,
    console,
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
    subscribers,
    subscriptions,
    tenants,
    topics,
    webhooks,
    widgets,
    workflow_overrides,
    workflows,
    workflows_v1,
)
from inbox.routes.static import static_file


def all_routes(*, with_demo: bool, with_console: bool) -> list[Route]:
    """Return every route of the service."""
    return [*SOCKETS, *API_ROUTES, *STATIC, *(DEMO if with_demo else []), *(CONSOLE if with_console else [])]


API_ROUTES = routes_of(
    events,
    subscribers,
    preferences,
    feed,
    personal_data,
    subscriptions,
    messages,
    activity,
    tenants,
    topics,
    environments,
    webhooks,
    integrations,
    organizations,
    contexts,
    empty,
    notifications,
    named_feeds,
    workflow_overrides,
    workflows_v1,
    workflows,
    inbox,
    inbox_subscriptions,
    inbox_preferences,
    widgets,
    health,
)
"""The routes of the API, as the OpenAPI document describes them."""

STATIC = [Route("/static/{path:path}", static_file, methods=["GET"])]

SOCKETS = [
    Route("/ws", plain.upgrade_required, methods=["GET"]),
    Route("/v1/inbox/events", stream_events, methods=["GET"]),
    Route("/v1/socket", plain.upgrade_required, methods=["GET"]),
    Route("/socket.io/", socketio.polling, methods=["GET", "POST"]),
]
"""The stream of events, and what requests without an upgrade are answered at the paths of sockets.

Sockets open in `inbox/realtime/upgrades.py`.
"""

DEMO = [
    Route("/", demo.demo_page, methods=["GET"]),
    Route("/playground", demo.playground_page, methods=["GET"]),
    Route("/demo/config", demo.demo_config, methods=["GET"]),
    Route("/demo/trigger", demo.demo_trigger, methods=["POST"]),
]

CONSOLE = [Route("/console", console.console_page, methods=["GET"])]
