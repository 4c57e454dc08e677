"""The floor of an HTTP request: a bare ASGI app on uvicorn. Arguments: the port to listen on, the port of Redis.

GET /plain answers a constant, GET /get the value of a key, POST /echo its body. The GETs of one round of the event loop
reach Redis in one write, so no request can ask Redis for less.
"""

from __future__ import annotations

import asyncio
import sys
from collections import deque

import hiredis
import uvicorn
from starlette.types import Receive, Scope, Send

GET = b"*2\r\n$3\r\nGET\r\n$3\r\nkey\r\n"
CONSTANT = b'{"status":"ok"}'


async def read_body(receive: Receive) -> bytes:
    body, is_complete = b"", False
    while not is_complete:
        message = await receive()
        body += message.get("body", b"")
        is_complete = not message.get("more_body", False)
    return body


async def respond(send: Send, body: bytes, status: int = 200) -> None:
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


class Gets(asyncio.Protocol):
    """A connection to Redis that sends the GETs of a round of the event loop together."""

    def __init__(self) -> None:
        self._waiting: deque[asyncio.Future[bytes | None]] = deque()
        self._unsent = 0
        self._replies = hiredis.Reader()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._loop = asyncio.get_running_loop()

    def get(self) -> asyncio.Future[bytes | None]:
        if not self._unsent:
            self._loop.call_soon(self._send)
        self._unsent += 1
        future = self._loop.create_future()
        self._waiting.append(future)
        return future

    def _send(self) -> None:
        self._transport.write(GET * self._unsent)  # type: ignore[attr-defined]
        self._unsent = 0

    def data_received(self, data: bytes) -> None:
        self._replies.feed(data)
        while (reply := self._replies.gets()) is not False:
            self._waiting.popleft().set_result(reply)


class App:
    """The ASGI app."""

    def __init__(self, redis_port: int) -> None:
        self._redis_port = redis_port

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif scope["path"] == "/get":
            await respond(send, b'{"value":"%b"}' % (await self._gets.get() or b""))
        elif scope["path"] == "/echo":
            await respond(send, await read_body(receive))
        else:
            await respond(send, CONSTANT)

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        loop = asyncio.get_running_loop()
        _, self._gets = await loop.create_connection(Gets, "127.0.0.1", self._redis_port)
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.complete"})


if __name__ == "__main__":
    port, redis_port = map(int, sys.argv[1:3])
    uvicorn.run(App(redis_port), port=port, loop="uvloop", http="httptools", access_log=False, log_level="warning")
