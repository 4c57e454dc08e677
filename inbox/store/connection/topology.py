"""The interface of every kind of store: one server, a primary behind sentinels, or a cluster."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Sequence
from typing import Any

from inbox.store.connection.errors import ConnectionLost, ReplyError
from inbox.store.connection.node import StoreNode
from inbox.store.connection.wire import Command, pack, pack_all
from inbox.tasks import end_tasks, start_detached

LOOK_PAUSE_SECONDS = 1.0
_MULTI, _EXEC = ("MULTI",), ("EXEC",)


class Topology(ABC):
    """The servers of a store. Commands raise ReplyError and ConnectionLost."""

    is_cluster = False

    @property
    @abstractmethod
    def primaries(self) -> Sequence[StoreNode]:
        """Return every server that accepts writes."""

    @abstractmethod
    def node_of(self, key: str) -> StoreNode:
        """Return the server that has a key. Raise ConnectionLost if none is known."""

    def begin(self, commands: Sequence[Command]) -> asyncio.Future[Any]:
        """Send commands of one slot in this turn of the loop; follow no redirection. Raise ConnectionLost.

        Return a future of the reply, or of the list of replies if there are several.
        """
        node = self.node_of(str(commands[0][1]))
        return asyncio.ensure_future(node.request(pack_all(commands), len(commands)))

    @abstractmethod
    def send(self, command: Command) -> Awaitable[Any]:
        """Run one command. Return what to await for its reply."""

    @abstractmethod
    def send_all(self, commands: Sequence[Command]) -> Awaitable[list[Any]]:
        """Run commands together, those of one server in order. Return replies, ReplyError and ConnectionLost too."""

    def send_reads(self, commands: Sequence[Command]) -> Awaitable[list[Any]]:
        """Run commands that only read, as `send_all` does, but in order even while their slot is moved."""
        return self.send_all(commands)

    @abstractmethod
    async def send_unit(self, commands: Sequence[Command]) -> list[Any]:
        """Run commands as one MULTI/EXEC. Return the replies; errors at run time are among them."""

    async def start(self) -> None:  # noqa: B027 (one server has nothing to find; the same below)
        """Find the servers. Raise ConnectionLost and ReplyError."""

    async def refresh(self) -> None:  # noqa: B027
        """Look again for the servers; concurrent calls may share one attempt. Raise nothing: the next command fails."""

    def note_error(self, code: str) -> None:  # noqa: B027
        """React to the code of an error reply that a server gives while it cannot serve."""

    @abstractmethod
    async def close(self) -> None:
        """End all connections."""


class SingleServer(Topology):
    """One server at an address that may lead to another one after a failover, as that of a load balancer does."""

    def __init__(self, node: StoreNode) -> None:
        self.node = node
        self._checking: asyncio.Task[None] | None = None

    @property
    def primaries(self) -> Sequence[StoreNode]:
        return [self.node]

    def node_of(self, key: str) -> StoreNode:  # noqa: ARG002
        return self.node

    def send(self, command: Command) -> Awaitable[Any]:
        return self.node.send(command)

    def send_all(self, commands: Sequence[Command]) -> Awaitable[list[Any]]:
        return self.node.send_all(commands)

    async def send_unit(self, commands: Sequence[Command]) -> list[Any]:
        return unit_replies(await self.node.request(pack_unit(commands), len(commands) + 2))

    def note_error(self, code: str) -> None:
        """Look for a primary at the address when a replica answers: a demoted one keeps its connections."""
        if code == "READONLY" and (self._checking is None or self._checking.done()):
            self._checking = start_detached(self._look_for_primary(), "look for a primary")

    async def close(self) -> None:
        if self._checking is not None:
            await end_tasks(self._checking)
        await self.node.close()

    async def _look_for_primary(self) -> None:
        """Leave the present server if a new connection leads to a primary."""
        try:
            wire = await self.node.dial()
            try:
                role = await wire.request(pack(("ROLE",)))
            finally:
                wire.drop("it was asked for its role")
            if role[0] == b"master" and (await self.node.send(("ROLE",)))[0] != b"master":
                self.node.drop("its address leads to another server now")
        except (ConnectionLost, ReplyError):
            pass
        await asyncio.sleep(LOOK_PAUSE_SECONDS)


def pack_unit(commands: Sequence[Command]) -> bytes:
    """Return MULTI, the commands and EXEC as they go over the wire."""
    return pack_all([_MULTI, *commands, _EXEC])


def unit_replies(replies: Sequence[Any]) -> list[Any]:
    """Return the replies of EXEC. Raise the error of the command that could not be queued."""
    *queued, result = replies
    if isinstance(result, ReplyError):
        raise next((reply for reply in queued if isinstance(reply, ReplyError)), result)
    return list(result)
