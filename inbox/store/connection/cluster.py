"""A cluster: which server has a slot, and what to do when slots move or a primary dies.

Commands to other servers do not wait for one that is away. MOVED and ASK mean that the command was not carried out, so
it is sent again where the reply says. After trouble with any server one task reads the slots from the first server that
answers, again and again, until every slot has a server that is not away.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from typing import Any, cast

from inbox.store.connection.errors import ConnectionLost, ReplyError
from inbox.store.connection.node import StoreNode
from inbox.store.connection.slots import SLOTS, slot_of
from inbox.store.connection.topology import Topology, pack_unit, unit_replies
from inbox.store.connection.url import Address, StoreUrl
from inbox.store.connection.wire import Command, pack
from inbox.tasks import end_tasks, start_detached

MAX_REDIRECTIONS = 16
TRY_AGAIN_SECONDS = 0.02
ANSWER_SECONDS = 0.5
REFRESH_PAUSE_SECONDS = 0.1
REDIRECTIONS = ("MOVED", "ASK", "TRYAGAIN")
UNKNOWN_HOSTS = ("", "?")
"""A server's host where it is told to announce none: that by which the server was reached that names it."""

_ASKING = pack(("ASKING",))
_KEY_AT = dict.fromkeys(("EVAL", "EVALSHA", "EVAL_RO", "EVALSHA_RO"), 3) | {"OBJECT": 2, "MEMORY": 2}
"""The position of the first key, for commands where it is not the first argument."""


