"""The ASGI app: it joins services, hub, listener and routes; its lifespan opens and closes them."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Any

from starlette.applications import Starlette
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from inbox.errors import StartupError
from inbox.http.client_address import ClientAddress
from inbox.http.descriptors import descriptor_limit, share_out
from inbox.http.middleware import Front
from inbox.http.request_log import RequestLog
from inbox.http.route_index import RouteIndex
from inbox.jobs import background_jobs
from inbox.openapi.pages import PAGES
from inbox.realtime.canary import Canary, open_canary
from inbox.realtime.handshake import Sockets
from inbox.realtime.hub import Hub
from inbox.realtime.listener import Listener
from inbox.realtime.session_watch import SessionWatch
from inbox.realtime.upgrades import Upgrades
from inbox.routes import all_routes
from inbox.routes.console import has_console
from inbox.scrape import Scrape
from inbox.service.workflows.demo import ensure_demo_workflows
from inbox.services import Services, open_services
from inbox.settings import Settings
from inbox.store.outage import OutageWatch

if TYPE_CHECKING:
    from inbox.otel import Tracing


def create_app(
    settings: Settings, redis_url: str, *, demo: bool = False, tracing: Tracing | None = None
) -> Application:
    """Return the ASGI app. With `demo` it serves the demo at `/` and the playground, and creates their workflows.

    `tracing` makes spans of its requests.
    """

    @asynccontextmanager
    async def lifespan(app: Application) -> AsyncIterator[None]:
        async with (
            open_services(settings, redis_url, serving=True) as services,
            _fanout(services) as (hub, canary, watch),
        ):
            app.services, app.state.canary = services, canary
            if tracing:
                tracing.watch(services.client)
            sockets = Sockets(services, hub, watch)
            app.state.sockets = sockets
            app.scrape = Scrape(services, hub, sockets, canary)
            app.state.upgrades = Upgrades(sockets, base_path=settings.base_path, max_sockets=_max_sockets(settings))
            if settings.workflows:
                from inbox.service.workflows.files import load_workflows  # needs YAML, which takes a megabyte

                await load_workflows(services.workflows, services.environments.current, settings.workflows)
            for environment in services.environments.all():
                await services.workflows.warn_of_negated_conditions(environment)
            if demo:
                await ensure_demo_workflows(services.workflows, services.environments.current)
            yield

    routes = [*all_routes(with_demo=demo, with_console=has_console(settings)), *PAGES]
    check_base_path(settings.base_path, routes)
    request_log = tracing.request_log if tracing else RequestLog
    clients = ClientAddress(settings.trusted_proxies) if settings.trusted_proxies else None
    front: ASGIApp = Front(
        RouteIndex(routes).answer,
        base_path=settings.base_path,
        origins=settings.allowed_origins,
        log=request_log(settings.log_requests, settings.log_slow_seconds, clients),
        is_idempotent=bool(settings.idempotency_seconds),
    )
    return Application(tracing.around(front) if tracing else front, lifespan)


class Application(Starlette):
    """Starlette's application with the front in place of its layers and its router."""

    services: Services
    scrape: Scrape

    def __init__(self, front: ASGIApp, lifespan: Callable[[Any], AbstractAsyncContextManager[None]]) -> None:
        super().__init__(lifespan=lifespan)
        self._front = front

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        scope["app"] = self
        await self._front(scope, receive, send)


def check_base_path(base_path: str, routes: Iterable[Route]) -> None:
    """Raise StartupError for a base path that begins like a path of the service: requests would be ambiguous."""
    first = base_path.split("/")[1:2]
    if any(route.path.split("/")[1:2] == first for route in routes):
        raise StartupError(f"INBOX_BASE_PATH: {base_path} begins like a path of the service itself, choose another")


def _max_sockets(settings: Settings) -> int | None:
    limit = descriptor_limit()
    return settings.max_sockets or (share_out(limit).sockets if limit else None)


@asynccontextmanager
async def _fanout(services: Services) -> AsyncIterator[tuple[Hub, Canary, SessionWatch]]:
    """Yield the hub, the canary of its listener and the session watch, with every background job running."""
    hub, process = Hub(services.feed_store, services.cards, services.preferences), secrets.token_hex(6)

    async def is_available() -> None:
        await services.client.check(services.keys.write_probe(process))
        await listener.probe()

    outages = OutageWatch(is_available)
    listener = Listener(services.client, services.keys.probe(process), hub.receive, hub.restored)
    canary = open_canary(services, listener, outages.note)

    def note_failure(error: Exception) -> None:
        outages.note(error)
        canary.note_failure(error)

    services.client.on_failure = note_failure
    hub.listen_with(listener.subscribe, listener.acknowledged, listener.unsubscribe)
    watch = SessionWatch(services.environments.generations)
    async with AsyncExitStack() as running:
        running.push_async_callback(listener.close)
        running.push_async_callback(canary.close)
        try:
            await listener.start()
            await services.presence.keep_lease()  # the first socket needs it
            for job in background_jobs(services, watch.look, canary.run).values():
                await running.enter_async_context(job)
            yield hub, canary, watch
        finally:
            await outages.close()
