"""The way of what is published breaks, and nothing else: commands go on, and `/ready` is red after two lost probes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal

import httpx
import pytest

from inbox.realtime.canary import MAX_LATE
from tests.conftest import RunServer, binary_of
from tests.support.client import Api
from tests.support.link import Link
from tests.support.server import Server
from tests.support.sockets import PlainSocket
from tests.support.stores import StoreServer, running_store
from tests.support.waiting import until

WAIT_SECONDS = 120.0

pytestmark = pytest.mark.needs("valkey")


@pytest.fixture
def store() -> Iterator[StoreServer]:
    """A store on TCP, so that a link can stand before it."""
    with running_store(binary_of("valkey")) as server:
        yield server


async def status(server: Server) -> int:
    async with httpx.AsyncClient(base_url=server.url, trust_env=False, timeout=60) as client:
        return (await client.get("/ready")).status_code


async def late_probes(server: Server) -> int:
    [url] = re.findall(r"metrics at (\S+)", server.log())
    async with httpx.AsyncClient(trust_env=False, timeout=60) as client:
        text = (await client.get(url)).text
    [count] = re.findall(r'^inbox_canary_failures_total{outcome="late"} (\d+)', text, re.MULTILINE)
    return int(count)


@pytest.mark.parametrize("how", ["silent", "refused"])
async def test_ready_is_red_within_a_period_and_green_again(
    run_server: RunServer, store: StoreServer, how: Literal["silent", "refused"]
) -> None:
    async with Link.to(store.port) as link:
        server = await run_server(redis_url=f"redis://127.0.0.1:{link.port}", INBOX_METRICS_PORT="0")
        async with Api.open(server) as api, PlainSocket.open(server, "ada") as socket:
            await api.create_workflow()
            before = await late_probes(server)
            if how == "silent":
                link.silence_subscriptions()
            else:
                await link.refuse_subscriptions()

            async def is_red() -> bool:
                return await status(server) == 503

            async def are_late() -> bool:
                return await late_probes(server) - before >= MAX_LATE

            await until(is_red, WAIT_SECONDS)
            await until(are_late, WAIT_SECONDS)
            assert await is_red(), "although commands go through"
            await api.trigger("ada", {"n": 1}, transactionId="meanwhile")
            assert len(await api.feed("ada")) == 1, "commands go on"
            assert "the store fails" in server.log()

            await link.block()  # nothing any more

            async def is_green() -> bool:
                return await status(server) == 200

            await until(is_green, WAIT_SECONDS)
            await socket.reach("meanwhile", WAIT_SECONDS)
