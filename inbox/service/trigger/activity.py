"""The activity of an environment: what every trigger did for each recipient, and the messages it left."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from inbox.errors import NotFound
from inbox.models.activity import Activity
from inbox.models.environment import Environment
from inbox.models.message import Message
from inbox.models.subscriber import Subscriber
from inbox.service.trigger.activity_log import ActivityLog
from inbox.service.trigger.activity_rows import ActivityReader
from inbox.store.activity import (
    ActivityStore,
    Block,
    Column,
    Entry,
    Outcome,
    feed_tag,
    notification_tag,
    template_tag,
    transaction_tag,
)
from inbox.store.feed import Feed
from inbox.store.feeds import FeedStore
from inbox.store.rows import SEVERITIES

MOST_SCANNED_BLOCKS = 25
"""A filter looks at so many blocks of 4,096 rows; one by transactions at so many of those that have them."""
MOST_BY_CONTEXT = 2_000
_SLICE = 100
_WAITING = (Outcome.DELAYED, Outcome.MERGED, Outcome.ENDED)


@dataclass(frozen=True, slots=True)
class ActivityFilter:
    """Which activities; what is empty or None takes everything. Times are ms since 1970, both included.

    `templates` are `_id`s of workflows; `contexts` is a set of context keys, sorted and joined by commas.
    """

    templates: Collection[str] = ()
    subscribers: Collection[Subscriber] | None = None
    transactions: Collection[str] = ()
    severities: Collection[str] = ()
    contexts: str | None = None
    after_ms: int | None = None
    before_ms: int | None = None


EVERY_ACTIVITY = ActivityFilter()


@dataclass(frozen=True, slots=True)
class Search:
    """What a look through blocks is for: one of these tags in each of these columns, and a test of the rest.

    What fits least stands first: rows are found by the first column.
    """

    columns: Mapping[Column, Collection[bytes]]
    takes: Callable[[Entry], bool] = lambda _: True

    @property
    def transactions(self) -> Collection[bytes]:
        """The tags of the transactions it is about, if it is about some."""
        return self.columns.get(Column.TRANSACTION, ())

    def entries(self, block: Block) -> Iterator[Entry]:
        """The rows of a block that fit, newest first."""
        entries = block.holding(self.columns) if self.columns else block.entries()
        return (entry for entry in entries if self.takes(entry))


class ActivityService:
    """Lists and finds activities, and messages by what is known of them environment-wide."""

    def __init__(
        self,
        store: ActivityStore,
        activity_log: ActivityLog,
        reader: ActivityReader,
        feeds: FeedStore,
    ) -> None:
        self._store = store
        self._log = activity_log
        self._reader = reader
        self._feeds = feeds

    async def page(
        self, environment: Environment, wanted: ActivityFilter, skip: int, limit: int
    ) -> tuple[Sequence[Activity], bool]:
        """`limit` activities after the `skip` newest that the filter takes, newest first; and whether that many were
        found. A filter looks at the newest 102,400 rows, one by transactions at the blocks that have them, however old.
        Whose message was deleted since is left out.
        """
        await self._log.flush()
        if wanted == EVERY_ACTIVITY:
            entries = await self._store.newest(environment.number, skip, limit)
            return await self._activities(environment, entries), len(entries) == limit
        search = await self._search(environment, wanted)
        if wanted.contexts is not None:
            found = await self._of_context(environment, search, wanted.contexts)
            return found[skip : skip + limit], len(found) >= skip + limit
        entries = (await self._scan(environment, search, skip + limit))[skip:]
        activities = await self._activities(environment, entries, every_step=bool(wanted.transactions))
        return activities, len(entries) == limit

    async def of_transaction(self, environment: Environment, transaction_id: str) -> Sequence[Activity]:
        """Return the activities of a transaction with all their steps, oldest first: one for each recipient."""
        await self._log.flush()
        entries = await self._scan(environment, Search({Column.TRANSACTION: {transaction_tag(transaction_id)}}))
        found = await self._reader.activities(environment, entries)
        return [one for one in reversed(found) if one.transaction_id == transaction_id]

    async def get(self, environment: Environment, activity_id: str) -> Activity:
        """One activity with all its steps. Raises NotFound."""
        tag = notification_tag(activity_id)
        await self._log.flush()
        entries = await self._scan(environment, Search({Column.NOTIFICATION: {tag}}))
        found = await self._reader.activities(environment, entries)
        for activity in found:
            if activity.id == activity_id:
                return activity
        raise NotFound(f"Notification with id {activity_id} was not found")

    async def messages(
        self, environment: Environment, transactions: Collection[str], skip: int = 0, limit: int | None = None
    ) -> tuple[list[tuple[Feed, Message]], bool]:
        """The newest messages of the environment, or of some transactions, of the last 30 days; and whether more may
        follow. One that was deleted since is left out.
        """
        tags = {transaction_tag(one) for one in transactions}
        search = Search(
            {Column.TRANSACTION: tags} if tags else {}, lambda entry: entry.row.outcome == Outcome.DELIVERED
        )
        await self._log.flush()
        entries = await self._scan(environment, search, None if limit is None else skip + limit + 1)
        chosen = entries[skip:] if limit is None else entries[skip : skip + limit]
        found = await self._reader.messages(environment, chosen)
        known = [found[entry.ref] for entry in chosen if entry.ref in found]
        named = [one for one in known if not tags or one[1].stored.transaction_id in transactions]
        return named, len(entries) > skip + len(chosen)

    async def _activities(
        self, environment: Environment, entries: Sequence[Entry], *, every_step: bool = False
    ) -> list[Activity]:
        """Return the activities of rows, of those that waited with what came later, which stands elsewhere.

        `every_step`: of all of them; the rows of their transactions are read for that.
        """
        rows = [entry.row for entry in entries if every_step or entry.row.outcome in _WAITING]
        if rows:
            known = {entry.ref for entry in entries}
            columns = {
                Column.TRANSACTION: {row.transaction for row in rows},
                Column.NOTIFICATION: {row.notification for row in rows},
            }
            rest = await self._scan(environment, Search(columns))
            entries = [*entries, *(entry for entry in rest if entry.ref not in known)]
        return await self._reader.activities(environment, entries)

    async def _of_context(self, environment: Environment, search: Search, contexts: str) -> list[Activity]:
        """Activities of one context, among the newest 2,000: only their messages tell."""
        entries = await self._scan(environment, search, MOST_BY_CONTEXT)
        found: list[Activity] = []
        for start in range(0, len(entries), _SLICE):
            activities = await self._reader.activities(environment, entries[start : start + _SLICE])
            found += [one for one in activities if one.message and one.message.contexts == contexts]
        return found

    async def _scan(self, environment: Environment, search: Search, most: int | None = None) -> list[Entry]:
        found: list[Entry] = []
        looked = 0
        async for block in self._store.blocks(environment.number, search.transactions):
            found += islice(search.entries(block), None if most is None else most - len(found))
            looked += 1
            if looked == MOST_SCANNED_BLOCKS or (most is not None and len(found) >= most):
                break
        return found

    async def _search(self, environment: Environment, wanted: ActivityFilter) -> Search:
        columns: dict[Column, set[bytes]] = {}
        if wanted.transactions:
            columns[Column.TRANSACTION] = {transaction_tag(one) for one in wanted.transactions}
        if wanted.subscribers is not None:
            columns[Column.FEED] = await self._feeds_of(environment, wanted.subscribers)
        if wanted.templates:
            columns[Column.TEMPLATE] = {template_tag(one) for one in wanted.templates}
        severities = {SEVERITIES.index(one) for one in wanted.severities}
        low, high = wanted.after_ms or 0, wanted.before_ms if wanted.before_ms is not None else 1 << 48

        def takes(entry: Entry) -> bool:
            row = entry.row
            return not row.is_further and low <= row.ms <= high and (not severities or row.severity in severities)

        return Search(columns, takes)

    async def _feeds_of(self, environment: Environment, subscribers: Collection[Subscriber]) -> set[bytes]:
        feeds = [
            await self._feeds.open_for(environment.number, subscriber, contexts)
            for subscriber in subscribers
            for contexts in subscriber.feeds
        ]
        return {feed_tag(feed.bucket, feed.number) for feed in feeds}
