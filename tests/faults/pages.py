"""The pages that people have open during a scenario: each keeps its list and counts as docs/sockets.md says."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
from abc import ABC, abstractmethod
from collections import Counter
from typing import Any
from urllib.parse import urlencode

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException

from inbox.tasks import end_tasks
from tests.support.client import Json
from tests.support.mirror import FeedMirror
from tests.support.socketio import HANDSHAKE
from tests.support.sockets import RECEIVED, UNREAD, Frame

from .processes import Process, Unanswered

PAUSE_SECONDS = 0.2
OPENING_SECONDS = 10.0
GREETING_SECONDS = 60.0
OPTIONS: dict[str, Any] = {"compression": None, "proxy": None, "ping_interval": None}
"""The client sends no pings of its own, since it would hang up when the machine stands still."""


def as_message(notification: Json) -> Json:
    """Return what a page keeps of a notification, in the shape of the events."""
    return {
        "_id": notification["id"],
        "transactionId": notification["transactionId"],
        "content": notification["body"],
        "seen": notification["isSeen"],
        "read": notification["isRead"],
        "archived": notification["isArchived"],
        "createdAt": notification["createdAt"],
    }


class Page(ABC):
    """A tab of one person at one process. It reads the list after each connect and `refetch`, and applies events.

    `is_wanted` holds until the person closes it, `is_dismissed` once the service has told it not to reconnect.
    """

    def __init__(self, process: Process, subscriber_id: str, token: str) -> None:
        self.subscriber_id = subscriber_id
        self.process = process
        self.token = token
        self.mirror = FeedMirror()
        self.connects = 0
        self.losses = 0
        self.is_open = False
        self.is_dismissed = False
        self.is_wanted = True
        self.doubled: list[str] = []
        self._received: Counter[str] = Counter()
        self._greeted = asyncio.Event()
        self._wanted = asyncio.Event()
        self._is_reading = False
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Begin to connect, and reconnect until `close`."""
        self._tasks = [asyncio.create_task(self._read()), asyncio.create_task(self._keep_connected())]

    async def greeted(self) -> None:
        """Return once it has received its counts. Raise TimeoutError after GREETING_SECONDS."""
        async with asyncio.timeout(GREETING_SECONDS):
            await self._greeted.wait()

    async def close(self) -> None:
        """Close the page as a person closes a tab. Raise the error of a task that has failed."""
        self.is_wanted = False
        for task in self._tasks:
            if task.done():
                task.result()  # it never ends by itself, except with an error
        await end_tasks(*self._tasks)
        self._tasks = []
        self.is_open = False

    def __str__(self) -> str:
        return f"{type(self).__name__} of {self.subscriber_id} at {self.process.port}"

    @property
    def is_idle(self) -> bool:
        """Return whether it is connected and waits only for events."""
        return self.is_open and not self._is_reading and not self._wanted.is_set()

    def shown(self) -> list[Json]:
        """Return the list that it shows, newest first."""
        messages = self.mirror.messages.values()
        return sorted(messages, key=lambda message: (message["createdAt"], message["_id"]), reverse=True)

    @property
    @abstractmethod
    def _url(self) -> str: ...

    @abstractmethod
    async def _serve(self, connection: ClientConnection) -> None:
        """Log in, and apply events until the connection ends."""

    def _opened(self) -> None:
        self.connects += 1
        self.is_open = True
        self._received.clear()
        self._wanted.set()

    def _lost(self) -> None:
        self.losses += self.is_open
        self.is_open = False

    def _hear(self, frame: Frame) -> None:
        self.mirror.apply([frame])
        if frame.event == RECEIVED:
            transaction_id = frame.data["message"]["transactionId"]
            if self._received[transaction_id]:
                self.doubled.append(transaction_id)
            self._received[transaction_id] += 1
        if frame.event == UNREAD:
            self._greeted.set()
        if self.mirror.stale:
            self.mirror.stale = False
            self._wanted.set()

    async def _read(self) -> None:
        """Read the list whenever it is wanted; a read that is wanted during another follows it."""
        while True:
            await self._wanted.wait()
            self._wanted.clear()
            self._is_reading = True
            self.mirror.begin_reading()
            try:
                notifications = await self.process.notifications(self.token)
            except Unanswered:
                await asyncio.sleep(random.uniform(0, PAUSE_SECONDS))
                self._wanted.set()
            else:
                self.mirror.load(map(as_message, notifications))
            self._is_reading = False

    async def _keep_connected(self) -> None:
        while not self.is_dismissed:
            with contextlib.suppress(OSError, TimeoutError, WebSocketException):
                async with connect(self._url, open_timeout=OPENING_SECONDS, **OPTIONS) as connection:
                    await self._serve(connection)
            self._lost()
            await asyncio.sleep(random.uniform(0, PAUSE_SECONDS))


class PlainPage(Page):
    """A page with a plain socket."""

    @property
    def _url(self) -> str:
        return f"{self.process.server.ws_url}?token={self.token}"

    async def _serve(self, connection: ClientConnection) -> None:
        self._opened()
        async for text in connection:
            self._hear(Frame.parse(str(text)))


class SocketIoPage(Page):
    """A page with Socket.IO. After a packet 41 or 44 it does not reconnect, as the libraries do not."""

    @property
    def _url(self) -> str:
        return f"ws://127.0.0.1:{self.process.port}/socket.io/?{urlencode(HANDSHAKE)}"

    async def _serve(self, connection: ClientConnection) -> None:
        await connection.recv()  # the opening packet
        await connection.send("40" + json.dumps({"token": self.token}))
        async for frame in connection:
            packet = str(frame)
            if packet == "2":
                await connection.send("3")
            elif packet.startswith("40"):
                self._opened()
            elif packet.startswith("42"):
                event, data = json.loads(packet.removeprefix("42"))
                self._hear(Frame(event, data, 0))
            else:
                self.is_dismissed = packet.startswith(("41", "44"))
