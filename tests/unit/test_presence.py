"""The service's part of presence, on a store made by hand; with real ones in tests/store and tests/socket."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from inbox.errors import WriteRefused
from inbox.service.subscribers.presence import MAX_LEAVING, PresenceService
from inbox.store.presence import Held, Lease

from .fake_feed import ENVIRONMENT

OID = "0" * 24
RECORD = [b"id", b"ada"]


class SlowStore:
    """Takes for ever to write that somebody left."""

    def __init__(self) -> None:
        self.begun = asyncio.Event()
        self.is_writing = False

    async def renew(self, *_: object) -> Lease:
        return Lease(True, {})

    async def join(self, *_: object) -> list[bytes]:
        return RECORD

    async def share(self, _process: str) -> list[Held]:
        return []

    async def leave(self, *_: object) -> None:
        self.is_writing = True
        self.begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            self.is_writing = False


class FullStore(SlowStore):
    """Takes no presence until there is room."""

    def __init__(self) -> None:
        super().__init__()
        self.is_full = True
        self.joined: list[str] = []

    async def join(self, _process: str, held: Held) -> list[bytes]:
        if self.is_full:
            raise WriteRefused("OOM")
        self.joined.append(held.oid)
        return RECORD

    async def share(self, _process: str) -> list[Held]:
        return [Held(ENVIRONMENT.number, oid) for oid in self.joined]

    async def leave(self, _process: str, subscribers: Sequence[Held], *_: object) -> None:
        for held in subscribers:
            self.joined.remove(held.oid)


async def test_presence_that_was_refused_is_written_with_the_lease() -> None:
    store = FullStore()
    presence = PresenceService(store, lease_seconds=60, grace_seconds=0)  # type: ignore[arg-type]
    await presence.add_socket(ENVIRONMENT, OID)
    with pytest.raises(WriteRefused):
        await presence.keep_lease()
    store.is_full = False
    for _ in range(2):
        await presence.keep_lease()
        assert store.joined == [OID]
    await presence.close()


async def test_what_the_store_lost_is_written_again_with_the_lease() -> None:
    """A store that went back lacks who came since, and has who left since."""
    store = FullStore()
    store.is_full = False
    presence = PresenceService(store, lease_seconds=60, grace_seconds=0)  # type: ignore[arg-type]
    await presence.add_socket(ENVIRONMENT, OID)
    assert store.joined == [OID]
    store.joined = ["1" * 24]
    await presence.keep_lease()
    assert store.joined == [OID]
    await presence.close()


async def test_an_absence_that_is_being_written_ends_with_the_service() -> None:
    """Or it would use the store's client after that was closed."""
    store = SlowStore()
    presence = PresenceService(store, lease_seconds=60, grace_seconds=0)  # type: ignore[arg-type]
    await presence.keep_lease()
    await presence.add_socket(ENVIRONMENT, OID)
    presence.remove_socket(ENVIRONMENT, OID)
    await store.begun.wait()
    await presence.close()
    assert not store.is_writing


class CountingStore(SlowStore):
    """Counts writes: those who came, and how many left with each call."""

    def __init__(self) -> None:
        super().__init__()
        self.joins = 0
        self.leaves: list[int] = []
        self.left = asyncio.Event()

    async def join(self, *_: object) -> list[bytes]:
        self.joins += 1
        return RECORD

    async def leave(self, _process: str, subscribers: Sequence[Held], *_: object) -> None:
        self.leaves.append(len(subscribers))
        self.left.set()


async def test_sockets_that_close_together_are_written_together() -> None:
    store = CountingStore()
    presence = PresenceService(store, lease_seconds=60, grace_seconds=0)  # type: ignore[arg-type]
    oids = [f"{number:024x}" for number in range(MAX_LEAVING + 100)]
    for oid in oids:
        await presence.add_socket(ENVIRONMENT, oid)
    for oid in oids:
        presence.remove_socket(ENVIRONMENT, oid)
    while sum(store.leaves) < len(oids):
        store.left.clear()
        await store.left.wait()
    assert store.leaves == [MAX_LEAVING, 100]
    await presence.close()


async def test_a_socket_that_comes_back_within_the_grace_is_one_write() -> None:
    store = CountingStore()
    presence = PresenceService(store, lease_seconds=60, grace_seconds=3600)  # type: ignore[arg-type]
    await presence.add_socket(ENVIRONMENT, OID)
    for _ in range(3):
        presence.remove_socket(ENVIRONMENT, OID)
        await presence.add_socket(ENVIRONMENT, OID)
    assert (store.joins, store.leaves) == (4, [])
    await presence.close()
