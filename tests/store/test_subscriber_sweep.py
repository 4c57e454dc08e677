"""The daily comparison of subscribers with their lists, as the service runs it."""

from __future__ import annotations

import asyncio

import pytest

from inbox.ids import SubscriberId
from inbox.jobs import background_jobs
from inbox.models.environment import DEVELOPMENT, PRODUCTION
from inbox.service.subscribers import sweep as subscriber_sweep
from inbox.services import Services
from inbox.settings import Settings

from .conftest import Stores


async def test_every_environment_is_swept_once_a_day(stores: Stores, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subscriber_sweep, "PAUSE_SECONDS", 0)
    services = Services(Settings(key_prefix=stores.keys.prefix), stores.client)
    await services.environments.load()
    for number in (DEVELOPMENT, PRODUCTION):
        await stores.subscribers.write(number, SubscriberId("ada"), {})
        await stores.client.execute("DEL", stores.keys.subscribers(number))
    assert await services.subscriber_sweep.sweep_due() == 2
    await stores.client.execute("DEL", stores.keys.subscribers(PRODUCTION))
    assert await services.subscriber_sweep.sweep_due() == 0, "it was done a moment ago"
    page = await stores.subscribers.page(DEVELOPMENT, "_id", "desc", 10)
    assert page is not None
    assert [one.subscriber_id for one in page.records] == ["ada"]


async def test_a_sweep_under_way_ends_with_the_service(stores: Stores) -> None:
    services = Services(Settings(key_prefix=stores.keys.prefix), stores.client)
    await services.environments.load()
    job = background_jobs(services)["subscriber lists"]
    async with asyncio.timeout(10), job:  # all of it would take half a minute
        while job.runs == 0:
            await asyncio.sleep(0)
