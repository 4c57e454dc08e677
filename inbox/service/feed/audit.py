"""The audit of counts: every feed is recounted once a day, in small bites, and wrong counts are corrected.

The scripts keep the counts with each change, so none should ever differ. One that does is a defect, or the work of
somebody else in the store.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass

from inbox import metrics
from inbox.models.environment import Environment
from inbox.models.json_values import JsonObject
from inbox.service.environments.environments import EnvironmentService
from inbox.store.audit import AuditStore, Drift
from inbox.store.feeds import FeedStore
from inbox.store.keys import BUCKETS
from inbox.store.slices import in_slices
from inbox.store.subscribers import SubscriberStore

log = logging.getLogger(__name__)

AT_ONCE = 20
"""Subscribers, and feeds: 20 of 10,000 messages each are 800 kB, which are counted within a few ms."""
PAUSE_SECONDS = 0.02


@dataclass(frozen=True, slots=True)
class Bite:
    """Some subscribers whose feeds were recounted: how many, how many feeds, and those with wrong counts."""

    subscribers: int
    feeds: int
    drifts: list[Drift]


@dataclass(eq=False)
class CountsAudit:
    """Recounts feeds and corrects their counts."""

    _store: AuditStore
    _feeds: FeedStore
    _subscribers: SubscriberStore
    _environments: EnvironmentService

    async def run(self) -> None:
        """Audit the next of the 256 buckets, in every environment. Raise ServiceUnavailable."""
        bucket = await self._store.next_bucket()
        for environment in await self._environments.fresh():
            async for _ in self._bites(environment, bucket):
                await asyncio.sleep(PAUSE_SECONDS)

    async def audit(self, environment: Environment) -> AsyncIterator[Bite]:
        """Audit all feeds of an environment at once. Yield after each bite."""
        for bucket in range(BUCKETS):
            async for bite in self._bites(environment, bucket):
                yield bite

    async def size(self, environment: Environment) -> int:
        """Return about how many subscribers an audit of the environment goes through."""
        return await self._subscribers.count(environment.number)

    async def corrected(self) -> int:
        """Return how many feeds were ever corrected, in all environments."""
        return await self._store.corrected()

    async def _bites(self, environment: Environment, bucket: int) -> AsyncIterator[Bite]:
        oids = await self._subscribers.oids_of_bucket(environment.number, bucket)
        for part in in_slices(oids, AT_ONCE):
            subscribers = (await self._subscribers.get_many(environment.number, part)).values()
            feeds = [feed for one in subscribers if one for feed in self._feeds.all_of(environment.number, one)]
            drifts = [drift for some in in_slices(feeds, AT_ONCE) for drift in await self._store.check(some)]
            metrics.FEEDS_AUDITED.add(number=len(feeds))
            metrics.COUNTS_CORRECTED.add(number=len(drifts))
            for drift in drifts:
                log.error("the counts of a feed were wrong and are corrected", extra=_fields(drift))
            yield Bite(len(part), len(feeds), drifts)


def drift_view(environment: Environment, drift: Drift) -> JsonObject:
    """Return a difference as JSON."""
    return {
        "environment": environment.name,
        "subscriberId": drift.feed.subscriber_id,
        "contextKeys": drift.feed.contexts.split(",") if drift.feed.contexts else [],
        "stored": drift.stored._asdict(),
        "counted": drift.counted._asdict(),
    }


def _fields(drift: Drift) -> JsonObject:
    feed = drift.feed
    counts = {"stored": ",".join(map(str, drift.stored)), "counted": ",".join(map(str, drift.counted))}
    return {"action": "counts_drift", "subscriber_id": feed.subscriber_id, "feed": feed.number, **counts}
