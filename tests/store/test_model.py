"""Random operations against a plain model: every message, count and date, and what a client that was away is told."""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass, field

from inbox.models.message import Message
from inbox.store import changes
from inbox.store.changes import Change
from inbox.store.feeds import Feed, LogEntry
from inbox.store.messages import Action
from inbox.store.rows import (
    ALL,
    ARCHIVED,
    LIVE,
    ORIGIN,
    SEVERITIES,
    UNREAD,
    UNSEEN,
    Counts,
    Position,
    Select,
    State,
    parse_message_id,
)

from .conftest import Stores

OPERATIONS = 1_500
NAMED_CHANGES = [
    changes.INBOX_SEEN,
    changes.INBOX_READ,
    changes.INBOX_UNREAD,
    *changes.V1_MARKS.values(),
    changes.ACTION_PRESSED,
    changes.legacy_mark(True, None),
    changes.legacy_mark(False, False),
]
BULK_CHANGES = [changes.INBOX_SEEN, changes.INBOX_READ, *changes.V1_MARKS_ALL.values()]


@dataclass
class Row:
    """One message as it should be."""

    id: str
    text: str
    created: int
    severity: int
    unseen: bool = True
    unread: bool = True
    archived: bool = False
    first_seen: int = 0
    last_seen: int = 0
    last_read: int = 0
    archived_at: int = 0
    action: bytes = b""

    @property
    def flags(self) -> int:
        return LIVE | UNSEEN * self.unseen | UNREAD * self.unread | ARCHIVED * self.archived | self.severity << 5

    def takes(self, select: Select) -> bool:
        return self.flags & select.mask == select.value

    def change(self, what: Change, at: int) -> None:
        if not self.takes(what.when):
            return
        flags = self.flags & ~what.clear | what.set
        self.unseen, self.unread, self.archived = bool(flags & UNSEEN), bool(flags & UNREAD), bool(flags & ARCHIVED)
        if what.dates & changes.FIRST_SEEN:
            self.first_seen = self.first_seen or at
        if what.dates & changes.LAST_SEEN:
            self.last_seen = at
        if what.dates & changes.READ_NOW:
            self.last_read = at
        if what.dates & changes.READ_NEVER:
            self.last_read = 0
        if what.dates & changes.ARCHIVED_NEVER:
            self.archived_at = 0

    def shown(self, message: Message) -> bool:
        """Whether a message read from the store is this row."""
        dates = (message.first_seen_ms, message.last_seen_ms, message.last_read_ms, message.archived_ms)
        flags = (not message.seen, not message.read, message.archived)
        return (
            (message.id, message.stored.content, message.created_ms) == (self.id, self.text, self.created)
            and flags == (self.unseen, self.unread, self.archived)
            and dates == (self.first_seen, self.last_seen, self.last_read, self.archived_at)
            and message.action == self.action
        )


@dataclass
class Model:
    """A feed and its model, and a client that looks only now and then."""

    feed: Feed
    rows: list[Row] = field(default_factory=list)
    transactions: list[str] = field(default_factory=list)
    away_since: Position = ORIGIN
    away_rows: dict[int, int] = field(default_factory=dict)

    def counts(self) -> Counts:
        unread = [row for row in self.rows if row.unread]
        by_severity = [sum(row.severity == level for row in unread) for level in (1, 2, 3)]
        return Counts(sum(row.unseen for row in self.rows), len(unread), len(unread), *by_severity)


