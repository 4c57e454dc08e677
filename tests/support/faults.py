"""A store client whose process dies at a chosen call: what ran before it stays, what comes after never happens."""

from __future__ import annotations

from typing import Any

from inbox.store.client import Client, PendingReplies
from inbox.store.connection.topology import Topology


class Killed(BaseException):
    """The process is gone: nothing it holds may clean up in the store."""


class MortalClient(Client):
    """Dies before its `calls_left`-th call to the store, and at each one after that; None: never."""

    def __init__(self, topology: Topology) -> None:
        super().__init__(topology)
        self.calls_left: int | None = None
        self.calls = 0

    def _count(self) -> None:
        self.calls += 1
        if self.calls_left is not None:
            if self.calls_left == 0:
                raise Killed
            self.calls_left -= 1

    async def execute(self, *command: Any) -> Any:
        self._count()
        return await super().execute(*command)

    async def execute_at(self, primary: Any, *command: Any) -> Any:
        self._count()
        return await super().execute_at(primary, *command)

    async def batch(self, commands: Any) -> list[Any]:
        self._count()
        return await super().batch(commands)

    async def read(self, commands: Any) -> list[Any]:
        self._count()
        return await super().read(commands)

    def begin(self, commands: Any) -> PendingReplies:
        self._count()
        return super().begin(commands)

    async def transaction(self, commands: Any) -> list[Any]:
        self._count()
        return await super().transaction(commands)

    async def run(self, script: Any, keys: Any, args: Any = ()) -> Any:
        self._count()
        return await super().run(script, keys, args)

    async def run_many(self, script: Any, calls: Any) -> list[Any]:
        self._count()
        return await super().run_many(script, calls)
