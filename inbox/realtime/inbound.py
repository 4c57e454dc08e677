"""What a client may send, for every flavour of socket."""

from __future__ import annotations

from typing import NamedTuple

from inbox.realtime.events import TOO_MANY_FRAMES, Close


class FrameLimits(NamedTuple):
    """What a client may send within `seconds`: messages and frames. `too_many_messages`: the close after one too many.

    Frames are of any kind, pings, pongs and fragments too. One empty pong has six bytes, so a flood of them costs the
    most.
    """

    seconds: float
    messages: int
    frames: int
    too_many_messages: Close


HEARTBEATS = FrameLimits(60.0, 120, 600, TOO_MANY_FRAMES)
"""For a client that only needs to send a heartbeat every 25 s."""


class ClientFault(Exception):
    """A client broke the protocol of its flavour, which closes the socket with `close`."""

    def __init__(self, close: Close) -> None:
        self.close = close


class FrameMeter:
    """The number of frames and messages that one client has sent in the present period."""

    __slots__ = ("_frames", "_messages", "_since", "limits")

    def __init__(self, limits: FrameLimits = HEARTBEATS) -> None:
        self.limits = limits
        self._frames = 0
        self._messages = 0
        self._since = 0.0

    def allows_frame(self, now: float) -> bool:
        """Count a frame. Return False if it is one too many."""
        if now - self._since >= self.limits.seconds:
            self._since, self._frames, self._messages = now, 0, 0
        self._frames += 1
        return self._frames <= self.limits.frames

    def allows_message(self) -> bool:
        """Count a message, whose last frame was counted. Return False if it is one too many."""
        self._messages += 1
        return self._messages <= self.limits.messages
