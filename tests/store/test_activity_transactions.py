"""Rows of a transaction are found wherever they stand, and no block is read that cannot have one."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterable

import pytest

from inbox.ids import SubscriberId
from inbox.models.environment import Environment
from inbox.models.trigger import TriggerRequest
from inbox.service.activity.activity import MAX_SCANNED_BLOCKS, ActivityFilter, Search
from inbox.service.workflows.bodies import WorkflowCreate
from inbox.services import Services
from inbox.settings import Settings
from inbox.steps.in_app_controls import InAppControlsUpsert, InAppStepUpsert
from inbox.store import activity
from inbox.store.activity import (
    ActivityEntry,
    ActivityOutcome,
    ActivityRow,
    ActivityStore,
    Column,
    NewRow,
    feed_tag,
    transaction_tag,
)

from .conftest import ENVIRONMENT, Stores

SMALL = 8


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(activity, "BLOCK_ROWS", SMALL)


@pytest.fixture
def store(stores: Stores) -> ActivityStore:
    return ActivityStore(stores.client, stores.keys)


def row(number: int, transaction: bytes, feed: int = 1) -> ActivityRow:
    return ActivityRow(
        1_000 + number, ActivityOutcome.DELIVERED, 0, False, 7, feed, number, transaction, b"work", b"notific"
    )


async def fill(store: ActivityStore, transactions: Iterable[bytes]) -> None:
    """A row of each, one by one, so that every block has eight."""
    for number, transaction in enumerate(transactions):
        await store.append(ENVIRONMENT, [NewRow(row(number, transaction).pack(), b"%d" % number)])


def tags(count: int, name: str = "t") -> list[bytes]:
    return [transaction_tag(f"{name}{number}") for number in range(count)]


async def read(store: ActivityStore, *transactions: bytes) -> list[int]:
    """Which blocks are read for these."""
    return [block.number async for block in store.blocks(ENVIRONMENT, transactions)]


async def found(store: ActivityStore, columns: dict[Column, set[bytes]]) -> list[ActivityEntry]:
    search = Search(columns)
    blocks = store.blocks(ENVIRONMENT, search.transactions)
    return [entry async for block in blocks for entry in search.entries(block)]


async def test_only_blocks_that_have_it_are_read(store: ActivityStore) -> None:
    written = tags(5 * SMALL + 3)
    written[2 * SMALL + 1] = written[0]
    await fill(store, written)
    assert await read(store, transaction_tag("nothing")) == []
    assert await read(store, written[0]) == [2, 0]
    assert await read(store, written[SMALL]) == [1]
    assert await read(store, written[-1]) == [5]
    assert await read(store, written[0], written[-1], transaction_tag("nothing")) == [5, 2, 0]
    assert await read(store) == [5, 4, 3, 2, 1, 0]
    assert [entry.row.row for entry in await found(store, {Column.TRANSACTION: {written[0]}})] == [2 * SMALL + 1, 0]
    assert [block async for block in store.blocks(ENVIRONMENT + 1, written)] == []


async def test_every_one_of_many_is_found(store: ActivityStore) -> None:
    """As many as a request may name, and more blocks than one look is for."""
    written = tags(40 * SMALL)
    await fill(store, written)
    for wanted in (written[::8], written[:100], written[-100:], [*written[:1], *tags(99, "no")]):
        entries = await found(store, {Column.TRANSACTION: set(wanted)})
        assert [entry.row.transaction for entry in entries] == [tag for tag in reversed(written) if tag in set(wanted)]


async def test_any_filter_takes_what_it_would_take_of_every_row(store: ActivityStore) -> None:
    chance = random.Random(5)
    few, feeds = tags(6), range(3)
    rows = [row(number, chance.choice(few), chance.choice(feeds)) for number in range(20 * SMALL)]
    while rows:
        size = chance.randint(1, SMALL)
        await store.append(ENVIRONMENT, [NewRow(one.pack()) for one in rows[:size]])
        rows = rows[size:]
    everything = [entry async for block in store.blocks(ENVIRONMENT) for entry in block.entries()]
    assert len(everything) == 20 * SMALL
    for _ in range(40):
        transactions = set(chance.sample([*few, *tags(2, "no")], chance.randint(1, 4)))
        numbers = chance.sample([*feeds, 9], chance.randint(1, 2))
        columns = {Column.TRANSACTION: transactions, Column.FEED: {feed_tag(7, number) for number in numbers}}
        taken = [one for one in everything if one.row.transaction in transactions and one.row.number in numbers]
        assert await found(store, columns) == taken
        assert await found(store, dict(reversed(columns.items()))) == taken


async def test_a_beginning_across_two_rows_is_none(store: ActivityStore) -> None:
    """A row of `abc` after another holds `bca` and `cab`, though neither is there."""
    await fill(store, [b"abc.."] * 3 + [b"xyz.."])
    assert await read(store, b"bca..") == await read(store, b"cab..") == await read(store, b"cxy..") == []
    assert await read(store, b"abc..") == await read(store, b"xyz..") == [0]


async def test_the_server_gives_up_a_look_that_takes_long(
    store: ActivityStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(activity, "BLOCK_ROWS", 1_000)
    await store.append(ENVIRONMENT, [NewRow(row(0, b"abc..").pack())] * 999 + [NewRow(row(1, b"bca..").pack())])
    entries = await found(store, {Column.TRANSACTION: {b"bca.."}})
    assert [entry.row.row for entry in entries] == [1]
    assert await found(store, {Column.TRANSACTION: {b"cab.."}}) == []


async def test_the_same_beginning_is_not_the_same_transaction(store: ActivityStore) -> None:
    await fill(store, [b"abcde"])
    assert await read(store, b"abcxy") == [0]
    assert await found(store, {Column.TRANSACTION: {b"abcxy"}}) == []


async def test_what_was_erased_is_neither_found_nor_looked_for(stores: Stores, store: ActivityStore) -> None:
    written = tags(3 * SMALL)
    await fill(store, written)
    erased = await found(store, {Column.TRANSACTION: set(written[:2])})
    assert await store.blank(ENVIRONMENT, erased) == 2
    assert await store.blank(ENVIRONMENT, erased) == 0
    assert await read(store, *written[:2]) == []
    for tag in written[2:]:
        assert [one.row.transaction for one in await found(store, {Column.TRANSACTION: {tag}})] == [tag]
    held = await stores.client.execute("GET", stores.keys.activity_transactions(ENVIRONMENT, 0))
    assert held == bytes(6) + b"".join(tag[:3] for tag in written[2:SMALL])
    await store.append(ENVIRONMENT, [NewRow(row(99, written[0]).pack())])
    assert [one.row.row for one in await found(store, {Column.TRANSACTION: {written[0]}})] == [99]


async def test_an_erasure_in_the_newest_block_leaves_it_to_go_on(store: ActivityStore) -> None:
    written = tags(3)
    await fill(store, written[:2])
    await store.blank(ENVIRONMENT, await found(store, {Column.TRANSACTION: {written[1]}}))
    await store.append(ENVIRONMENT, [NewRow(row(2, written[2]).pack())])
    assert await read(store, written[1]) == []
    assert await read(store, written[0]) == await read(store, written[2]) == [0]


async def test_old_blocks_end_with_what_stands_beside_them(stores: Stores, store: ActivityStore) -> None:
    written = tags(4 * SMALL)
    await fill(store, written)
    client, keys = stores.client, stores.keys
    for number in range(2):
        rows, beside = keys.activity_rows(ENVIRONMENT, number), keys.activity_transactions(ENVIRONMENT, number)
        ends = [await client.execute("PEXPIRETIME", key) for key in (rows, beside)]
        assert ends[0] == ends[1] > 0  # at once: no look finds the rows without their transactions
        await client.batch([("PEXPIREAT", key, 1) for key in (rows, beside)])
    assert await read(store, *written) == [3, 2]
    assert await found(store, {Column.TRANSACTION: {written[0]}}) == []
    assert len(await found(store, {Column.TRANSACTION: {written[2 * SMALL]}})) == 1


async def test_two_processes_find_each_others_rows(stores: Stores) -> None:
    writers = [ActivityStore(stores.client, stores.keys) for _ in range(2)]
    written = tags(10 * SMALL)
    await asyncio.gather(
        *(writers[n % 2].append(ENVIRONMENT, [NewRow(row(n, tag).pack())]) for n, tag in enumerate(written))
    )
    cold = ActivityStore(stores.client, stores.keys)
    for number, tag in enumerate(written):
        for store in (*writers, cold):
            assert [one.row.row for one in await found(store, {Column.TRANSACTION: {tag}})] == [number]


async def test_a_block_of_a_release_that_noted_rows_alone_is_read(stores: Stores, store: ActivityStore) -> None:
    """Before, and beside this one: its rows have nothing beside them, and no later row may stand in their place."""
    written = tags(6)
    key = stores.keys.activity_rows(ENVIRONMENT, 0)
    await stores.client.execute("APPEND", key, row(0, written[0]).pack())
    await fill(store, written[1:3])
    await stores.client.execute("APPEND", stores.keys.activity_rows(ENVIRONMENT, 1), row(3, written[3]).pack())
    await fill(store, written[4:])
    assert await read(store, transaction_tag("nothing")) == [1, 0]
    assert await read(store, written[5]) == [2, 1, 0]
    for tag in written:
        assert [one.row.transaction for one in await found(store, {Column.TRANSACTION: {tag}})] == [tag]
    old = await found(store, {Column.TRANSACTION: {written[3]}})
    assert await store.blank(ENVIRONMENT, old) == 1
    held = await stores.client.execute("GET", stores.keys.activity_transactions(ENVIRONMENT, 1))
    assert held == written[1][:3] + written[2][:3]  # it had none to take out


async def test_a_transaction_is_found_beyond_what_other_filters_look_at(stores: Stores) -> None:
    """By the service, of two processes, one of which has just begun; then without the person it was for."""
    first, environment = await process(stores)
    step = InAppStepUpsert(name="In-app", control_values=InAppControlsUpsert(body="Hi"))
    await first.workflows.create(environment, WorkflowCreate(name="w", workflow_id="w", steps=[step]))
    request = TriggerRequest(name="w", to=["ada", "bob"], transaction_id="old")
    await first.triggers.trigger(environment, request)
    await first.activity_log.flush()
    store = ActivityStore(stores.client, stores.keys)
    for number in range((MAX_SCANNED_BLOCKS + 2) * SMALL):
        await store.append(environment.number, [NewRow(row(number, b"other").pack())])
    second, _ = await process(stores)
    for services in (first, second):
        assert await people(services, environment, ["old"]) == ["bob", "ada"]
        assert await people(services, environment, ["none"]) == []
        messages, _ = await services.activity.messages(environment, ["old"])
        assert [feed.subscriber_id for feed, _ in messages] == ["bob", "ada"]
    ada = await second.subscribers.get(environment, SubscriberId("ada"))
    both = ActivityFilter(transactions=["old"], subscribers=[ada])
    assert [one.name for one in (await second.activity.page(environment, both, 0, 10))[0]] == ["ada"]
    await first.erasure.erase(environment, SubscriberId("ada"))
    for services in (first, second):
        assert await people(services, environment, ["old"]) == ["bob"]


async def process(stores: Stores) -> tuple[Services, Environment]:
    services = Services(Settings(redis_url="redis://unused", key_prefix=stores.keys.prefix), stores.client)
    await services.environments.load()
    return services, services.environments.all()[0]


async def people(services: Services, environment: Environment, transactions: list[str]) -> list[str]:
    page, _ = await services.activity.page(environment, ActivityFilter(transactions=transactions), 0, 10)
    return [one.name for one in page]
