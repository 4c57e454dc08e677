"""A client of the native protocol that knows only its page. Each event has to continue the position that it holds."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, Self

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, ConnectionClosedOK
from websockets.typing import Subprotocol

from .client import Json, create_session
from .server import Server

SUBPROTOCOL = Subprotocol("inbox.v1")
WAIT_SECONDS = 60.0


def apply(held: dict[str, Json], changes: list[Json]) -> None:
    """Do with held notifications what the page says."""
    for change in changes:
        [(name, value)] = change.items()
        if name in ("created", "updated"):
            held[value["id"]] = value
        elif name == "removed":
            for notification_id in value:
                held.pop(notification_id, None)
        elif name != "preferences":
            assert name == "bulk", change
            ranges = value.get("sequences") or [[0, value["upTo"]]]
            for item in held.values():
                if any(first <= item["sequence"] <= last for first, last in ranges):
                    fields = {**value["set"]}
                    if "firstSeenAt" in item:
                        fields.pop("firstSeenAt", None)
                    item.update(fields)
                    for field in [field for field, date in fields.items() if date is None]:
                        del item[field]


class RequestRefused(Exception):
    """The service answered a request with an error."""

    def __init__(self, error: Json) -> None:
        super().__init__(error["message"])
        self.code: str = error["code"]
        self.error = error


class NativeSocket:
    """One open connection. `position` is that of the last event or answer to `connect` that was read."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection
        self.position = ""
        self.counts: Json = {}
        self._ids = itertools.count(1)
        self._answers: dict[int, asyncio.Future[Json]] = {}
        self._events: asyncio.Queue[Json] = asyncio.Queue()
        self._pings: asyncio.Queue[Json] = asyncio.Queue()
        self.reader = asyncio.create_task(self._read())

    @classmethod
    @asynccontextmanager
    async def open(
        cls, server: Server, *, subprotocols: Sequence[Subprotocol] | None = (SUBPROTOCOL,), **headers: str
    ) -> AsyncIterator[Self]:
        """A socket that has not connected to a feed."""
        url = f"ws://127.0.0.1:{server.port}/v1/socket"
        options: Any = {"additional_headers": headers, "subprotocols": subprotocols}
        socket = cls(await connect(url, **options, compression=None, proxy=None, max_size=None))
        try:
            assert socket.connection.subprotocol == (SUBPROTOCOL if subprotocols else None)
            yield socket
        finally:
            await socket.close()

    @classmethod
    @asynccontextmanager
    async def connected(
        cls, server: Server, subscriber_id: str, token: str | None = None, **arguments: Any
    ) -> AsyncIterator[tuple[Self, Json]]:
        """A socket that has connected to a feed, and the answer."""
        token = token or (await create_session(server, subscriber_id))["token"]
        async with cls.open(server) as socket:
            yield socket, await socket.connect(token, **arguments)

    async def connect(self, token: str, **arguments: Any) -> Json:
        """The result of `connect`."""
        return await self.request("connect", token=token, **arguments)

    async def request(self, verb: str, /, **arguments: Any) -> Json:
        """The result of a request. Raises RequestRefused."""
        return await self.answer(await self.send(verb, **arguments))

    async def send(self, verb: str, /, **arguments: Any) -> int:
        """Sends a request; returns its id."""
        request_id = next(self._ids)
        self._answers[request_id] = asyncio.get_running_loop().create_future()
        await self.connection.send(json.dumps({"id": request_id, verb: arguments}))
        return request_id

    async def refusal(self, request_id: int, text: str) -> str:
        """The code of the error that answers a frame."""
        answer = self._answers[request_id] = asyncio.get_running_loop().create_future()
        await self.connection.send(text)
        try:
            async with asyncio.timeout(WAIT_SECONDS):
                await answer
        except RequestRefused as refused:
            return refused.code
        raise AssertionError(f"not refused: {text[:200]}")

    async def settled(self, request_id: int, text: str) -> None:
        """Returns once a frame is answered in any way. Raises ConnectionClosed if the socket ends instead."""
        answer = self._answers[request_id] = asyncio.get_running_loop().create_future()
        await self.connection.send(text)
        async with asyncio.timeout(WAIT_SECONDS):
            await asyncio.wait([answer, self.reader], return_when=asyncio.FIRST_COMPLETED)
        if not answer.done():
            raise ConnectionClosedOK(None, None)

    async def answer(self, request_id: int) -> Json:
        async with asyncio.timeout(WAIT_SECONDS):
            return await self._answers[request_id]

    async def event(self) -> Json:
        """The next event, which continues the position."""
        async with asyncio.timeout(WAIT_SECONDS):
            event = await self._events.get()
        assert event["from"] == self.position
        self.position, self.counts = event["position"], event["counts"]
        return event

    async def changes(self) -> list[Json]:
        """Those of the next event."""
        changes: list[Json] = (await self.event())["changes"]
        return changes

    async def ping(self) -> Json:
        async with asyncio.timeout(WAIT_SECONDS):
            return await self._pings.get()

    @property
    def has_event(self) -> bool:
        return not self._events.empty()

    async def closed(self) -> tuple[int, str]:
        """The close code and its reason, once the server has closed; 1006 when it vanished."""
        async with asyncio.timeout(WAIT_SECONDS):
            await self.connection.wait_closed()
        return self.connection.close_code or 1006, self.connection.close_reason or ""

    async def close(self) -> None:
        """Closes as a page does. Raises what the reader met."""
        await self.connection.close()
        await self.reader

    async def _read(self) -> None:
        with contextlib.suppress(ConnectionClosed):
            async for text in self.connection:
                assert isinstance(text, str), "a binary frame"
                self._take(json.loads(text))
        for answer in self._answers.values():
            if not answer.done():
                answer.set_exception(ConnectionError("The socket closed before the answer"))
                answer.exception()  # nobody has to await it

    def _take(self, frame: Json) -> None:
        [*_, kind] = frame
        if kind == "event":
            self._events.put_nowait(frame["event"])
        elif kind == "ping":
            self._pings.put_nowait(frame["ping"])
        elif kind == "result":
            if "pingSeconds" in frame["result"]:
                self.position, self.counts = frame["result"]["position"], frame["result"]["counts"]
            self._answers[frame["id"]].set_result(frame["result"])
        else:
            answer = self._answers[frame["id"]]
            answer.set_exception(RequestRefused(frame["error"]))
            answer.exception()  # nobody has to await it
