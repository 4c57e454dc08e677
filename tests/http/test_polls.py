"""Polls: the ETag of readings, and 304 while nothing changed, from one round trip and never stale."""

from __future__ import annotations

import asyncio
import secrets
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import httpx
import pytest
import pytest_asyncio
import uvicorn
from msgspec import convert
from starlette.types import Receive, Scope, Send

from inbox import metrics
from inbox.app import Application, create_app
from inbox.clock import now_ms
from inbox.http import polls
from inbox.http.polling_protocol import PollingHttpProtocol
from inbox.ids import SubscriberId
from inbox.listening import bind
from inbox.models.environment import Environment
from inbox.models.trigger import TriggerRequest
from inbox.service.environments import registry
from inbox.service.environments.rate_limits import RateLimit
from inbox.service.feed.feed import FeedService
from inbox.service.subscribers import sessions
from inbox.service.workflows import cache
from inbox.service.workflows.bodies import WorkflowCreate
from inbox.services import Services
from inbox.settings import Settings
from inbox.store import snapshots
from inbox.store.changes import INBOX_READ
from inbox.store.client import open_client
from inbox.store.connection.wire import Wire
from inbox.store.feed import Feed
from tests.support.client import Api, Caller, InboxApi, Json, WidgetApi, create_session, subscriber_hash
from tests.support.polls import INBOX, Polls, known_as, polls_of
from tests.support.server import Server, new_server
from tests.support.waiting import until

from .conftest import PLAIN, create_workflows, deliver, workflow

SEEDS, STEPS = 3, 20


def opened(answer: httpx.Response) -> str:
    """The tag without the prefix of a weak one."""
    return answer.headers["etag"].removeprefix("W/")


async def every_poll(
    server: Server, api: Api, inbox: InboxApi, subscriber_id: str
) -> AsyncIterator[tuple[Caller, str]]:
    async with WidgetApi.open(server, subscriber_id) as widget:
        callers: list[Caller] = [api, inbox, widget]
        for caller in callers:
            for path in polls_of(subscriber_id)[type(caller)]:
                yield caller, path


async def test_an_answer_that_still_holds_is_not_sent_again(
    production: Server, api: Api, inbox: InboxApi, known: str
) -> None:
    await deliver(api, known, 2)
    async for caller, path in every_poll(production, api, inbox, known):
        first = await caller.client.get(path)
        assert first.headers["etag"].startswith('W/"'), path
        assert first.headers.get_list("cache-control") == ["private, no-cache"]
        for method in ("GET", "HEAD"):
            again = await caller.client.request(method, path, headers=known_as(first))
            assert (again.status_code, again.content) == (304, b""), path
            assert again.headers["etag"] == first.headers["etag"]
            assert again.headers.get_list("cache-control") == ["private, no-cache"]
            assert not {"content-length", "content-type", "transfer-encoding"} & set(again.headers)


async def test_the_client_may_know_several_answers(api: Api, inbox: InboxApi, known: str) -> None:
    await deliver(api, known)
    first = await inbox.client.get(INBOX)
    tag, other = opened(first), '"1764431299000-57.0"'
    for sent in (tag, f"W/{tag}", f"{other}, {tag}", f'W/{other},W/{tag} , "a,b"', "*"):
        assert (await inbox.client.get(INBOX, headers={"If-None-Match": sent})).status_code == 304, sent
    several = [("If-None-Match", other), ("If-None-Match", tag)]
    assert (await inbox.client.get(INBOX, headers=several)).status_code == 304
    for sent in (other, f"W/{other}", "", '""', tag.strip('"'), f'{tag[:-2]}"', '"*"', "nonsense", '"', "W/"):
        answer = await inbox.client.get(INBOX, headers={"If-None-Match": sent})
        assert (answer.status_code, answer.json()) == (200, first.json()), sent


async def test_what_is_refused_is_refused(production: Server, api: Api, inbox: InboxApi, known: str) -> None:
    for sent in ("*", opened(await inbox.client.get(INBOX))):
        headers = {"If-None-Match": sent}
        for caller, path, status in (
            (inbox, f"{INBOX}?limit=0", 422),
            (inbox, f"{INBOX}?after={'0' * 24}", 400),
            (inbox, f"{INBOX}/count?filters=x", 400),
            (api, "/v1/subscribers/nobody/notifications/unseen", 400),
            (api, "/v2/subscribers/nobody/notifications", 404),
        ):
            answer = await caller.client.get(path, headers=headers)
            assert (answer.status_code, "etag" in answer.headers) == (status, False), path
            assert answer.headers["cache-control"] == "private, no-store"
        async with httpx.AsyncClient(base_url=production.url, headers=headers, trust_env=False) as stranger:
            assert (await stranger.get(INBOX)).status_code == 401


