"""Once a day every subscriber is compared with the environment's list, by one process, slowly.

A list's entry is written before its record, so on one server nothing can be missing. On a cluster the two lie on
different nodes, and a failover may lose one without the other; subscribers older than the lists are entered likewise.
"""

from __future__ import annotations

import asyncio
import logging

from inbox.errors import StoreUnavailable
from inbox.service.environments.environments import EnvironmentService
from inbox.store.keys import BUCKETS
from inbox.store.subscribers import SubscriberStore
from inbox.tasks import end_tasks

log = logging.getLogger(__name__)

LOOK_SECONDS = 600.0
CLAIM_SECONDS = 600
DAY_SECONDS = 86_400
PAUSE_SECONDS = 0.05


class SubscriberSweep:
    """Runs beside the requests of a process."""

    def __init__(self, store: SubscriberStore, environments: EnvironmentService) -> None:
        self._store = store
        self._environments = environments
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begins to look for environments that were not swept for a day."""
        self._task = asyncio.create_task(self._run())

    async def close(self) -> None:
        """Stops; a sweep under way is done again later."""
        if self._task is not None:
            await end_tasks(self._task)

    async def sweep_due(self) -> int:
        """Sweeps every environment that is due and that no other process sweeps; how many entries were missing."""
        missed = 0
        for environment in self._environments.all():
            number = environment.number
            if not await self._store.claim_sweep(number, CLAIM_SECONDS):
                continue
            for bucket in range(BUCKETS):
                missed += await self._store.sweep(number, bucket)
                await asyncio.sleep(PAUSE_SECONDS)
            await self._store.note_sweep(number, DAY_SECONDS)
        return missed

    async def _run(self) -> None:
        while True:
            try:
                missed = await self.sweep_due()
            except StoreUnavailable:
                log.debug("sweep of subscribers put off: the store is away", extra={"action": "sweep_put_off"})
            except Exception:
                log.exception("sweep of subscribers failed", extra={"action": "sweep_failed"})
            else:
                if missed:
                    fields = {"action": "subscribers_swept", "count": missed}
                    log.info("subscribers entered in their list", extra=fields)
            await asyncio.sleep(LOOK_SECONDS)
