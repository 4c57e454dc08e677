"""The start of the service, given up."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator

import pytest

from inbox import server
from inbox.embedded.store import Store
from inbox.settings import Settings


async def test_a_signal_ends_the_start_though_its_cancellation_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a library that catches it while it disconnects, or in asyncio.wait_for before Python 3.12."""

    @contextlib.asynccontextmanager
    async def deaf(settings: Settings) -> AsyncIterator[Store]:
        os.kill(os.getpid(), signal.SIGTERM)
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
        yield Store("unix:///nowhere", "production", announce=lambda _: None)

    monkeypatch.setattr(server, "open_store", deaf)
    await asyncio.wait_for(
        asyncio.create_task(server._serve(Settings(), demo=False, started=None, is_worker=False)), 10
    )
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        asyncio.get_running_loop().remove_signal_handler(number)
