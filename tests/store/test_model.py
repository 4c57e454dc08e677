"""Random operations against a plain model: every message, count and date, and what a client that was away is told."""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass, field, replace

from msgspec.structs import replace as replace_content

from inbox.models.message import ButtonPress, Message, StoredMessage, decode_stored, encode_stored
from inbox.store import changes
from inbox.store.bulk import Choose
from inbox.store.changes import Change
from inbox.store.collapses import Collapse
from inbox.store.feed import Feed, LogEntry, Snapshot
from inbox.store.messages import Delivery
from inbox.store.publication import BULK
from inbox.store.replies import ChangeStatus
from inbox.store.rows import (
    ALL,
    ARCHIVED,
    LIVE,
    ORIGIN,
    SEVERITIES,
    SNOOZED,
    UNREAD,
    UNSEEN,
    FeedCounts,
    FeedState,
    Position,
    RowId,
    Select,
    parse_message_id,
    parse_state,
)

from .conftest import WORKFLOW, Stores

OPERATIONS = 1_500
NAMED_CHANGES = [
    changes.INBOX_SEEN,
    changes.INBOX_READ,
    changes.INBOX_UNREAD,
    changes.INBOX_ARCHIVE,
    changes.INBOX_UNARCHIVE,
    changes.INBOX_UNSNOOZE,
    *changes.V1_MARKS.values(),
    changes.legacy_mark(True, None),
    changes.legacy_mark(False, False),
]
BULK_CHANGES = [
    changes.INBOX_SEEN,
    changes.INBOX_READ,
    changes.INBOX_ARCHIVE,
    changes.INBOX_ARCHIVE_READ,
    *changes.V1_MARKS_ALL.values(),
]
KINDS = {
    "append": 50,
    "again": 4,
    "collapse": 12,
    "mark": 25,
    "act": 6,
    "edit": 12,
    "bulk": 5,
    "chosen": 4,
    "many": 4,
    "snooze": 12,
    "wake": 3,
    "delete": 6,
    "delete_some": 1,
    "delete_many": 0.3,
}
FAR_AHEAD_MS = 3_600_000
REFERENCES = ("order-1", "order-2", None)
PRESSES = (
    ButtonPress("primary", "done"),
    ButtonPress("secondary", "done"),
    ButtonPress("primary", "pending"),
)


@dataclass
class Row:
    """One message as it should be."""

    id: str
    text: str
    created: int
    severity: int
    number: int
    unseen: bool = True
    unread: bool = True
    archived: bool = False
    snoozed: bool = False
    until: int = 0
    delivered_before: tuple[int, ...] = ()
    first_seen: int = 0
    last_seen: int = 0
    last_read: int = 0
    archived_at: int = 0
    action: ButtonPress | None = None
    moved: bool = False
    edited: bool = False
    reference: str | None = None

    @property
    def flags(self) -> int:
        flags = UNSEEN * self.unseen | UNREAD * self.unread | ARCHIVED * self.archived | SNOOZED * self.snoozed
        return LIVE | flags | self.severity << 5

    @property
    def origin(self) -> int:
        """The row that its id names."""
        return parse_message_id(self.id).row

    def takes(self, select: Select) -> bool:
        return self.flags & select.mask == select.value

    def change(self, what: Change, at: int) -> None:
        if not self.takes(what.when):
            return
        flags = self.flags & ~what.clear | what.set
        self.unseen, self.unread, self.archived = bool(flags & UNSEEN), bool(flags & UNREAD), bool(flags & ARCHIVED)
        self.snoozed = bool(flags & SNOOZED)
        if what.dates & changes.SNOOZED_NEVER:
            self.until = 0
        if what.dates & changes.FIRST_SEEN:
            self.first_seen = self.first_seen or at
        if what.dates & changes.LAST_SEEN:
            self.last_seen = at
        if what.dates & changes.READ_NOW:
            self.last_read = at
        if what.dates & changes.READ_NEVER:
            self.last_read = 0
        if what.dates & changes.ARCHIVED_NOW:
            self.archived_at = at
        if what.dates & changes.ARCHIVED_NEVER:
            self.archived_at = 0

    def snooze(self, until: int, at: int) -> None:
        self.change(changes.INBOX_SNOOZE, at)
        self.until = until

    def wake(self, number: int) -> None:
        """The end of the snooze; when that was, the listing tells (`created` 0)."""
        self.delivered_before = (*self.delivered_before, self.created)
        self.unread, self.snoozed, self.until, self.last_read = True, False, 0, 0
        self.created, self.number, self.moved, self.edited = 0, number, True, False

    def shown(self, message: Message) -> bool:
        """Whether a message read from the store is this row."""
        self.created = self.created or message.created_ms
        dates = (message.first_seen_ms, message.last_seen_ms, message.last_read_ms, message.archived_ms)
        flags = (not message.seen, not message.read, message.archived)
        return (
            (message.id, message.stored.content, message.created_ms) == (self.id, self.text, self.created)
            and (message.snoozed_until_ms, message.delivered_before_ms) == (self.until, self.delivered_before)
            and flags == (self.unseen, self.unread, self.archived)
            and dates == (self.first_seen, self.last_seen, self.last_read, self.archived_at)
            and message.action == self.action
            and (message.sequence, message.edited_ms > 0) == (self.number, self.edited)
            and message.stored.severity == SEVERITIES[self.severity]
        )


