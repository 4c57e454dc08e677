"""What a client may send, for every flavour of socket."""

from __future__ import annotations

from inbox.realtime.events import Close

MAX_MESSAGES_A_MINUTE = 120
"""A client only needs to send a heartbeat every 25 s."""
MAX_FRAMES_A_MINUTE = 600
"""Of any kind, pings, pongs and fragments too. One empty pong has six bytes, so a flood of them costs the most."""
MINUTE_SECONDS = 60.0


class ClientFault(Exception):
    """A client broke the protocol of its flavour, which closes the socket with `close`."""

    def __init__(self, close: Close) -> None:
        self.close = close


class FrameMeter:
    """The number of frames and messages that one client has sent within a minute."""

    __slots__ = ("_frames", "_messages", "_since")

    def __init__(self) -> None:
        self._frames = 0
        self._messages = 0
        self._since = 0.0

    def allows_frame(self, now: float) -> bool:
        """Count a frame. Return False if it is one too many."""
        if now - self._since >= MINUTE_SECONDS:
            self._since, self._frames, self._messages = now, 0, 0
        self._frames += 1
        return self._frames <= MAX_FRAMES_A_MINUTE

    def allows_message(self) -> bool:
        """Count a message, whose last frame was counted. Return False if it is one too many."""
        self._messages += 1
        return self._messages <= MAX_MESSAGES_A_MINUTE
