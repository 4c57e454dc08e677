"""A daily sweep that adds the subscribers missing from their environment's list, slowly and in one process.

A list's entry is written before its record, so on one server none is missing. On a cluster the two are on different
nodes, and a failover may lose one without the other. Subscribers older than the lists are missing too.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass

from inbox.service.environments.environments import EnvironmentService
from inbox.store.subscribers import SubscriberStore

log = logging.getLogger(__name__)

CLAIM_SECONDS = 600
DAY_SECONDS = 86_400
PAUSE_SECONDS = 0.05


@dataclass(eq=False)
class SubscriberSweep:
    """Adds missing subscribers to the lists of all environments."""

    _store: SubscriberStore
    _environments: EnvironmentService

    async def run(self) -> None:
        """Sweep what is due; a cancelled sweep is repeated later. Raise ServiceUnavailable."""
        if missed := await self.sweep_due():
            log.info("subscribers entered in their list", extra={"action": "subscribers_swept", "count": missed})

    async def sweep_due(self) -> int:
        """Sweep the environments that are due and that no other process sweeps. Return the count of missing entries."""
        missed = 0
        for environment in self._environments.all():
            number = environment.number
            if not await self._store.claim_sweep(number, CLAIM_SECONDS):
                continue
            for bucket in await self._store.buckets_with_subscribers(number):
                missed += await self._store.sweep(number, bucket)
                await asyncio.sleep(PAUSE_SECONDS)
            await self._store.note_sweep(number, DAY_SECONDS)
        return missed
