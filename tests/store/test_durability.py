"""What the log says of a store of the user's own."""

from __future__ import annotations

import pytest

from inbox.store.client import open_client
from inbox.store.durability import report_durability

from ..conftest import binary_of
from ..support.stores import running_store
from .conftest import Stores


async def test_what_the_store_keeps_is_told(stores: Stores, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    await report_durability(stores.client)
    assert "append-only file, fsync everysec" in caplog.text
    assert "WARNING" not in caplog.text


async def test_a_store_that_forgets_or_evicts_is_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    options = ["--appendonly", "no", "--maxmemory", "100mb", "--maxmemory-policy", "allkeys-lru"]
    with running_store(binary_of("valkey"), options=options) as server:
        client = await open_client(server.url)
        await report_durability(client)
        await client.close()
    assert "keeps nothing" in caplog.text
    assert "may evict" in caplog.text
