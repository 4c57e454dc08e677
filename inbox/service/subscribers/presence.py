"""Who is online: a lease per process, edges written when a socket of a subscriber comes and when the last one goes.

A process renews its lease and, doing so, hears whose lease has lapsed; it then sweeps the share of the dead. A process
that overslept its own lease goes on under a new name, so that a sweep of the old one never hits what lives.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
from collections import Counter

from inbox.errors import NotFound, StoreUnavailable
from inbox.models.environment import Environment
from inbox.store.presence import Held, PresenceStore
from inbox.tasks import end_tasks

log = logging.getLogger(__name__)


class PresenceService:
    """Presence of the subscribers whose sockets this process holds."""

    def __init__(self, store: PresenceStore, lease_seconds: float, grace_seconds: float) -> None:
        self.process = secrets.token_hex(6)
        self._store = store
        self._lease_ms = int(lease_seconds * 1000)
        self._grace_seconds = grace_seconds
        self._sockets: Counter[Held] = Counter()
        self._joined: set[Held] = set()
        self._has_joined = False
        self._leaving: dict[Held, asyncio.Task[None]] = {}
        self._graces: set[asyncio.Task[None]] = set()
        self._renewing: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begins the lease and keeps it. Raises StoreUnavailable."""
        await self._renew()
        self._renewing = asyncio.create_task(self._keep_lease(), name="presence lease")

    async def close(self) -> None:
        """Stops without touching anyone's presence: clients come back to another process, or the lease lapses.

        A process that never held a socket leaves nothing for others to sweep.
        """
        await end_tasks(*(task for task in (self._renewing, *self._graces) if task))
        with contextlib.suppress(StoreUnavailable):
            if self._has_joined:
                await self._store.renew(self.process, int(self._grace_seconds * 1000))
            else:
                await self._store.forget(self.process)

    async def came(self, environment: Environment, oid: str) -> None:
        """A socket was opened: the subscriber is online, even if the API has said otherwise since the last one came.

        Raises StoreUnavailable, or NotFound when there is no such subscriber any more; the socket must then be refused.
        """
        held = Held(environment.number, oid)
        self._sockets[held] += 1
        if leaving := self._leaving.pop(held, None):
            leaving.cancel()
        try:
            await self._join(held)
        except BaseException:
            self._release(held)
            raise

    def left(self, environment: Environment, oid: str) -> None:
        """A socket was closed; after the grace the subscriber is offline unless another is open."""
        held = Held(environment.number, oid)
        if self._release(held):
            task = self._leaving[held] = asyncio.create_task(self._leave_after_grace(held))
            self._graces.add(task)  # also while it writes, when it is no longer among those that can be called back
            task.add_done_callback(self._graces.discard)

    def _release(self, held: Held) -> bool:
        """One socket less; whether it was the last."""
        self._sockets[held] -= 1
        if self._sockets[held] > 0:
            return False
        del self._sockets[held]
        return True

    async def _leave_after_grace(self, held: Held) -> None:
        await asyncio.sleep(self._grace_seconds)
        self._leaving.pop(held, None)
        self._joined.discard(held)
        try:
            await self._store.leave(self.process, held)
        except StoreUnavailable:
            log.warning("presence not written; retried with the lease", extra={"action": "presence_delayed"})
            self._joined.add(held)
        if held in self._sockets:  # came back while this was being written: write it again, last
            with contextlib.suppress(NotFound, StoreUnavailable):  # the lease's next renewal looks again
                self._joined.discard(held)
                await self._join(held)

    async def _join(self, held: Held) -> None:
        self._has_joined = True  # even if it fails: it may have been written all the same
        if not await self._store.join(self.process, held):
            raise NotFound("The subscriber was deleted")
        self._joined.add(held)

    async def _keep_lease(self) -> None:
        while True:
            await asyncio.sleep(self._lease_ms / 3000)
            try:
                await self._renew()
                await self._catch_up()
            except StoreUnavailable:
                log.warning("presence lease not renewed", extra={"action": "presence_delayed"})
            except Exception:
                log.exception("presence lease not renewed", extra={"action": "presence_failed"})

    async def _renew(self) -> None:
        lease = await self._store.renew(self.process, self._lease_ms)
        if self.process in lease.lapsed or (self._joined and not lease.held):  # lapsed, or swept already
            self.process = secrets.token_hex(6)
            self._joined.clear()
            await self._store.renew(self.process, self._lease_ms)
        for process, lapsed_ms in lease.lapsed.items():
            await self._sweep(process, lapsed_ms)

    async def _catch_up(self) -> None:
        """Writes what could not be written before: joins under a new name, leaves while the store was away."""
        for held in [held for held in self._sockets if held not in self._joined]:
            with contextlib.suppress(NotFound):  # its sockets are being closed
                await self._join(held)
        for held in [held for held in self._joined if held not in self._sockets and held not in self._leaving]:
            await self._store.leave(self.process, held)
            self._joined.discard(held)

    async def _sweep(self, process: str, lapsed_ms: int) -> None:
        share = await self._store.share(process)
        for held in share:
            await self._store.leave(process, held, lapsed_ms)
        await self._store.forget(process)
        fields = {"action": "presence_swept", "subscribers": len(share)}
        log.info("swept the presence of a lapsed process", extra=fields)