async def test_a_tag_is_of_one_subscriber_context_and_query(production: Server, api: Api, ada: str) -> None:
    """A browser's cache has one entry for a path, whoever's token is sent."""
    for name in (ada, f"{ada}-b"):
        await api.create_subscriber(name)
        await api.trigger(name, workflow=PLAIN, context={"tenant": "acme"})
    vouched = subscriber_hash(production.api_key, '{"tenant":"acme"}')
    session = await create_session(production, ada, context={"tenant": "acme"}, contextHash=vouched)
    async with (
        InboxApi.open(production, ada) as inbox,
        InboxApi.open(production, f"{ada}-b") as other,
        InboxApi.open(production, ada, session["token"]) as of_acme,
    ):
        paths = [INBOX, f"{INBOX}?limit=1", f"{INBOX}?archived=false", f"{INBOX}/count"]
        answers = [await one.client.get(path) for one in (inbox, other, of_acme) for path in paths]
        tags = {answer.headers["etag"] for answer in answers}
        assert len(tags) == len(answers)
        for answer in answers[1:]:
            assert (await inbox.client.get(INBOX, headers=known_as(answer))).status_code == 200


async def test_the_list_of_named_feeds_is_not_in_a_tag(api: Api, inbox: InboxApi, known: str) -> None:
    v1 = f"/v1/subscribers/{known}/notifications"
    for path in (f"{v1}/feed?feedIdentifier=x", f"{v1}/unseen?feedId=x"):
        answer = await api.client.get(path)
        assert (answer.status_code, answer.headers["cache-control"]) == (200, "private, no-store")
        assert "etag" not in answer.headers
        assert (await api.client.get(path, headers={"If-None-Match": "*"})).status_code == 200


# a service in this process


@dataclass
class OwnApp:
    """Ada's page, and the services behind it, without background jobs: what is written to the store is hers."""

    services: Services
    page: httpx.AsyncClient
    app: Application
    requests: int = 0
    """How many have reached the application."""

    @property
    def environment(self) -> Environment:
        return self.services.environments.current

    async def feeds(self) -> list[Feed]:
        ada = await self.services.subscribers.get(self.environment, SubscriberId("ada"))
        return await self.services.feed.feeds_of(self.environment, ada)

    async def trigger(self, **fields: Any) -> None:
        body = convert({"name": PLAIN, "to": "ada", "payload": {}, **fields}, TriggerRequest)
        await self.services.triggers.trigger(self.environment, body)

    async def poll(self, known: httpx.Response, path: str = INBOX) -> httpx.Response:
        return await self.page.get(path, headers=known_as(known))


@pytest.fixture
async def own_app(store_url: str, key_prefix: str) -> AsyncIterator[OwnApp]:
    settings = Settings(redis_url=store_url, key_prefix=key_prefix)
    services = Services(settings, await open_client(store_url))
    await services.environments.load()
    environment = services.environments.current
    await services.workflows.create(environment, convert(workflow(PLAIN, {"body": "B"}), WorkflowCreate))
    token = await services.sessions.issue_token(environment, SubscriberId("ada"))
    app = create_app(settings, store_url)
    app.services = services
    headers = {"Authorization": f"Bearer {token}"}
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://inbox", headers=headers) as page:
        yield OwnApp(services, page, app)
    await services.client.close()


