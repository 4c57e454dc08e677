"""What a reading or a mark takes: how many round trips, and how much of a long feed."""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncIterator, Sequence
from typing import Any

import orjson
import pytest
from msgspec.structs import replace

from inbox.ids import SubscriberId
from inbox.models.message import ButtonPress, Message
from inbox.models.message_views import inbox_notification
from inbox.store import feed_reader, snapshots
from inbox.store.changes import INBOX_ARCHIVE, INBOX_READ, INBOX_SNOOZE, V1_MARKS, Change
from inbox.store.client import Argument, Client, Command, PendingReplies, topology_of
from inbox.store.feed import Scan
from inbox.store.keys import Keys
from inbox.store.rows import ALL, ARCHIVED, UNREAD, UNSEEN, RowId, Select
from inbox.store.scripts import Reply, Script

from .conftest import ENVIRONMENT, Stores

ADA = SubscriberId("ada")
UNREAD_ROWS = Select(UNREAD, UNREAD)


class Noting(Client):
    """A client that notes its calls, each by the names of its commands."""

    calls: list[list[str]]

    def note(self, *names: Argument) -> None:
        self.calls.append([str(name) for name in names])

    async def execute(self, *command: Argument) -> Any:
        self.note(command[0])
        return await super().execute(*command)

    async def read(self, commands: Sequence[Command]) -> list[Any]:
        self.note(*(command[0] for command in commands))
        return await super().read(commands)

    async def batch(self, commands: Sequence[Command]) -> list[Any]:
        self.note(*(command[0] for command in commands))
        return await super().batch(commands)

    def begin(self, commands: Sequence[Command]) -> PendingReplies:
        self.note("begin", *(command[0] for command in commands))
        return super().begin(commands)

    async def run(self, script: Script[Reply], keys: Sequence[str], args: Sequence[Argument] = ()) -> Reply:
        self.note("EVALSHA")
        return await super().run(script, keys, args)


@pytest.fixture
async def noting(store_url: str, key_prefix: str) -> AsyncIterator[Stores]:
    client = Noting(topology_of(store_url))
    client.calls = []
    await client.topology.start()
    yield Stores(client, Keys(key_prefix))
    await client.close()


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snapshots, "NEWEST_ROWS", 10)


def taken(stores: Stores) -> list[list[str]]:
    assert isinstance(stores.client, Noting)
    calls, stores.client.calls = stores.client.calls, []
    return calls


def reads_all_rows(stores: Stores) -> bool:
    return any("GET" in names for names in taken(stores))


async def test_a_page_of_a_long_feed_reads_the_newest_rows(noting: Stores) -> None:
    feed = await noting.feed()
    rows = await noting.fill(feed, 30)
    taken(noting)
    page = await noting.feeds.page(feed, ALL, 5)
    assert page is not None
    assert ([one.stored.content for one in page.messages], page.has_more) == (
        [f"m{n}" for n in range(29, 24, -1)],
        True,
    )
    assert [len(names) for names in taken(noting)] == [4, 3], "two round trips"
    page = await noting.feeds.page(feed, ALL, 5, skip=8)
    assert page is not None
    assert [one.stored.content for one in page.messages] == [f"m{n}" for n in range(21, 16, -1)]
    assert reads_all_rows(noting)
    page = await noting.feeds.page(feed, ALL, 100)
    assert page is not None
    assert (len(page.messages), page.has_more) == (30, False)
    page = await noting.feeds.page(feed, ALL, 3, before=rows[4].row)
    assert page is not None
    assert [one.stored.content for one in page.messages] == ["m3", "m2", "m1"]
    taken(noting)
    page = await noting.feeds.page(feed, ALL, 30, above=rows[24].row)
    assert page is not None
    assert (len(page.messages), page.has_more) == (5, False)
    assert not reads_all_rows(noting), "what is above a row needs no older ones"