@dataclass
class Model:
    """A feed and its model, and a client that looks only now and then."""

    feed: Feed
    rows: list[Row] = field(default_factory=list)
    transactions: list[str] = field(default_factory=list)
    away_since: Position = ORIGIN
    away_rows: dict[int, int] = field(default_factory=dict)
    head: int = 0
    origins: dict[int, int] = field(default_factory=dict)
    collapses: dict[str, tuple[Row, int]] = field(default_factory=dict)

    def counts(self) -> FeedCounts:
        badge = [row for row in self.rows if row.unread and not row.snoozed]
        by_severity = [sum(row.severity == level for row in badge) for level in (1, 2, 3)]
        unread = sum(row.unread for row in self.rows)
        return FeedCounts(sum(row.unseen for row in self.rows), unread, len(badge), *by_severity)

    def next_row(self, origin: int | None = None) -> int:
        """The number that the next message to come to the top gets."""
        self.head += 1
        self.origins[self.head] = origin or self.head
        return self.head

    def wake(self, now: int) -> None:
        """Snoozes that have ended: the messages go to the top, the earliest first."""
        for row in sorted((row for row in self.rows if row.snoozed and row.until <= now), key=lambda row: row.until):
            self.rows.remove(row)
            self.rows.append(row)
            row.wake(self.next_row(row.origin))


