"""The registry of environments in a store that loses it: the same on one server and on a cluster."""

from __future__ import annotations

import pytest

from inbox.errors import StoreUnavailable
from inbox.services import open_services
from inbox.settings import Mode, Settings


async def test_a_store_that_lost_them_is_served_no_more(store_url: str, key_prefix: str) -> None:
    given = Settings(redis_url=store_url, key_prefix=key_prefix, api_key="given", application_identifier="page")
    async with open_services(given, store_url, serving=True) as services:
        environments, keys = services.environments, services.keys
        told: list[str] = []
        environments.on_lost = lambda: told.append("lost")
        for key in (keys.environments, keys.api_keys, keys.environments_version, keys.secrets, keys.layout):
            await services.client.execute("DEL", key)
        for _ in range(2):
            with pytest.raises(StoreUnavailable):
                await environments.fresh(at_once=True)
        with pytest.raises(StoreUnavailable):
            await environments.change(environments.current, max_age_days=5)
        assert set(told) == {"lost"}
        assert await services.client.execute("EXISTS", keys.environments) == 0, "nothing is put into another's store"


async def test_a_given_key_is_noted_where_it_is_valid_by_now(store_url: str, key_prefix: str) -> None:
    modes: list[Mode] = ["development", "production"]
    for mode in modes:
        given = Settings(redis_url=store_url, key_prefix=key_prefix, api_key="given", mode=mode)
        async with open_services(given, store_url, serving=True) as services:
            development = await services.environments.find_by_name("development")
            assert services.environments.live_keys(development)
            assert not services.environments.lacks_given_key(development)


async def test_a_version_of_an_emptied_store_is_another(valkey_url: str, key_prefix: str) -> None:
    """Two lives of a store have as many changes behind them; a process that missed the end must notice the second."""
    given = Settings(redis_url=valkey_url, key_prefix=key_prefix)
    versions = []
    for _ in range(2):
        async with open_services(given, valkey_url) as services:
            keys = services.keys
            versions.append(await services.client.execute("GET", keys.environments_version))
            for key in (keys.environments, keys.api_keys, keys.environments_version, keys.secrets, keys.layout):
                await services.client.execute("DEL", key)
    assert versions[0] != versions[1]
