"""uvicorn's HTTP protocol with a limit to what comes before a body: its parser keeps a head of any length in memory."""

from __future__ import annotations

from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MAX_HEAD_BYTES = 64 * 1024
"""Beyond the part in which the head began, which is whatever the socket gave at once (256 KiB at most)."""

_REFUSAL = b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"


class InboxHttpProtocol(HttpToolsProtocol):
    """Refuses a request whose request line and headers do not end, before anything knows of it."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._head_is_open = False
        self._head_bytes = 0

    def data_received(self, data: bytes) -> None:
        """What the socket gave."""
        if self._head_is_open:
            self._head_bytes += len(data)
        super().data_received(data)
        if self._head_is_open and self._head_bytes > MAX_HEAD_BYTES:
            self.transport.write(_REFUSAL)
            self.transport.close()

    def on_message_begin(self) -> None:
        """The parser's word that a request begins."""
        self._head_is_open, self._head_bytes = True, 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """The parser's word that the head has ended."""
        self._head_is_open = False
        super().on_headers_complete()
