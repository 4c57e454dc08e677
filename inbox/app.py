"""The one place where everything is joined: services, hub, listener, routes. The lifespan opens and closes them."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware

from inbox.errors import InboxError, SubscriberGone
from inbox.fanout.hub import Hub
from inbox.fanout.listener import Listener
from inbox.fanout.session_watch import SessionWatch
from inbox.openapi.pages import PAGES
from inbox.routes import all_routes
from inbox.routes.gate import Gate
from inbox.routes.idempotency import Idempotency
from inbox.routes.middleware import BodyDeadline, BrowserCors, NoStore, RateHeaders, RawPath
from inbox.routes.replies import on_http_exception, on_inbox_error, on_subscriber_gone, on_unexpected_error
from inbox.service.workflows.files import load_workflows
from inbox.services import Services, open_services
from inbox.settings import Settings


def create_app(settings: Settings, redis_url: str, *, demo: bool = False) -> Starlette:
    """The service as an ASGI app. With `demo` it serves the demo page at `/` and makes the demo's workflow."""

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        async with (
            open_services(settings, redis_url, serving=True) as services,
            _fanout(services) as (hub, listener, watch),
        ):
            app.state.services, app.state.listener = services, listener
            app.state.gate = Gate(services, hub, watch)
            if settings.workflows:
                await load_workflows(services.workflows, services.environments.current, settings.workflows)
            if demo:
                await services.workflows.ensure_demo_workflow(services.environments.current)
            yield

    app = Starlette(
        routes=[*all_routes(with_demo=demo), *PAGES],
        lifespan=lifespan,
        middleware=_middleware(settings),
        exception_handlers={
            InboxError: on_inbox_error,
            SubscriberGone: on_subscriber_gone,
            HTTPException: on_http_exception,
            Exception: on_unexpected_error,
        },
    )
    app.router.redirect_slashes = False
    return app


def _middleware(settings: Settings) -> list[Middleware]:
    """From the outermost; what nobody asked for is not there."""
    is_limited = settings.rate_limit_per_key or settings.rate_limit_per_subscriber
    return [
        Middleware(RawPath),
        Middleware(NoStore),
        Middleware(BodyDeadline),
        Middleware(BrowserCors, origins=settings.allowed_origins),
        *([Middleware(RateHeaders)] if is_limited else []),
        *([Middleware(Idempotency)] if settings.idempotency_seconds else []),
    ]


@asynccontextmanager
async def _fanout(services: Services) -> AsyncIterator[tuple[Hub, Listener, SessionWatch]]:
    """The hub, its listener and its watch, running; then presence, which is left as it is when the process stops."""
    hub = Hub(services.feed_store, services.cards)
    probe = services.keys.probe(secrets.token_hex(6))
    listener = Listener(services.client, probe, hub.receive, hub.restored)
    hub.listen_with(listener.subscribe, listener.unsubscribe)
    watch = SessionWatch(services.environments.generations)
    try:
        await listener.start()
        await services.presence.start()
        services.subscriber_sweep.start()
        services.activity_log.start()
        services.dispatch_worker.start()
        services.timer_worker.start()
        services.retention_sweep.start()
        services.event_relay.start()
        watch.start()
        yield hub, listener, watch
    finally:
        await watch.close()
        await services.event_relay.close()
        await services.retention_sweep.close()
        await services.timer_worker.close()
        await services.dispatch_worker.close()
        await services.activity_log.close()
        await services.subscriber_sweep.close()
        await services.presence.close()
        await listener.close()
