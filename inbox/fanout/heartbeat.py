"""Heartbeats of a socket whose protocol has its own: the server asks, the client answers, silence ends it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from inbox.events import PING_TIMEOUT
from inbox.fanout.connection import Connection


@dataclass(frozen=True, slots=True)
class Rhythm:
    """How long after the last answer the next ping is sent, and how long its answer may take."""

    interval_seconds: float
    patience_seconds: float


class Heartbeat:
    """Pings one connection until it is stopped, and ends it when an answer stays out."""

    __slots__ = ("_connection", "_handle", "_is_waiting", "_ping", "_rhythm")

    def __init__(self, connection: Connection, ping: bytes, rhythm: Rhythm) -> None:
        self._connection = connection
        self._ping = ping
        self._rhythm = rhythm
        self._wait()

    def heard(self) -> None:
        """The client has answered. An answer that nobody asked for changes nothing."""
        if self._is_waiting:
            self._handle.cancel()
            self._wait()

    def stop(self) -> None:
        """The socket is gone."""
        self._handle.cancel()

    def _wait(self) -> None:
        self._is_waiting = False
        self._handle = asyncio.get_running_loop().call_later(self._rhythm.interval_seconds, self._ask)

    def _ask(self) -> None:
        self._is_waiting = True
        self._handle = asyncio.get_running_loop().call_later(
            self._rhythm.patience_seconds, self._connection.end, PING_TIMEOUT
        )
        self._connection.send(self._ping)
