"""WebSocket frames of a server (RFC 6455): not masked, not compressed."""

from __future__ import annotations

import struct

from inbox.realtime.events import Close

_TEXT = 0x81  # a text message of one frame
_CLOSE, _PONG = 0x88, 0x8A
PING = b"\x89\x00"
_SHORT, _MEDIUM, _LONG = struct.Struct("!BB"), struct.Struct("!BBH"), struct.Struct("!BBQ")


def text_frame(payload: bytes) -> bytes:
    """Return the frame of a text message."""
    length = len(payload)
    if length < 126:
        return _SHORT.pack(_TEXT, length) + payload
    if length < 65_536:
        return _MEDIUM.pack(_TEXT, 126, length) + payload
    return _LONG.pack(_TEXT, 127, length) + payload


def close_frame(close: Close) -> bytes:
    """Return the frame of a close with its reason; a reason has at most 123 bytes."""
    payload = close.code.to_bytes(2, "big") + close.reason.encode()
    return _SHORT.pack(_CLOSE, len(payload)) + payload


def close_reply(payload: bytes) -> bytes:
    """Return the close frame that answers one with this payload."""
    return _SHORT.pack(_CLOSE, len(payload)) + payload


def pong_frame(payload: bytes) -> bytes:
    """Return the answer to a ping with this payload, of at most 125 bytes."""
    return _SHORT.pack(_PONG, len(payload)) + payload


def is_close_code(code: int) -> bool:
    """Return whether a client may send this code (RFC 6455, section 7.4, with the codes registered since)."""
    return 3000 <= code < 5000 or (1000 <= code <= 1014 and code not in (1004, 1005, 1006))


def unmask(payload: bytes | bytearray, mask: bytes | bytearray) -> bytes:
    """Return a payload of a client without its mask of four bytes."""
    length = len(payload)
    key = (mask * (length // 4 + 1))[:length]
    return (int.from_bytes(payload, "big") ^ int.from_bytes(key, "big")).to_bytes(length, "big")
