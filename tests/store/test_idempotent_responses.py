"""Kept answers: the claim, its lease, and what stands in its place afterwards."""

from __future__ import annotations

import asyncio

import pytest

from inbox.errors import UnprocessableEntity
from inbox.models.environment import Environment
from inbox.service.environments.idempotency import IdempotencyService
from inbox.store.idempotent_responses import Answer, IdempotentResponseStore

from .conftest import ENVIRONMENT, Stores

ENV = Environment(ENVIRONMENT, "0" * 24, "0" * 24, "Test", "identifier", 0)
DAY = 86_400


@pytest.fixture
def answers(stores: Stores) -> IdempotentResponseStore:
    return IdempotentResponseStore(stores.client, stores.keys)


async def test_a_claim_stands_until_its_answer(answers: IdempotentResponseStore) -> None:
    assert await answers.claim(1, "key", b"a", 10_000) is None
    assert await answers.claim(1, "key", b"b", 10_000) == Answer(b"a")
    given = Answer(b"a", 201, "application/json", b"{}")
    await answers.keep(1, "key", given, DAY)
    assert await answers.claim(1, "key", b"a", 10_000) == given
    assert await answers.claim(2, "key", b"a", 10_000) is None
    assert await answers.claim(1, "other", b"a", 10_000) is None


async def test_a_released_key_is_free(answers: IdempotentResponseStore) -> None:
    assert await answers.claim(1, "key", b"a", 10_000) is None
    await answers.release(1, "key")
    assert await answers.claim(1, "key", b"b", 10_000) is None


async def test_an_answer_ends_with_its_time(stores: Stores, answers: IdempotentResponseStore) -> None:
    await answers.keep(1, "key", Answer(b"a", 200), DAY)
    key = answers._key(1, "key")
    assert DAY - 5 <= await stores.client.execute("TTL", key) <= DAY


async def test_a_repetition_waits_and_is_answered(answers: IdempotentResponseStore) -> None:
    first, second = IdempotencyService(answers, DAY), IdempotencyService(answers, DAY)
    assert await first.begin(ENV, "key", b"a") is None
    waiting = asyncio.create_task(second.begin(ENV, "key", b"a"))
    with pytest.raises(UnprocessableEntity):
        await second.begin(ENV, "key", b"b")
    assert not waiting.done()
    given = Answer(b"a", 200, "application/json", b"[]")
    await first.finish(ENV, "key", given)
    assert await asyncio.wait_for(waiting, 5) == given


@pytest.mark.parametrize("status", [429, 500, 503, None])
async def test_a_repetition_runs_after_a_failure(answers: IdempotentResponseStore, status: int | None) -> None:
    service = IdempotencyService(answers, DAY)
    assert await service.begin(ENV, "key", b"a") is None
    waiting = asyncio.create_task(service.begin(ENV, "key", b"a"))
    await service.finish(ENV, "key", Answer(b"a", status) if status else None)
    assert await asyncio.wait_for(waiting, 5) is None


async def test_a_lapsed_lease_passes_to_the_next(answers: IdempotentResponseStore) -> None:
    assert await answers.claim(ENVIRONMENT, "key", b"a", 100) is None
    assert await asyncio.wait_for(IdempotencyService(answers, DAY).begin(ENV, "key", b"a"), 5) is None
