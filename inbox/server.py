"""The server of this process: store, application and sockets start in this order and end in reverse."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import os
import signal
import socket
import sys
from collections.abc import Callable, Generator, Mapping
from contextlib import AsyncExitStack, contextmanager
from functools import partial
from types import FrameType
from typing import TYPE_CHECKING, Any, cast

import uvicorn

from inbox.app import Application, create_app
from inbox.embedded.access import open_store
from inbox.embedded.store import Store
from inbox.errors import StartupError
from inbox.http.polling_protocol import PollingHttpProtocol
from inbox.http.protocol import DRAINING, STOP_SECONDS, InboxHttpProtocol
from inbox.listening import BACKLOG, bind, duplicate, empty_queues, service_url
from inbox.logs import toggle_debug
from inbox.metrics_port import metrics_port
from inbox.metrics_snapshot import Scraped
from inbox.notify import READY, STOPPING, notify
from inbox.realtime.keepalive import Keepalive
from inbox.realtime.protocol import InboxWebSocketProtocol
from inbox.realtime.upgrades import Upgrades
from inbox.service.environments.registry import LOST
from inbox.services import Services
from inbox.settings import Settings, mask_settings
from inbox.worker_link import ParentLink

if TYPE_CHECKING:
    from inbox.otel import Tracing

log = logging.getLogger(__name__)

KEEP_ALIVE_SECONDS = 75  # longer than clients keep idle connections: else one is closed just as a request is sent on it
WS_PING_SECONDS = 20.0
POLL_SECONDS = 0.01
DATE_SECONDS = 1.0
"""How often the date of answers is made anew."""

Started = Callable[[str, Services], None]


def run(settings: Settings, *, demo: bool = False, started: Started | None = None, is_worker: bool = False) -> None:
    """Serve until SIGTERM, SIGINT or SIGHUP. Return once sockets, service and store have ended, in that order.

    `started` is called with the URL and the services once requests are answered. `is_worker`: this is one of the
    processes of `inbox/multiprocess.py`, which share the port, and drains at SIGHUP. Raise StartupError when it cannot
    start, and when its store was emptied while it ran.
    """
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        runner.run(_serve(settings, demo, started, is_worker))


async def _serve(settings: Settings, demo: bool, started: Started | None, is_worker: bool) -> None:
    stop = StopSignals(is_worker)
    if sys.platform != "win32":
        asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, toggle_debug, settings.log_level)
    try:
        async with open_store(settings) as store:
            await _serve_on(store, settings, demo, started, stop)
    except asyncio.CancelledError:
        if not stop.received:
            raise
    log.info("stopped", extra={"action": "stop"})
    if stop.has_lost_store:
        raise StartupError(LOST)


async def _serve_on(store: Store, settings: Settings, demo: bool, started: Started | None, stop: StopSignals) -> None:
    stop.raise_if_stopping()
    listeners = duplicate(bind(settings.host, settings.port, is_shared=stop.is_worker))
    url = service_url(settings.host, listeners[0].getsockname()[1]) + settings.base_path
    store.announce(url)

    tracing = open_tracing(settings)
    app = create_app(settings, store.url, demo=demo, tracing=tracing)

    def report() -> None:
        log.info("settings: %s", _list_settings(settings), extra={"action": "configure"})
        log.info("serving at %s", url, extra={"action": "serve"})
        if started:
            started(url, app.services)
        if stop.parent:
            stop.parent.serve(app.scrape.read)
        notify(READY)

    async def scrape() -> list[Scraped]:
        return [Scraped(await app.scrape.read(), os.getpid())]

    async with AsyncExitStack() as stack:
        for listener in listeners:
            stack.enter_context(listener)  # uvicorn closes them at its end, but may never be started
        if tracing:
            stack.push_async_callback(tracing.close)
        state = await stack.enter_async_context(app.router.lifespan_context(app))
        stop.raise_if_stopping()
        server = Server(configure_server(app, settings), state or {}, report, settings.drains_for_seconds)
        stop.server = server
        app.services.environments.registry.on_lost = stop.lose_store
        await stack.enter_async_context(metrics_port(settings, scrape))
        freeze_gc()
        await server.serve(listeners)


def open_tracing(settings: Settings) -> Tracing | None:
    """Return what makes spans, if it is wanted. Raise StartupError if it is not installed."""
    if not settings.opentelemetry:
        return None
    try:
        from inbox.otel import Tracing, open_provider
    except ImportError as error:
        raise StartupError("INBOX_OPENTELEMETRY needs an extra: pip install 'inbox-server[otel]'") from error
    return Tracing(open_provider())


def freeze_gc() -> None:
    """Exclude all objects of the start from garbage collection; they live until the end anyway.

    A full collection over all modules blocks the event loop for 40 ms each time; over the rest, for a fraction.
    """
    gc.collect()
    gc.freeze()


def new_event_loop() -> asyncio.AbstractEventLoop:
    if sys.platform == "win32":
        return asyncio.new_event_loop()
    import uvloop

    return uvloop.new_event_loop()


class StopSignals:
    """The handlers of SIGTERM, SIGINT and SIGHUP (a closed terminal), from the first moment to the last.

    uvicorn's handlers hold only while it serves: a signal while the store starts would end this process and leave the
    store running.
    """

    def __init__(self, is_worker: bool) -> None:
        self.is_worker = is_worker
        self.received = False
        self.has_lost_store = False
        self.server: Server | None = None
        self._task = asyncio.current_task()
        loop = asyncio.get_running_loop()
        if sys.platform != "win32":
            for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
                if signal.getsignal(number) is not signal.SIG_IGN:  # which nohup sets
                    loop.add_signal_handler(number, self.receive, number)
        self.parent = ParentLink(self._lose_parent) if is_worker else None

    def receive(self, number: signal.Signals) -> None:
        """Cancel the start, or end the serving (`Server.handle_exit`)."""
        notify(STOPPING)
        if self.server:
            if self.is_worker and number == signal.SIGHUP:
                self.server.drain(is_ready=True)
            else:
                self.server.handle_exit(number, None)
        elif not self.received and self._task:
            self._task.cancel()
        self.received = True

    def _lose_parent(self) -> None:
        self.receive(signal.SIGINT)

    def lose_store(self) -> None:
        """End the serving: the caches of this process are of a store that is gone."""
        self.has_lost_store = True
        if self.server:
            self.server.end()

    def raise_if_stopping(self) -> None:
        """Raise CancelledError after a signal: the cancellation of `receive` may have been lost (`end_tasks`)."""
        if self.received:
            raise asyncio.CancelledError


class Server(uvicorn.Server):
    """uvicorn's server, without its handling of the lifespan and of signals. It drains before it ends."""

    def __init__(
        self, config: uvicorn.Config, state: Mapping[str, Any], started: Callable[[], None], drain_seconds: float
    ) -> None:
        super().__init__(config)
        self._ends = asyncio.Event()
        self._state = state
        self._started = started
        self._drain_seconds = drain_seconds

    @contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        self.lifespan.state.update(self._state)
        await super().startup(sockets)
        self._started()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Drain after the first SIGTERM, and end after that. End at once after another signal, or a second one.

        A SIGINT while the server ends already waits for no request.
        """
        if sig == signal.SIGTERM and self._drain_seconds and not (self.should_exit or self._is_draining):
            self.drain(is_ready=False)
        else:
            super().handle_exit(sig, frame)
            self.end()

    async def main_loop(self) -> None:
        """Keep the date in the head of answers right until the server ends. uvicorn looks ten times a second."""
        while not self._ends.is_set():
            await self.on_tick(0)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(DATE_SECONDS):
                    await self._ends.wait()

    def drain(self, *, is_ready: bool) -> None:
        """Serve for the time of the drain, then end. `is_ready`: another process has taken over at the same port."""
        log.info("draining for %g s", self._drain_seconds, extra={"action": "drain"})
        self.lifespan.state[DRAINING] = not is_ready
        asyncio.get_running_loop().call_later(self._drain_seconds, self.end)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Close the listeners first, then answer the requests that are on their way, then end the connections."""
        self.lifespan.state.setdefault(DRAINING, True)
        await empty_queues(sockets or [])
        for server in self.servers:
            server.close()
        for _ in range(round(STOP_SECONDS / POLL_SECONDS)):
            if not self._expects_requests():
                break
            await asyncio.sleep(POLL_SECONDS)
        await super().shutdown(sockets)

    @property
    def _is_draining(self) -> bool:
        return DRAINING in self.lifespan.state

    def end(self) -> None:
        """End the serving."""
        self.should_exit = True
        self._ends.set()

    def _expects_requests(self) -> bool:
        connections = cast("set[InboxHttpProtocol | InboxWebSocketProtocol]", self.server_state.connections)
        return any(connection.expects_request for connection in connections)


def configure_server(app: Application, settings: Settings) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        http=PollingHttpProtocol,
        ws=cast("type[asyncio.Protocol]", _websocket_class(app, settings)),
        ws_ping_interval=WS_PING_SECONDS,
        ws_ping_timeout=WS_PING_SECONDS,
        lifespan="off",  # `_serve_on` enters it: uvicorn would log its errors with tracebacks
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        workers=1,
        backlog=BACKLOG,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=settings.shutdown_seconds,
    )


def _websocket_class(app: Application, settings: Settings) -> Callable[..., asyncio.Protocol]:
    """Return what uvicorn takes for the class of WebSockets."""
    upgrades: Upgrades = app.state.upgrades
    if settings.websockets == "inbox":
        return partial(InboxWebSocketProtocol, upgrades, Keepalive(WS_PING_SECONDS))
    from inbox.realtime.stock_protocol import StockWebSocketProtocol  # its library takes memory

    return partial(StockWebSocketProtocol, upgrades)


def _list_settings(settings: Settings) -> str:
    unused = {"INBOX_DATA_DIR", "INBOX_DURABILITY"} if settings.redis_url else set()
    shown = mask_settings(settings).items()
    return " ".join(f"{name}={value}" for name, value in shown if value and name not in unused)
