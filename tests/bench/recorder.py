"""Takes down the commands that the store sends, so that what is measured is what the service does."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from inbox.store.bulk import FEED_MARK_ALL, FEED_MARK_ROWS
from inbox.store.client import Argument, Client, Command, PendingReplies
from inbox.store.connection.topology import Topology
from inbox.store.messages import MESSAGE_EDIT, MESSAGE_MARK
from inbox.store.references import REFERENCE_FIND
from inbox.store.replies import MESSAGE_APPEND
from inbox.store.scripts import Reply, Script

from .wire import Operation, pack

ANSWERS: dict[str, Any] = {
    MESSAGE_APPEND.name: [1, 1, 0, 0],
    MESSAGE_EDIT.name: [1, b"1-1", 0, [1]],
    MESSAGE_MARK.name: [1, b"", 0, []],
    REFERENCE_FIND.name: [1, []],
    FEED_MARK_ALL.name: [1, b"1-1", 0],
    FEED_MARK_ROWS.name: [1, b"1-1", 0],
}


class Recorder(Client):
    """Reads go on to the server; a change is kept back, to be sent when its time is taken, and said to have worked."""

    def __init__(self, topology: Topology) -> None:
        super().__init__(topology)
        self._taken: list[Command] = []

    async def execute(self, *command: Argument) -> Any:
        self._taken.append(command)
        return await super().execute(*command)

    async def batch(self, commands: Sequence[Command]) -> list[Any]:
        self._taken += commands
        return await super().batch(commands)

    async def read(self, commands: Sequence[Command]) -> list[Any]:
        self._taken += commands
        return await super().read(commands)

    def begin(self, commands: Sequence[Command]) -> PendingReplies:
        self._taken += commands
        return super().begin(commands)

    async def transaction(self, commands: Sequence[Command]) -> list[Any]:
        self._taken += [("MULTI",), *commands, ("EXEC",)]
        return await super().transaction(commands)

    async def run(self, script: Script[Reply], keys: Sequence[str], args: Sequence[Argument] = ()) -> Reply:
        self._taken.append(("EVALSHA", script.sha, len(keys), *keys, *args))
        return script.decode(ANSWERS[script.name])

    def take(self) -> Operation:
        """Everything sent or kept back since the last call, as one operation."""
        taken, self._taken = self._taken, []
        return pack(taken)
