"""Erasure of a subscriber: everything the store holds of a person, in steps that survive a crash.

The first step deletes the subscriber and records the erasure atomically; the others delete what is stored elsewhere.
Each step is idempotent: another call after a failure finishes the erasure.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import cast
from urllib.parse import quote

import msgspec
import orjson

from inbox.errors import WriteRefused
from inbox.ids import SubscriberId
from inbox.models import wire
from inbox.models.environment import Environment
from inbox.service.activity.activity_log import ActivityLog, Record
from inbox.service.subscribers.subscribers import unknown_subscriber
from inbox.store.activity import ActivityStore, Column, feed_tag
from inbox.store.due_buckets import BucketKey
from inbox.store.erasure import Erasure, ErasureStore, Rewrite
from inbox.store.feeds import FeedStore
from inbox.store.published_events import PublishedEvents
from inbox.store.slices import in_slices
from inbox.store.subscribers import SubscriberStore
from inbox.store.subscriptions import SubscriptionStore

log = logging.getLogger(__name__)

SETTLE_SECONDS = 0.5
"""Work that was under way at the deletion ends within it: half a membership, an outcome noted by another process."""
ROWS_SLICE = 100
OUT_OF_REACH = (
    "backups and snapshots of the store, and files of its replicas that are older than this",
    "messages of other people that name this one, or that it was the actor of",
    "logs of the service and of whatever stands before it",
)
_PATH_SIGNS = "!$&'()*+,;=:@"

_records = msgspec.json.Decoder(Record)


def _nothing() -> wire.RemovedReply:
    return cast("wire.RemovedReply", dict.fromkeys(wire.RemovedReply.__annotations__, 0))


@dataclass(slots=True)
class Erased:
    """The result of an erasure. `append_only_file`: whether the store was asked to rewrite it."""

    removed: wire.RemovedReply = field(default_factory=_nothing)
    """The call after a failed one counts only what it removed itself."""
    append_only_file: Rewrite = "off"

    def view(self) -> wire.ErasedReply:
        """Return the reply; it does not name the subscriber."""
        return {
            "status": "erased",
            "removed": self.removed,
            "appendOnlyFile": self.append_only_file,
            "outOfReach": list(OUT_OF_REACH),
        }


@dataclass(eq=False)
class ErasureService:
    """Erases subscribers."""

    _store: ErasureStore
    _events: PublishedEvents
    _subscribers: SubscriberStore
    _subscriptions: SubscriptionStore
    _feeds: FeedStore
    _activity: ActivityStore
    _activity_log: ActivityLog

    async def erase(
        self, environment: Environment, subscriber_id: SubscriberId, report: Callable[[str], None] = lambda _step: None
    ) -> Erased:
        """Erase a subscriber, and finish erasures of it that were interrupted.

        `report` gets the name of each step as it begins. Raise NotFound for an unknown subscriber, and
        ServiceUnavailable. After that or a cancellation, call again.
        """
        number, erased = environment.number, Erased()
        subscriber = await self._subscribers.get(number, subscriber_id)
        erasures = await self._store.unfinished(number, subscriber_id)
        if subscriber and (begun := await self._store.begin(number, subscriber)):
            erasure, erased.removed["preferences"] = begun
            erasures.append(erasure)
        if not erasures:
            raise unknown_subscriber(subscriber_id)
        await asyncio.sleep(SETTLE_SECONDS)
        await self._settle_activity(number, erasures)
        for pending in erasures:
            await self._clear(number, pending, erased.removed, report)
        report("append-only file")
        erased.append_only_file = await self._store.rewrite_files()
        log.info("subscriber erased", extra={"action": "subscriber_erased"})
        return erased

    async def _clear(
        self, environment: int, erasure: Erasure, removed: wire.RemovedReply, report: Callable[[str], None]
    ) -> None:
        report("lists and topics")
        self._feeds.forget_named(environment, erasure.subscriber_id, erasure.feeds)
        await self._store.unlist(environment, erasure)
        removed["subscriptions"] += await self._store.count_subscriptions(environment, erasure)
        await self._subscriptions.delete_subscriber(environment, erasure.oid)
        report("messages")
        for number in erasure.feeds.values():
            messages, transactions = await self._store.clear_feed(environment, erasure, number)
            removed["messages"] += messages
            removed["transactions"] += transactions
        removed["timers"] += await self._store.clear_timers(environment, erasure)
        report("activity")
        await self._clear_activity(environment, erasure, removed)
        report("kept answers, looking at every key of the store")
        names = _naming_test(erasure.subscriber_id, erasure.oid)
        removed["answers"] += await self._store.clear_answers(environment, erasure, names)
        report("events")
        removed["events"] += await self._events.erase(
            BucketKey(environment, erasure.bucket), erasure.oid, erasure.subscriber_id
        )
        await self._store.finish(environment, erasure)
        removed["subscribers"] += 1
        removed["feeds"] += len(erasure.feeds)

    async def _settle_activity(self, environment: int, erasures: Iterable[Erasure]) -> None:
        """Write what was noted, so that it can be blanked; in a full store, drop what was noted of the subscriber."""
        try:
            await self._activity_log.flush()
        except WriteRefused:
            for erasure in erasures:
                await self._activity_log.forget(environment, erasure.bucket, erasure.feeds.values())

    async def _clear_activity(self, environment: int, erasure: Erasure, removed: wire.RemovedReply) -> None:
        """Blank the rows, and delete the transactions that only activity records name."""
        tags = [feed_tag(erasure.bucket, number) for number in erasure.feeds.values()]
        async for block in self._activity.blocks(environment):
            for part in in_slices(list(block.holding({Column.FEED: tags})), ROWS_SLICE):
                records = await self._activity.records(environment, [entry.ref for entry in part])
                transactions = [_records.decode(raw).transaction for raw in records.values()]
                removed["transactions"] += await self._store.forget_transactions(environment, transactions)
                removed["activities"] += await self._activity.blank(environment, part)


def _naming_test(subscriber_id: str, oid: str) -> Callable[[bytes], object]:
    """Return a test whether a response has the subscriberId as a word of its own, in JSON or in a path, or the oid.

    A response matched in error only means that a repetition of its request is carried out again.
    """
    plain, escaped = subscriber_id.encode(), orjson.dumps(subscriber_id)[1:-1]
    in_paths = (quote(subscriber_id, safe=safe).encode() for safe in ("", _PATH_SIGNS))
    words = b"|".join(re.escape(form) for form in {plain, escaped, *in_paths})
    return re.compile(rb"(?<![A-Za-z0-9])(?:%b)(?![A-Za-z0-9])|%b" % (words, oid.encode())).search
