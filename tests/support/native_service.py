"""A service of the native protocol in the hands of a test: each connection does what the test says."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Self

from websockets.asyncio.server import Server, ServerConnection, serve

Json = dict[str, Any]
WAIT_SECONDS = 60.0
TIME = "2026-12-01T12:00:00.000Z"
COUNTS = {"unseen": 1, "unread": 1, "severity": {"high": 0, "medium": 0, "low": 0, "none": 1}}


def item(sequence: int, **fields: Any) -> Json:
    """A notification, unseen and unread."""
    return {
        "id": f"{sequence:024x}",
        "sequence": sequence,
        "transactionId": f"txn-{sequence}",
        "body": f"Body {sequence}",
        "isRead": False,
        "isSeen": False,
        "isArchived": False,
        "isSnoozed": False,
        "createdAt": TIME,
        "severity": "none",
        "tags": [],
        **fields,
    }


def snapshot(counter: int, *items: Json, **fields: Any) -> Json:
    """The result of a connect that continues nothing."""
    page = {"data": [*items], "hasMore": False}
    result = {"position": f"1-{counter}", "time": TIME, "expiresAt": "2026-12-16T12:00:00.000Z", "counts": COUNTS}
    return {**result, "recovered": False, "list": page, **fields}


def catch_up(counter: int, *changes: Json, **fields: Any) -> Json:
    """The result of a connect that continues the position of the client."""
    result = {**snapshot(counter), "recovered": True, "changes": [*changes], **fields}
    del result["list"]
    return result


def event(counter: int, *changes: Json, **fields: Any) -> Json:
    """An event that continues the position before it."""
    body = {"from": f"1-{counter - 1}", "position": f"1-{counter}", "counts": COUNTS, "changes": [*changes]}
    return {"event": {**body, **fields}}


class Peer:
    """One connection of a client. `hello` is what its `connect` says."""

    def __init__(self, connection: ServerConnection) -> None:
        self.connection = connection
        self.hello: Json = {}

    async def receive(self) -> Json:
        """Return the next frame of the client."""
        async with asyncio.timeout(WAIT_SECONDS):
            frame: Json = json.loads(await self.connection.recv())
        return frame

    async def send(self, frame: Json) -> None:
        await self.connection.send(json.dumps(frame))

    async def welcome(self, result: Json) -> None:
        """Answer the `connect`."""
        await self.answer(self.hello, result)

    async def answer(self, request: Json, result: Json) -> None:
        await self.send({"id": request["id"], "result": result})

    async def refuse(self, request: Json, code: str, *, retry: bool = False) -> None:
        await self.send({"id": request["id"], "error": {"code": code, "message": f"It is {code}", "retry": retry}})

    async def close(self, code: int = 1000, reason: str = "") -> None:
        await self.connection.close(code, reason)

    def cut(self) -> None:
        """Let go of the connection without a word."""
        self.connection.transport.abort()


class NativeService:
    """Listens for clients; `accept` gives their connections in order. `statuses` refuse the next handshakes."""

    def __init__(self) -> None:
        self.statuses: list[tuple[int, str]] = []
        self.attempts = 0
        self._server: Server
        self._peers: asyncio.Queue[Peer] = asyncio.Queue()

    @classmethod
    @asynccontextmanager
    async def running(cls) -> AsyncIterator[Self]:
        service = cls()
        async with serve(
            service._handle, "127.0.0.1", 0, process_request=service._admit, subprotocols=["inbox.v1"], compression=None
        ) as service._server:
            yield service

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def accept(self) -> Peer:
        """Return the next connection that a client has opened, with its `connect` read."""
        async with asyncio.timeout(WAIT_SECONDS):
            peer = await self._peers.get()
        peer.hello = await peer.receive()
        assert peer.connection.subprotocol == "inbox.v1"
        assert peer.connection.request.path == "/v1/socket"
        return peer

    async def _handle(self, connection: ServerConnection) -> None:
        peer = Peer(connection)
        self._peers.put_nowait(peer)
        await connection.wait_closed()

    async def _admit(self, connection: ServerConnection, _request: Any) -> Any:
        self.attempts += 1
        if not self.statuses:
            return None
        status, retry_after = self.statuses.pop(0)
        response = connection.respond(status, "refused")
        if retry_after:
            response.headers["Retry-After"] = retry_after
        return response
