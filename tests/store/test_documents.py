"""Documents: one writer wins, none is lost, what was deleted stays so, and there is room for so many."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
import pytest

from inbox.errors import UnprocessableEntity
from inbox.store.client import Client
from inbox.store.documents import DocumentStore, ListedDocumentStore

from .conftest import ENVIRONMENT, Stores


class Note(msgspec.Struct, frozen=True):
    """A document with a number that grows."""

    created_ms: int = 0
    number: int = 0


def grown(note: Note) -> Note:
    return msgspec.structs.replace(note, number=note.number + 1)


def listed(stores: Stores, limit: int = 100) -> ListedDocumentStore[Note]:
    prefix = stores.keys.prefix
    return ListedDocumentStore(
        stores.client, Note, lambda number: f"{prefix}{{e{number}}}", limit, "notes", lambda n: f"{prefix}{{e{n}}}order"
    )


@pytest.fixture
def notes(stores: Stores) -> ListedDocumentStore[Note]:
    return listed(stores)


@pytest.fixture
def others(other_stores: Stores) -> ListedDocumentStore[Note]:
    return listed(other_stores)


def before_the_first_write(
    monkeypatch: pytest.MonkeyPatch, client: Client, interfere: Callable[[], Awaitable[object]]
) -> None:
    """Call `interfere` once, between the client's next read and the write that follows it."""
    run, left = client.run, [interfere]

    async def late(*arguments: Any) -> Any:
        while left:
            await left.pop()()
        return await run(*arguments)

    monkeypatch.setattr(client, "run", late)


async def test_of_many_creators_one_wins(notes: ListedDocumentStore[Note], others: ListedDocumentStore[Note]) -> None:
    added = await asyncio.gather(
        *(store.add(ENVIRONMENT, "a", Note(number, number)) for number, store in enumerate([notes, others] * 5, 1))
    )
    assert sum(added) == 1
    assert await notes.get(ENVIRONMENT, "a") == Note(1 + added.index(True), 1 + added.index(True))


async def test_no_change_is_lost(notes: ListedDocumentStore[Note], others: ListedDocumentStore[Note]) -> None:
    await notes.add(ENVIRONMENT, "a", Note())
    await asyncio.gather(*(store.update(ENVIRONMENT, "a", grown) for store in [notes, others] * 10))
    assert await others.get(ENVIRONMENT, "a") == Note(0, 20)


async def test_what_is_deleted_meanwhile_stays_deleted(
    stores: Stores,
    notes: ListedDocumentStore[Note],
    others: ListedDocumentStore[Note],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    await notes.add(ENVIRONMENT, "a", Note())
    before_the_first_write(monkeypatch, stores.client, lambda: others.delete(ENVIRONMENT, "a"))
    assert await notes.update(ENVIRONMENT, "a", grown) is None
    assert await others.get(ENVIRONMENT, "a") is None
    assert not await notes.delete(ENVIRONMENT, "a")


async def test_what_is_made_anew_meanwhile_is_what_changes(
    stores: Stores,
    notes: ListedDocumentStore[Note],
    others: ListedDocumentStore[Note],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    await notes.add(ENVIRONMENT, "a", Note())

    async def replace() -> None:
        await others.delete(ENVIRONMENT, "a")
        await others.add(ENVIRONMENT, "a", Note(9, 9))

    before_the_first_write(monkeypatch, stores.client, replace)
    assert await notes.update(ENVIRONMENT, "a", grown) == Note(9, 10)


async def test_there_is_room_for_so_many(stores: Stores) -> None:
    notes = listed(stores, 2)
    await notes.add(ENVIRONMENT, "a", Note())
    await notes.add(ENVIRONMENT, "b", Note())
    with pytest.raises(UnprocessableEntity, match="more than 2 notes"):
        await notes.add(ENVIRONMENT, "c", Note())
    assert await notes.update(ENVIRONMENT, "a", grown) == Note(0, 1)
    assert await notes.delete(ENVIRONMENT, "b")
    assert await notes.add(ENVIRONMENT, "c", Note())
    assert await notes.add(ENVIRONMENT + 1, "c", Note())


async def test_they_are_listed_by_creation(notes: ListedDocumentStore[Note]) -> None:
    for number, name in enumerate("abcd"):
        await notes.add(ENVIRONMENT, name, Note(number, number))
    await notes.update(ENVIRONMENT, "a", grown)
    await notes.delete(ENVIRONMENT, "c")
    page = await notes.page(ENVIRONMENT, "desc", 2)
    assert page is not None
    assert [row.member for row in page.rows] == [b"d", b"b"]
    assert page.has_next
    rest = await notes.page(ENVIRONMENT, "desc", 2, page.end)
    assert rest is not None
    assert rest.records == [Note(0, 1)]


async def test_each_write_grows_the_version(stores: Stores) -> None:
    prefix = stores.keys.prefix
    notes = DocumentStore(stores.client, Note, lambda _: f"{prefix}{{n}}", version=lambda _: f"{prefix}{{n}}version")
    await notes.add(ENVIRONMENT, "a", Note())
    await notes.update(ENVIRONMENT, "a", grown)
    await notes.update(ENVIRONMENT, "a", lambda note: note)  # nothing to write
    await notes.delete(ENVIRONMENT, "a")
    assert await stores.client.execute("GET", f"{prefix}{{n}}version") == b"3"
