"""Heartbeats: the server sends pings, and a ping without an answer ends the socket."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from inbox.realtime.connection import Connection
from inbox.realtime.events import PING_TIMEOUT


@dataclass(frozen=True, slots=True)
class Rhythm:
    """The seconds from an answer to the next ping, and from a ping to its answer at the latest."""

    interval_seconds: float
    timeout_seconds: float


class Heartbeat:
    """The pings of one connection until `stop`; it ends the connection when a ping has no answer."""

    __slots__ = ("_connection", "_handle", "_is_waiting", "_ping", "_rhythm")

    def __init__(self, connection: Connection, ping: bytes, rhythm: Rhythm) -> None:
        self._connection = connection
        self._ping = ping
        self._rhythm = rhythm
        self._wait()

    def acknowledge(self) -> None:
        """Note an answer of the client. One without a ping changes nothing."""
        if self._is_waiting:
            self._handle.cancel()
            self._wait()

    def stop(self) -> None:
        self._handle.cancel()

    def _wait(self) -> None:
        self._is_waiting = False
        self._handle = asyncio.get_running_loop().call_later(self._rhythm.interval_seconds, self._ping_client)

    def _ping_client(self) -> None:
        self._is_waiting = True
        self._handle = asyncio.get_running_loop().call_later(
            self._rhythm.timeout_seconds, self._connection.end, PING_TIMEOUT
        )
        self._connection.send(self._ping)
