"""Presence in Redis: which processes live, and which subscribers each of them holds sockets of."""

from __future__ import annotations

from dataclasses import dataclass

from inbox.store import scripts
from inbox.store.alarms import Place
from inbox.store.client import Client
from inbox.store.keys import BUCKETS, Keys
from inbox.store.outbox import PRESENCE, Outbox
from inbox.store.subscribers import bucket_of_oid


@dataclass(frozen=True, slots=True)
class Held:
    """A subscriber whose sockets some process holds."""

    environment: int
    oid: str

    @property
    def member(self) -> str:
        return f"{self.environment}.{self.oid}"

    @property
    def place(self) -> Place:
        """The bucket of the subscriber."""
        return Place(self.environment, bucket_of_oid(self.oid))


def parse_held(member: bytes) -> Held:
    """The subscriber that a member of a process's set names."""
    environment, _, oid = member.decode().partition(".")
    return Held(int(environment), oid)


@dataclass(frozen=True, slots=True)
class Lease:
    """The outcome of a renewal: whether the lease had held, and the processes whose lease lapsed (→ when, ms)."""

    held: bool
    lapsed: dict[str, int]


class PresenceStore:
    """Leases of processes and their shares of presence."""

    def __init__(self, client: Client, keys: Keys, outbox: Outbox | None = None) -> None:
        self._client = client
        self._keys = keys
        self._outbox = outbox or Outbox(keys)

    async def renew(self, process: str, lease_ms: int) -> Lease:
        """Renews a process's lease, or begins it. A lapsed one is not revived: the process takes a new name."""
        renewed, flat = await self._client.run(scripts.PRESENCE_LEASE, [self._keys.processes], [process, lease_ms])
        lapsed = {name.decode(): int(float(at)) for name, at in zip(flat[::2], flat[1::2], strict=True)}
        return Lease(bool(renewed), lapsed)

    async def forget(self, process: str) -> None:
        """Takes a process off the list, after its share was swept."""
        await self._client.execute("ZREM", self._keys.processes, process)

    async def join(self, process: str, held: Held) -> bool:
        """The process has a socket of the subscriber now; False when there is no such subscriber."""
        keys = self._keys_of(process, held)
        joined = int(await self._client.run(scripts.PRESENCE_JOIN, keys, [process, held.member]))
        self._outbox.wrote([held.place])
        return joined >= 0

    async def leave(self, process: str, held: Held, at_ms: int | None = None) -> None:
        """The process has none any more, since `at_ms` (now, when not given)."""
        args = [process, held.member, at_ms if at_ms is not None else ""]
        await self._client.run(scripts.PRESENCE_LEAVE, self._keys_of(process, held), args)
        self._outbox.wrote([held.place])

    async def share(self, process: str) -> list[Held]:
        """Every subscriber that the process holds sockets of."""
        replies = await self._client.batch([("SMEMBERS", self._keys.held(b, process)) for b in range(BUCKETS)])
        return [parse_held(member) for members in replies for member in members]

    def _keys_of(self, process: str, held: Held) -> list[str]:
        bucket = bucket_of_oid(held.oid)
        record = self._keys.bucket(held.environment, bucket).subscriber(held.oid)
        return [record, self._keys.held(bucket, process), *self._outbox.key(held.place, PRESENCE)]
