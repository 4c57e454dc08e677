"""A reminder for those who have not read, by a process that was restarted during the delay."""

from __future__ import annotations

import itertools

import pytest

from inbox.store.client import open_client
from inbox.store.due_buckets import BucketKey
from inbox.store.keys import BUCKETS, Keys
from inbox.store.timers import TimerStore
from tests.conftest import RunServer
from tests.support.client import Api, Json
from tests.support.waiting import until

ENVIRONMENTS = (1, 2)


def workflow(field: str) -> Json:
    unless = {"==": [{"var": f"steps.first.{field}"}, False]}
    return {
        "name": "Invitation",
        "workflowId": "invitation",
        "steps": [
            {"name": "First", "stepId": "first", "type": "in_app", "controlValues": {"body": "invited"}},
            {"name": "Wait", "stepId": "wait", "type": "delay", "controlValues": {"amount": 1, "unit": "days"}},
            {
                "name": "Reminder",
                "stepId": "reminder",
                "type": "in_app",
                "controlValues": {"body": "still waiting", "skip": unless},
            },
        ],
    }


async def let_the_day_pass(redis_url: str, prefix: str) -> None:
    """All that waits became due long ago."""
    client = await open_client(redis_url)
    try:
        keys = Keys(prefix)
        for environment, bucket in itertools.product(ENVIRONMENTS, range(BUCKETS)):
            timers = keys.bucket(environment, bucket).timers
            for member in await client.execute("ZRANGE", timers, 0, -1):
                await client.execute("ZADD", timers, 1_000, member)
                await TimerStore(client, keys).schedule(BucketKey(environment, bucket), 1_000)
    finally:
        await client.close()


async def jobs(api: Api, subscriber_id: str) -> list[Json]:
    """The steps of the subscriber's activity, as far as they were carried out."""
    listed = (await api.call("GET", "/v1/notifications", 200, transactionId="t"))["data"]
    [activity] = [one for one in listed if one["to"]["subscriberId"] == subscriber_id]
    found: list[Json] = (await api.data("GET", f"/v1/notifications/{activity['_id']}", 200))["jobs"]
    return found


@pytest.mark.parametrize("field", ["read", "seen"])
async def test_only_who_has_not_is_reminded(
    run_server: RunServer, valkey_url: str, key_prefix: str, field: str
) -> None:
    server = await run_server(redis_url=valkey_url, INBOX_KEY_PREFIX=key_prefix)
    async with Api.open(server) as api:
        await api.data("POST", "/v2/workflows", 201, workflow(field))
        await api.trigger(["ada", "bob"], workflow="invitation", transactionId="t")
        [message] = await api.feed("ada")
        await api.mark_as("ada", message["_id"], field)
    assert await server.terminate() == 0
    await let_the_day_pass(valkey_url, key_prefix)
    await server.start()
    async with Api.open(server) as api:

        async def bob_is_reminded() -> bool:
            return len(await api.feed("bob")) == 2

        await until(bob_is_reminded, 60)
        assert [one["content"] for one in await api.feed("bob")] == ["still waiting", "invited"]

        async def ada_has_ended() -> bool:
            return len(await jobs(api, "ada")) == 3

        await until(ada_has_ended, 60)
        assert [one["content"] for one in await api.feed("ada")] == ["invited"]
        reminder = (await jobs(api, "ada"))[-1]
        assert reminder["status"] == "skipped"
        assert f"steps.first.{field} = true" in reminder["executionDetails"][0]["raw"]
