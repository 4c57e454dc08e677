"""The activity's rows: in the order noted, in blocks, found again after a loss."""

from __future__ import annotations

import asyncio
import time

import pytest

from inbox.models.trigger import TriggerRequest
from inbox.service.activity.activity import EVERY_ACTIVITY
from inbox.service.workflows.bodies import WorkflowCreate
from inbox.services import Services
from inbox.settings import Settings
from inbox.steps.in_app_controls import InAppControlsUpsert, InAppStepUpsert
from inbox.store import activity
from inbox.store.activity import ActivityEntry, ActivityOutcome, ActivityRow, ActivityStore, NewRow

from .conftest import ENVIRONMENT, Stores


def row(number: int, outcome: ActivityOutcome = ActivityOutcome.DELIVERED) -> ActivityRow:
    return ActivityRow(
        1_700_000_000_000 + number, outcome, 3, True, 255, 2**32 - 1, number, b"trans", b"work", b"notific"
    )


@pytest.fixture
def store(stores: Stores) -> ActivityStore:
    return ActivityStore(stores.client, stores.keys)


async def everything(store: ActivityStore) -> list[ActivityEntry]:
    return [entry async for block in store.blocks(ENVIRONMENT) for entry in block.entries()]


def test_a_row_keeps_what_it_is_given() -> None:
    given = [row(1), row(2, ActivityOutcome.FAILED)._replace(is_further=False, severity=0)]
    packed = [one.pack() for one in given]
    assert {len(one) for one in packed} == {activity.ROW_BYTES}
    assert list(activity.parse_rows(b"".join(packed))) == given


def test_a_block_is_searched_by_what_its_rows_hold() -> None:
    rows = [row(number)._replace(transaction=b"odd.." if number % 2 else b"even.") for number in range(9)]
    rows[4] = rows[4]._replace(notification=b"odd..\0\0")  # the same bytes elsewhere in a row do not count
    block = activity.ActivityBlock(3, b"".join(one.pack() for one in rows))
    odd = list(block.holding({activity.Column.TRANSACTION: [b"odd.."]}))
    assert [entry.ref for entry in odd] == [activity.Ref(3, place) for place in (7, 5, 3, 1)]
    assert [entry.row for entry in odd] == [rows[place] for place in (7, 5, 3, 1)]
    assert len(list(block.holding({activity.Column.TRANSACTION: [b"odd..", b"even."]}))) == 9
    assert len(list(block.holding({activity.Column.FEED: [activity.feed_tag(255, 2**32 - 1)]}))) == 9
    assert list(block.holding({activity.Column.FEED: [activity.feed_tag(254, 2**32 - 1)]})) == []
    assert block.oldest_ms == rows[0].ms


