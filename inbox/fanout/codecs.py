"""How events look on the wire, one codec per flavour."""

from __future__ import annotations

import time
from typing import Protocol

from inbox.events import Event


class Codec(Protocol):
    """Turns an event into a text frame."""

    def encode(self, event: Event) -> bytes: ...


class PlainCodec:
    """The plain flavour: `{"event": name, "data": payload, "timestamp": ms}` (websocket.md §3)."""

    def encode(self, event: Event) -> bytes:
        return b'{"event":"%b","data":%b,"timestamp":%d}' % (event.name.encode(), event.data, time.time() * 1000)


PLAIN = PlainCodec()