class Run:
    """One random history over a few feeds."""

    def __init__(self, stores: Stores, models: list[Model], seed: int) -> None:
        self.stores = stores
        self.models = models
        self.random = random.Random(seed)
        self.caught_up = 0

    async def step(self, number: int) -> None:
        model = self.random.choice(self.models)
        kind = self.random.choices(
            ("append", "again", "mark", "act", "bulk", "many", "delete"), (50, 4, 25, 6, 5, 4, 6)
        )[0]
        if kind == "append" or not model.rows:
            await self.append(model, number)
        else:
            await getattr(self, kind)(model, number)

    async def now(self, model: Model) -> int:
        state = await self.stores.feeds.state(model.feed)
        assert state is not None
        return state.position.ms

    async def append(self, model: Model, number: int) -> None:
        severity = self.random.choice((0, 0, 0, 1, 2, 3))
        appended = await self.stores.append(model.feed, f"m{number}", severity=SEVERITIES[severity])
        assert appended is not None
        assert appended.message_id is not None
        model.transactions.append(f"m{number}")
        model.rows.append(Row(appended.message_id, f"m{number}", await self.now(model), severity))

    async def again(self, model: Model, _: int) -> None:
        appended = await self.stores.append(model.feed, self.random.choice(model.transactions))
        assert appended is not None
        assert appended.outcome == "again"

    async def mark(self, model: Model, _: int) -> None:
        chosen = self.random.sample(model.rows, min(len(model.rows), self.random.randint(1, 5)))
        change = self.random.choice(NAMED_CHANGES)
        wanted = [row for row in map(model.feed.row_of, [row.id for row in chosen]) if row]
        unknown = wanted[0]._replace(check=bytes(255 - byte for byte in wanted[0].check))
        changed = await self.stores.messages.mark(model.feed, [*wanted, unknown], change)
        assert changed == [row.row for row in wanted]
        at = await self.now(model)
        for row in chosen:
            row.change(change, at)

    async def many(self, model: Model, _: int) -> None:
        """More ids than one event names."""
        chosen = model.rows[-30:]
        change = self.random.choice(NAMED_CHANGES[:-3])
        wanted = [row for row in map(model.feed.row_of, [row.id for row in chosen]) if row]
        await self.stores.messages.mark(model.feed, wanted, change)
        at = await self.now(model)
        for row in chosen:
            row.change(change, at)

    async def act(self, model: Model, number: int) -> None:
        row = self.random.choice(model.rows)
        payload = self.random.choice((b"", b'{"n":%d}' % number))
        code = self.random.choice(("dp", "ds", "pp"))
        found = model.feed.row_of(row.id)
        assert found is not None
        assert await self.stores.messages.act(model.feed, found, Action(code, payload), changes.ACTION_PRESSED)
        row.change(changes.ACTION_PRESSED, await self.now(model))
        row.action = code.encode() + (payload or row.action[2:])

    async def bulk(self, model: Model, _: int) -> None:
        change = self.random.choice(BULK_CHANGES)
        touched = sum(row.takes(change.when) for row in model.rows)
        changed = await self.stores.messages.mark_all(model.feed, change)
        if change.when.mask:
            assert changed == touched
        at = await self.now(model)
        for row in model.rows:
            row.change(change, at)

    async def delete(self, model: Model, _: int) -> None:
        row = self.random.choice(model.rows)
        found = model.feed.row_of(row.id)
        assert found is not None
        assert await self.stores.messages.delete(model.feed, found)
        assert not await self.stores.messages.delete(model.feed, found)
        assert await self.stores.messages.mark(model.feed, [found], changes.INBOX_READ) == []
        model.rows.remove(row)

    async def check(self, model: Model) -> None:
        page = await self.stores.feeds.page(model.feed, ALL, 10_000)
        assert page is not None
        assert len(page.messages) == len(model.rows)
        for row, message in zip(reversed(model.rows), page.messages, strict=True):
            assert row.shown(message), (row, message)
        assert page.state.counts == model.counts()
        for select in (ALL.where(UNREAD, True), ALL.where(UNSEEN, False), ALL.where(ARCHIVED, True)):
            newest = await self.stores.feeds.page(model.feed, select, 7)
            assert newest is not None
            expected = [row.id for row in reversed(model.rows) if row.takes(select)]
            assert [message.id for message in newest.messages] == expected[:7]
            assert newest.has_more == (len(expected) > 7)
        await self.check_catch_up(model, page.state)

    async def check_catch_up(self, model: Model, state: State) -> None:
        """A client's old rows, changed by what the log names since, are the rows of now."""
        present = {parse_message_id(row.id).row: row.flags for row in model.rows}
        answer = await self.stores.feeds.changes_since(model.feed, model.away_since)
        assert answer is not None
        assert answer[0].position == state.position
        if answer[1] is not None:
            self.caught_up += 1
            assert _replayed(model.away_rows, answer[1], present) == present
        model.away_since, model.away_rows = state.position, present