async def test_a_page_of_a_feed_that_did_not_change_is_one_round_trip(noting: Stores, other_stores: Stores) -> None:
    feed = await noting.feed()
    rows = await noting.fill(feed, 4)
    before = await noting.list(feed)
    taken(noting)
    assert await noting.list(feed) == before
    assert [len(names) for names in taken(noting)] == [4]
    page = await noting.feeds.page(feed, UNREAD_ROWS, 2, skip=1)
    assert page is not None
    assert page.messages == before[1:3]
    assert [len(names) for names in taken(noting)] == [4], "another page of the same rows neither"
    await other_stores.messages.mark(feed, rows[:1], INBOX_READ)
    await other_stores.append(feed, "one more")
    after = await noting.list(feed)
    assert [len(names) for names in taken(noting)] == [4, 3]
    assert after == await other_stores.list(feed) != before
    assert await noting.list(feed) == after
    assert [len(names) for names in taken(noting)] == [4]


async def test_only_rows_that_were_not_read_at_this_position_are_read(noting: Stores, other_stores: Stores) -> None:
    feed = await noting.feed()
    await noting.fill(feed, 6)
    await noting.feeds.page(feed, ALL, 2)
    page = await noting.feeds.page(feed, ALL, 6)
    assert page is not None
    assert page.messages == await other_stores.list(feed)
    assert [one.sequence for one in page.messages] == [6, 5, 4, 3, 2, 1]


@pytest.mark.parametrize("change", ["edit", "mark_all", "press", "snooze_ends", "delete"])
async def test_every_kind_of_change_is_seen(noting: Stores, other_stores: Stores, change: str) -> None:
    feed = await noting.feed()
    rows = await noting.fill(feed, 2)
    before = await noting.list(feed)
    if change == "edit":
        await other_stores.messages.edit(feed, before[1], replace(before[1].stored, content="edited"))
    elif change == "mark_all":
        await other_stores.messages.bulk.mark_all(feed, INBOX_READ)
    elif change == "press":
        await other_stores.messages.act(feed, rows[0], ButtonPress("primary", "done"))
    elif change == "snooze_ends":
        await other_stores.messages.snooze(feed, rows[0], INBOX_SNOOZE, 1_000)
    else:
        await other_stores.messages.delete(feed, rows[0])
    after = await noting.list(feed)
    assert after != before
    assert after == await other_stores.list(feed)


async def test_a_scan_goes_on_behind_the_newest_rows(noting: Stores) -> None:
    feed = await noting.feed()
    await noting.fill(feed, 30)
    scan = Scan(lambda contents: [b'"m2' in content for content in contents])
    page = await noting.feeds.page(feed, ALL, 20, scan=scan)
    assert page is not None
    assert [one.stored.content for one in page.messages] == [f"m{n}" for n in (*range(29, 19, -1), 2)]


async def test_single_messages_of_a_long_feed(noting: Stores) -> None:
    feed = await noting.feed()
    rows = await noting.fill(feed, 30)
    ids = [feed.message_id(row.row, row.check) for row in rows]
    taken(noting)
    for index in (29, 20):
        found = await noting.feeds.find(feed, ids[index])
        assert found is not None
        assert (found[0].stored.content, found[1]) == (f"m{index}", rows[index].row)
    assert not reads_all_rows(noting)
    found = await noting.feeds.find(feed, ids[19])
    assert found is not None
    assert found[0].stored.content == "m19"
    messages = await noting.feeds.messages(feed, [rows[0].row, rows[29].row])
    assert messages is not None
    assert [one.id for one in messages[0]] == [ids[0], ids[29]]
    assert [one.stored.content for one in (await noting.feeds.find_many(feed, rows[3:5])).values()] == ["m3", "m4"]


async def test_messages_that_changed_are_one_round_trip(noting: Stores) -> None:
    feed = await noting.feed()
    rows = await noting.fill(feed, 30)
    await noting.messages.mark(feed, rows[25:28], INBOX_READ)
    await noting.messages.delete(feed, rows[28])
    taken(noting)
    messages = await noting.feeds.messages(feed, [rows[index].row for index in (27, 25, 28, 21)])
    assert messages is not None
    assert [one.stored.content for one in messages[0]] == ["m27", "m25", "m21"]
    assert [one.read for one in messages[0]] == [True, True, False]
    assert len(taken(noting)) == 1


