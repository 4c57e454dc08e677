"""Each earlier release's data, served by this one: the same answers, and what had begun goes on."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from msgspec.structs import replace

from inbox.store.client import open_client
from inbox.store.environments import EnvironmentStore
from inbox.store.keys import LAYOUT_VERSION, Keys
from tests.conftest import RunServer, binary_of
from tests.runtime.conftest import run_inbox
from tests.support.client import segment
from tests.support.stores import StoreServer, connect, running_store
from tests.support.waiting import until

from .write import SECRET_KEY, UNREAD, WAITING, Backend

pytestmark = pytest.mark.needs("valkey")

RELEASES = sorted(Path(__file__).parent.glob("*.json"))
FOREVER_DAYS = 100_000
ENVIRONMENTS = "/v1/environments.data"
Json = Any


@pytest.fixture(params=RELEASES, ids=lambda path: path.stem)
def release(request: pytest.FixtureRequest) -> Json:
    return json.loads(request.param.read_text())


@pytest.fixture(params=["valkey", pytest.param("redis-server", marks=pytest.mark.needs("redis-server"))])
def store(request: pytest.FixtureRequest, release: Json) -> Iterator[StoreServer]:
    """A server with the data of the release."""
    with running_store(binary_of(request.param)) as server:
        with connect(server.url) as client:
            for key, value in release["store"].items():
                client.restore(key, 0, base64.b64decode(value))
        yield server


@pytest.fixture
async def backend(store: StoreServer, release: Json, run_server: RunServer) -> AsyncIterator[Backend]:
    """A backend of this release's service on that data."""
    await keep_messages(store.url)
    settings = {"INBOX_SECRET_KEY": SECRET_KEY, "INBOX_REQUIRE_SUBSCRIBER_HASH": "true"}
    server = await run_server(redis_url=store.url, INBOX_API_KEY="", INBOX_APPLICATION_IDENTIFIER="", **settings)
    async with httpx.AsyncClient(base_url=server.url, timeout=20, trust_env=False) as http:
        yield Backend(http, release["apiKeys"][0], release["applicationIdentifier"])


async def keep_messages(url: str) -> None:
    """Let no environment remove messages by their age: those of the release grow older with each day."""
    client = await open_client(url)
    try:
        environments = EnvironmentStore(client, Keys("inbox:"))
        for number in (await environments.read()).environments:
            await environments.change(number, lambda one: replace(one, max_age_days=FOREVER_DAYS))
    finally:
        await client.close()


def differences(old: Json, new: Json, path: str = "") -> Iterator[str]:
    """Yield what an answer lacks or has otherwise. A later release may say more.

    A list has as many items, but for that of the environments: it has the caller's own first, and then the others.
    """
    if isinstance(old, dict) and isinstance(new, dict):
        for name, value in old.items():
            if name in new:
                yield from differences(value, new[name], f"{path}.{name}")
            else:
                yield f"{path}.{name} is missing"
    elif isinstance(old, list) and isinstance(new, list) and _fits(len(old), len(new), path):
        for index, (one, other) in enumerate(zip(old, new, strict=False)):
            yield from differences(one, other, f"{path}[{index}]")
    elif old != new:
        yield f"{path}: {old!r} → {new!r}"


def _fits(old: int, new: int, path: str) -> bool:
    return old <= new if path == ENVIRONMENTS else old == new


async def test_it_answers_as_the_release_did(backend: Backend, release: Json) -> None:
    answers = await backend.readings()
    found = [one for path in answers for one in differences(release["answers"][path], answers[path], path)]
    assert found == []


async def test_what_had_begun_goes_on(backend: Backend) -> None:
    """A delay that the release has begun ends here; feeds take marks and messages, and no transaction runs twice."""
    feed = f"/v1/subscribers/{WAITING}/notifications/feed"

    async def has_come() -> bool:
        return [one["subject"] for one in (await backend.call("GET", feed))["data"]] == ["Order 9"]

    await until(has_come, 60)
    ada = f"/v1/subscribers/{segment('ada/1')}/notifications/feed?limit=100"
    before = (await backend.call("GET", ada))["data"]
    await backend.trigger("order", "ada/1", 1, transactionId="order-1")
    await backend.trigger("order", "ada/1", 11, transactionId="order-11")
    after = (await backend.call("GET", ada))["data"]
    assert [one["subject"] for one in after] == ["Order 11", *(one["subject"] for one in before)]
    token = await backend.session("ada/1")
    await backend.call("POST", "/v1/inbox/notifications/read", {}, token=token)
    counted = await backend.call("GET", f"/v1/inbox/notifications/count?filters={UNREAD}", token=token)
    assert counted["data"][0]["count"] == 0
    suppressed = await backend.call("GET", "/v1/notifications?transactionId=suppressed-10")
    assert suppressed["data"][0]["jobs"][0]["status"] == "canceled"


async def test_its_counts_are_right(store: StoreServer, release: Json) -> None:
    settings = {"INBOX_REDIS_URL": store.url, "INBOX_SECRET_KEY": SECRET_KEY}
    ended = run_inbox("audit", "--json", **settings)
    assert ended.returncode == 0, ended
    audited = json.loads(ended.stdout)
    assert audited["drift"] == []
    assert audited["feeds"] > 2


def test_another_layout_is_refused_in_one_line(release: Json) -> None:
    with running_store(binary_of("valkey")) as server, connect(server.url) as client:
        client.set(Keys("inbox:").layout, LAYOUT_VERSION + 1)
        before = client.dbsize()
        ended = run_inbox("serve", INBOX_REDIS_URL=server.url, INBOX_PORT="0", INBOX_LOG_LEVEL="error")
        assert ended.returncode == 1
        assert ended.stderr == (
            f"inbox: The store has data layout {LAYOUT_VERSION + 1}, this release reads layout {LAYOUT_VERSION}: "
            "run the release that wrote it, or choose another INBOX_KEY_PREFIX\n"
        )
        assert client.dbsize() == before


def test_differences_are_seen() -> None:
    assert [*differences({"a": [1, {"b": 2}]}, {"a": [1, {"b": 2, "c": 3}], "d": 4})] == []
    assert [*differences({"a": [1], "b": 1}, {"a": [2]})] == [".a[0]: 1 → 2", ".b is missing"]
    assert [*differences([1], [1, 2])] == [": [1] → [1, 2]"]
