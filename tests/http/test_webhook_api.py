"""`/v2/webhook`: set, tried, rotated and removed by the API; and failed events, which are sent again."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator
from typing import Any

import pytest

from inbox.models.event import FailedEvent, WebhookEvent, event_body
from inbox.models.webhook import EVENT_TYPES, MAX_REPLAYED
from inbox.store.failed_events import FailedEvents
from tests.conftest import RunServer
from tests.support.client import Api
from tests.support.environments import services_of
from tests.support.receiver import Receiver
from tests.support.server import Server

from .hostile import check_error, check_never_broken, mutations

PATH = "/v2/webhook"
FAILED = f"{PATH}/failed-events"


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with Receiver.running() as receiver:
        yield receiver


@pytest.fixture
async def server(run_server: RunServer, valkey_url: str, key_prefix: str) -> Server:
    """A service that may reach receivers on this machine."""
    settings = {"INBOX_KEY_PREFIX": key_prefix, "INBOX_WEBHOOK_PRIVATE_NETWORKS": "127.0.0.1"}
    return await run_server(redis_url=valkey_url, **settings)


@pytest.fixture
async def api(server: Server) -> AsyncIterator[Api]:
    async with Api.open(server) as api:
        yield api


async def fail_events(server: Server, count: int) -> list[str]:
    """Give up as many events, the oldest first; return their ids."""
    ids = [f"evt_{number:03}" for number in range(count)]
    async with services_of(server) as services:
        environment = services.environments.current
        for number, event_id in enumerate(ids):
            body = event_body(event_id, "message.read", 1, environment.id, {"subscriberId": "ada", "messages": []})
            failed = FailedEvent(WebhookEvent(event_id, "message.read", body), "the receiver answered 500", 3, number)
            await FailedEvents(services.client, services.keys).add(environment.number, failed)
    return ids


async def test_a_webhook_is_set_tried_rotated_and_removed(api: Api, receiver: Receiver) -> None:
    nothing = {"url": None, "events": [], "stream": None, "waiting": 0, "dropped": 0, "failed": 0, "streamed": 0}
    assert await api.data("GET", PATH, 200) == nothing
    made = await api.data("PUT", PATH, 200, {"url": receiver.url})
    secret = made.pop("secret")
    assert made == {**nothing, "url": receiver.url, "events": list(EVENT_TYPES)}
    assert await api.data("GET", PATH, 200) == made, "the secret is shown once"
    answer = {"delivered": True, "status": 200, "reason": ""}
    assert await api.data("POST", f"{PATH}/test", 200) == answer
    assert receiver.events[0]["type"] == "webhook.test"
    assert receiver.received[0].is_signed_with(secret)
    changed = await api.data("PUT", PATH, 200, {"url": receiver.url, "events": ["message.created"]})
    assert changed == {**made, "events": ["message.created"], "secret": None}
    rotated = await api.data("POST", f"{PATH}/rotate-secret", 200)
    assert await api.data("POST", f"{PATH}/test", 200) == answer
    assert receiver.received[1].is_signed_with(secret)
    assert receiver.received[1].is_signed_with(rotated["secret"])
    assert rotated["secret"] != secret
    receiver.status = 503
    answer = await api.data("POST", f"{PATH}/test", 200)
    assert answer == {"delivered": False, "status": 503, "reason": "the receiver answered 503"}
    await receiver.stop()
    answer = await api.data("POST", f"{PATH}/test", 200)
    assert (answer["delivered"], answer["status"]) == (False, 0)
    assert answer["reason"].startswith(f"127.0.0.1:{receiver.port}: ")
    await api.call("DELETE", PATH, 204)
    assert await api.data("GET", PATH, 200) == nothing
    for method, path in (("DELETE", PATH), ("POST", f"{PATH}/test"), ("POST", f"{PATH}/rotate-secret")):
        check_error(await api.client.request(method, path), 404)
    check_error(await api.client.post(f"{FAILED}/replay", json={}), 404)


async def test_what_happens_is_sent_where_the_api_says(api: Api, receiver: Receiver) -> None:
    await api.data("PUT", PATH, 200, {"url": receiver.url, "events": ["message.created"]})
    await api.create_workflow()
    await api.trigger("ada")
    [event] = await receiver.wait(1)
    assert (event["type"], event["subscriberId"]) == ("message.created", "ada")


async def test_failed_events_are_listed_and_sent_again(server: Server, api: Api, receiver: Receiver) -> None:
    ids = await fail_events(server, MAX_REPLAYED + 2)
    await api.data("PUT", PATH, 200, {"url": receiver.url})
    assert (await api.data("GET", PATH, 200))["failed"] == len(ids)
    page = await api.call("GET", FAILED, 200, limit=2)
    assert [event["id"] for event in page["data"]] == ids[:2]
    assert (page["page"], page["pageSize"], page["hasMore"]) == (0, 2, True)
    shown = {"type": "message.read", "failedAt": "1970-01-01T00:00:00.000Z", "tries": 3}
    assert page["data"][0] == {"id": ids[0], "reason": "the receiver answered 500", **shown}
    last = await api.call("GET", FAILED, 200, limit=2, page=(len(ids) - 1) // 2)
    assert (last["data"][-1]["id"], last["hasMore"]) == (ids[-1], False)
    some = await api.data("POST", f"{FAILED}/replay", 200, {"ids": [ids[3], ids[1], ids[3]]})
    sent = {"delivered": True, "status": 200, "reason": ""}
    assert some == {"results": [{"id": ids[1], **sent}, {"id": ids[3], **sent}], "nextOffset": None}
    check_error(await api.client.post(f"{FAILED}/replay", json={"ids": [ids[1]]}), 404)
    refused = ids[0]
    receiver.decide = lambda event: 500 if event["id"] == refused else 200
    first = await api.data("POST", f"{FAILED}/replay", 200, {})
    assert [one["status"] for one in first["results"]] == [500, *[200] * (MAX_REPLAYED - 1)]
    assert first["nextOffset"] is None, "the ten were all that there was"
    assert [event["id"] for event in (await api.call("GET", FAILED, 200))["data"]] == [refused]
    receiver.decide = None
    assert (await api.data("POST", f"{FAILED}/replay", 200, {}))["results"] == [{"id": refused, **sent}]
    assert await api.data("POST", f"{FAILED}/replay", 200, {}) == {"results": [], "nextOffset": None}
    assert sorted(event["id"] for event in receiver.events) == ids
    assert [one.answered for one in receiver.received].count(200) == len(ids), "each arrived once"


async def test_a_replay_of_all_goes_on_after_what_fails_and_ends_where_nobody_answers(
    server: Server, api: Api, receiver: Receiver
) -> None:
    ids = await fail_events(server, 2 * MAX_REPLAYED + 1)
    await api.data("PUT", PATH, 200, {"url": receiver.url})
    receiver.decide = lambda event: 200 if event["id"] in ids[::2] else 500
    offset, tried = 0, []
    while offset is not None:
        done = await api.data("POST", f"{FAILED}/replay", 200, {"offset": offset})
        tried += [one["id"] for one in done["results"]]
        offset = done["nextOffset"]
    assert tried == ids, "each is tried once"
    left = (await api.call("GET", FAILED, 200, limit=100))["data"]
    assert [event["id"] for event in left] == ids[1::2]
    await receiver.stop()
    done = await api.data("POST", f"{FAILED}/replay", 200, {})
    assert [(one["id"], one["status"]) for one in done["results"]] == [(ids[1], 0)]
    assert done["nextOffset"] is None


PRIVATE = [
    *("http://10.0.0.1/hook", "http://169.254.169.254/latest/meta-data", "http://[::1]:9/", "http://0.0.0.0/"),
    *("http://[::ffff:10.0.0.1]/", "http://2852039166/", "http://0x0a.1/", "http://localhost:1/", "https://[fd00::1]/"),
]


@pytest.mark.parametrize("url", PRIVATE)
async def test_a_key_reaches_no_private_host(shared_server: Server, url: str) -> None:
    async with Api.open(shared_server) as api:
        answer = await api.client.put(PATH, json={"url": url})
    check_error(answer, 422)
    assert "private addresses" in answer.json()["errors"]["url"]["messages"][0]
    assert answer.json()["errors"]["url"]["value"] == url


async def test_a_host_that_was_set_by_command_stays_when_only_the_events_change(
    fresh_server: Server, receiver: Receiver
) -> None:
    async with services_of(fresh_server) as services, Api.open(fresh_server) as api:
        identifier = fresh_server.application_identifier
        environment = await services.environments.find_by_identifier(identifier)
        assert environment is not None
        await services.webhooks.set(environment, receiver.url, ())
        assert (await api.data("PUT", PATH, 200, {"url": receiver.url, "events": ["message.read"]}))["secret"] is None
        assert (await api.data("POST", f"{PATH}/test", 200))["delivered"]
        check_error(await api.client.put(PATH, json={"url": receiver.url + "2"}), 422)


async def test_a_name_that_becomes_private_is_not_reached(fresh_server: Server, receiver: Receiver) -> None:
    """As with DNS rebinding: the host was public when the webhook was set."""
    async with services_of(fresh_server) as services, Api.open(fresh_server) as api:
        environment = await services.environments.find_by_identifier(fresh_server.application_identifier)
        assert environment is not None
        await services.webhooks.set(environment, receiver.url, ())
        [newest] = [one for one in services.environments.all() if one.number == environment.number]
        assert newest.webhook is not None
        rebound = {**{name: getattr(newest.webhook, name) for name in newest.webhook.__struct_fields__}}
        rebound["is_host_checked"] = True
        await services.environments.change(newest, webhook=type(newest.webhook)(**rebound))
        answer = await api.data("POST", f"{PATH}/test", 200)
    assert (answer["delivered"], answer["status"]) == (False, 0)
    assert "private addresses" in answer["reason"]
    assert receiver.connections == 0


async def signs(api: Api, receiver: Receiver, secret: str) -> bool:
    """Whether the webhook signs with this secret now."""
    assert (await api.data("POST", f"{PATH}/test", 200))["delivered"]
    return receiver.received[-1].is_signed_with(secret)


async def test_a_rotation_outlives_changes_at_the_same_moment(api: Api, receiver: Receiver) -> None:
    await api.data("PUT", PATH, 200, {"url": receiver.url})
    for _ in range(8):
        events = [{"url": receiver.url, "events": [one]} for one in EVENT_TYPES[:3]]
        rotated, *changed = await asyncio.gather(
            api.data("POST", f"{PATH}/rotate-secret", 200), *(api.data("PUT", PATH, 200, one) for one in events)
        )
        assert [one["secret"] for one in changed] == [None] * len(changed)
        assert await signs(api, receiver, rotated["secret"])


async def test_of_first_calls_at_the_same_moment_one_has_the_secret(api: Api, receiver: Receiver) -> None:
    for _ in range(4):
        made = await asyncio.gather(*(api.data("PUT", PATH, 200, {"url": receiver.url}) for _ in range(4)))
        [secret] = [one["secret"] for one in made if one["secret"]]
        assert await signs(api, receiver, secret)
        await api.call("DELETE", PATH, 204)


async def test_a_removed_webhook_does_not_come_back(api: Api, receiver: Receiver) -> None:
    former = (await api.data("PUT", PATH, 200, {"url": receiver.url}))["secret"]
    for _ in range(8):
        changed, _ = await asyncio.gather(
            api.data("PUT", PATH, 200, {"url": receiver.url}), api.call("DELETE", PATH, 204)
        )
        left = await api.data("GET", PATH, 200)
        assert (left["url"] is None) == (changed["secret"] is None), "one that is there was made after the removal"
        if left["url"] is None:
            changed = await api.data("PUT", PATH, 200, {"url": receiver.url})
        assert not await signs(api, receiver, former)
        assert await signs(api, receiver, changed["secret"])
        former = changed["secret"]


async def test_a_password_is_shown_to_nobody_and_stays(server: Server, api: Api, receiver: Receiver) -> None:
    url = f"http://user:s3cret@127.0.0.1:{receiver.port}/hook?a&b="
    shown = url.replace("s3cret", "********")
    assert (await api.data("PUT", PATH, 200, {"url": url}))["url"] == shown
    assert (await api.data("GET", PATH, 200))["url"] == shown
    changed = await api.data("PUT", PATH, 200, {"url": shown, "events": ["message.read"]})
    assert (changed["url"], changed["secret"]) == (shown, None)
    assert (await api.data("POST", f"{PATH}/test", 200))["delivered"]
    assert receiver.received[-1].headers["authorization"] == "Basic " + base64.b64encode(b"user:s3cret").decode()
    private = {"url": "http://user:s3cret@10.0.0.1/hook"}
    refused = await api.client.put(PATH, json=private)
    check_error(refused, 422)
    assert refused.json()["errors"]["url"]["value"] == "http://user:********@10.0.0.1/hook"


UNUSABLE = [
    *("http://a..b/", f"http://{'x' * 300}/", "http://xn--/", "http://[v1.x]/", "http://127.0.0.1\\@8.8.8.8/"),
    *("http://.a/", "http://[::1%25lo]/", "http://a*b/", "http://%41.example/", f"http://{'x.' * 150}example/"),
    *("http://h:0/", "http://h:99999/", "http://h:8x/", "http:/h", "http:h", "//h/", "http://:80/"),
]


@pytest.mark.parametrize("url", UNUSABLE)
async def test_a_url_that_can_never_work_is_refused(shared_server: Server, url: str) -> None:
    async with Api.open(shared_server) as api:
        answer = await api.client.put(PATH, json={"url": url})
    check_error(answer, 422)
    assert answer.json()["errors"]["url"]["value"] == url


async def test_nothing_breaks_it(api: Api, receiver: Receiver) -> None:
    body: dict[str, Any] = {"url": receiver.url, "events": ["message.read"]}
    for wrong in mutations(body):
        check_never_broken(await api.client.put(PATH, json=wrong))
    hosts = ["a..b", "x" * 70 + ".example", "xn--", "ü.example", "[::1", "[::g]", "127.0.0.1:0", "127.0.0.1:99999", ""]
    for host in [*hosts, "no.such.host.invalid", "user:pw@no.such.host.invalid", "127.0.0.1:1"]:
        answer = await api.client.put(PATH, json={"url": f"http://{host}/"})
        check_never_broken(answer)
        if answer.status_code == 200:
            assert not (await api.data("POST", f"{PATH}/test", 200))["delivered"]
    for url in (
        "ftp://example.com/",
        "http://example.com/#part",
        "http://example.com/a b",
        "https:///hook",
        "x" * 3_000,
    ):
        check_error(await api.client.put(PATH, json={"url": url}), 422)
    check_error(await api.client.put(PATH, json={"url": receiver.url, "events": ["message.unknown"]}), 422)
    await api.data("PUT", PATH, 200, {"url": receiver.url})
    for wrong in mutations({"ids": ["evt_x"], "offset": 0}):
        check_never_broken(await api.client.post(f"{FAILED}/replay", json=wrong))
    check_error(await api.client.post(f"{FAILED}/replay", json={"ids": ["x"] * (MAX_REPLAYED + 1)}), 422)
    for query in ({"page": -1}, {"limit": 0}, {"limit": 101}, {"page": "x"}, {"page": 10**9}):
        check_error(await api.client.get(FAILED, params=query), 422, 400)
