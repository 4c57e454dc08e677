"""Takes down the commands that the store sends, so that what is measured is what the service does."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from redis.asyncio import Redis

from inbox.store import scripts
from inbox.store.client import Argument, Client, Command
from inbox.store.scripts import Script

from .wire import Operation, pack

ANSWERS: dict[str, Any] = {
    scripts.MESSAGE_APPEND.name: [1, b"0-0", 1, 0],
    scripts.MESSAGE_MARK.name: [1, b"0-0", [], 0],
    scripts.FEED_MARK_ALL.name: [1, b"0-0", 0],
    scripts.FEED_MARK_ROWS.name: [1, b"0-0", 0],
}


class Recorder(Client):
    """Reads go on to the server; a change is kept back, to be sent when its time is taken, and said to have worked."""

    def __init__(self, redis: Redis) -> None:
        super().__init__(redis)
        self._taken: list[Command] = []

    async def execute(self, *command: Argument) -> Any:
        self._taken.append(command)
        return await super().execute(*command)

    async def batch(self, commands: Sequence[Command]) -> list[Any]:
        self._taken += commands
        return await super().batch(commands)

    async def transaction(self, commands: Sequence[Command]) -> list[Any]:
        self._taken += [("MULTI",), *commands, ("EXEC",)]
        return await super().transaction(commands)

    async def run(self, script: Script, keys: Sequence[str], args: Sequence[Argument] = ()) -> Any:
        self._taken.append(("EVALSHA", script.sha, len(keys), *keys, *args))
        return ANSWERS[script.name]

    def take(self) -> Operation:
        """Everything sent or kept back since the last call, as one operation."""
        taken, self._taken = self._taken, []
        return pack(taken)
