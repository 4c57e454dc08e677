"""Online is: a socket at any process, or a closed one that may come back within the grace."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.conftest import RunServer, one_server_and_cluster
from tests.support.client import Api
from tests.support.server import Server
from tests.support.sockets import PlainSocket
from tests.support.waiting import at_once

from .conftest import PRESENCE_GRACE_SECONDS, PRESENCE_LEASE_SECONDS, Pair, start_pair

SLACK_SECONDS = 60.0  # how late a busy machine may notice what is due
LAPSE_SECONDS = PRESENCE_LEASE_SECONDS + PRESENCE_GRACE_SECONDS + SLACK_SECONDS
WATCH_SECONDS = PRESENCE_LEASE_SECONDS + PRESENCE_GRACE_SECONDS + 1


async def wait_online(api: Api, subscriber_id: str, online: bool, seconds: float) -> dict[str, Any]:
    """The subscriber once its flag is `online`. Nothing announces it, so it is asked for."""
    deadline = time.monotonic() + seconds
    while (subscriber := await api.subscriber(subscriber_id))["isOnline"] is not online:
        assert time.monotonic() < deadline, f"not within {seconds} s: isOnline {online}; {subscriber}"
        await asyncio.sleep(0.05)
    return subscriber


async def watch(api: Api, subscriber_id: str, online: bool, seconds: float) -> None:
    """Fails as soon as the flag is another within `seconds`."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        assert (await api.subscriber(subscriber_id))["isOnline"] is online
        await asyncio.sleep(0.05)


async def watch_online(api: Api, subscriber_id: str, seconds: float) -> None:
    """Fails as soon as the subscriber is offline within `seconds`."""
    await watch(api, subscriber_id, True, seconds)


def went_offline_after(subscriber: dict[str, Any], moment: datetime) -> bool:
    return datetime.fromisoformat(subscriber["lastOnlineAt"]) >= moment


@one_server_and_cluster
async def test_who_is_online_stays_so_until_the_last_socket_is_gone(any_pair: Pair) -> None:
    await at_once(
        {
            "the last of two tabs decides": last_of_two_tabs(any_pair, "ada"),
            "a reload is not an absence": reload(any_pair, "bob"),
            "the flag of the API stays until the next edge": flag_of_the_api(any_pair.api, "grace"),
        }
    )


async def test_who_is_online_is_listed(fresh_server: Server) -> None:
    async with Api.open(fresh_server) as api, AsyncExitStack() as stack:
        for name in ("ada", "bob", "eve"):
            await api.create_subscriber(name)
        for name in ("ada", "ada", "eve"):
            await stack.enter_async_context(PlainSocket.open(fresh_server, name))
        listed = await api.call("GET", "/v2/subscribers", 200, online="true")
        assert {one["subscriberId"] for one in listed["data"]} == {"ada", "eve"}
        assert all(one["isOnline"] for one in listed["data"])
        assert (listed["totalCount"], listed["totalCountCapped"]) == (2, False)
        away = await api.call("GET", "/v2/subscribers", 200, online="false")
        assert [one["subscriberId"] for one in away["data"]] == ["bob"]
        await api.call("GET", "/v2/subscribers", 422, online="true", orderBy="updatedAt")


async def last_of_two_tabs(pair: Pair, subscriber_id: str) -> None:
    first, second = await pair.sockets(subscriber_id)
    online = await wait_online(pair.api, subscriber_id, True, seconds=SLACK_SECONDS)
    assert online.get("lastOnlineAt") is None
    await first.close()
    await watch_online(pair.api, subscriber_id, WATCH_SECONDS)
    closing = datetime.now(UTC)
    await second.close()
    offline = await wait_online(pair.api, subscriber_id, False, seconds=PRESENCE_GRACE_SECONDS + SLACK_SECONDS)
    assert went_offline_after(offline, closing.replace(microsecond=0))


async def reload(pair: Pair, subscriber_id: str) -> None:
    async with PlainSocket.open(pair.servers[0], subscriber_id):
        await wait_online(pair.api, subscriber_id, True, seconds=SLACK_SECONDS)
    async with PlainSocket.open(pair.servers[1], subscriber_id):
        await watch_online(pair.api, subscriber_id, PRESENCE_GRACE_SECONDS + 1)