@pytest.fixture
async def served(own_app: OwnApp, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[OwnApp]:
    """The same over HTTP. What a process reads once a second it reads once."""
    for module in (registry, cache):
        monkeypatch.setattr(module, "VERSION_CHECK_SECONDS", float("inf"))

    async def note(scope: Scope, receive: Receive, send: Send) -> None:
        own_app.requests += 1
        await own_app.app(scope, receive, send)

    config = uvicorn.Config(note, http=PollingHttpProtocol, lifespan="off", log_config=None, access_log=False)
    server, [listener] = uvicorn.Server(config), bind("127.0.0.1", 0)
    serving = asyncio.create_task(server._serve([listener]))
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    async with httpx.AsyncClient(base_url=url, headers=own_app.page.headers, trust_env=False) as page:
        own_app.page = page
        yield own_app
    server.should_exit = True
    await serving


async def test_another_release_confirms_nothing(own_app: OwnApp, monkeypatch: pytest.MonkeyPatch) -> None:
    first = await own_app.page.get(INBOX)
    assert (await own_app.poll(first)).status_code == 304
    monkeypatch.setattr(polls, "_CODE", b"another")
    polls._digest.cache_clear()
    assert (await own_app.poll(first)).status_code == 200


async def test_a_snooze_that_has_ended_is_no_304(own_app: OwnApp) -> None:
    """No timer has fired yet: the end of the snooze has moved no position."""
    await own_app.trigger()
    [item] = (await own_app.page.get(INBOX)).json()["data"]
    await own_app.services.marks.snooze(await own_app.feeds(), item["id"], now_ms() + 300)
    snoozed = await own_app.page.get(INBOX)

    async def is_back() -> bool:
        polled = await own_app.poll(snoozed)
        return polled.status_code == 200 and not polled.json()["data"][0]["isSnoozed"]

    await until(is_back)


async def test_another_name_of_a_workflow_is_no_304(own_app: OwnApp) -> None:
    await own_app.trigger()
    first = await own_app.page.get(INBOX)
    renamed = convert({**workflow(PLAIN, {"body": "B"}), "name": "Other"}, WorkflowCreate)
    await own_app.services.workflows.push(own_app.environment, renamed)
    polled = await own_app.poll(first)
    assert [item["workflow"]["name"] for item in polled.json()["data"]] == ["Other"]


async def test_a_change_while_a_page_is_read_is_no_304(own_app: OwnApp, monkeypatch: pytest.MonkeyPatch) -> None:
    """The message that the page begins behind goes to the top after its row was found."""
    for fields in ({}, {"collapseKey": "k"}, {}):
        await own_app.trigger(**fields)
    begin = (await own_app.page.get(INBOX)).json()["data"][1]["id"]
    find = FeedService._cursor

    async def find_then_move(*args: Any) -> Any:
        found = await find(*args)
        await own_app.trigger(collapseKey="k")
        return found

    path = f"{INBOX}?after={begin}"
    with monkeypatch.context() as patch:
        patch.setattr(FeedService, "_cursor", find_then_move)
        first = await own_app.page.get(path)
    polled = await own_app.poll(first, path)
    assert [len(answer.json()["data"]) for answer in (first, polled)] == [1, 2]


@pytest.fixture
def writes(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Wire, int]]:
    """What is written to the store: one write for all commands of a turn of the loop to a server; and its size."""
    noted: list[tuple[Wire, int]] = []
    flush = Wire._flush

    def note(wire: Wire) -> None:
        noted.append((wire, sum(map(len, wire._unsent))))
        flush(wire)

    monkeypatch.setattr(Wire, "_flush", note)
    monkeypatch.setattr(registry, "VERSION_CHECK_SECONDS", float("inf"))
    return noted


@pytest.mark.parametrize(
    "path", [INBOX, f"{INBOX}?tags=a&limit=100", f"{INBOX}/count", "/v1/widgets/notifications/feed"]
)
@pytest.mark.parametrize("workflow_check_seconds", [0.0, float("inf")])
async def test_a_304_takes_one_round_trip(
    own_app: OwnApp,
    writes: list[tuple[Wire, int]],
    monkeypatch: pytest.MonkeyPatch,
    path: str,
    workflow_check_seconds: float,
) -> None:
    await own_app.trigger()
    await own_app.page.get(path)  # the subscriber is known from now on
    first = await own_app.page.get(path)
    monkeypatch.setattr(cache, "VERSION_CHECK_SECONDS", workflow_check_seconds)
    writes.clear()
    assert (await own_app.poll(first, path)).status_code == 304
    assert set(Counter(wire for wire, _ in writes).values()) == {1}, "a server is asked twice"
    assert sum(size for _, size in writes) < 300


# polls that come again: the application is not asked


async def expire(one: OwnApp, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sessions, "now_seconds", lambda: float("inf"))


async def end_sessions(one: OwnApp, _: pytest.MonkeyPatch) -> None:
    await one.services.environments.change(one.environment, generation=one.environment.generation + 1)


async def delete_subscriber(one: OwnApp, _: pytest.MonkeyPatch) -> None:
    await one.services.subscribers.delete(one.environment, SubscriberId("ada"))


async def change_name(one: OwnApp, _: pytest.MonkeyPatch) -> None:
    await one.services.subscribers.upsert(one.environment, SubscriberId("ada"), {"firstName": "Ada"})


async def rename_workflow(one: OwnApp, _: pytest.MonkeyPatch) -> None:
    renamed = convert({**workflow(PLAIN, {"body": "B"}), "name": "Other"}, WorkflowCreate)
    await one.services.workflows.push(one.environment, renamed)