class Cluster(Topology):
    """The primaries of a cluster and their slots."""

    is_cluster = True

    def __init__(self, url: StoreUrl) -> None:
        self._seeds = url.addresses
        self._login = url.login
        self._nodes: dict[Address, StoreNode] = {}
        self._owners: list[StoreNode | None] = [None] * SLOTS
        self._primaries: list[StoreNode] = []
        self._refreshing: asyncio.Task[None] | None = None
        self._closing: set[asyncio.Task[None]] = set()
        self._is_closed = False

    @property
    def primaries(self) -> Sequence[StoreNode]:
        return self._primaries

    def node_of(self, key: str) -> StoreNode:
        return self._owner(slot_of(key))

    async def start(self) -> None:
        """Read the slots. Raise ConnectionLost and ReplyError."""
        await self._read_slots()

    async def send(self, command: Command) -> Any:
        try:
            return await self._owner(_slot_of(command)).send(command)
        except ReplyError as error:
            if not _is_redirection(error):
                raise
        (reply,) = await self.send_all([command])
        if isinstance(reply, Exception):
            raise reply
        return reply

    async def send_all(self, commands: Sequence[Command]) -> list[Any]:
        replies: list[Any] = [None] * len(commands)
        slots = [_slot_of(command) for command in commands]
        asking: dict[int, StoreNode] = {}
        pending: list[int] = list(range(len(commands)))
        for _ in range(MAX_REDIRECTIONS):
            await self._send_groups(commands, self._by_node(pending, slots, asking, replies), asking, replies)
            pending = [index for index in pending if _is_redirection(replies[index])]
            if not pending:
                break
            asking = await self._redirect({index: replies[index] for index in pending}, slots)
        return replies

    async def send_reads(self, commands: Sequence[Command]) -> list[Any]:
        replies: list[Any] = [None] * len(commands)
        slots = [_slot_of(command) for command in commands]
        await self._send_groups(commands, self._by_node(range(len(commands)), slots, {}, replies), {}, replies)
        if not any(map(_is_redirection, replies)):
            return replies
        return [(await self.send_all([command]))[0] for command in commands]  # keys of the slot are on either side

    async def send_unit(self, commands: Sequence[Command]) -> list[Any]:
        slot = _slot_of(commands[0])
        packed, count = pack_unit(commands), len(commands) + 2
        asked: StoreNode | None = None
        for _ in range(MAX_REDIRECTIONS):
            if asked is None:
                replies = await self._owner(slot).request(packed, count)
            else:
                replies = (await asked.request(_ASKING + packed, count + 1))[1:]
            try:
                return unit_replies(replies)
            except ReplyError as error:
                if not _is_redirection(error):
                    raise
                asked = (await self._redirect({0: error}, [slot])).get(0)
        raise ConnectionLost("the cluster redirects a command for ever")

    async def refresh(self) -> None:
        """Read the slots again, or wait for a reading that has begun, for ANSWER_SECONDS at most."""
        self._refresh_soon()
        if self._refreshing is not None:
            await asyncio.wait([self._refreshing], timeout=ANSWER_SECONDS)

    def note_error(self, code: str) -> None:
        """Read the slots again when a server says that it cannot serve one."""
        if code in ("CLUSTERDOWN", "MASTERDOWN", "READONLY"):
            self._refresh_soon()

    async def close(self) -> None:
        self._is_closed = True
        if self._refreshing is not None:
            await end_tasks(self._refreshing)
        await asyncio.gather(*self._closing)
        for node in self._nodes.values():
            await node.close()

    def _owner(self, slot: int) -> StoreNode:
        node = self._owners[slot]
        if node is None:
            self._refresh_soon()
            raise ConnectionLost("no server of the cluster serves this slot")
        return node

    def _by_node(
        self, pending: Iterable[int], slots: Sequence[int], asking: dict[int, StoreNode], replies: list[Any]
    ) -> dict[StoreNode, list[int]]:
        """Return the indexes of each server's commands. ConnectionLost is the reply where a slot has no server."""
        groups: dict[StoreNode, list[int]] = {}
        for index in pending:
            try:
                groups.setdefault(asking.get(index) or self._owner(slots[index]), []).append(index)
            except ConnectionLost as error:
                replies[index] = error
        return groups

    async def _send_groups(
        self,
        commands: Sequence[Command],
        groups: dict[StoreNode, list[int]],
        asking: dict[int, StoreNode],
        replies: list[Any],
    ) -> None:
        """Send each server its commands, in order, and fill in the replies."""

        async def send(node: StoreNode, indexes: list[int]) -> None:
            parts = [(_ASKING if index in asking else b"", pack(commands[index])) for index in indexes]
            packed = b"".join(part for pair in parts for part in pair)
            try:
                if len(indexes) == 1 and indexes[0] not in asking:
                    received = [await node.request(packed)]
                else:
                    received = await node.request(packed, len(indexes) + sum(1 for ask, _ in parts if ask))
            except (ConnectionLost, ReplyError) as error:
                for index in indexes:
                    replies[index] = error
                return
            place = iter(received)
            for index in indexes:
                if index in asking:
                    next(place)
                replies[index] = next(place)

        if len(groups) == 1:
            ((node, indexes),) = groups.items()
            await send(node, indexes)
        elif groups:
            await asyncio.gather(*(send(node, indexes) for node, indexes in groups.items()))

    async def _redirect(self, errors: dict[int, ReplyError], slots: Sequence[int]) -> dict[int, StoreNode]:
        """Remember where MOVED slots are now. Return, by index, the servers to which ASK sends single commands."""
        asking: dict[int, StoreNode] = {}
        for index, error in errors.items():
            if error.code == "TRYAGAIN":
                continue
            _, _, where = str(error).split(" ", 2)
            host, _, port = where.rpartition(":")
            asked = self._owners[slots[index]] or self._primaries[0]
            node = self._node(Address(asked.address.host if host in UNKNOWN_HOSTS else host.strip("[]"), int(port)))
            if error.code == "ASK":
                asking[index] = node
            else:
                self._owners[slots[index]] = node
                self._refresh_soon()
        if len(asking) < len(errors) and any(error.code == "TRYAGAIN" for error in errors.values()):
            await asyncio.sleep(TRY_AGAIN_SECONDS)
        return asking

    def _node(self, address: Address) -> StoreNode:
        node = self._nodes.get(address)
        if node is None:
            node = self._nodes[address] = StoreNode(address, self._login)
            node.on_trouble = self._refresh_soon
        return node

    def _refresh_soon(self) -> None:
        if (self._refreshing is None or self._refreshing.done()) and not self._is_closed:
            self._refreshing = start_detached(self._refresh(), "read the cluster's slots")

    async def _refresh(self) -> None:
        """Read the slots, again every REFRESH_PAUSE_SECONDS while a slot has no server or one that is away."""
        while True:
            try:
                await self._read_slots()
            except (ConnectionLost, ReplyError):
                pass
            else:
                if all(node is not None and not node.is_away for node in self._owners):
                    return
            await asyncio.sleep(REFRESH_PAUSE_SECONDS)

    async def _read_slots(self) -> None:
        """Ask the servers, one after another, until one knows the slots. Raise the last one's error."""
        addresses = dict.fromkeys([*(node.address for node in self._primaries), *self._nodes, *self._seeds])
        nodes = sorted(map(self._node, addresses), key=lambda node: node.is_away)
        error: Exception = ConnectionLost("the cluster has no servers")
        for node in nodes:
            try:
                async with asyncio.timeout(ANSWER_SECONDS if self._primaries else None):
                    info, ranges = await node.send_all([("CLUSTER", "INFO"), ("CLUSTER", "SLOTS")])
            except TimeoutError:
                error = ConnectionLost(f"{node.name}: no answer within {ANSWER_SECONDS:g} s")
            except (ConnectionLost, ReplyError) as failure:
                error = failure
            else:
                if isinstance(refused := info if isinstance(info, ReplyError) else ranges, ReplyError):
                    error = refused
                elif ranges and b"cluster_state:ok" in info:  # else it may be cut off from the others
                    self._apply(node, ranges)
                    return
                else:
                    error = ConnectionLost(f"{node.name}: the cluster is not complete")
        raise error

    def _apply(self, asked: StoreNode, ranges: list[Any]) -> None:
        """Set the servers of all slots, and close those that have none."""
        owners: list[StoreNode | None] = [None] * SLOTS
        for first, last, primary, *_ in ranges:
            host = (primary[0] or b"").decode()
            node = self._node(Address(asked.address.host if host in UNKNOWN_HOSTS else host, primary[1]))
            owners[first : last + 1] = [node] * (last + 1 - first)
        primaries = list(dict.fromkeys(node for node in owners if node is not None))
        # what waits for a demoted server waits in vain; one without slots that is gone would be dialed for ever
        others = [node for node in self._nodes.values() if node not in primaries]
        left = [node for node in others if node in self._primaries or node.is_unreachable]
        self._owners, self._primaries = owners, primaries
        for node in left:
            self._nodes.pop(node.address, None)
            task = start_detached(node.close())
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)


def _slot_of(command: Command) -> int:
    return slot_of(cast("str | bytes", command[_KEY_AT.get(cast(str, command[0]), 1)]))


def _is_redirection(reply: Any) -> bool:
    return isinstance(reply, ReplyError) and reply.code in REDIRECTIONS
