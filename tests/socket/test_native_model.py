"""Random histories: clients that know only the native protocol hold at every rest what a fresh listing shows.

A backend and two devices change one feed over every face and over the protocol itself, at two processes, while
connections are cut, processes end and the store restarts.

    INBOX_SEEDS=1000 python -m pytest tests/socket/test_native_model.py     as many histories, from INBOX_SEED on

A failure is played again with fewer operations, and prints the seed and what happened in the shortest history that
fails. Operations of one round run together, so that a seed repeats the choices, not their order.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import AsyncExitStack

import pytest

from tests.faults.pages import PlainPage, SocketIoPage
from tests.support.client import create_session
from tests.support.link import Link
from tests.support.native_clients import WAIT_SECONDS, all_clients
from tests.support.native_history import (
    REST,
    ROUNDS,
    History,
    Operation,
    Stage,
    open_stage,
    operations_of,
)
from tests.support.shrinking import shrink

SEEDS = int(os.environ.get("INBOX_SEEDS", "30"))
FIRST = int(os.environ.get("INBOX_SEED", "1"))
PARTS = 3
REPLAYS = 100
REPLAY_PATIENCE_SECONDS = 20.0
"""How long clients may take to agree in a replay; the shortest history is played once more with the usual patience."""


async def play(
    stage: Stage,
    seed: int,
    operations: Sequence[Operation],
    *,
    attempt: int = 0,
    patience_seconds: float = WAIT_SECONDS,
) -> Counter[str]:
    """Play a history of a new person. Return how often each kind of operation was tried."""
    await stage.mend()
    for process in stage.processes:
        process.start_over()
    subscriber_id = f"person-{seed}-{attempt}"
    token = (await create_session(stage.servers[0], subscriber_id))["token"]
    async with AsyncExitStack() as stack:
        links = [await stack.enter_async_context(Link.to(stage.servers[n % 2].port)) for n in range(4)]
        urls = [link.url for link in links]
        clients = await stack.enter_async_context(all_clients(urls, token, with_node=seed % 3 == 0))
        pages = [
            PlainPage(stage.processes[0], subscriber_id, token),
            SocketIoPage(stage.processes[1], subscriber_id, token),
        ]
        for page in pages:
            page.start()
            stack.push_async_callback(page.close)
        history = History(stage, subscriber_id, token, links, clients, pages, patience_seconds)
        try:
            for number in range(ROUNDS):
                await history.round([one for one in operations if one.round == number])
                await history.rest()
        except Exception as error:
            error.add_note("\n".join([f"INBOX_SEED={seed}", *history.steps]))
            raise
    findings = [finding for process in stage.processes for finding in process.findings]
    assert not findings, "\n".join([*map(str, findings), *history.steps])
    return Counter(step.partition(":")[0] for step in history.steps)


async def play_or_shrink(stage: Stage, seed: int) -> Counter[str]:
    """Play the history of a seed. If it fails, raise the failure of the fewest operations that fail, or its own."""
    operations, attempts = operations_of(seed), 0

    async def failure_of(some: Sequence[Operation], patience_seconds: float) -> Exception | None:
        nonlocal attempts
        attempts += 1
        try:
            await play(stage, seed, some, attempt=attempts, patience_seconds=patience_seconds)
        except Exception as error:
            return error
        return None

    async def fails(some: list[Operation]) -> bool:
        return await failure_of(some, REPLAY_PATIENCE_SECONDS) is not None

    try:
        return await play(stage, seed, operations)
    except Exception as error:
        fewest = await shrink(operations, fails, REPLAYS)
        if len(fewest) < len(operations) and (shorter := await failure_of(fewest, WAIT_SECONDS)):
            raise shorter from error
        raise


@pytest.mark.needs("valkey", "node")
@pytest.mark.parametrize("part", range(PARTS))
async def test_random_histories(part: int) -> None:
    async with open_stage() as stage:
        done: Counter[str] = Counter()
        for seed in range(FIRST + part, FIRST + SEEDS, PARTS):
            began = time.monotonic()
            done += await play_or_shrink(stage, seed)
            print(f"seed {seed}: {time.monotonic() - began:.1f} s")
    print(dict(done))


@pytest.mark.needs("valkey", "node")
async def test_a_failure_shrinks_to_a_printed_history() -> None:
    """Here the service does not know its own deletions, so that pages have to read again."""
    async with open_stage({"inbox.store.publication.DELETED": "?"}) as stage:
        for seed in range(1, 31):
            try:
                await play_or_shrink(stage, seed)
            except AssertionError as error:
                failure, whole = error, error.__cause__
                break
        else:
            pytest.fail("no history deleted anything")
    assert "'refetches': 1" in str(failure)
    assert whole is not None
    [first, *shortest], [seed_line, *longest] = (error.__notes__[0].splitlines() for error in (failure, whole))
    assert first == seed_line == f"INBOX_SEED={seed}"
    operations = [step for step in shortest if step != REST]
    assert len(operations) <= 3 < len(longest)
    assert any("delete" in step or "retract" in step or "expire" in step for step in operations)
