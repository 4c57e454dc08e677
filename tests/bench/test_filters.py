"""Counts by content: each message is decoded once for all filters, and the loop is let go between slices."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from inbox.models.message import Labels, decode_labels
from inbox.service.feed import content_match
from inbox.service.feed.notification_filter import parse_filter
from inbox.services import Services
from inbox.settings import Settings
from inbox.store.client import open_client
from inbox.store.feed_reader import SCAN_SLICE

from .filters import FILTERS, Bench, content, many_fields, same_field

MESSAGES = SCAN_SLICE + 250


class Decodings:
    """Counts the messages that are decoded: in all, and the most of them between two turns of the loop."""

    def __init__(self) -> None:
        self.count = 0
        self.most_in_a_turn = 0
        self._in_this_turn = 0

    def decode(self, stored: bytes) -> Labels:
        self.count += 1
        self._in_this_turn += 1
        self.most_in_a_turn = max(self.most_in_a_turn, self._in_this_turn)
        return decode_labels(stored)

    async def tick(self) -> None:
        while True:
            self._in_this_turn = 0
            await asyncio.sleep(0)


@pytest.fixture
async def decodings(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Decodings]:
    counted = Decodings()
    monkeypatch.setattr(content_match, "decode_labels", counted.decode)
    ticking = asyncio.create_task(counted.tick())
    yield counted
    ticking.cancel()


@pytest.mark.parametrize("make", [same_field, many_fields])
async def test_each_message_is_decoded_once_and_nobody_is_held_up(
    valkey_url: str, decodings: Decodings, make: Callable[[int], list[dict[str, Any]]]
) -> None:
    client = await open_client(valkey_url)
    services = Services(Settings(redis_url=valkey_url, key_prefix=f"filters-{secrets.token_hex(4)}:"), client)
    try:
        await services.environments.load()
        bench = Bench(services)
        feed = await bench.make_feed(MESSAGES)
        filters = [parse_filter(one) for one in make(FILTERS)]
        first = await services.feed.count_each([feed], filters)
        assert decodings.count == MESSAGES
        assert decodings.most_in_a_turn <= SCAN_SLICE
        assert await services.feed.count_each([feed], filters) == first
        assert decodings.count == MESSAGES, "what is known is not used"
        await bench.append(feed, [content(7)])
        await services.feed.count_each([feed], filters)
        assert decodings.count == MESSAGES + 1
    finally:
        await client.close()
