"""The request for a WebSocket: its head, as the HTTP protocol has parsed it, and every answer to it."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from urllib.parse import parse_qsl

import orjson

from inbox.errors import InboxError
from inbox.models.error_body import error_body, without_token

Headers = Iterable[tuple[bytes, bytes]]

_VERSION = b"13"
_KEY_BYTES = 16
_ACCEPT_SUFFIX = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_TOKEN = re.compile(rb"[-!#$%&'*+.^_`|~0-9a-zA-Z]+")
_SINGLE = (b"upgrade", b"sec-websocket-key", b"sec-websocket-version", b"origin")
"""The headers that may not be repeated."""
_NAMES = {
    b"connection": "Connection",
    b"origin": "Origin",
    b"upgrade": "Upgrade",
    b"sec-websocket-key": "Sec-WebSocket-Key",
    b"sec-websocket-protocol": "Sec-WebSocket-Protocol",
    b"sec-websocket-version": "Sec-WebSocket-Version",
}


class UpgradeRequest:
    """The head of a request for a WebSocket. Names of headers are in lower case."""

    __slots__ = ("_values", "headers", "method", "target")

    def __init__(self, method: str, target: str, headers: list[tuple[bytes, bytes]]) -> None:
        self.method = method
        self.target = target
        self.headers = headers
        self._values = dict(reversed(headers))  # of a repeated header the first one counts

    @property
    def path(self) -> str:
        """The path as it was sent."""
        return self.target.partition("?")[0]

    @property
    def query(self) -> dict[str, str]:
        """The parameters of the query, decoded; of a repeated one the last."""
        return dict(parse_qsl(self.target.partition("?")[2], keep_blank_values=True))

    def header(self, name: bytes) -> str | None:
        value = self._values.get(name)
        return None if value is None else value.decode("latin-1")

    def find_problem(self) -> str | None:
        """Return the header that makes this no handshake of RFC 6455, or `handshake`; None if it is one."""
        values = self._values
        if self.method != "GET" or values.get(b"content-length", b"0") != b"0" or b"transfer-encoding" in values:
            return "handshake"
        has_repeated = len(values) < len(self.headers)
        if has_repeated:
            names = [name for name, _ in self.headers]
            if repeated := next((name for name in _SINGLE if names.count(name) > 1), None):
                return _NAMES[repeated]
        is_plain = values.get(b"connection", b"").lower() == b"upgrade" and not has_repeated
        if not is_plain and not self._is_list(b"connection"):
            return _NAMES[b"connection"]
        if not _is_key(values.get(b"sec-websocket-key", b"")):
            return _NAMES[b"sec-websocket-key"]
        if values.get(b"sec-websocket-version") != _VERSION:
            return _NAMES[b"sec-websocket-version"]
        if b"sec-websocket-protocol" in values and not self._is_list(b"sec-websocket-protocol"):
            return _NAMES[b"sec-websocket-protocol"]
        return None

    def accept(self, headers: Headers, subprotocol: str = "") -> bytes:
        """Return the answer that makes the connection a WebSocket, with the subprotocol if it is offered."""
        digest = hashlib.sha1(self._values[b"sec-websocket-key"] + _ACCEPT_SUFFIX, usedforsecurity=False).digest()
        added = b"".join([b"%b: %b\r\n" % header for header in headers])
        if subprotocol and subprotocol.encode() in self._tokens(b"sec-websocket-protocol"):
            added += b"Sec-WebSocket-Protocol: %b\r\n" % subprotocol.encode()
        return (
            b"HTTP/1.1 101 Switching Protocols\r\n%bUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Accept: %b\r\n\r\n" % (added, binascii.b2a_base64(digest, newline=False))
        )

    def refuse(self, error: InboxError) -> bytes:
        """Return the answer with an error in the usual body."""
        return encode_error(without_token(self.target), error)

    def _is_list(self, wanted: bytes) -> bool:
        """Return whether all values of a header together are a list of tokens."""
        tokens = self._tokens(wanted)
        return bool(tokens) and all(map(_TOKEN.fullmatch, tokens))

    def _tokens(self, wanted: bytes) -> list[bytes]:
        values = [value for name, value in self.headers if name == wanted]
        return [token for value in values for part in value.split(b",") if (token := part.strip(b" \t"))]


def _is_key(value: bytes) -> bool:
    try:
        return len(base64.b64decode(value, validate=True)) == _KEY_BYTES
    except binascii.Error:
        return False


def encode_error(path: str, error: InboxError) -> bytes:
    """Return the answer with an error, outside the application."""
    return encode_answer(error.status, error_body(path, error), error.headers)


def encode_answer(status: int, body: object, headers: Mapping[str, str]) -> bytes:
    """Return a whole answer in JSON, after which the connection closes."""
    content = orjson.dumps(body)
    lines = [
        f"HTTP/1.1 {status} {HTTPStatus(status).phrase}",
        "Content-Type: application/json",
        f"Content-Length: {len(content)}",
        "Connection: close",
        *(f"{name}: {value}" for name, value in headers.items()),
    ]
    return "\r\n".join([*lines, "", ""]).encode() + content
