"""Online is: a socket at any process, or a closed one that may come back within the grace."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.support.client import Api
from tests.support.sockets import PlainSocket

from .conftest import PRESENCE_GRACE_SECONDS, PRESENCE_LEASE_SECONDS, Pair

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


async def test_the_last_of_two_tabs_decides(any_pair: Pair) -> None:
    api = any_pair.api
    first, second = await any_pair.sockets("ada")
    online = await wait_online(api, "ada", True, seconds=SLACK_SECONDS)
    assert online.get("lastOnlineAt") is None
    await first.close()
    await watch_online(api, "ada", WATCH_SECONDS)
    closing = datetime.now(UTC)
    await second.close()
    offline = await wait_online(api, "ada", False, seconds=PRESENCE_GRACE_SECONDS + SLACK_SECONDS)
    assert went_offline_after(offline, closing.replace(microsecond=0))


async def test_a_reload_is_not_an_absence(pair: Pair) -> None:
    async with PlainSocket.open(pair.servers[0], "ada"):
        await wait_online(pair.api, "ada", True, seconds=SLACK_SECONDS)
    async with PlainSocket.open(pair.servers[1], "ada"):
        await watch_online(pair.api, "ada", PRESENCE_GRACE_SECONDS + 1)


async def test_a_killed_process_takes_only_its_own_along(any_pair: Pair) -> None:
    survivor = any_pair.apis[1]
    for subscriber_id in ("both", "gone"):
        await any_pair.stack.enter_async_context(PlainSocket.open(any_pair.servers[0], subscriber_id))
    await any_pair.stack.enter_async_context(PlainSocket.open(any_pair.servers[1], "both"))
    for subscriber_id in ("both", "gone"):
        await wait_online(survivor, subscriber_id, True, seconds=SLACK_SECONDS)
    killed = datetime.now(UTC)
    await any_pair.servers[0].kill()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(watch_online(survivor, "both", WATCH_SECONDS + 1))
        offline = tasks.create_task(wait_online(survivor, "gone", False, LAPSE_SECONDS))
    assert went_offline_after(offline.result(), killed.replace(microsecond=0))


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


async def test_the_flag_of_the_api_stays_until_the_next_edge(pair: Pair) -> None:
    await pair.api.create_subscriber("ada")
    assert (await pair.api.set_online("ada", True))["isOnline"] is True
    await watch_online(pair.api, "ada", WATCH_SECONDS)
    offline = await pair.api.set_online("ada", False)
    assert offline["isOnline"] is False
    assert datetime.fromisoformat(offline["lastOnlineAt"])
    again = await pair.api.set_online("ada", True)
    assert (again["isOnline"], again["lastOnlineAt"]) == (True, offline["lastOnlineAt"])


async def test_a_planned_stop_hands_over(pair: Pair) -> None:
    """A stopping process leaves the flag alone: its tabs come back elsewhere before the lease lapses."""
    await pair.stack.enter_async_context(PlainSocket.open(pair.servers[0], "ada"))
    await wait_online(pair.apis[1], "ada", True, seconds=SLACK_SECONDS)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(pair.servers[0].terminate())
        await pair.stack.enter_async_context(PlainSocket.open(pair.servers[1], "ada"))
        tasks.create_task(watch_online(pair.apis[1], "ada", WATCH_SECONDS))


async def test_a_process_that_slept_through_its_lease_takes_its_tabs_back(pair: Pair) -> None:
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
