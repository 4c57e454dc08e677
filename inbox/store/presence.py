"""Presence in Redis: the leases of processes, and the subscribers that have sockets in each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from inbox.clock import now_ms
from inbox.store.base import BaseStore
from inbox.store.client import Client, pairs
from inbox.store.due_buckets import BucketKey
from inbox.store.keys import BUCKETS, Keys, bucket_of_oid
from inbox.store.outbox import PRESENCE, Outbox
from inbox.store.scripts import load


class Held(msgspec.Struct, frozen=True, gc=False):
    """A subscriber with sockets in a process."""

    environment: int
    oid: str

    @property
    def member(self) -> str:
        return f"{self.environment}.{self.oid}"

    @property
    def bucket_key(self) -> BucketKey:
        """Return the bucket of the subscriber."""
        return BucketKey(self.environment, bucket_of_oid(self.oid))


@dataclass(frozen=True, slots=True)
class Lease:
    """A renewal: whether the lease was valid, and the ends of lapsed leases by process (ms since 1970)."""

    held: bool
    lapsed: dict[str, int]


def _lease(raw: tuple[int, list[bytes]]) -> Lease:
    renewed, lapsed = raw
    return Lease(bool(renewed), {name.decode(): int(float(at)) for name, at in pairs(lapsed).items()})


_PRESENCE_LEASE = load("presence_lease", _lease)
_PRESENCE_JOIN = load("presence_join", list[bytes])
_PRESENCE_LEAVE = load("presence_leave", bool)


class PresenceStore(BaseStore):
    """Stores the leases of processes, and the subscribers that have sockets in each."""

    def __init__(self, client: Client, keys: Keys, outbox: Outbox | None = None) -> None:
        super().__init__(client, keys)
        self._outbox = outbox or Outbox(keys)

    async def renew(self, process: str, lease_ms: int) -> Lease:
        """Renew a process's lease, or begin it. A lapsed lease is not revived: the process takes a new name."""
        return await self._client.run(_PRESENCE_LEASE, [self._keys.processes], [process, lease_ms])

    async def count_processes(self) -> int:
        """Return how many processes have a valid lease."""
        return int(await self._client.execute("ZCOUNT", self._keys.processes, now_ms(), "+inf"))

    async def forget(self, process: str) -> None:
        """Remove a process from the list, after its subscribers were swept."""
        await self._client.execute("ZREM", self._keys.processes, process)

    async def join(self, process: str, held: Held) -> list[bytes]:
        """Note that the process has a socket of the subscriber, and return its record; empty if there is none."""
        keys = self._keys_of(process, held)
        record = await self._client.run(_PRESENCE_JOIN, keys, [process, held.member])
        self._outbox.wrote([held.bucket_key])
        return record

    async def leave(self, process: str, subscribers: Sequence[Held], at_ms: int | None = None) -> None:
        """Note that the process has had no socket of the subscribers since `at_ms` (default: now), sent together."""
        since = at_ms if at_ms is not None else ""
        calls = [(self._keys_of(process, held), (process, held.member, since)) for held in subscribers]
        await self._client.run_many(_PRESENCE_LEAVE, calls)
        self._outbox.wrote(held.bucket_key for held in subscribers)

    async def share(self, process: str) -> list[Held]:
        """Return every subscriber with sockets in the process."""
        replies = await self._client.batch([("SMEMBERS", self._keys.held(b, process)) for b in range(BUCKETS)])
        members = [member.decode().partition(".") for reply in replies for member in reply]
        return [Held(int(environment), oid) for environment, _, oid in members]

    async def online(self, environment: int) -> list[str]:
        """Return the oids of an environment's subscribers that have sockets in any process, sorted."""
        processes = await self._client.execute("ZRANGE", self._keys.processes, 0, -1)
        shares = [await self.share(process.decode()) for process in processes]
        return sorted({held.oid for share in shares for held in share if held.environment == environment})

    def _keys_of(self, process: str, held: Held) -> list[str]:
        bucket_key = held.bucket_key
        record = self._bucket(bucket_key).subscriber(held.oid)
        return [record, self._keys.held(bucket_key.bucket, process), *self._outbox.key(bucket_key, PRESENCE)]
