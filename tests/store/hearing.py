"""What the store publishes, as a process hears it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from inbox.realtime.listener import Listener
from inbox.store.publication import Publication, parse_publication

from .conftest import Stores

WAIT_SECONDS = 60.0


class Hearing:
    """The publications on the channels that a test subscribes to, in their order."""

    def __init__(self, stores: Stores) -> None:
        self.heard: asyncio.Queue[tuple[str, bytes]] = asyncio.Queue()
        self.listener = Listener(
            stores.client, stores.keys.probe("test"), lambda *heard: self.heard.put_nowait(heard), lambda _: None
        )

    async def subscribe(self, *channels: str) -> None:
        """Return once the store has acknowledged all channels."""
        for channel in channels:
            self.listener.subscribe(channel)
        await asyncio.gather(*map(self.listener.acknowledged, channels))

    async def next(self) -> tuple[str, bytes]:
        """Return the next channel and payload."""
        return await asyncio.wait_for(self.heard.get(), WAIT_SECONDS)

    async def publication(self) -> Publication:
        """Return the next publication of a change."""
        return parse_publication((await self.next())[1])


@asynccontextmanager
async def hearing(stores: Stores) -> AsyncIterator[Hearing]:
    heard = Hearing(stores)
    await heard.listener.start()
    try:
        yield heard
    finally:
        await heard.listener.close()
