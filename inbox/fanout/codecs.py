"""How events look on the wire, one codec per flavour."""

from __future__ import annotations

from typing import Protocol

from inbox.clock import now_ms
from inbox.events import Close, Event


class Codec(Protocol):
    """Turns an event into a text frame."""

    def encode(self, event: Event) -> bytes: ...

    def farewell(self, close: Close) -> list[bytes]:
        """What is said before the close frame."""


class PlainCodec:
    """The plain flavour: `{"event": name, "data": payload, "timestamp": ms}` (websocket.md §3)."""

    def encode(self, event: Event) -> bytes:
        return b'{"event":"%b","data":%b,"timestamp":%d}' % (event.name.encode(), event.data, now_ms())

    def farewell(self, _: Close) -> list[bytes]:
        return []


class SocketIoCodec:
    """The Socket.IO flavour: an EVENT packet in a message packet, `42[name,payload]` (websocket.md §2.1)."""

    def encode(self, event: Event) -> bytes:
        return b'42["%b",%b]' % (event.name.encode(), event.data)

    def farewell(self, close: Close) -> list[bytes]:
        """A client that is disconnected by a packet stays away; one whose socket just closes comes back."""
        return [b"41"] if close.is_final else []


PLAIN = PlainCodec()
SOCKET_IO = SocketIoCodec()
