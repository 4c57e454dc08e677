"""One listener of each face that pushes: it opens as a client would, and yields the texts that arrive."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from ssl import SSLContext
from typing import Any
from urllib.parse import quote

import httpx
import orjson
from websockets.asyncio.client import ClientConnection, connect

Texts = AsyncIterator[str]

ANSWER_SECONDS = 15.0
"""How long an address may take for each answer, and a message to arrive."""


@dataclass(frozen=True, slots=True)
class Site:
    """The service at an address. `http` has the address as its base."""

    url: str
    http: httpx.AsyncClient
    tls: SSLContext

    @property
    def origin(self) -> str:
        """The origin of a page of the same host."""
        return re.sub(r"^(https?://[^/]+).*", r"\1", self.url)

    def open_socket(self, path: str, **options: Any) -> connect:
        """Return a WebSocket to open at a path of the service."""
        url = re.sub("^http", "ws", self.url) + path
        tls: dict[str, Any] = {"ssl": self.tls} if url.startswith("wss:") else {}
        return connect(url, proxy=None, open_timeout=None, **tls, **options)


OpenListener = Callable[[Site, str], AbstractAsyncContextManager[Texts]]
"""Opens a listener at a site with a session token, and yields what arrives once it has joined the feed."""


async def _texts(connection: ClientConnection) -> Texts:
    async for frame in connection:
        yield frame if isinstance(frame, str) else frame.decode(errors="replace")


@asynccontextmanager
async def plain_socket(site: Site, token: str) -> AsyncIterator[Texts]:
    async with site.open_socket(f"/ws?token={quote(token)}") as connection:
        yield _texts(connection)


@asynccontextmanager
async def native_socket(site: Site, token: str) -> AsyncIterator[Texts]:
    async with site.open_socket("/v1/socket") as connection:
        await connection.send(orjson.dumps({"id": 1, "connect": {"token": token}}).decode())
        await connection.recv()
        yield _texts(connection)


@asynccontextmanager
async def socketio_socket(site: Site, token: str) -> AsyncIterator[Texts]:
    async with site.open_socket("/socket.io/?EIO=4&transport=websocket") as connection:
        await _until(connection.recv, "0")
        await connection.send("40" + orjson.dumps({"token": token}).decode())
        await _until(connection.recv, "40")
        yield _texts(connection)


async def _until(receive: Callable[[], Awaitable[str | bytes]], beginning: str) -> None:
    """Receive until a packet begins so."""
    while not str(await receive()).startswith(beginning):
        pass


@asynccontextmanager
async def event_stream(site: Site, token: str) -> AsyncIterator[Texts]:
    headers = {"Authorization": f"Bearer {token}", "Accept": "text/event-stream"}
    async with site.http.stream("GET", "/v1/inbox/events", headers=headers) as answer:
        if answer.status_code != 200:
            await answer.aread()
            answer.raise_for_status()
        lines = answer.aiter_lines()
        async for line in lines:
            if line.startswith("event: connected"):
                break
        yield lines


LISTENERS: dict[str, OpenListener] = {
    "plain socket": plain_socket,
    "native socket": native_socket,
    "Socket.IO": socketio_socket,
    "event stream": event_stream,
}
