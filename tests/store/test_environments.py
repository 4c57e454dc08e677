"""The registry of environments in a store that loses it: the same on one server and on a cluster."""

from __future__ import annotations

import pytest

from inbox.services import open_services
from inbox.settings import Settings


@pytest.fixture(params=["valkey_url", "redis7_url", "cluster_url"])
def url(request: pytest.FixtureRequest) -> str:
    found: str = request.getfixturevalue(request.param)
    return found


async def test_what_a_process_knows_is_put_back(url: str, key_prefix: str) -> None:
    given = Settings(redis_url=url, key_prefix=key_prefix, api_key="given", application_identifier="page")
    async with open_services(given, url, serving=True) as services:
        environments, keys = services.environments, services.keys
        staging = await environments.create("Staging")
        before, live, secret = environments.all(), environments.live_keys(staging), environments.token_secret
        for key in (keys.environments, keys.api_keys, keys.environments_version, keys.secrets, keys.layout):
            await services.client.execute("DEL", key)
        assert await environments.fresh(at_once=True) == before
        assert environments.live_keys(staging) == live
    async with open_services(Settings(redis_url=url, key_prefix=key_prefix), url) as services:
        assert services.environments.token_secret == secret
        assert services.environments.all() == before
        assert services.environments.lacks_given_key(services.environments.current)
        assert services.environments.live_keys(services.environments.current) == []


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