def _replayed(old: dict[int, int], entries: list[LogEntry], present: dict[int, int]) -> dict[int, int]:
    if any(entry.kind == "bulk" for entry in entries):
        return present  # the client is told to read the feed again
    replica = dict(old)
    for entry in entries:
        if entry.ref in present:
            replica[entry.ref] = present[entry.ref]
        else:
            replica.pop(entry.ref, None)
    return replica


async def test_a_random_history_agrees_with_a_plain_model(stores: Stores) -> None:
    models = [Model(await stores.feed(f"subscriber-{number}")) for number in range(3)]
    run = Run(stores, models, seed=7)
    for number in range(OPERATIONS):
        await run.step(number)
        if number % 25 == 0:
            await run.check(run.random.choice(models))
    for model in models:
        await run.check(model)
    assert run.caught_up > 10
    answer = await stores.feeds.changes_since(models[0].feed, Position(models[0].away_since.ms, 1))
    assert answer is not None
    assert answer[1] is None, "a log of that length does not reach back to the first change"


async def test_concurrent_clients_lose_and_duplicate_nothing(stores: Stores, other_stores: Stores) -> None:
    feed = await stores.feed("crowded")
    both = (stores, other_stores)

    async def client(number: int) -> None:
        mine = both[number % 2]
        for turn in range(20):
            await mine.append(feed, f"{number}/{turn}")
            if turn % 5 == 4:
                await mine.messages.mark_all(feed, changes.V1_MARKS_ALL["read" if number % 3 else "seen"])
            elif turn % 5 == 2:
                page = await mine.feeds.page(feed, ALL, 3)
                assert page is not None
                wanted = [row for row in map(feed.row_of, [message.id for message in page.messages]) if row]
                await mine.messages.mark(feed, wanted, changes.V1_MARKS["unread"])

    await asyncio.gather(*map(client, range(8)))
    page = await stores.feeds.page(feed, ALL, 1_000)
    assert page is not None
    texts = [message.stored.content for message in page.messages]
    assert sorted(texts) == sorted(f"{number}/{turn}" for number in range(8) for turn in range(20))
    for number in range(8):
        own = [text for text in reversed(texts) if text.startswith(f"{number}/")]
        assert own == [f"{number}/{turn}" for turn in range(20)]
    recounted = [sum(not message.seen for message in page.messages), sum(not message.read for message in page.messages)]
    assert [page.state.counts.unseen, page.state.counts.unread] == recounted


async def test_one_transaction_from_many_callers_is_stored_once(stores: Stores, other_stores: Stores) -> None:
    feed = await stores.feed("ada")
    results = await asyncio.gather(
        *(store.append(feed, "the transaction") for store in (stores, other_stores) for _ in range(50))
    )
    assert sorted(result.outcome for result in results if result) == ["again"] * 99 + ["stored"]
    state = await stores.feeds.state(feed)
    assert state is not None
    assert state.counts.unseen == 1


async def test_a_feed_that_never_holds_still_is_read_all_the_same(stores: Stores) -> None:
    feed = await stores.feed("restless")
    for number in range(30):
        await stores.append(feed, f"m{number}", severity=SEVERITIES[number % 4])
    third = [row for row in map(feed.row_of, [message.id for message in (await stores.list(feed))[::3]]) if row]
    await stores.messages.mark(feed, third, changes.INBOX_READ)
    await stores.messages.mark_all(feed, changes.INBOX_SEEN)
    for select in (ALL, ALL.where(UNREAD, True), ALL.where(UNREAD, False), ALL._replace(severities=("high", "low"))):
        for limit, before, skip in ((5, None, 0), (5, 20, 0), (5, None, 3), (50, None, 0)):
            calm = await stores.feeds.page(feed, select, limit, before=before, skip=skip)
            assert calm is not None
            at_once = await stores.feeds._read_at_once(feed, select, limit, before=before, skip=skip)
            assert at_once == (calm.messages, calm.state)
    named = await stores.feeds.messages(feed, [3, 99, 1, 2])
    assert named == await stores.feeds._read_at_once(feed, ALL, wanted=[3, 99, 1, 2])
    assert await stores.feeds._read_at_once(feed, ALL, wanted=[]) is not None
