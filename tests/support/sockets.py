"""A client of the plain WebSocket flavour that keeps every frame in the order it came."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Self
from urllib.parse import quote

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from .client import create_session
from .server import Server

RECEIVED = "notification_received"
UPDATED = "notification_updated"
UNSEEN = "unseen_count_changed"
UNREAD = "unread_count_changed"
WAIT_SECONDS = 60.0
Condition = Callable[[], bool]


@dataclass(frozen=True)
class Frame:
    """One frame from the server. A text that is no JSON (`pong`) has itself as `event` and no data."""

    event: str
    data: dict[str, Any]
    timestamp: int

    @classmethod
    def parse(cls, text: str) -> Self:
        if not text.startswith("{"):
            return cls(text, {}, 0)
        body = json.loads(text)
        return cls(body["event"], body["data"], body["timestamp"])


class PlainSocket:
    """One open connection. `greeting` holds the counts that every connect is told first, `frames` all that came after
    them; `expect` walks along the frames, each read once."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection
        self.greeting: list[dict[str, Any]] = []
        self.frames: list[Frame] = []
        self.position = 0
        self._news = asyncio.Condition()
        self._reader = asyncio.create_task(self._read())

    @classmethod
    @asynccontextmanager
    async def open(cls, server: Server, subscriber_id: str, token: str | None = None) -> AsyncIterator[Self]:
        """Connected and accepted; with a session of its own unless a token is given."""
        token = token or (await create_session(server, subscriber_id))["token"]
        socket = cls(await connect(f"{server.ws_url}?token={quote(token)}", compression=None, proxy=None))
        try:
            socket.greeting = await socket.expect_exactly(UNSEEN, UNREAD)
            socket.frames, socket.position = socket.frames[2:], 0
            yield socket
        finally:
            await socket.close()

    async def _read(self) -> None:
        with contextlib.suppress(ConnectionClosed):
            async for text in self.connection:
                assert isinstance(text, str), "a binary frame"
                await self._take(Frame.parse(text))
        async with self._news:
            self._news.notify_all()

    async def _take(self, frame: Frame) -> None:
        async with self._news:
            self.frames.append(frame)
            self._news.notify_all()

    async def close(self) -> None:
        """Closes as a tab does, code 1000. Raises what the reader met, if it met an error."""
        await self.connection.close()
        await self._reader

    @property
    def close_code(self) -> int | None:
        return self.connection.close_code

    async def closed(self, seconds: float = WAIT_SECONDS) -> int:
        """The close code, once the server has closed; 1006 when it vanished."""
        async with asyncio.timeout(seconds):
            await self.connection.wait_closed()
        return self.connection.close_code or 1006

    async def send(self, text: str) -> None:
        await self.connection.send(text)

    async def next(self, seconds: float = WAIT_SECONDS) -> Frame:
        """The next frame not read yet. Raises AssertionError when none comes within `seconds` or the socket closed."""
        await self._wait_for(self._has_unread, seconds, "another frame")
        self.position += 1
        return self.frames[self.position - 1]

    async def expect(self, event: str, seconds: float = WAIT_SECONDS) -> dict[str, Any]:
        """The data of the next `event`; frames before it are passed over (they stay in `frames`)."""
        async with asyncio.timeout(seconds):
            while (frame := await self.next(seconds)).event != event:
                pass
        return frame.data

    async def expect_exactly(self, *events: str, seconds: float = WAIT_SECONDS) -> list[dict[str, Any]]:
        """The data of the next frames, which have to be these events in this order."""
        frames = [await self.next(seconds) for _ in events]
        assert [frame.event for frame in frames] == [*events]
        return [frame.data for frame in frames]

    async def expect_nothing(self, seconds: float) -> None:
        """Fails when a frame comes, or the socket closes, within `seconds`: only time can tell that nothing comes."""
        came = await self._comes(lambda: self._has_unread() or self._reader.done(), seconds)
        assert not came, self.frames[self.position :] or f"closed with {self.close_code}"

    async def reach(self, transaction_id: str, seconds: float = WAIT_SECONDS) -> None:
        """Returns once the message of this transaction is the newest that came, and the counts after it are there."""
        await self._wait_for(lambda: self._ends_with(transaction_id), seconds, f"the message of {transaction_id}")

    async def told_to_read(self, seconds: float = WAIT_SECONDS) -> None:
        """Returns once it was told that all it knows may be wrong."""
        told = {"refetch": True}
        await self._wait_for(lambda: any(frame.data == told for frame in self.frames), seconds, "a refetch")

    def _has_unread(self) -> bool:
        return self.position < len(self.frames)

    def _ends_with(self, transaction_id: str) -> bool:
        newest = next((frame for frame in reversed(self.frames) if frame.event == RECEIVED), None)
        same = newest is not None and newest.data["message"]["transactionId"] == transaction_id
        return same and self.frames[-1].event == UNREAD

    async def _wait_for(self, condition: Condition, seconds: float, what: str) -> None:
        await self._comes(lambda: condition() or self._reader.done(), seconds)
        assert condition(), f"not within {seconds} s, close code {self.close_code}: {what}"

    async def _comes(self, condition: Condition, seconds: float) -> bool:
        async with self._news:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._news.wait_for(condition), seconds)
            return condition()

    def received(self) -> list[str]:
        """The transaction ids of all messages that came as new, in order."""
        return [frame.data["message"]["transactionId"] for frame in self.frames if frame.event == RECEIVED]

    def last(self, event: str) -> dict[str, Any]:
        """The data of the newest `event`. Raises AssertionError when none came."""
        found = next((frame for frame in reversed(self.frames) if frame.event == event), None)
        assert found is not None, f"no {event}"
        return found.data