async def flag_of_the_api(api: Api, subscriber_id: str) -> None:
    await api.create_subscriber(subscriber_id)
    assert (await api.set_online(subscriber_id, True))["isOnline"] is True
    await watch_online(api, subscriber_id, WATCH_SECONDS)
    offline = await api.set_online(subscriber_id, False)
    assert offline["isOnline"] is False
    assert datetime.fromisoformat(offline["lastOnlineAt"])
    again = await api.set_online(subscriber_id, True)
    assert (again["isOnline"], again["lastOnlineAt"]) == (True, offline["lastOnlineAt"])


@one_server_and_cluster
@pytest.mark.parametrize("opening", [0, 1])
async def test_a_socket_that_opens_is_an_edge_beside_another(any_pair: Pair, opening: int) -> None:
    """At the process that holds the other one too, and whatever the API said in between."""
    api, servers = any_pair.api, any_pair.servers
    async with PlainSocket.open(servers[0], "ada"):
        await wait_online(api, "ada", True, seconds=SLACK_SECONDS)
        offline = await api.set_online("ada", False)
        assert offline["isOnline"] is False
        async with PlainSocket.open(servers[opening], "ada"):
            online = await wait_online(api, "ada", True, seconds=SLACK_SECONDS)
            assert online["lastOnlineAt"] == offline["lastOnlineAt"]


async def test_a_reload_is_an_edge(pair: Pair) -> None:
    """The page comes back within the grace, in which nothing was written about its leaving."""
    async with PlainSocket.open(pair.servers[0], "ada"):
        await wait_online(pair.api, "ada", True, seconds=SLACK_SECONDS)
        await pair.api.set_online("ada", False)
    async with PlainSocket.open(pair.servers[0], "ada"):
        await wait_online(pair.api, "ada", True, seconds=SLACK_SECONDS)


@one_server_and_cluster
async def test_processes_that_end_or_sleep(run_server: RunServer, store_url: str, key_prefix: str) -> None:
    async with AsyncExitStack() as stack:
        starts = (start_pair(run_server, stack, store_url, f"{key_prefix}{number}:") for number in range(3))
        killed, stopped, suspended = await asyncio.gather(*starts)
        await at_once(
            {
                "a killed process takes only its own along": kill(killed),
                "a planned stop hands over": stop(stopped),
                "a process that slept through its lease takes its tabs back": suspend(suspended),
            }
        )


async def kill(pair: Pair) -> None:
    survivor = pair.apis[1]
    for subscriber_id in ("both", "gone"):
        await pair.stack.enter_async_context(PlainSocket.open(pair.servers[0], subscriber_id))
    await pair.stack.enter_async_context(PlainSocket.open(pair.servers[1], "both"))
    for subscriber_id in ("both", "gone"):
        await wait_online(survivor, subscriber_id, True, seconds=SLACK_SECONDS)
    killed = datetime.now(UTC)
    await pair.servers[0].kill()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(watch_online(survivor, "both", WATCH_SECONDS + 1))
        offline = tasks.create_task(wait_online(survivor, "gone", False, LAPSE_SECONDS))
    assert went_offline_after(offline.result(), killed.replace(microsecond=0))


async def stop(pair: Pair) -> None:
    """A stopping process leaves the flag alone: its tabs come back elsewhere before the lease lapses."""
    await pair.stack.enter_async_context(PlainSocket.open(pair.servers[0], "ada"))
    await wait_online(pair.apis[1], "ada", True, seconds=SLACK_SECONDS)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(pair.servers[0].terminate())
        await pair.stack.enter_async_context(PlainSocket.open(pair.servers[1], "ada"))
        tasks.create_task(watch_online(pair.apis[1], "ada", WATCH_SECONDS))


async def suspend(pair: Pair) -> None:
    """Held up longer than its lease (a suspended machine), it was swept by the others; its sockets are still open."""
    sleeper, other = pair.servers
    await pair.stack.enter_async_context(PlainSocket.open(sleeper, "ada"))
    await wait_online(pair.apis[1], "ada", True, seconds=SLACK_SECONDS)
    os.kill(sleeper.pid, signal.SIGSTOP)
    try:
        await wait_online(pair.apis[1], "ada", False, LAPSE_SECONDS)
        await watch(pair.apis[1], "ada", False, PRESENCE_LEASE_SECONDS)  # the sweep is over and done with
    finally:
        os.kill(sleeper.pid, signal.SIGCONT)
    await wait_online(pair.apis[1], "ada", True, LAPSE_SECONDS)
    assert other.log().count("presence_swept") == 1
