"""Presence: a process with a lease writes when a subscriber's socket opens, and some time after the last one closed.

Sockets that close together are written together, and one that comes back within the grace period is never written as
closed: of thousands of sockets that reconnect at once, each costs one write.

A process that renews its lease learns whose lease has lapsed and sweeps the presence of those processes. A process that
missed the end of its own lease takes a new name, so a sweep of the old name never removes open sockets.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
from collections import Counter
from collections.abc import Sequence
from itertools import islice

from inbox.errors import NotFound, StoreUnavailable, WriteRefused
from inbox.models.environment import Environment
from inbox.store.presence import Held, PresenceStore
from inbox.store.slices import in_slices
from inbox.tasks import end_tasks, start_detached

log = logging.getLogger(__name__)

DELAYED = "presence not written; retried with the lease"
MAX_LEAVING = 500
"""The number of subscribers whose leaving is sent to the store at once."""


class PresenceService:
    """Maintains the presence of the subscribers whose sockets this process holds."""

    def __init__(self, store: PresenceStore, lease_seconds: float, grace_seconds: float) -> None:
        self.process = secrets.token_hex(6)
        self._store = store
        self._lease_ms = int(lease_seconds * 1000)
        self._grace_seconds = grace_seconds
        self._sockets: Counter[Held] = Counter()
        self._joined: set[Held] = set()
        self._has_joined = False
        self._leaving: dict[Held, float] = {}
        """The end of the grace period by subscriber, in order; by the event loop's clock."""
        self._leaver: asyncio.Task[None] | None = None

    @property
    def subscribers(self) -> int:
        """Return how many subscribers have sockets in this process."""
        return len(self._sockets)

    async def count_processes(self) -> int:
        """Return how many processes have a valid lease. Raise ServiceUnavailable."""
        return await self._store.count_processes()

    async def keep_lease(self) -> None:
        """Renew the lease, sweep lapsed ones, and correct what the store has otherwise. Raise ServiceUnavailable.

        The store may have lost writes (a failover, a restored backup), and a write may have failed while it was away.
        """
        await self._renew()
        share = set(await self._store.share(self.process))
        self._joined = {
            subscriber for subscriber in self._sockets if subscriber in share
        } | share  # keeps its own objects
        await self._catch_up()

    async def close(self) -> None:
        """Stop without writing presence: clients reconnect to another process, or the shortened lease lapses."""
        if self._leaver:
            await end_tasks(self._leaver)
        with contextlib.suppress(StoreUnavailable):
            if self._has_joined:
                await self._store.renew(self.process, int(self._grace_seconds * 1000))
            else:  # then there is nothing for others to sweep
                await self._store.forget(self.process)

    async def add_socket(self, environment: Environment, oid: str) -> list[bytes] | None:
        """Note an opened socket, set the subscriber online, even if the API has set it offline meanwhile, and return
        its record.

        If the store takes no changes, return None; the next renewal of the lease that succeeds writes it. Raise
        ServiceUnavailable, or NotFound if the subscriber was deleted; then refuse the socket.
        """
        subscriber = Held(environment.number, oid)
        self._sockets[subscriber] += 1
        self._leaving.pop(subscriber, None)
        try:
            return await self._join(subscriber)
        except WriteRefused:
            self._joined.discard(subscriber)
            log.warning(DELAYED, extra={"action": "presence_delayed"})
            return None
        except BaseException:
            self._release(subscriber)
            raise

    def remove_socket(self, environment: Environment, oid: str) -> None:
        """Note a closed socket; after the grace period the subscriber is offline unless another is open."""
        subscriber = Held(environment.number, oid)
        if self._release(subscriber):
            self._leaving[subscriber] = asyncio.get_running_loop().time() + self._grace_seconds
            if self._leaver is None or self._leaver.done():
                self._leaver = start_detached(self._leave_after_grace())

    def _release(self, subscriber: Held) -> bool:
        """Remove one socket. Return whether it was the last."""
        self._sockets[subscriber] -= 1
        if self._sockets[subscriber] > 0:
            return False
        del self._sockets[subscriber]
        return True

    async def _leave_after_grace(self) -> None:
        """Write what is due until nobody is leaving."""
        while self._leaving:
            now = asyncio.get_running_loop().time()
            first = next(iter(self._leaving.values()))
            if first > now:
                await asyncio.sleep(first - now)
                continue
            due = [subscriber for subscriber, until in islice(self._leaving.items(), MAX_LEAVING) if until <= now]
            for subscriber in due:
                del self._leaving[subscriber]
            try:
                await self._leave(due)
            except StoreUnavailable:  # the lease's next renewal looks again
                log.warning(DELAYED, extra={"action": "presence_delayed"})

    async def _leave(self, subscribers: Sequence[Held]) -> None:
        self._joined.difference_update(subscribers)
        await self._store.leave(self.process, subscribers)
        for subscriber in subscribers:
            if subscriber in self._sockets:  # a socket opened during the write: write again, last
                with contextlib.suppress(NotFound):
                    await self._join(subscriber)

    async def _join(self, subscriber: Held) -> list[bytes]:
        """Write that this process has a socket of a subscriber, and return its record."""
        self._has_joined = True  # even if it fails: it may have been written all the same
        record = await self._store.join(self.process, subscriber)
        if not record:
            raise NotFound("The subscriber was deleted")
        self._joined.add(subscriber)
        return record

    async def _renew(self) -> None:
        lease = await self._store.renew(self.process, self._lease_ms)
        if self.process in lease.lapsed or (self._joined and not lease.held):  # lapsed, or swept already
            self.process = secrets.token_hex(6)
            self._joined.clear()
            await self._store.renew(self.process, self._lease_ms)
        for process, lapsed_ms in lease.lapsed.items():
            await self._sweep(process, lapsed_ms)

    async def _catch_up(self) -> None:
        """Write joins and leaves that the store lacks."""
        for subscriber in self._sockets.keys() - self._joined:
            with contextlib.suppress(NotFound):  # its sockets are being closed
                await self._join(subscriber)
        for part in in_slices([*(self._joined - self._sockets.keys() - self._leaving.keys())], MAX_LEAVING):
            # some may have opened while the others were written
            await self._leave([subscriber for subscriber in part if subscriber not in self._sockets])

    async def _sweep(self, process: str, lapsed_ms: int) -> None:
        share = await self._store.share(process)
        for part in in_slices(share, MAX_LEAVING):
            await self._store.leave(process, part, lapsed_ms)
        await self._store.forget(process)
        fields = {"action": "presence_swept", "subscribers": len(share)}
        log.info("swept the presence of a lapsed process", extra=fields)
