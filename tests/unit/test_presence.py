"""The service's part of presence, on a store made by hand; with real ones in tests/store and tests/socket."""

from __future__ import annotations

import asyncio

from inbox.service.subscribers.presence import PresenceService
from inbox.store.presence import Lease

from .fake_feed import ENVIRONMENT

OID = "0" * 24


class SlowStore:
    """Takes for ever to write that somebody left."""

    def __init__(self) -> None:
        self.begun = asyncio.Event()
        self.is_writing = False

    async def renew(self, *_: object) -> Lease:
        return Lease(True, {})

    async def join(self, *_: object) -> bool:
        return True

    async def leave(self, *_: object) -> None:
        self.is_writing = True
        self.begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            self.is_writing = False


async def test_an_absence_that_is_being_written_ends_with_the_service() -> None:
    """Or it would use the store's client after that was closed."""
    store = SlowStore()
    presence = PresenceService(store, lease_seconds=60, grace_seconds=0)  # type: ignore[arg-type]
    await presence.start()
    await presence.came(ENVIRONMENT, OID)
    presence.left(ENVIRONMENT, OID)
    await store.begun.wait()
    await presence.close()
    assert not store.is_writing
