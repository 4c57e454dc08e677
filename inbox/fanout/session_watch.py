"""Ends the sockets whose session has ended: its token expired, or a key of its environment was revoked.

That a subscriber was deleted is published on its feeds, and heard by the hub.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from inbox.clock import now_seconds
from inbox.errors import StoreUnavailable
from inbox.events import SESSION_REVOKED, TOKEN_EXPIRED, Close
from inbox.fanout.connection import Connection
from inbox.models.environment import Environment
from inbox.tasks import end_tasks

log = logging.getLogger(__name__)

PERIOD_SECONDS = 2.0
ENDED_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class _Session:
    environment: int
    generation: int
    expires_at: float


class SessionWatch:
    """The open sockets of this process, looked over every 2 s.

    `read_generations` gives the present generation of each environment, by number; it may raise StoreUnavailable.
    """

    def __init__(self, read_generations: Callable[[], Awaitable[Mapping[int, int]]]) -> None:
        self._read_generations = read_generations
        self._sessions: dict[Connection, _Session] = {}
        self._watching: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begins to watch."""
        self._watching = asyncio.create_task(self._watch(), name="session watch")

    async def close(self) -> None:
        """Stops watching."""
        if self._watching:
            await end_tasks(self._watching)

    def add(self, connection: Connection, environment: Environment, expires_at: float) -> None:
        """A socket was opened with a token of this environment that expires then (Unix seconds)."""
        self._sessions[connection] = _Session(environment.number, environment.generation, expires_at)

    def remove(self, connection: Connection) -> None:
        """The socket is gone."""
        self._sessions.pop(connection, None)

    async def look(self) -> None:
        """Ends what has to be ended by now."""
        if not self._sessions:
            return
        now, generations = now_seconds(), await self._generations()
        ended = [
            (connection, close)
            for connection, session in self._sessions.items()
            if (close := _end_of(session, now, generations)) is not None
        ]
        for number, (connection, close) in enumerate(ended, 1):
            connection.end(close)
            if number % ENDED_AT_ONCE == 0:
                await asyncio.sleep(0)  # a revoked key may end all there are

    async def _generations(self) -> Mapping[int, int] | None:
        """None while the store is away: nobody is ended for that."""
        try:
            return await self._read_generations()
        except StoreUnavailable:
            return None

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(PERIOD_SECONDS)
            try:
                await self.look()
            except Exception:
                log.exception("sessions not looked over", extra={"action": "session_watch_failed"})


def _end_of(session: _Session, now: float, generations: Mapping[int, int] | None) -> Close | None:
    if session.expires_at <= now:
        return TOKEN_EXPIRED
    if generations is not None and generations.get(session.environment) != session.generation:
        return SESSION_REVOKED
    return None
