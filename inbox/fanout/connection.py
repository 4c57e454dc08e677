"""One open socket: what waits to be sent, how much may wait, and how it ends.

The connection never blocks the hub. While the transport takes frames they leave at once, one write for a whole
delivery; while it does not, they wait here, of the counts only the latest, and a socket that stays behind is cut off
under a name (`slow_consumer`): its client reconnects and reads what it missed.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from inbox.events import SLOW_CONSUMER, Close
from inbox.fanout.codecs import Codec

log = logging.getLogger(__name__)

WRITE_BYTES = 64 * 1024


class Transport(Protocol):
    """What a connection needs of the wire beneath it."""

    @property
    def is_writable(self) -> bool: ...

    def write(self, frames: list[bytes]) -> None:
        """Sends text frames in one write."""

    def on_writable(self, callback: Callable[[], None]) -> None:
        """Calls back whenever the wire takes frames again."""

    def close(self, close: Close) -> None:
        """Ends the socket with a close frame."""

    def abort(self) -> None:
        """Ends the socket at once; what is buffered is dropped."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How far a socket may fall behind: frames and bytes that wait, and for how long nothing may leave."""

    frames: int = 256
    bytes: int = 1024 * 1024
    stall_seconds: float = 20.0


class Connection:
    """A socket of one subscriber's feed."""

    def __init__(self, connection_id: str, transport: Transport, codec: Codec, limits: Limits) -> None:
        self.id = connection_id
        self.codec = codec
        self.ended_by: Close | None = None
        self._transport = transport
        self._limits = limits
        self._is_open = False
        self._control: list[bytes] = []
        self._frames: deque[bytes] = deque()
        self._waiting_bytes = 0
        self._counts: tuple[bytes, ...] = ()
        self._stall: asyncio.TimerHandle | None = None
        transport.on_writable(self._flush)

    def open(self) -> None:
        """The handshake is done: what was delivered meanwhile leaves now."""
        self._is_open = True
        self._flush()

    def deliver(self, frames: list[bytes], counts: tuple[bytes, ...]) -> None:
        """Sends frames, then the counts. Never waits; a socket too far behind is ended."""
        if self.ended_by:
            return
        self._frames.extend(frames)
        self._waiting_bytes += sum(map(len, frames))
        self._counts = counts or self._counts
        self._flush()
        if len(self._frames) > self._limits.frames or self._waiting_bytes > self._limits.bytes:
            self.cut_off(SLOW_CONSUMER)

    def send(self, frame: bytes) -> None:
        """Sends one control frame ahead of everything that waits; while it waits itself, the same is not added."""
        if not self.ended_by and frame not in self._control:
            self._control.append(frame)
            self._flush()

    def end(self, close: Close) -> None:
        """Ends the socket with a close frame that tells why."""
        if not self.ended_by:
            self._drop(close)
            if farewell := self.codec.farewell(close):
                self._transport.write(farewell)  # a few bytes, once, whatever waits in the wire
            self._transport.close(close)

    def cut_off(self, close: Close) -> None:
        """Ends a socket that takes nothing any more; no close frame would get through."""
        if not self.ended_by:
            waiting = len(self._frames)
            self._drop(close)
            fields = {"action": "connection_cut_off", "connection_id": self.id, "reason": close.reason}
            log.warning("connection cut off: %s (%d frames waiting)", close.reason, waiting, extra=fields)
            self._transport.abort()

    def closed(self) -> None:
        """The wire is gone; nothing waits any more."""
        self._drop(self.ended_by or Close(1005, ""))

    def _drop(self, close: Close) -> None:
        self.ended_by = close
        self._control.clear()
        self._frames.clear()
        self._counts = ()
        self._waiting_bytes = 0
        self._watch_stall(False)

    def _flush(self) -> None:
        if not self._is_open or self.ended_by:
            return
        while self._is_waiting and self._transport.is_writable:
            self._transport.write(self._take())
            self._watch_stall(False)  # something left: the time begins anew
        self._watch_stall(self._is_waiting)

    @property
    def _is_waiting(self) -> bool:
        return bool(self._control or self._frames or self._counts)

    def _take(self) -> list[bytes]:
        """The next frames for one write; the counts leave with the last of them."""
        taken, self._control = self._control, []
        size = 0
        while self._frames and size < WRITE_BYTES:
            taken.append(self._frames.popleft())
            size += len(taken[-1])
        self._waiting_bytes -= size
        if not self._frames:
            taken.extend(self._counts)
            self._counts = ()
        return taken

    def _watch_stall(self, waiting: bool) -> None:
        if waiting and self._stall is None:
            loop = asyncio.get_running_loop()
            self._stall = loop.call_later(self._limits.stall_seconds, self.cut_off, SLOW_CONSUMER)
        elif not waiting and self._stall is not None:
            self._stall.cancel()
            self._stall = None
