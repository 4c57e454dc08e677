"""A webhook's receiver: a plain HTTP/1.1 server in the test's own process that can be ill in several ways."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Self
from urllib.parse import urlsplit

from .processes import free_port
from .waiting import until


@dataclass
class Received:
    """One request that came whole, and the status it was answered with (0: not at all, or not yet)."""

    headers: dict[str, str]
    body: bytes
    answered: int = 0

    @property
    def event(self) -> dict[str, Any]:
        decoded: dict[str, Any] = json.loads(self.body)
        return decoded

    def is_signed_with(self, secret: str) -> bool:
        """By the scheme as Standard Webhooks has it, written here anew."""
        head = f"{self.headers['webhook-id']}.{self.headers['webhook-timestamp']}."
        key = base64.b64decode(secret.split("_", 1)[1])
        made = base64.b64encode(hmac.new(key, head.encode() + self.body, hashlib.sha256).digest()).decode()
        return f"v1,{made}" in self.headers["webhook-signature"].split(" ")


def _open_gate() -> asyncio.Event:
    gate = asyncio.Event()
    gate.set()
    return gate


@dataclass
class Receiver:
    """`status` is what it answers, 0: it closes without an answer; `delay_seconds` how long it waits before that.

    While `gate` is not set it answers nobody.
    `decide`, when set, gives the status for an event instead. `received` is all that came, `events` what a receiver
    that does as the document says takes as new: answered well, and of an id that was not seen before.
    """

    port: int = field(default_factory=free_port)
    status: int = 200
    delay_seconds: float = 0.0
    gate: asyncio.Event = field(default_factory=_open_gate)
    decide: Callable[[dict[str, Any]], int] | None = None
    answer: bytes = b""
    received: list[Received] = field(default_factory=list)
    connections: int = 0
    _server: asyncio.Server | None = None
    _handlers: set[asyncio.Task[None]] = field(default_factory=set)

    @classmethod
    @asynccontextmanager
    async def running(cls) -> AsyncIterator[Self]:
        receiver = cls()
        await receiver.start()
        try:
            yield receiver
        finally:
            await receiver.stop()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook"

    @property
    def events(self) -> list[dict[str, Any]]:
        known: dict[str, dict[str, Any]] = {}
        for one in self.received:
            if one.answered == 200:
                known.setdefault(one.event["id"], one.event)
        return list(known.values())

    def types(self, subscriber_id: str | None = None) -> list[str]:
        return [one["type"] for one in self.events if subscriber_id in (None, one["subscriberId"])]

    async def wait(self, count: int, seconds: float = 20.0) -> list[dict[str, Any]]:
        """The events, once there are so many."""

        async def arrived() -> bool:
            return len(self.events) >= count

        try:
            await until(arrived, seconds)
        except TimeoutError:
            raise AssertionError(f"{len(self.events)} of {count} events came: {self.types()}") from None
        return self.events

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", self.port)

    async def stop(self) -> None:
        """Down: connections break, new ones are refused."""
        if self._server is not None:
            self._server.close()
            for task in self._handlers:
                task.cancel()
            await asyncio.gather(*self._handlers, return_exceptions=True)
            self._server = None

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._handlers.add(task)
        self.connections += 1
        try:
            with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
                while await self._serve(reader, writer):
                    pass
        finally:
            self._handlers.discard(task)
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        method, target, version = head[0].split(" ")  # a client of a proxy sends the whole URL as the target
        assert (method, urlsplit(target).path, version) == ("POST", "/hook", "HTTP/1.1"), head[0]
        pairs = (line.partition(":") for line in head[1:] if line)
        headers = {name.lower(): value.strip() for name, _, value in pairs}
        body = await reader.readexactly(int(headers["content-length"]))
        status = self.decide(json.loads(body)) if self.decide else self.status
        received = Received(headers, body)
        self.received.append(received)
        if self.delay_seconds:
            await asyncio.sleep(self.delay_seconds)
        await self.gate.wait()
        if not status:
            return False
        extra = "location: /elsewhere\r\n" if 300 <= status < 400 else ""
        writer.write(f"HTTP/1.1 {status} x\r\n{extra}content-length: {len(self.answer)}\r\n\r\n".encode() + self.answer)
        received.answered = status
        await writer.drain()
        return True
