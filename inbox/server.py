"""Runs the service in this process: store, application and sockets, started in that order and ended in reverse."""

from __future__ import annotations

import asyncio
import errno
import gc
import logging
import signal
import socket
import sys
from collections.abc import Callable, Generator, Mapping
from contextlib import AsyncExitStack, contextmanager
from typing import Any

import uvicorn
from starlette.applications import Starlette

from inbox.app import create_app
from inbox.embedded.access import open_store
from inbox.embedded.address import Store
from inbox.errors import StartupError
from inbox.fanout.transport import MAX_MESSAGE_BYTES, InboxWebSocketProtocol
from inbox.http_protocol import InboxHttpProtocol
from inbox.service.environments.environments import LOST
from inbox.services import Services
from inbox.settings import Settings, mask_settings

log = logging.getLogger(__name__)

BACKLOG = 2048
SEND_BUFFER_BYTES = 64 * 1024
USER_TIMEOUT_MS = 20_000
KEEP_ALIVE_SECONDS = 75  # longer than clients keep idle connections: else one is closed just as a request is sent on it
WS_PING_SECONDS = 20.0
WILDCARDS = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 (names them, binds nothing)

Started = Callable[[str, Services], None]


def run(settings: Settings, *, demo: bool = False, started: Started | None = None) -> None:
    """Serves until SIGTERM, SIGINT or SIGHUP and returns once sockets, service and store have ended, in that order.

    `started` is called once requests are answered, with the service's own URL and its services. Raises StartupError
    when the service cannot start, and when its store was emptied under it.
    """
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        runner.run(_serve(settings, demo, started))


async def _serve(settings: Settings, demo: bool, started: Started | None) -> None:
    stop = StopSignals()
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
    stop.heed()
    listeners = bind(settings.host, settings.port)
    url = service_url(settings.host, listeners[0].getsockname()[1]) + settings.base_path
    store.announce(url)

    app = create_app(settings, store.url, demo=demo)

    def report() -> None:
        log.info("settings: %s", _list_settings(settings), extra={"action": "configure"})
        log.info("serving at %s", url, extra={"action": "serve"})
        if started:
            started(url, app.state.services)

    async with AsyncExitStack() as stack:
        for listener in listeners:
            stack.enter_context(listener)  # uvicorn closes them at its end, but it may never get that far
        state = await stack.enter_async_context(app.router.lifespan_context(app))
        stop.heed()
        server = Server(configure_server(app, settings), state or {}, report)
        stop.server = server
        app.state.services.environments.on_lost = stop.lose_store
        spare_the_start()
        await server.serve(listeners)


def spare_the_start() -> None:
    """Has the garbage collector look no more at what the start has made, which stays to the end anyway.

    A full collection over all modules holds the event loop for 40 ms, again and again; over the rest, for a fraction.
    """
    gc.collect()
    gc.freeze()


def new_event_loop() -> asyncio.AbstractEventLoop:
    """uvloop's, except on Windows, where there is none."""
    if sys.platform == "win32":
        return asyncio.new_event_loop()
    import uvloop

    return uvloop.new_event_loop()


class StopSignals:
    """What SIGTERM, SIGINT and a closed terminal (SIGHUP) do, from the first moment to the last.

    uvicorn's own handlers cover the serving alone: a signal while the store starts would end this process and leave
    the store behind.
    """

    def __init__(self) -> None:
        self.received = False
        self.has_lost_store = False
        self.server: uvicorn.Server | None = None
        self._task = asyncio.current_task()
        loop = asyncio.get_running_loop()
        if sys.platform != "win32":
            for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
                if signal.getsignal(number) is not signal.SIG_IGN:  # as nohup wants it
                    loop.add_signal_handler(number, self.receive, number)

    def receive(self, number: signal.Signals) -> None:
        """Before serving: gives up the start. While serving: ends it; SIGINT a second time waits for nobody."""
        if self.server:
            self.server.handle_exit(number, None)
        elif not self.received and self._task:
            self._task.cancel()
        self.received = True

    def lose_store(self) -> None:
        """Ends the serving, since what this process remembers is of a store that is gone."""
        self.has_lost_store = True
        if self.server:
            self.server.should_exit = True

    def heed(self) -> None:
        """Gives up the start for a signal that came: its cancellation may have been lost on the way (tasks.py)."""
        if self.received:
            raise asyncio.CancelledError


class Server(uvicorn.Server):
    """uvicorn's server, with the application's lifespan and the process's signals in other hands."""

    def __init__(self, config: uvicorn.Config, state: Mapping[str, Any], started: Callable[[], None]) -> None:
        super().__init__(config)
        self._state = state
        self._started = started

    @contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        self.lifespan.state.update(self._state)
        await super().startup(sockets)
        self._started()


def configure_server(app: Starlette, settings: Settings) -> uvicorn.Config:
    """uvicorn's options.

    The lifespan is entered by `_serve_on`, not by uvicorn, which turns its errors into tracebacks on the log.
    """
    return uvicorn.Config(
        app,
        http=InboxHttpProtocol,
        ws=InboxWebSocketProtocol,
        ws_max_size=MAX_MESSAGE_BYTES,
        ws_ping_interval=WS_PING_SECONDS,
        ws_ping_timeout=WS_PING_SECONDS,
        ws_per_message_deflate=False,
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        workers=1,
        backlog=BACKLOG,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=settings.shutdown_seconds,
    )


def bind(host: str, port: int) -> list[socket.socket]:
    """Listening sockets, one for each address of the host; accepted sockets inherit their options.

    A peer that stops reading holds 64 KiB in the kernel at most, and on Linux is dropped after 20 s. Raises
    StartupError when the host is unknown or the port taken.
    """
    try:
        addresses = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (socket.gaierror, UnicodeError) as error:
        raise StartupError(f"the host {host} is not known: set INBOX_HOST to an address of this machine") from error
    listeners: list[socket.socket] = []
    try:
        for family, kind, protocol, _, address in dict.fromkeys(addresses):
            chosen = listeners[0].getsockname()[1] if listeners else port
            listeners.append(_listen(socket.socket(family, kind, protocol), (address[0], chosen, *address[2:])))
    except OSError as error:
        for listener in listeners:
            listener.close()
        variable = "INBOX_HOST" if error.errno == errno.EADDRNOTAVAIL else "INBOX_PORT"
        raise StartupError(
            f"cannot listen on {host} port {port}: {error.strerror}; choose another with {variable}"
        ) from error
    return listeners


def _listen(listener: socket.socket, address: tuple[Any, ...]) -> socket.socket:
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if sys.platform == "linux":
            listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, USER_TIMEOUT_MS)
        if listener.family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listener.bind(address)
        listener.listen(BACKLOG)  # at once: only this tells for sure that the port is free
    except OSError:
        listener.close()
        raise
    return listener


def service_url(host: str, port: int) -> str:
    """Where a browser on this machine reaches the service."""
    name = WILDCARDS.get(host, host)
    return f"http://[{name}]:{port}" if ":" in name else f"http://{name}:{port}"


def _list_settings(settings: Settings) -> str:
    unused = {"INBOX_DATA_DIR", "INBOX_DURABILITY"} if settings.redis_url else set()
    shown = mask_settings(settings).items()
    return " ".join(f"{name}={value}" for name, value in shown if value and name not in unused)