class Run:
    """One random history over a few feeds."""

    def __init__(self, stores: Stores, models: list[Model], seed: int) -> None:
        self.stores = stores
        self.models = models
        self.random = random.Random(seed)
        self.caught_up = 0
        self.collapsed = 0

    async def step(self, number: int) -> None:
        model = self.random.choice(self.models)
        kind = self.random.choices(list(KINDS), list(KINDS.values()))[0]
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
        reference = self.random.choice(REFERENCES)
        appended = await self.stores.append(
            model.feed, f"m{number}", severity=SEVERITIES[severity], external_reference=reference
        )
        assert appended is not None
        assert appended.message_id is not None
        model.transactions.append(f"m{number}")
        row = Row(appended.message_id, f"m{number}", 0, severity, model.next_row(), reference=reference)
        model.rows.append(row)
        model.wake(await self.now(model))
        await self.learn(model)

    async def learn(self, model: Model) -> None:
        """When messages came to the top is told by the store: never before the one below."""
        for row in model.rows:
            if not row.created:
                found = await self.stores.feeds.find(model.feed, row.id)
                assert found is not None
                assert found[1] == row.number
                row.created = found[0].created_ms
        created = [row.created for row in model.rows]
        assert created == sorted(created)

    async def collapse(self, model: Model, number: int) -> None:
        """A message with one of two keys: it takes the place of the one before while that is unread and shown."""
        key, counts = self.random.choice("kl"), self.random.random() < 0.7
        severity = self.random.choice((0, 1))
        former, count = model.collapses.get(key, (None, 0))
        stands = former in model.rows and former.unread and not former.archived and not former.snoozed
        count = count + counts if stands else 1

        def content(count: int) -> bytes:
            text = f"m{number} {count}"
            content = StoredMessage(f"m{number}", WORKFLOW, "workflow", WORKFLOW, "step", content=text)
            reference = REFERENCES[count % 3]
            return encode_stored(replace_content(content, severity=SEVERITIES[severity], external_reference=reference))

        delivery = Delivery(
            model.feed,
            content(1),
            f"m{number}",
            "step",
            WORKFLOW,
            severity=SEVERITIES[severity],
            collapse=Collapse(key, counts, content),
        )
        [appended] = await self.stores.messages.append([delivery])
        assert appended is not None
        assert appended.message_id is not None
        model.transactions.append(f"m{number}")
        if stands and former:
            model.rows.remove(former)
            self.collapsed += 1
        row = Row(appended.message_id, f"m{number} {count}", 0, severity, 0)
        assert (row.id == former.id) if stands and former else (row.origin == model.head + 1)
        row.number, row.moved = model.next_row(row.origin), bool(stands)
        row.reference = REFERENCES[count % 3]
        model.rows.append(row)
        model.collapses[key] = (row, count)
        model.wake(await self.now(model))
        await self.learn(model)

    async def again(self, model: Model, _: int) -> None:
        appended = await self.stores.append(model.feed, self.random.choice(model.transactions))
        assert appended is not None
        assert appended.outcome == "again"

    def named(self, model: Model, rows: list[Row]) -> list[RowId]:
        return [found for row in rows if (found := model.feed.row_of(row.id))]

    async def mark(self, model: Model, _: int) -> None:
        chosen = self.random.sample(model.rows, min(len(model.rows), self.random.randint(1, 5)))
        change = self.random.choice(NAMED_CHANGES)
        wanted = self.named(model, chosen)
        unknown = wanted[0]._replace(check=bytes(255 - byte for byte in wanted[0].check))
        changed = await self.stores.messages.mark(model.feed, [*wanted, unknown], change)
        at = await self.now(model)
        model.wake(at)
        assert changed == [row.number for row in chosen if row.takes(change.when)]
        await self.learn(model)
        for row in chosen:
            row.change(change, at)

    async def many(self, model: Model, _: int) -> None:
        """More ids than one event names."""
        chosen = self.random.sample(model.rows, min(len(model.rows), 30))
        change = self.random.choice(NAMED_CHANGES)
        await self.stores.messages.mark(model.feed, self.named(model, chosen), change)
        at = await self.now(model)
        model.wake(at)
        await self.learn(model)
        for row in chosen:
            row.change(change, at)

    async def act(self, model: Model, number: int) -> None:
        row = self.random.choice(model.rows)
        press = self.random.choice(PRESSES)._replace(payload=self.random.choice((None, {"n": number})))
        [found] = self.named(model, [row])
        assert await self.stores.messages.act(model.feed, found, press, changes.ACTION_PRESSED)
        at = await self.now(model)
        model.wake(at)
        await self.learn(model)
        row.change(changes.ACTION_PRESSED, at)
        row.action = press if press.payload or not row.action else press._replace(payload=row.action.payload)

    async def edit(self, model: Model, number: int) -> None:
        """New words and a new severity; an edit of what has been edited since it was read changes nothing."""
        row = self.random.choice(model.rows)
        found = await self.stores.feeds.find(model.feed, row.id)
        assert found is not None
        model.wake(await self.now(model))
        await self.learn(model)
        severity = self.random.choice((0, 1, 2, 3))
        stored = replace_content(found[0].stored, content=f"edit {number}", severity=SEVERITIES[severity])
        assert await self.stores.messages.edit(model.feed, found[0], stored) is ChangeStatus.DONE
        assert await self.stores.messages.edit(model.feed, found[0], stored) is ChangeStatus.MOVED_ON
        row.text, row.severity, row.edited = f"edit {number}", severity, True

    async def snooze(self, model: Model, number: int) -> None:
        """For long, for long again, or until a moment that has passed already: the next one to come ends it."""
        row = self.random.choice(model.rows)
        [found] = self.named(model, [row])
        before = await self.now(model)
        model.wake(before)
        await self.learn(model)
        until = self.random.choice((before + FAR_AHEAD_MS + number, 1_000_000 + number))
        assert await self.stores.messages.snooze(model.feed, found, changes.INBOX_SNOOZE, until)
        packed = await self.stores.client.execute("HGET", model.feed.keys.state, "p")  # a look that wakes nothing
        row.snooze(until, parse_state(packed).position.ms)

    async def wake(self, model: Model, _: int) -> None:
        """Any reading ends what is due."""
        model.wake(await self.now(model))
        await self.learn(model)

    async def bulk(self, model: Model, _: int) -> None:
        change = self.random.choice(BULK_CHANGES)
        marks = self.stores.messages.bulk
        is_counted = self.random.random() < 0.5
        changed = await (marks.mark_where if is_counted else marks.mark_all)(model.feed, change)
        at = await self.now(model)
        model.wake(at)
        await self.learn(model)
        assert changed == sum(row.takes(change.when) for row in model.rows) if is_counted else changed
        for row in model.rows:
            row.change(change, at)

    async def chosen(self, model: Model, _: int) -> None:
        """A bulk change of rows that somebody chose by what they hold."""
        change = self.random.choice(BULK_CHANGES)
        texts = {row.text for row in model.rows if self.random.random() < 0.3}
        changed = await self.stores.messages.bulk.mark_where(model.feed, change, self.choose(model, texts))
        at = await self.now(model)
        model.wake(at)
        await self.learn(model)
        touched = [row for row in model.rows if row.text in texts and row.takes(change.when)]
        assert changed == len(touched)
        for row in touched:
            row.change(change, at)

    def choose(self, model: Model, texts: set[str]) -> Choose:
        async def choose(snapshot: Snapshot, rows: list[int]) -> list[int]:
            contents = await self.stores.feeds.contents(model.feed, snapshot, rows)
            assert set(contents) == set(rows)
            return [row for row in rows if decode_stored(contents[row]).content in texts]

        return choose

    async def delete(self, model: Model, _: int) -> None:
        row = self.random.choice(model.rows)
        [found] = self.named(model, [row])
        assert await self.stores.messages.delete(model.feed, found)
        assert not await self.stores.messages.delete(model.feed, found)
        model.rows.remove(row)
        assert await self.stores.messages.mark(model.feed, [found], changes.INBOX_READ) == []
        await self.wake(model, 0)

    async def delete_some(self, model: Model, _: int) -> None:
        most = min(len(model.rows), self.random.randint(1, 20))
        await self._delete_where(model, self.random.sample(model.rows, most))

    async def delete_many(self, model: Model, _: int) -> None:
        await self._delete_where(model, [row for row in model.rows if self.random.random() < 0.7])

    async def _delete_where(self, model: Model, rows: list[Row]) -> None:
        choose = self.choose(model, {row.text for row in rows})
        deleted = await self.stores.messages.bulk.delete_where(model.feed, choose)
        assert deleted == len(rows)
        model.wake(await self.now(model))
        model.rows = [row for row in model.rows if row not in rows]
        await self.learn(model)

    async def check(self, model: Model) -> None:
        await self.wake(model, 0)
        page = await self.stores.feeds.page(model.feed, ALL, 10_000)
        assert page is not None
        assert len(page.messages) == len(model.rows)
        for row, message in zip(reversed(model.rows), page.messages, strict=True):
            assert row.shown(message), (row, message)
        assert page.state.counts == model.counts()
        for flag, present in ((UNREAD, True), (UNSEEN, False), (ARCHIVED, True), (SNOOZED, True)):
            select = ALL.where(flag, present)
            newest = await self.stores.feeds.page(model.feed, select, 7)
            assert newest is not None
            expected = [row.id for row in reversed(model.rows) if row.takes(select)]
            assert [message.id for message in newest.messages] == expected[:7]
            assert newest.has_more == (len(expected) > 7)
        await self.check_seek(model)
        await self.check_kept(model)
        await self.check_catch_up(model, page.state)

    async def check_seek(self, model: Model) -> None:
        """The newest row created at a time or before it, between and beyond all of them too."""
        for created in {row.created for row in self.random.sample(model.rows, min(len(model.rows), 3))} | {1, 1 << 45}:
            wanted = created + self.random.choice((-1, 0, 1))
            older = [row.number for row in model.rows if row.created <= wanted]
            newer = [row.number for row in model.rows if row.created > wanted]
            found = await self.stores.feeds.seek(model.feed, wanted)
            assert max(older, default=0) <= found < min(newer, default=model.head + 1)

    async def check_kept(self, model: Model) -> None:
        """Nothing is kept of what was deleted, and moves are noted of those that were moved."""
        keys = model.feed.keys
        length, fields = await self.stores.client.batch([("XLEN", keys.stream), ("HKEYS", keys.side)])
        assert length == len(model.rows)
        moved = {b"o%d" % row.origin for row in model.rows if row.moved}
        assert {name for name in fields if name.startswith(b"o")} == moved
        members = await self.stores.client.execute("ZRANGE", keys.references, 0, -1)
        assert {int(row) for row in members if row} == {row.number for row in model.rows if row.reference}
        for reference in ("order-1", "order-2", "order-3"):
            found = await self.stores.references.find(model.feed, reference)
            assert [one.id for one in found] == [row.id for row in reversed(model.rows) if row.reference == reference]
        assert {name for name in fields if name.startswith(b"e")} == {
            b"e%d" % row.number for row in model.rows if row.edited
        }
        sides = {int(name) for name in fields if not name.startswith((b"o", b"e"))}
        assert sides <= {row.number for row in model.rows}

    async def check_catch_up(self, model: Model, state: FeedState) -> None:
        """A client's old rows, changed by what the log names since, are the rows of now."""
        present = {row.origin: row.flags for row in model.rows}
        answer = await self.stores.feeds.changes_since(model.feed, model.away_since)
        assert answer is not None
        assert answer[0].position == state.position
        if answer[1] is not None:
            self.caught_up += 1
            named = [replace(entry, ref=model.origins.get(entry.ref, entry.ref)) for entry in answer[1]]
            assert _replayed(model.away_rows, named, present) == present
        model.away_since, model.away_rows = state.position, present


