"""Erasing one subscriber: everything the store holds of a person, in an order that a crash cannot spoil.

First the subscriber ends for every caller, and what is left to do is noted in the same step; then, one after the other,
all that lies elsewhere goes. Each step may be repeated: whoever calls again after a failure finishes what was begun.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import msgspec
import orjson

from inbox.ids import SubscriberId
from inbox.models.environment import Environment
from inbox.service.subscribers.subscribers import unknown_subscriber
from inbox.service.trigger.activity_log import ActivityLog, Record
from inbox.store.activity import ActivityStore, Column, feed_tag
from inbox.store.alarms import Place
from inbox.store.erasure import Erasure, ErasureStore, Rewrite
from inbox.store.feeds import FeedStore
from inbox.store.slices import in_slices
from inbox.store.subscribers import SubscriberStore
from inbox.store.subscriptions import SubscriptionStore
from inbox.store.told_events import ToldEvents

log = logging.getLogger(__name__)

SETTLE_SECONDS = 0.5
"""So long is waited for what was under way when the subscriber ended: half a membership, an outcome noted elsewhere."""
ROWS_SLICE = 100
OUT_OF_REACH = (
    "backups and snapshots of the store, and files of its replicas that are older than this",
    "messages of other people that name this one, or that it was the actor of",
    "logs of the service and of whatever stands before it",
)
_PATH_SIGNS = "!$&'()*+,;=:@"

_records = msgspec.json.Decoder(Record)


class Removed(msgspec.Struct, rename="camel"):
    """How many of each kind were removed; after a call that was cut short only what the next one still found."""

    subscribers: int = 0
    feeds: int = 0
    messages: int = 0
    preferences: int = 0
    subscriptions: int = 0
    activities: int = 0
    transactions: int = 0
    answers: int = 0
    timers: int = 0
    events: int = 0


@dataclass(slots=True)
class Erased:
    """What an erasure came to. `append_only_file`: whether the store was asked to write it anew."""

    removed: Removed = field(default_factory=Removed)
    append_only_file: Rewrite = "off"

    def view(self) -> dict[str, Any]:
        """The answer; it names nobody."""
        return {
            "status": "erased",
            "removed": msgspec.to_builtins(self.removed),
            "appendOnlyFile": self.append_only_file,
            "outOfReach": list(OUT_OF_REACH),
        }


class ErasureService:
    """Erases subscribers."""

    def __init__(
        self,
        store: ErasureStore,
        events: ToldEvents,
        subscribers: SubscriberStore,
        subscriptions: SubscriptionStore,
        feeds: FeedStore,
        activity: ActivityStore,
        activity_log: ActivityLog,
    ) -> None:
        self._store = store
        self._events = events
        self._subscribers = subscribers
        self._subscriptions = subscriptions
        self._feeds = feeds
        self._activity = activity
        self._activity_log = activity_log

    async def erase(
        self, environment: Environment, subscriber_id: SubscriberId, report: Callable[[str], None] = lambda _step: None
    ) -> Erased:
        """Erases a subscriber, and what an earlier call that was cut short left of it.

        `report` is called with the name of each step as it begins. Raises NotFound for an unknown subscriber, and
        StoreUnavailable: then call again. Safe to cancel, likewise.
        """
        number, erased = environment.number, Erased()
        subscriber = await self._subscribers.get(number, subscriber_id)
        erasures = await self._store.unfinished(number, subscriber_id)
        if subscriber and (begun := await self._store.begin(number, subscriber)):
            erasure, erased.removed.preferences = begun
            erasures.append(erasure)
        if not erasures:
            raise unknown_subscriber(subscriber_id)
        await asyncio.sleep(SETTLE_SECONDS)
        await self._activity_log.flush()
        for one in erasures:
            await self._clear(number, one, erased.removed, report)
        report("append-only file")
        erased.append_only_file = await self._store.rewrite_files()
        log.info("subscriber erased", extra={"action": "subscriber_erased"})
        return erased

    async def _clear(
        self, environment: int, erasure: Erasure, removed: Removed, report: Callable[[str], None]
    ) -> None:
        report("lists and topics")
        self._feeds.forget_named(environment, erasure.subscriber_id, erasure.feeds)
        await self._store.unlist(environment, erasure)
        removed.subscriptions += await self._store.count_subscriptions(environment, erasure)
        await self._subscriptions.delete_subscriber(environment, erasure.oid)
        report("messages")
        for number in erasure.feeds.values():
            messages, transactions = await self._store.clear_feed(environment, erasure, number)
            removed.messages += messages
            removed.transactions += transactions
        removed.timers += await self._store.clear_timers(environment, erasure)
        report("activity")
        await self._clear_activity(environment, erasure, removed)
        report("kept answers, looking at every key of the store")
        names = _naming(erasure.subscriber_id, erasure.oid)
        removed.answers += await self._store.clear_answers(environment, erasure, names)
        report("events")
        removed.events += await self._events.erase(
            Place(environment, erasure.bucket), erasure.oid, erasure.subscriber_id
        )
        await self._store.finish(environment, erasure)
        removed.subscribers += 1
        removed.feeds += len(erasure.feeds)

    async def _clear_activity(self, environment: int, erasure: Erasure, removed: Removed) -> None:
        """Blanks its rows, and forgets the transactions of which only a record tells."""
        tags = [feed_tag(erasure.bucket, number) for number in erasure.feeds.values()]
        async for block in self._activity.blocks(environment):
            for part in in_slices(list(block.holding({Column.FEED: tags})), ROWS_SLICE):
                kept = await self._activity.records(environment, [entry.ref for entry in part])
                transactions = [_records.decode(raw).transaction for raw in kept.values()]
                removed.transactions += await self._store.forget_transactions(environment, transactions)
                removed.activities += await self._activity.blank(environment, part)


def _naming(subscriber_id: str, oid: str) -> Callable[[bytes], object]:
    """A test whether an answer names somebody: the subscriberId as a word of its own, in JSON or in a path, or the oid.

    It rather takes an answer too many: all that does is that a repetition of that request is carried out again.
    """
    plain, escaped = subscriber_id.encode(), orjson.dumps(subscriber_id)[1:-1]
    in_paths = (quote(subscriber_id, safe=safe).encode() for safe in ("", _PATH_SIGNS))
    words = b"|".join(re.escape(form) for form in {plain, escaped, *in_paths})
    return re.compile(rb"(?<![A-Za-z0-9])(?:%b)(?![A-Za-z0-9])|%b" % (words, oid.encode())).search