async def send_another(one: OwnApp, _: pytest.MonkeyPatch) -> None:
    await one.trigger()


async def read_all(one: OwnApp, _: pytest.MonkeyPatch) -> None:
    await one.services.marks.mark_all(await one.feeds(), INBOX_READ)


CHANGES = {
    "token expired": (expire, 401),
    "sessions ended": (end_sessions, 401),
    "subscriber deleted": (delete_subscriber, 401),
    "name changed": (change_name, 200),
    "workflow renamed": (rename_workflow, 200),
    "message": (send_another, 200),
    "mark": (read_all, 200),
}


async def repeat_known(one: OwnApp, path: str = INBOX) -> httpx.Response:
    """Poll until the answer is 304 without the application; return the whole answer that it stands for."""
    for _ in range(2):  # the first reads what the process does not know yet
        first = await one.page.get(path)
    assert (await one.poll(first, path)).status_code == 304
    asked, counted = one.requests, metrics.REQUESTS.values.copy()
    for _ in range(3):
        assert (await one.poll(first, path)).status_code == 304
    assert one.requests == asked
    more = {labels: number - counted.get(labels, 0) for labels, number in metrics.REQUESTS.values.items()}
    assert [(labels[2], number) for labels, number in more.items() if number] == [(304, 3)]
    return first


