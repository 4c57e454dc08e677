"""Read the activity of an environment: the outcome of every trigger for each recipient, and its messages."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice, takewhile

from inbox.errors import NotFound
from inbox.models.activity import Activity
from inbox.models.environment import Environment
from inbox.models.message import Message
from inbox.models.subscriber import Subscriber
from inbox.service.activity.activity_log import ActivityLog
from inbox.service.activity.activity_rows import ActivityReader, ResolvedRow
from inbox.service.activity.topic_origin import TopicOrigin
from inbox.store.activity import (
    ActivityBlock,
    ActivityEntry,
    ActivityOutcome,
    ActivityStore,
    Column,
    Ref,
    feed_tag,
    notification_tag,
    template_tag,
    transaction_tag,
)
from inbox.store.feed import Feed
from inbox.store.feeds import FeedStore
from inbox.store.rows import SEVERITIES
from inbox.store.slices import in_slices

MAX_SCANNED_BLOCKS = 25
"""Of 4,096 rows each, for one request; a filter by transactions counts only blocks that may have them."""
MAX_READ = 2_000
"""Activities of which a filter by context or topic reads more than their rows."""
_SLICE = 100
_WAITING = (ActivityOutcome.DELAYED, ActivityOutcome.MERGED, ActivityOutcome.ENDED)


@dataclass(frozen=True, slots=True)
class ActivityFilter:
    """Which activities to return; an empty or None field takes all. Times are ms since 1970, both included.

    `templates` are `_id`s of workflows; `contexts` is a set of context keys, sorted and joined by commas.
    """

    templates: Collection[str] = ()
    subscribers: Collection[Subscriber] | None = None
    transactions: Collection[str] = ()
    severities: Collection[str] = ()
    contexts: str | None = None
    origin: TopicOrigin | None = None
    after_ms: int | None = None
    before_ms: int | None = None

    @property
    def reads_messages(self) -> bool:
        """Return whether rows alone do not tell what passes."""
        return self.contexts is not None or self.origin is not None

    def takes(self, activity: Activity) -> bool:
        """Return whether an activity whose rows pass has the context and the origin."""
        if self.origin is not None and not self.origin.takes(activity):
            return False
        return self.contexts is None or (activity.message is not None and activity.message.contexts == self.contexts)


EVERY_ACTIVITY = ActivityFilter()


@dataclass(frozen=True, slots=True)
class Search:
    """A search for rows with one of the tags in each column (the most selective first) that also pass the test."""

    columns: Mapping[Column, Collection[bytes]]
    takes: Callable[[ActivityEntry], bool] = lambda _: True

    @property
    def transactions(self) -> Collection[bytes]:
        return self.columns.get(Column.TRANSACTION, ())

    def entries(self, block: ActivityBlock) -> Iterator[ActivityEntry]:
        return filter(self.takes, block.holding(self.columns) if self.columns else block.entries())


@dataclass(eq=False)
class ActivityService:
    """Lists and finds activities, and the messages of a whole environment."""

    _store: ActivityStore
    _log: ActivityLog
    _reader: ActivityReader
    _feeds: FeedStore

    async def page(
        self, environment: Environment, filters: ActivityFilter, skip: int, limit: int
    ) -> tuple[Sequence[Activity], bool]:
        """Return `limit` activities after the `skip` newest matches, newest first, and whether there were that many.

        A filter reads the newest 102,400 rows; a filter by transactions reads the blocks that have them, however old.
        Activities whose message was deleted are left out.
        """
        await self._log.flush_if_possible()
        if filters == EVERY_ACTIVITY:
            entries = await self._store.newest(environment.number, skip, limit)
            return await self._activities(environment, entries), len(entries) == limit
        if filters.origin is not None and not filters.origin.triggers:
            return [], False
        search = await self._search(environment, filters)
        if filters.reads_messages:
            matches = await self._taken(environment, search, filters)
            return matches[skip : skip + limit], len(matches) >= skip + limit
        entries = (await self._scan(environment, search, skip + limit))[skip:]
        activities = await self._activities(environment, entries, every_step=bool(filters.transactions))
        return activities, len(entries) == limit

    async def of_transaction(self, environment: Environment, transaction_id: str) -> Sequence[Activity]:
        """Return the activities of a transaction with all their steps, oldest first: one for each recipient."""
        activities = await self._tagged(environment, Column.TRANSACTION, transaction_tag(transaction_id))
        return [activity for activity in reversed(activities) if activity.transaction_id == transaction_id]

    async def get(self, environment: Environment, activity_id: str) -> Activity:
        """Return one activity with all its steps. Raise NotFound."""
        tag = notification_tag(bytes.fromhex(activity_id))
        for activity in await self._tagged(environment, Column.NOTIFICATION, tag):
            if activity.id == activity_id:
                return activity
        raise NotFound(f"Notification with id {activity_id} was not found")

    async def messages(
        self, environment: Environment, transactions: Collection[str], skip: int = 0, limit: int | None = None
    ) -> tuple[list[tuple[Feed, Message]], bool]:
        """Return the newest messages of the last 30 days, of all or of some transactions, and whether more may follow.

        Deleted messages are left out, so there may be fewer than `limit`.
        """
        tags = {transaction_tag(transaction_id) for transaction_id in transactions}
        columns = {Column.TRANSACTION: tags} if tags else {}
        search = Search(columns, lambda entry: entry.row.outcome == ActivityOutcome.DELIVERED)
        await self._log.flush_if_possible()
        entries = await self._scan(environment, search, None if limit is None else skip + limit + 1)
        shown = entries[skip:] if limit is None else entries[skip : skip + limit]
        by_ref = await self._reader.messages(environment, shown)
        messages = [by_ref[entry.ref] for entry in shown if entry.ref in by_ref]
        if tags:  # transactions may share a tag
            messages = [item for item in messages if item[1].stored.transaction_id in transactions]
        return messages, len(entries) > skip + len(shown)

    async def newest_rows(self, environment: Environment, limit: int) -> tuple[list[ResolvedRow], Ref | None]:
        """Return the newest rows, oldest first, and the position of the last one; None if there is none."""
        await self._log.flush_if_possible()
        entries = await self._store.newest(environment.number, 0, limit)
        return await self._resolved(environment, entries), entries[0].ref if entries else None

    async def rows_after(self, environment: Environment, ref: Ref | None) -> tuple[list[ResolvedRow], Ref | None]:
        """Return the rows behind a position (None: all), oldest first, and the position of the last one."""
        entries: list[ActivityEntry] = []
        async for block in self._store.blocks(environment.number):
            entries += takewhile(lambda entry: ref is None or entry.ref > ref, block.entries())
            if ref is not None and block.number <= ref.block:
                break
        return await self._resolved(environment, entries), entries[0].ref if entries else ref

    async def count_since(self, environment: Environment, since_ms: int) -> Counter[str]:
        """Return how many rows there are of each outcome since then, of the newest 102,400."""
        outcomes: Counter[str] = Counter()
        scanned_blocks = 0
        async for block in self._store.blocks(environment.number):
            outcomes.update(entry.row.outcome.name.lower() for entry in block.entries() if entry.row.ms >= since_ms)
            scanned_blocks += 1
            if block.oldest_ms < since_ms or scanned_blocks == MAX_SCANNED_BLOCKS:
                break
        return outcomes

    async def _resolved(self, environment: Environment, entries: Sequence[ActivityEntry]) -> list[ResolvedRow]:
        """Return rows that were read newest first, oldest first, with their messages and records."""
        resolved: list[ResolvedRow] = []
        for part in in_slices([*reversed(entries)], _SLICE):
            resolved += await self._reader.resolve(environment, part)
        return resolved

    async def sent(self, environment: Environment, transaction_id: str) -> list[tuple[Feed, Message]]:
        """Return all messages of a transaction of the last 30 days, also those no process has noted here yet.

        Rows are written a moment after their messages; a backend may change a message as soon as it was sent.
        """
        unwritten = await self._log.unwritten(environment.number)  # first: what is written meanwhile is found below
        noted, _ = await self.messages(environment, [transaction_id])
        by_id = {message.id: (feed, message) for feed, message in (*unwritten, *noted)}
        return [item for item in by_id.values() if item[1].stored.transaction_id == transaction_id]

    async def _tagged(self, environment: Environment, column: Column, tag: bytes) -> list[Activity]:
        """Return the activities whose rows have a tag, which others may share."""
        await self._log.flush_if_possible()
        return await self._reader.activities(environment, await self._scan(environment, Search({column: {tag}})))

    async def _activities(
        self, environment: Environment, entries: Sequence[ActivityEntry], *, every_step: bool = False
    ) -> list[Activity]:
        """Return the activities of rows, with the later rows of those that waited, or of all if `every_step`."""
        rows = [entry.row for entry in entries if every_step or entry.row.outcome in _WAITING]
        if rows:
            refs = {entry.ref for entry in entries}
            columns = {
                Column.TRANSACTION: {row.transaction for row in rows},
                Column.NOTIFICATION: {row.notification for row in rows},
            }
            others = await self._scan(environment, Search(columns))
            entries = [*entries, *(entry for entry in others if entry.ref not in refs)]
        return await self._reader.activities(environment, entries)

    async def _taken(self, environment: Environment, search: Search, filters: ActivityFilter) -> list[Activity]:
        """Return the activities among the newest 2,000 that pass what is read from their messages and records."""
        matches: list[Activity] = []
        for part in in_slices(await self._scan(environment, search, MAX_READ), _SLICE):
            matches += filter(filters.takes, await self._reader.activities(environment, part))
        return matches

    async def _scan(self, environment: Environment, search: Search, limit: int | None = None) -> list[ActivityEntry]:
        entries: list[ActivityEntry] = []
        scanned_blocks = 0
        async for block in self._store.blocks(environment.number, search.transactions):
            entries += islice(search.entries(block), None if limit is None else limit - len(entries))
            scanned_blocks += 1
            if scanned_blocks == MAX_SCANNED_BLOCKS or (limit is not None and len(entries) >= limit):
                break
        return entries

    async def _search(self, environment: Environment, filters: ActivityFilter) -> Search:
        columns: dict[Column, set[bytes]] = {}
        transactions = set(filters.transactions)
        if filters.origin is not None:
            transactions = transactions & filters.origin.triggers.keys() if transactions else {*filters.origin.triggers}
        if transactions or filters.origin is not None:
            columns[Column.TRANSACTION] = set(map(transaction_tag, transactions))
        if filters.subscribers is not None:
            columns[Column.FEED] = await self._feed_tags(environment, filters.subscribers)
        if filters.templates:
            columns[Column.TEMPLATE] = set(map(template_tag, filters.templates))
        severities = set(map(SEVERITIES.index, filters.severities))
        low, high = filters.after_ms or 0, filters.before_ms if filters.before_ms is not None else 1 << 48

        def takes(entry: ActivityEntry) -> bool:
            row = entry.row
            return not row.is_further and low <= row.ms <= high and (not severities or row.severity in severities)

        return Search(columns, takes)

    async def _feed_tags(self, environment: Environment, subscribers: Collection[Subscriber]) -> set[bytes]:
        feeds = [
            await self._feeds.open_for(environment.number, subscriber, contexts)
            for subscriber in subscribers
            for contexts in subscriber.feeds
        ]
        return {feed_tag(feed.bucket, feed.number) for feed in feeds}