def _replayed(old: dict[int, int], entries: list[LogEntry], present: dict[int, int]) -> dict[int, int]:
    if any(entry.kind == BULK for entry in entries):
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
    assert run.collapsed > 10
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
                await mine.messages.bulk.mark_all(feed, changes.V1_MARKS_ALL["read" if number % 3 else "seen"])
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
    await stores.messages.bulk.mark_all(feed, changes.INBOX_SEEN)
    for message in (await stores.list(feed))[::4]:
        edited = replace_content(message.stored, content="edited", severity="low")
        assert await stores.messages.edit(feed, message, edited) is ChangeStatus.DONE
    for select in (ALL, ALL.where(UNREAD, True), ALL.where(UNREAD, False), ALL._replace(severities=("high", "low"))):
        for limit, before, skip in ((5, None, 0), (5, 20, 0), (5, None, 3), (50, None, 0)):
            calm = await stores.feeds.page(feed, select, limit, before=before, skip=skip)
            assert calm is not None
            at_once = await stores.feeds._read_at_once(feed, select, limit, before=before, skip=skip)
            assert at_once == (calm.messages, calm.state)
    named = await stores.feeds.messages(feed, [3, 99, 1, 2])
    assert named == await stores.feeds._read_at_once(feed, ALL, numbers=[3, 99, 1, 2])
    assert await stores.feeds._read_at_once(feed, ALL, numbers=[]) is not None
