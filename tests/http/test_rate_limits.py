"""Rate limits: off unless configured; counted by API key and by subscriber, at all processes together."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from functools import partial

import pytest

from tests.conftest import RunServer
from tests.support.client import Api, InboxApi
from tests.support.server import Server
from tests.support.waiting import until, until_hour_has

from .hostile import check_error

HEADERS = ("ratelimit-limit", "ratelimit-remaining", "ratelimit-reset", "ratelimit-policy")
PATH = "/v1/environments/me"


@pytest.fixture
async def servers(run_server: RunServer, valkey_url: str, key_prefix: str) -> list[Server]:
    """Two processes over one store: 20 requests an hour per key, 3 per subscriber."""
    limits = {"INBOX_RATE_LIMIT_PER_KEY": "20/hour", "INBOX_RATE_LIMIT_PER_SUBSCRIBER": "3/hour"}
    return [await run_server(redis_url=valkey_url, INBOX_KEY_PREFIX=key_prefix, **limits) for _ in range(2)]


@pytest.fixture
async def apis(servers: list[Server]) -> AsyncIterator[list[Api]]:
    async with AsyncExitStack() as stack:
        await until_hour_has()
        yield [await stack.enter_async_context(Api.open(server)) for server in servers]


async def test_a_key_is_refused_beyond_its_limit_at_every_process(apis: list[Api]) -> None:
    for number in range(20):
        answer = await apis[number % 2].client.get(PATH)
        assert answer.status_code == 200
        assert (answer.headers["ratelimit-limit"], answer.headers["ratelimit-policy"]) == ("20", "20;w=3600")
        assert int(answer.headers["ratelimit-remaining"]) == 19 - number
        assert 1 <= int(answer.headers["ratelimit-reset"]) <= 3600
    for api in apis:
        refused = await api.client.get(PATH)
        check_error(refused, 429)
        assert refused.headers["ratelimit-remaining"] == "0"
        assert refused.headers["retry-after"] == refused.headers["ratelimit-reset"]


async def test_a_refusal_is_not_kept_for_repetitions(apis: list[Api]) -> None:
    for _ in range(20):
        await apis[0].client.get(PATH)
    for _ in range(2):
        refused = await apis[0].client.post("/v1/tenants", json={"identifier": "a"}, headers={"Idempotency-Key": "k"})
        check_error(refused, 429)
        assert "idempotency-replay" not in refused.headers


async def test_a_subscriber_has_a_limit_of_its_own(servers: list[Server], apis: list[Api]) -> None:
    async with AsyncExitStack() as stack:
        opened = [(servers[0], "ada"), (servers[1], "ada"), (servers[0], "bob")]
        ada, tab, bob = [await stack.enter_async_context(InboxApi.open(*page)) for page in opened]
        for page in (ada, tab, ada):
            assert (await page.client.get("/v1/inbox/notifications/count?filters=[{}]")).status_code == 200
        refused = await tab.client.get("/v1/inbox/notifications")
        check_error(refused, 429)
        assert refused.headers["ratelimit-policy"] == "3;w=3600"
        assert (await bob.client.get("/v1/inbox/notifications")).status_code == 200
    assert (await apis[0].client.get(PATH)).status_code == 200


async def test_a_window_ends(run_server: RunServer, valkey_url: str, key_prefix: str) -> None:
    limit = {"INBOX_RATE_LIMIT_PER_KEY": "1/second"}
    server = await run_server(redis_url=valkey_url, INBOX_KEY_PREFIX=key_prefix, **limit)
    async with Api.open(server) as api:

        async def answers(status: int) -> bool:
            return (await api.client.get(PATH)).status_code == status

        assert await answers(200)
        for status in (429, 200):  # refused, then in a further window
            await until(partial(answers, status))


async def test_nothing_is_said_without_a_limit(shared_server: Server) -> None:
    async with Api.open(shared_server) as api:
        answer = await api.client.get(PATH)
    assert answer.status_code == 200
    assert not [name for name in HEADERS if name in answer.headers]


async def test_a_repetition_under_an_idempotency_key_counts(apis: list[Api]) -> None:
    """It never reaches a handler, and neither does a key that was used for another request."""
    body, key = {"identifier": "once"}, {"Idempotency-Key": "once"}
    left = []
    for number in range(20):
        sent = {**body, "name": "other"} if number == 10 else body
        answer = await apis[number % 2].client.post("/v1/tenants", json=sent, headers=key)
        assert answer.status_code == (422 if number == 10 else 201)
        left.append(int(answer.headers["ratelimit-remaining"]))
    assert left == list(range(19, -1, -1))
    check_error(await apis[0].client.post("/v1/tenants", json=body, headers=key), 429)