async def test_rows_come_back_newest_first_across_blocks(store: ActivityStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(activity, "BLOCK_ROWS", 8)
    for start in range(0, 60, 5):
        await store.append(ENVIRONMENT, [NewRow(row(number).pack()) for number in range(start, start + 5)])
    newest_first = list(range(59, -1, -1))
    assert [entry.row.row for entry in await everything(store)] == newest_first
    for skip, count in ((0, 10), (3, 1), (7, 30), (55, 10), (60, 5)):
        found = await store.newest(ENVIRONMENT, skip, count)
        assert [entry.row.row for entry in found] == newest_first[skip : skip + count]


async def test_records_are_found_by_their_rows(store: ActivityStore) -> None:
    await store.append(ENVIRONMENT, [NewRow(row(0).pack())])
    noted = [NewRow(row(1).pack(), b"one"), NewRow(row(2).pack()), NewRow(row(3).pack(), b"three")]
    await store.append(ENVIRONMENT, noted)
    entries = await store.newest(ENVIRONMENT, 0, 10)
    records = await store.records(ENVIRONMENT, [entry.ref for entry in entries])
    assert [records.get(entry.ref) for entry in entries] == [b"three", None, b"one", None]
    assert await store.newest(ENVIRONMENT + 1, 0, 10) == []


async def test_two_writers_lose_nothing(stores: Stores, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(activity, "BLOCK_ROWS", 16)
    writers = [ActivityStore(stores.client, stores.keys) for _ in range(2)]
    await asyncio.gather(
        *(
            writers[number % 2].append(ENVIRONMENT, [NewRow(row(number).pack(), b"r%d" % number)])
            for number in range(100)
        )
    )
    entries = await everything(writers[0])
    assert sorted(entry.row.row for entry in entries) == list(range(100))
    records = await writers[1].records(ENVIRONMENT, [entry.ref for entry in entries])
    assert all(records[entry.ref] == b"r%d" % entry.row.row for entry in entries)


async def test_blocks_end_by_themselves(stores: Stores, store: ActivityStore) -> None:
    await store.append(ENVIRONMENT, [NewRow(row(0).pack(), b"record")])
    keys = stores.keys
    for key in (keys.activity_rows, keys.activity_records, keys.activity_transactions):
        assert 29 * 86_400 < await stores.client.execute("TTL", key(ENVIRONMENT, 0)) <= 30 * 86_400


async def test_recent_messages_are_told_by_their_buckets(stores: Stores, store: ActivityStore) -> None:
    before = int(time.time() * 1_000) - 5_000
    feeds = [await stores.feed(name) for name in ("ada", "bob")]
    for feed in feeds:
        await stores.fill(feed, 2)
    found = await store.recent(ENVIRONMENT, before, 10)
    assert sorted((bucket, number, row) for _, bucket, number, row in found) == sorted(
        (feed.bucket, feed.number, row) for feed in feeds for row in (1, 2)
    )
    assert all(ms >= before for ms, *_ in found)


async def test_one_process_repairs_at_a_time(stores: Stores, store: ActivityStore) -> None:
    claims = [await ActivityStore(stores.client, stores.keys).claim_repair(ENVIRONMENT, 60) for _ in range(3)]
    assert claims == [True, False, False]


async def test_messages_are_found_by_feed_and_row(stores: Stores) -> None:
    ada, bob = await stores.feed("ada"), await stores.feed("bob")
    rows = await stores.fill(ada, 3)
    await stores.messages.delete(ada, rows[1])
    places = [(ada.bucket, ada.number), (bob.bucket, bob.number), (ada.bucket, 99)]
    stores.feeds.forget(ada)
    found = await stores.feeds.find_numbered(ENVIRONMENT, places)
    assert found == {places[0]: ada, places[1]: bob}
    stored = await stores.feeds.stored_at(ada, [1, 2, 3, 4])
    assert {number: one.stored.transaction_id for number, one in stored.items()} == {1: "m0", 3: "m2"}


async def test_what_a_killed_process_had_not_written_is_found_again(stores: Stores) -> None:
    """Two processes; the first stores messages and dies with the rows of some of them."""
    settings = Settings(redis_url="redis://unused", key_prefix=stores.keys.prefix)
    killed, living = (Services(settings, stores.client) for _ in range(2))
    await killed.environments.load()
    await living.environments.load()
    [environment, *_] = living.environments.all()
    step = InAppStepUpsert(name="In-app", control_values=InAppControlsUpsert(body="Hi"))
    await killed.workflows.create(environment, WorkflowCreate(name="w", workflow_id="w", steps=[step]))
    for number in range(6):
        await killed.triggers.trigger(environment, TriggerRequest(name="w", to="ada", transaction_id=f"t{number}"))
        if number < 3:
            await killed.activity_log.flush()
    repeated = TriggerRequest(name="w", to="ada", transaction_id="t5")
    await living.triggers.trigger(environment, repeated)
    await living.activity_log.flush()  # this row names the message too
    for number in range(6):
        [(_, message)] = await living.activity.sent(environment, f"t{number}")
        assert message.stored.transaction_id == f"t{number}"
    later = int(time.time() * 1_000) + 20_000
    log = living.activity_log
    assert await log.repair(environment.number, later) == 3
    assert await log.repair(environment.number, later) == 0
    found, _ = await living.activity.page(environment, EVERY_ACTIVITY, 0, 10)
    assert sorted(one.transaction_id for one in found) == [f"t{number}" for number in range(6)]
    assert all("delivered" in {step.outcome for step in one.steps} for one in found)