@pytest.mark.parametrize("name", CHANGES)
async def test_a_poll_that_comes_again_is_no_304_after_a_change(
    served: OwnApp, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    change, status = CHANGES[name]
    await served.trigger()
    first = await repeat_known(served)
    asked = served.requests
    await change(served, monkeypatch)
    polled = await served.poll(first)
    assert (polled.status_code, served.requests) == (status, asked + 1)
    if status == 200:
        assert polled.headers["etag"] != first.headers["etag"]
        await repeat_known(served)


@pytest.mark.parametrize("path", [f"{INBOX}/count", f"{INBOX}?limit=3", "/v1/widgets/notifications/unseen"])
async def test_every_poll_of_a_page_comes_again(served: OwnApp, path: str) -> None:
    await repeat_known(served, path)  # of an empty feed
    await served.trigger()
    await repeat_known(served, path)


async def test_a_poll_of_a_backend_comes_again_until_its_key_is_revoked(served: OwnApp) -> None:
    key = await served.services.environments.keys.create(served.environment)
    served.page.headers["Authorization"] = f"ApiKey {key}"
    await served.trigger()
    for path in ("/v1/subscribers/ada/notifications/unseen", "/v2/subscribers/ada/notifications"):
        await repeat_known(served, path)
        await served.trigger()
        first = await repeat_known(served, path)
    await served.services.environments.keys.revoke(served.environment, key)
    assert (await served.poll(first, path)).status_code == 401


async def test_a_snooze_that_has_ended_is_no_304_when_it_comes_again(
    served: OwnApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    await served.trigger()
    [item] = (await served.page.get(INBOX)).json()["data"]
    await served.services.marks.snooze(await served.feeds(), item["id"], now_ms() + 60_000)
    snoozed = await repeat_known(served)
    asked = served.requests
    monkeypatch.setattr(snapshots, "now_ms", lambda: now_ms() + 120_000)
    await served.poll(snoozed)
    assert served.requests == asked + 1


async def test_who_has_a_rate_limit_is_counted(served: OwnApp) -> None:
    served.services.rate_limiter._limits["subscriber"] = RateLimit(100, 3_600)
    for _ in range(2):
        first = await served.page.get(INBOX)
    for turn in range(3):
        polled = await served.poll(first)
        assert polled.headers["ratelimit-remaining"] == str(97 - turn)


# never stale


def ahead(**delta: float) -> str:
    return (datetime.now(UTC) + timedelta(**delta)).isoformat(timespec="milliseconds")


def own_workflow(name: str) -> Json:
    controls = {"body": "B", "data": {"kind": "{{payload.kind}}"}, "primaryAction": {"label": "Go"}}
    return workflow(name, controls, tags=["orders"])


class World:
    """A subscriber with a workflow of the same name, the polls of every face, and what can happen to them."""

    def __init__(self, seed: int, subscriber_id: str, api: Api, inbox: InboxApi, widget: WidgetApi) -> None:
        self.dice = Random(seed)
        self.name = subscriber_id
        self.api, self.inbox, self.widget = api, inbox, widget
        self.polls = Polls((api, inbox, widget), subscriber_id)

    def changes(self) -> dict[str, Callable[[], Awaitable[object]]]:
        api, inbox, name = self.api, self.inbox, self.name
        v1, v2 = f"/v1/subscribers/{name}", f"/v2/subscribers/{name}"
        soon, later = ahead(seconds=0.1), ahead(hours=1)
        return {
            "trigger": lambda: api.trigger(name, {"kind": "k"}, workflow=name),
            "trigger in a context": lambda: api.trigger(name, workflow=PLAIN, context={"tenant": "acme"}),
            "trigger that expires": lambda: api.trigger(name, workflow=PLAIN, expiresAt=soon.replace("+00:00", "Z")),
            "collapse": lambda: api.trigger(name, workflow=name, collapseKey="k"),
            "flag": lambda: self.page("PATCH", "read", "unread", "archive", "unarchive"),
            "snooze that ends": lambda: self.page("PATCH", "snooze", body={"snoozeUntil": soon}),
            "snooze": lambda: self.page("PATCH", "snooze", body={"snoozeUntil": later}),
            "unsnooze": lambda: self.page("PATCH", "unsnooze"),
            "button": lambda: self.page("PATCH", "complete", "revert", body={"actionType": "primary"}),
            "delete": lambda: self.page("DELETE", "delete"),
            "seen all": inbox.see,
            "archive by tag": lambda: inbox.call("POST", f"{INBOX}/archive", 204, {"tags": ["urgent"]}),
            "v1 mark": lambda: api.mark_as(name, self.some_id(), self.dice.choice(["unseen", "unread", "read"])),
            "v1 unread all": lambda: api.data("POST", f"{v1}/messages/mark-all", 201, {"markAs": "unread"}),
            "widgets read all": lambda: self.widget.post("read"),
            "edit": lambda: self.message("PATCH", {"body": secrets.token_hex(4), "tags": ["urgent"]}),
            "retract": lambda: self.message("DELETE", {}),
            "profile": lambda: api.call("PATCH", v2, 200, {"firstName": secrets.token_hex(4)}),
            "workflow": self.rename,
            "nothing": lambda: api.subscriber(name),
        }

    def some_id(self) -> str:
        ids = [item["id"] for item in self.polls.last(INBOX)["data"]]
        return str(self.dice.choice(ids)) if ids else "0" * 24

    async def page(self, method: str, *verbs: str, body: Json | None = None) -> None:
        await self.change(self.inbox, method, f"{INBOX}/{self.some_id()}/{self.dice.choice(verbs)}", body)

    async def message(self, method: str, body: Json) -> None:
        await self.change(self.api, method, f"/v1/messages/{self.some_id()}", body)

    async def change(self, caller: Caller, method: str, path: str, body: Json | None) -> None:
        answer = await caller.client.request(method, path, json=body)
        assert answer.status_code in (200, 204, 404), answer.text  # what has gone meanwhile is unknown

    async def rename(self) -> None:
        body = {**own_workflow(self.name), "name": secrets.token_hex(4)}
        await self.api.data("PUT", f"/v2/workflows/{self.name}", 200, body)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def hasty(valkey_url: str) -> AsyncIterator[Server]:
    """A service in which a snooze may end at once."""
    constants = {"inbox.service.feed.snooze_limits.MIN_SNOOZE_SECONDS": -3_600}
    async with new_server(redis_url=valkey_url, INBOX_KEY_PREFIX="hasty:", constants=constants) as server:
        await create_workflows(server)
        yield server


@pytest.mark.parametrize("seed", range(SEEDS))
async def test_no_change_of_any_face_leaves_a_stale_304(hasty: Server, seed: int) -> None:
    name = f"polls-{secrets.token_hex(5)}"
    async with AsyncExitStack() as stack:
        api = await stack.enter_async_context(Api.open(hasty))
        await api.create_subscriber(name, firstName="Ada")
        await api.data("POST", "/v2/workflows", 201, own_workflow(name))
        inbox = await stack.enter_async_context(InboxApi.open(hasty, name))
        widget = await stack.enter_async_context(WidgetApi.open(hasty, name))
        world = World(seed, name, api, inbox, widget)
        for _ in range(3):
            await world.changes()["trigger"]()
        await world.polls.check()
        history = []
        for _ in range(STEPS):
            history.append(world.dice.choice([*world.changes()]))
            try:
                await world.changes()[history[-1]]()
                await world.polls.check()
            except AssertionError as error:
                error.add_note(f"after {history}")
                raise

        await until(world.polls.check, 30)