@pytest.mark.parametrize(("expected", "trips"), [(0, 2), (4, 1), (100, 1)])
async def test_changes_that_are_expected_are_one_round_trip(noting: Stores, expected: int, trips: int) -> None:
    feed = await noting.feed()
    await noting.fill(feed, 30)
    state = await noting.feeds.state(feed)
    assert state is not None
    for number in range(feed_reader.EXPECTED_BEYOND + 3):
        await noting.append(feed, f"later {number}")
    taken(noting)
    changes = await noting.feeds.changes_since(feed, state.position, expected)
    assert changes is not None
    assert [entry.ref for entry in changes[1] or ()] == list(range(31, 31 + feed_reader.EXPECTED_BEYOND + 3))
    assert len(taken(noting)) == trips


async def test_counts_of_a_long_feed(noting: Stores) -> None:
    feed = await noting.feed()
    rows = await noting.fill(feed, 30)
    await noting.messages.mark(feed, rows[:4], INBOX_READ)
    await noting.messages.mark(feed, rows[2:3], INBOX_ARCHIVE)
    taken(noting)
    selects = [UNREAD_ROWS, Select(UNSEEN, UNSEEN)]
    assert (await noting.feeds.count(feed, selects, 100)).counts == {selects[0]: 26, selects[1]: 26}
    assert taken(noting) == [["HMGET"]], "the state has them"
    assert (await noting.feeds.count(feed, [ALL], 5)).counts == {ALL: 10}
    assert not reads_all_rows(noting), "more than the limit are among the newest"
    archived = Select(ARCHIVED, ARCHIVED)
    assert (await noting.feeds.count(feed, [ALL, archived, UNREAD_ROWS], 100)).counts == {
        ALL: 30,
        archived: 1,
        UNREAD_ROWS: 26,
    }


@pytest.mark.parametrize("change", [INBOX_READ, V1_MARKS["unread"]])
async def test_a_mark_and_its_message_are_one_round_trip(noting: Stores, other_stores: Stores, change: Change) -> None:
    feed = await noting.feed()
    rows = await noting.fill(feed, 3)
    await noting.messages.mark(feed, rows[1:2], change)  # the server knows the script now
    await noting.messages.bulk.mark_all(feed, INBOX_ARCHIVE)  # its stamp is older than the mark
    for calls in ([["begin", "XRANGE"], ["EVALSHA"]], [["EVALSHA"]]):  # the second time it has the entries
        taken(noting)
        marked = await noting.messages.mark_and_read(feed, [rows[2], rows[0]], change)
        assert taken(noting) == calls
        read = await other_stores.feeds.find_many(feed, [rows[2], rows[0]])
        assert {one.id: one for one in marked} == read


async def test_a_change_of_a_feed_that_is_another_subscribers_changes_nothing(noting: Stores) -> None:
    feed = await noting.feed()
    rows = await noting.fill(feed, 1)
    before = await noting.list(feed)
    of_another = dataclasses.replace(feed, subscriber_oid="f" * 24)  # as after a failover that lost the last writes
    assert await noting.messages.mark_and_read(of_another, rows, INBOX_READ) == []
    assert await noting.messages.snooze(of_another, rows[0], INBOX_SNOOZE, 1_000) == []
    assert not await noting.messages.delete(of_another, rows[0])
    assert await noting.list(feed) == before


async def test_a_mark_of_a_message_that_was_moved(noting: Stores, other_stores: Stores) -> None:
    feed = await noting.feed()
    rows = await noting.fill(feed, 2)
    assert await noting.messages.snooze(feed, rows[0], INBOX_SNOOZE, 1_000)  # it has ended: the next change moves it
    (marked,) = await noting.messages.mark_and_read(feed, [rows[0]], INBOX_READ)
    found = await other_stores.feeds.find(feed, marked.id)
    assert found is not None
    assert found == (marked, 3)
    assert (marked.stored.content, marked.read, len(marked.delivered_before_ms)) == ("m0", True, 1)
    named_by_its_place = RowId(rows[0].bucket, rows[0].feed_number, 3, rows[0].check)
    forged = RowId(rows[0].bucket, rows[0].feed_number, rows[0].row, b"\0\0\0")
    assert [one.id for one in await noting.messages.mark_and_read(feed, [named_by_its_place], INBOX_READ)] == [
        marked.id
    ]
    assert [one.id for one in await noting.messages.mark_and_read(feed, [rows[0], forged], INBOX_READ)] == [marked.id]


