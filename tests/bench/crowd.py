"""Many plain sockets in a process of their own: `python -m tests.bench.crowd`, driven by lines on standard input.

The first line is JSON: `ports` and `tokens`, one socket for each token, spread over the ports. Then each line is a
word, answered by a line of JSON: `open` opens the sockets, some at once; `cut` breaks them all and lets them all come
back at once; `report` tells each socket's unseen count as it heard it last. A client here is as cheap as it can be, so
that what is measured is the service.
"""

from __future__ import annotations

import asyncio
import json
import random
import re
import sys
import time
from typing import Any, cast

import uvloop

AT_ONCE = 50
RETRY_SECONDS = (0.2, 0.6)
"""After an attempt that failed without an answer."""
UNSEEN = re.compile(rb'"unseenCount":(\d+)')
RETRY_AFTER = re.compile(rb"retry-after: (\d+)", re.IGNORECASE)
LONGEST_MATCH = 40


class Member(asyncio.Protocol):
    """One socket. It comes back whenever it is lost."""

    def __init__(self, crowd: Crowd, port: int, token: str) -> None:
        self.unseen = -1
        self._crowd = crowd
        self._port = port
        self._request = (
            f"GET /ws?token={token} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\n\r\n"
        ).encode()
        self._transport: asyncio.Transport | None = None
        self._tail = b""
        self._retry_seconds = 0.0

    async def connect(self) -> None:
        try:
            await self._crowd.loop.create_connection(lambda: self, "127.0.0.1", self._port)
        except OSError:
            self._come_back(random.uniform(*RETRY_SECONDS))

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._tail = b""
        self._retry_seconds = random.uniform(*RETRY_SECONDS)
        self.unseen = -1
        self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        text = self._tail + data
        if self.unseen < 0 and text.startswith(b"HTTP/1.1 503"):
            if seconds := RETRY_AFTER.search(text):
                self._retry_seconds = int(seconds[1]) + random.random()
                self._crowd.refused += 1
                assert self._transport
                self._transport.close()
            return
        counts = UNSEEN.findall(text)
        if counts:
            if self.unseen < 0:
                self._crowd.opened()
            self.unseen = int(counts[-1])
            text = b""
        self._tail = text if self.unseen < 0 else text[-LONGEST_MATCH:]

    def connection_lost(self, _: Exception | None) -> None:
        self._transport = None
        if self.unseen >= 0:
            self._crowd.lost()
            self.unseen = -1
        self._come_back(self._retry_seconds)

    def cut(self) -> None:
        """Break the connection; come back at once."""
        assert self._transport
        self._retry_seconds = 0.0
        self._transport.abort()

    def _come_back(self, seconds: float) -> None:
        self._crowd.attempts += 1
        self._crowd.loop.call_later(seconds, lambda: self._crowd.loop.create_task(self.connect()))


class Crowd:
    """All sockets."""

    def __init__(self, ports: list[int], tokens: list[str]) -> None:
        self.loop = asyncio.get_running_loop()
        self.attempts = self.refused = self.cut_off = 0
        self._open = 0
        self._changed = asyncio.Event()
        self._members = [Member(self, ports[number % len(ports)], token) for number, token in enumerate(tokens)]

    def opened(self) -> None:
        self._open += 1
        self._changed.set()

    def lost(self) -> None:
        self._open -= 1
        self.cut_off += 1

    async def open(self) -> dict[str, Any]:
        for start in range(0, len(self._members), AT_ONCE):
            part = self._members[start : start + AT_ONCE]
            await asyncio.gather(*(member.connect() for member in part))
            await self._until_open(start + len(part))
        return {"open": self._open}

    async def cut(self) -> dict[str, Any]:
        self.attempts = self.refused = self.cut_off = 0
        began = time.monotonic()
        for member in self._members:
            member.cut()
        while self.cut_off < len(self._members):
            await asyncio.sleep(0)
        await self._until_open(len(self._members))
        lost = self.cut_off - len(self._members)
        return {
            "seconds": time.monotonic() - began,
            "attempts": self.attempts,
            "refused": self.refused,
            "lost": lost,
        }

    async def report(self) -> dict[str, Any]:
        return {"unseen": [member.unseen for member in self._members]}

    async def _until_open(self, count: int) -> None:
        while self._open < count:
            self._changed.clear()
            await self._changed.wait()


async def main() -> None:
    loop = asyncio.get_running_loop()
    words = asyncio.StreamReader(limit=64 * 1024 * 1024)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(words), sys.stdin)
    crowd = Crowd(**json.loads(await words.readline()))
    while word := (await words.readline()).decode().strip():
        answer = await {"open": crowd.open, "cut": crowd.cut, "report": crowd.report}[word]()
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    uvloop.run(main())
