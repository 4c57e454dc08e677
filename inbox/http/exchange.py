"""A request and its answer, between uvicorn's protocol and the application.

uvicorn writes the head of an answer and its body one after the other, and checks each header by two patterns. Nearly
every answer here is a few headers and a body that is known: it is put together and written at once.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any, cast

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, RequestResponseCycle

from inbox.http.responses import POLL
from inbox.http.standing_polls import StandingPolls

if TYPE_CHECKING:
    from inbox.http.protocol import InboxHttpProtocol

log = logging.getLogger(__name__)

WITHOUT_BODY = (204, 304)
"""Statuses whose answers have neither a body nor a length."""


class Exchange(RequestResponseCycle):
    """A request on its way. The head of an answer waits for the first part of the body; streams are left to uvicorn."""

    # of uvicorn's class, and the same at the beginning of each request
    logger = access_logger = log
    access_log = False
    disconnected = response_started = response_complete = False
    more_body = True
    chunked_encoding = None
    expected_content_length = 0
    received = b""
    """The bytes with which the request came, if nothing stood before it."""
    polls = StandingPolls()
    """Those of the process."""
    # of an answer
    _head: dict[str, Any] | None = None

    def __init__(self, connection: InboxHttpProtocol, *, keep_alive: bool) -> None:
        self.scope = connection.scope
        self.transport = connection.transport
        self.flow = connection.flow
        self.default_headers = connection.server_state.default_headers
        self.on_response = connection.on_response_complete
        self.waiting_for_100_continue = connection.expect_100_continue
        self.keep_alive = keep_alive
        self.message_event = asyncio.Event()
        self.body = bytearray()
        if connection.received:
            self.received, connection.received = connection.received, b""

    async def run_asgi(self, app: Any) -> None:
        """Let the application answer. Cut the connection off if the answer has no end."""
        try:
            await app(self.scope, self.receive, self.send)
            if not self.response_complete and not self._is_left:
                log.error("a request was not answered", extra={"action": "request_failed"})
                self.transport.close()
        except asyncio.CancelledError:  # a stopping service does not wait for it any longer
            self.transport.abort()
        except Exception:  # once an answer has begun, no other can be given
            log.exception("an answer failed", extra={"action": "request_failed"})
            self.transport.close()
        finally:
            self.on_response = _do_nothing  # it and the connection refer to each other

    async def send(self, message: Any) -> None:
        """Take a message of the answer."""
        if self.flow.write_paused and not self.disconnected:
            await self.flow.drain()
        if self._is_left:
            return
        if message["type"] == "http.response.start" and not self.response_started and self._head is None:
            self._head = message
            return
        head, self._head = self._head, None
        if head and not message.get("more_body") and self.scope["method"] != "HEAD":
            self._answer(head["status"], head["headers"], message.get("body", b""))
            if (poll := head.get(POLL)) and self.received and self.keep_alive:
                names = {name for name, _ in self.scope["headers"]}
                self.polls.put(self.received, names, poll, head["headers"])
            return
        if head:
            await super().send(cast("Any", head))
        await super().send(message)

    @property
    def _is_left(self) -> bool:
        """Return whether nobody takes the answer any longer."""
        return self.disconnected or self.transport.is_closing()

    def _answer(self, status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> None:
        """Write a whole answer."""
        parts = [STATUS_LINE[status]]
        for header in self.default_headers:
            parts += (header[0], b": ", header[1], b"\r\n")
        has_length, lines = status in WITHOUT_BODY, 1 + len(self.default_headers)
        for name, value in headers:
            if name == b"content-length":
                has_length = True
            elif name == b"connection":
                self.keep_alive = self.keep_alive and value.lower() != b"close"
                continue
            parts += (name, b": ", value, b"\r\n")
            lines += 1
        if not has_length:
            parts.append(b"content-length: %d\r\n" % len(body))
            lines += 1
        if not self.keep_alive:
            parts.append(b"connection: close\r\n")
            lines += 1
        head = b"".join(parts)
        if head.count(b"\n") != lines or head.count(b"\r") != lines:
            raise RuntimeError("a header has a line break")
        self.response_started = self.response_complete = True
        self.waiting_for_100_continue = False
        self.transport.write(b"%b\r\n%b" % (head, body))
        self.message_event.set()
        if not self.keep_alive:
            self.transport.close()
        self.on_response()


def _do_nothing() -> None:
    pass