def shown_body(message: Message) -> str:
    """The body as a page is sent it."""
    card: Any = {}
    body: str = orjson.loads(orjson.dumps(inbox_notification(message, card, card)))["body"]
    return body


async def test_a_mark_of_an_edited_message_says_the_edit(noting: Stores, other_stores: Stores) -> None:
    feed = await noting.feed()
    rows = await noting.fill(feed, 3)
    before = (await noting.list(feed))[2].stored
    for text in ("first", "second"):
        message = (await noting.list(feed))[2]
        assert shown_body(message) == message.stored.content
        await noting.messages.edit(feed, message, replace(message.stored, content=text))
    taken(noting)
    marked = await noting.messages.mark_and_read(feed, [rows[2], rows[0]], INBOX_READ)
    assert taken(noting)[-1] == ["HMGET"], "the edit is read once its flag is known"
    assert [(one.stored.content, one.sequence, one.edited_ms > 0) for one in marked] == [
        ("m2", 3, False),
        ("second", 1, True),
    ]
    assert shown_body(marked[1]) == "second"
    assert before.content == "m0", "what readers share is not changed"
    assert {one.id: one for one in marked} == await other_stores.feeds.find_many(feed, [rows[2], rows[0]])


async def test_edits_of_a_long_feed(noting: Stores) -> None:
    feed = await noting.feed()
    await noting.fill(feed, 30)
    listed = await noting.list(feed)
    for message in (listed[2], listed[25]):
        await noting.messages.edit(feed, message, replace(message.stored, content=f"edited {message.sequence}"))
    taken(noting)
    page = await noting.feeds.page(feed, ALL, 5)
    assert page is not None
    assert [one.stored.content for one in page.messages] == ["m29", "m28", "edited 28", "m26", "m25"]
    assert not reads_all_rows(noting)
    scan = Scan(lambda contents: [b'"edited' in content for content in contents])
    page = await noting.feeds.page(feed, ALL, 5, scan=scan)
    assert page is not None
    assert [(one.stored.content, one.sequence) for one in page.messages] == [("edited 28", 28), ("edited 5", 5)]


async def test_a_mark_of_what_is_not_there_reads_nothing(noting: Stores) -> None:
    feed = await noting.feed()
    rows = await noting.fill(feed, 1)
    assert await noting.messages.mark_and_read(feed, [rows[0]._replace(row=7)], INBOX_READ) == []
    await noting.messages.delete(feed, rows[0])
    assert await noting.messages.mark_and_read(feed, rows, INBOX_READ) == []


async def test_a_subscriber_that_was_read_before_is_one_round_trip(noting: Stores, other_stores: Stores) -> None:
    written, _ = await noting.subscribers.write(ENVIRONMENT, ADA, {"firstName": "Ada"})
    assert await noting.subscribers.get(ENVIRONMENT, ADA) == written
    taken(noting)
    known = await noting.subscribers.get(ENVIRONMENT, ADA)
    assert taken(noting) == [["begin", "HGET", "HGETALL"]]
    assert known == written
    assert await noting.subscribers.get(ENVIRONMENT, ADA) is known, "it is not parsed again"
    await other_stores.subscribers.write(ENVIRONMENT, ADA, {"firstName": "Augusta"})
    changed = await noting.subscribers.get(ENVIRONMENT, ADA)
    assert changed is not None
    assert changed.profile["firstName"] == "Augusta"
    await other_stores.subscribers.delete(ENVIRONMENT, changed)
    assert await noting.subscribers.get(ENVIRONMENT, ADA) is None
    assert await noting.subscribers.get_by_oid(ENVIRONMENT, changed.oid) is None
    again, _ = await other_stores.subscribers.write(ENVIRONMENT, ADA, {})
    assert await noting.subscribers.get(ENVIRONMENT, ADA) == again
