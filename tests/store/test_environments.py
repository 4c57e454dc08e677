"""The registry of environments in a store that loses it: the same on one server and on a cluster."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AsyncExitStack
from itertools import count
from typing import Any

import pytest

from inbox.errors import BadRequest, StoreUnavailable
from inbox.service.environments.environments import EnvironmentService
from inbox.services import open_services
from inbox.settings import Mode, Settings
from inbox.store.client import Client


async def test_a_store_that_lost_them_is_served_no_more(store_url: str, key_prefix: str) -> None:
    given = Settings(redis_url=store_url, key_prefix=key_prefix, api_key="given", application_identifier="page")
    async with open_services(given, store_url, serving=True) as services:
        environments, keys = services.environments, services.keys
        told: list[str] = []
        environments.registry.on_lost = lambda: told.append("lost")
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


class Started:
    """The environments of a process that was started with these keys, and what opens the current one there."""

    def __init__(self, environments: EnvironmentService) -> None:
        self.environments = environments

    async def accepts(self, key: str) -> bool:
        await self.environments.fresh(at_once=True)
        return await self.environments.find_by_key(key) is not None

    async def knows(self) -> list[str]:
        """The keys with which it verifies hashes."""
        await self.environments.fresh(at_once=True)
        return self.environments.live_keys(self.environments.current)

    async def generation(self) -> int:
        await self.environments.fresh(at_once=True)
        return self.environments.current.generation


async def test_callers_change_over_from_one_given_key_to_the_next(store_url: str, key_prefix: str) -> None:
    async with AsyncExitStack() as stack:

        async def start(**keys: str) -> Started:
            settings = Settings(redis_url=store_url, key_prefix=key_prefix, **keys)
            services = await stack.enter_async_context(open_services(settings, store_url, serving=True))
            return Started(services.environments)

        before = await start(api_key="old")
        between = await start(api_key="new", former_api_key="old")
        for process in (before, between):
            assert [await process.accepts(key) for key in ("old", "new", "other")] == [True, True, False]
        assert (await before.knows(), await between.knows()) == (["old"], ["new", "old"])
        assert await before.generation() == 0, "sessions go on"
        with pytest.raises(BadRequest, match="INBOX_FORMER_API_KEY"):
            await between.environments.keys.revoke(between.environments.current, "old")
        after = await start(api_key="new")
        for process in (before, between, after):
            assert [await process.accepts(key) for key in ("old", "new")] == [False, True]
        assert [await one.knows() for one in (before, between, after)] == [[], ["new"], ["new"]]
        assert await after.generation() == 1, "sessions of the former key have ended"
        again = await start(api_key="new")
        assert await again.generation() == 1


async def test_a_leaked_key_ends_at_processes_that_still_have_it(store_url: str, key_prefix: str) -> None:
    async with AsyncExitStack() as stack:
        started = []
        for key in ("leaked", "next"):
            settings = Settings(redis_url=store_url, key_prefix=key_prefix, api_key=key)
            services = await stack.enter_async_context(open_services(settings, store_url, serving=True))
            started.append(Started(services.environments))
        for process in started:
            assert [await process.accepts(key) for key in ("leaked", "next")] == [False, True]
            assert await process.generation() == 1
        assert await started[0].knows() == [], "no hash of the leaked key opens a session"


async def test_a_process_that_starts_with_a_replaced_key_does_not_put_it_back(
    store_url: str, key_prefix: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with AsyncExitStack() as stack:

        async def start(**keys: str) -> Started:
            caplog.clear()
            settings = Settings(redis_url=store_url, key_prefix=key_prefix, **keys)
            services = await stack.enter_async_context(open_services(settings, store_url, serving=True))
            return Started(services.environments)

        def has_warned() -> bool:
            return any(getattr(line, "action", None) == "outdated_key" for line in caplog.records)

        await start(api_key="old")
        await start(api_key="new", former_api_key="old")
        late = await start(api_key="old")
        assert has_warned()
        assert [await late.accepts(key) for key in ("old", "new")] == [True, True], "the change goes on"
        await start(api_key="new")
        assert not has_warned()
        late = await start(api_key="old")
        assert has_warned()
        assert [await late.accepts(key) for key in ("old", "new")] == [False, True]
        assert (await late.knows(), await late.generation()) == ([], 1)
        third = await start(api_key="third")
        for key in ("old", "new"):
            await start(api_key=key)
            assert has_warned()
        assert [await third.accepts(key) for key in ("old", "new", "third")] == [False, False, True]
        back = await start(api_key="old", former_api_key="third")
        assert not has_warned()
        assert [await back.accepts(key) for key in ("old", "new", "third")] == [True, False, True]
        await start()
        again = await start(api_key="third")
        assert not has_warned(), "nothing has taken its place"
        assert await again.accepts("third")


async def test_an_environment_comes_with_its_key_or_not_at_all(
    store_url: str, key_prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The store fails at the first call of a creation, at the second, and so on, until one has no such call."""
    given = Settings(redis_url=store_url, key_prefix=key_prefix)
    async with open_services(given, store_url) as services, open_services(given, store_url) as other:
        for failing in count():
            calls = count()
            with monkeypatch.context() as patch:
                for name in ("execute", "read", "transaction", "run"):
                    patch.setattr(Client, name, failing_at(failing, calls, getattr(Client, name)))
                try:
                    await services.environments.create(f"E{failing}")
                    has_failed = False
                except StoreUnavailable:
                    has_failed = True
            for environment in await other.environments.fresh(at_once=True):
                assert other.environments.live_keys(environment), f"{environment.name} has no key"
            if not has_failed:
                break
    assert failing > 1


def failing_at(failing: int, calls: Iterator[int], call: Any) -> Any:
    """The call, which fails as the store does if it is the one of this number."""

    async def fail_or_call(*args: Any) -> Any:
        if next(calls) == failing:
            raise StoreUnavailable
        return await call(*args)

    return fail_or_call
