"""The native protocol at `/v1/socket`: what a client holds after `connect` and events is what a listing shows."""

from __future__ import annotations

import contextlib
import json
import random
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
from websockets.exceptions import ConnectionClosed

from inbox.ids import SubscriberId
from inbox.services import Services
from inbox.store.changes import INBOX_SNOOZE
from inbox.store.feed import Feed
from inbox.store.messages import MessageStore
from inbox.store.outbox import Outbox
from tests.conftest import RunServer, binary_of
from tests.support.client import WORKFLOW, Api, InboxApi, Json, create_session
from tests.support.environments import environment_of, services_of
from tests.support.link import Link
from tests.support.native import NativeSocket, RequestRefused, apply
from tests.support.server import Server
from tests.support.sockets import PlainSocket
from tests.support.stores import StoreServer, connect, running_store

from .conftest import Pair

COUNTS = {"unseen": 0, "unread": 0, "severity": {"high": 0, "medium": 0, "low": 0, "none": 0}}
TOKEN_SECONDS = 15


def counts(number: int) -> Json:
    """So many messages, none of them seen."""
    return {"unseen": number, "unread": number, "severity": {**COUNTS["severity"], "none": number}}


async def send(pair: Pair, number: int, to: str = "ada") -> list[str]:
    """Deliver so many messages; return their transactions, oldest first."""
    return [(await pair.apis[n % 2].trigger(to, {"n": n}))["transactionId"] for n in range(number)]


async def listed(pair: Pair, subscriber_id: str = "ada") -> list[Json]:
    async with InboxApi.open(pair.servers[0], subscriber_id) as inbox:
        return await inbox.notifications()


# connect


async def test_an_empty_feed(pair: Pair) -> None:
    async with NativeSocket.connected(pair.servers[0], "ada") as (socket, result):
        assert (result["recovered"], result["counts"]) == (False, COUNTS)
        assert (result["subscriberId"], result["contextKeys"], result["pingSeconds"]) == ("ada", [], 25)
        assert result["time"] < result["expiresAt"]
        assert "changes" not in result
        assert "list" not in result
        assert result["position"] == socket.position


async def test_the_list_is_that_of_rest_at_the_position(pair: Pair) -> None:
    await send(pair, 3)
    query = {"limit": 2, "read": False, "tags": [], "data": {}}
    async with NativeSocket.connected(pair.servers[0], "ada", list=query) as (socket, result):
        first = result["list"]
        everything = await listed(pair)
        assert first == {"data": everything[:2], "hasMore": True, "filter": {"read": False, "tags": [], "data": {}}}
        assert result["counts"] == counts(3)
        [transaction] = await send(pair, 1)
        [change] = await socket.changes()
        assert change["created"]["transactionId"] == transaction
        assert change["created"] == (await listed(pair))[0]
        assert socket.counts == counts(4)


async def test_what_happens_after_connect_continues_it(pair: Pair) -> None:
    await send(pair, 2)
    first, second = await listed(pair)
    async with NativeSocket.connected(pair.servers[1], "ada") as (socket, _):
        async with InboxApi.open(pair.servers[0], "ada") as inbox:
            await inbox.change(first["id"], "read")
            [changed] = await socket.changes()
            assert changed == {"updated": (await listed(pair))[0]}
            await inbox.call("DELETE", f"/v1/inbox/notifications/{second['id']}/delete", 204)
            assert await socket.changes() == [{"removed": [second["id"]]}]
        assert socket.counts == COUNTS


async def test_nothing_new_replays_nothing(pair: Pair) -> None:
    """Two reconnects in a row, at either process."""
    await send(pair, 2)
    async with NativeSocket.connected(pair.servers[0], "ada") as (_, result):
        position = result["position"]
    for server in pair.servers:
        arguments: Json = {"position": position, "list": {"limit": 1}}
        async with NativeSocket.connected(server, "ada", **arguments) as (_, result):
            assert (result["recovered"], result["changes"], result["position"]) == (True, [], position)
            assert "list" not in result
            assert result["counts"] == counts(2)


async def test_what_was_missed_comes_as_it_is_now_in_the_order_of_the_last_change(pair: Pair) -> None:
    await send(pair, 4)
    fourth, third, second, first = await listed(pair)
    async with NativeSocket.connected(pair.servers[0], "ada") as (_, result):
        position = result["position"]
    async with InboxApi.open(pair.servers[0], "ada") as inbox:
        await inbox.change(third["id"], "read")
        await inbox.change(first["id"], "archive")
        await send(pair, 1)
        await inbox.call("DELETE", f"/v1/inbox/notifications/{second['id']}/delete", 204)
        await inbox.change(third["id"], "unread")
    now = {item["id"]: item for item in await listed(pair)}
    [newest] = [item for item in now.values() if item["sequence"] > fourth["sequence"]]
    async with NativeSocket.connected(pair.servers[1], "ada", position=position) as (socket, result):
        assert result["recovered"]
        assert result["changes"] == [
            {"updated": now[first["id"]]},
            {"created": newest},
            {"removed": [second["id"]]},
            {"updated": now[third["id"]]},
        ]
        await send(pair, 1)
        assert len(await socket.changes()) == 1  # it continues the answer


async def test_a_collapse_goes_to_the_top(pair: Pair) -> None:
    fields = {"collapseKey": "deploy"}
    controls = {"body": "Body", **fields}
    steps = [{"name": "In-app", "type": "in_app", "controlValues": controls}]
    await pair.api.data("POST", "/v2/workflows", 201, {"name": "c", "workflowId": "c", "steps": steps})
    async with NativeSocket.connected(pair.servers[0], "ada") as (socket, result):
        begin = result["position"]
        await pair.api.trigger("ada", workflow="c")
        [first] = await socket.changes()
        known = socket.position
        await pair.api.trigger("ada", workflow="c")
        [second] = await socket.changes()
        assert first["created"]["id"] == second["created"]["id"]
        assert first["created"]["sequence"] < second["created"]["sequence"]
        assert socket.counts == counts(1)
    for position in (known, begin):
        async with NativeSocket.connected(pair.servers[0], "ada", position=position) as (_, result):
            assert result["changes"] == [second]


# bulk changes


V1_ALL = "/v1/subscribers/ada/messages/mark-all"
BULK_CALLS: dict[str, tuple[str, str, Json]] = {
    "seen": ("inbox", "/v1/inbox/notifications/seen", {}),
    "read": ("inbox", "/v1/inbox/notifications/read", {}),
    "read by tag": ("inbox", "/v1/inbox/notifications/read", {"tags": ["a"]}),
    "archive": ("inbox", "/v1/inbox/notifications/archive", {}),
    "archive by tag": ("inbox", "/v1/inbox/notifications/archive", {"tags": ["a"]}),
    "read-archive": ("inbox", "/v1/inbox/notifications/read-archive", {}),
    "delete by tag": ("inbox", "/v1/inbox/notifications/delete", {"tags": ["a"]}),
    "delete": ("inbox", "/v1/inbox/notifications/delete", {}),
    "v1 seen": ("api", V1_ALL, {"markAs": "seen"}),
    "v1 unseen": ("api", V1_ALL, {"markAs": "unseen"}),
    "v1 read": ("api", V1_ALL, {"markAs": "read"}),
    "v1 unread": ("api", V1_ALL, {"markAs": "unread"}),
}


@pytest.mark.parametrize("name", BULK_CALLS)
async def test_a_bulk_change_is_known_by_its_event_alone(pair: Pair, name: str) -> None:
    """Also on messages that the v1 API has marked, which leaves out dates, and on one that is snoozed."""
    caller, path, body = BULK_CALLS[name]
    await pair.api.create_workflow("tagged", tags=["a"])
    for number in range(24):
        await pair.api.trigger("ada", {"n": number}, workflow="tagged" if number < 23 else "bench")
    ids = [item["id"] for item in await listed(pair)]
    async with InboxApi.open(pair.servers[0], "ada") as inbox:
        await pair.api.mark_as("ada", ids[:5], "seen")
        await pair.api.mark_as("ada", ids[5:9], "read")
        await inbox.see(ids[9:12])
        await inbox.change(ids[12], "read")
        await inbox.change(ids[13], "archive")
        until = datetime.now(UTC) + timedelta(days=30)
        await inbox.change(ids[14], "snooze", {"snoozeUntil": until.isoformat()})
        await pair.api.mark_as("ada", ids[9:10], "unseen")
        await inbox.call("DELETE", f"/v1/inbox/notifications/{ids[20]}/delete", 204)
        for server in pair.servers:
            async with NativeSocket.connected(server, "ada", list={"limit": 100}) as (socket, result):
                held = {item["id"]: item for item in result["list"]["data"]}
                if caller == "inbox":
                    await inbox.call("POST", path, 204, body)
                else:
                    await pair.api.call("POST", path, 201, body)
                fence = (await pair.api.trigger("ada"))["transactionId"]
                while all(item["transactionId"] != fence for item in held.values()):
                    apply(held, await socket.changes())
                now = await listed(pair)
                assert held == {item["id"]: item for item in now}
                assert socket.counts["unseen"] == sum(not item["isSeen"] for item in now)
                assert socket.counts["unread"] == sum(not item["isRead"] and not item["isSnoozed"] for item in now)


async def test_a_bulk_mark_that_was_missed_is_recovered(pair: Pair) -> None:
    await send(pair, 30)
    async with NativeSocket.connected(pair.servers[0], "ada", list={"limit": 100}) as (_, result):
        position, held = result["position"], {item["id"]: item for item in result["list"]["data"]}
    async with InboxApi.open(pair.servers[0], "ada") as inbox:
        await inbox.read_all()
        await inbox.change(next(iter(held)), "unread")
        async with NativeSocket.connected(pair.servers[1], "ada", position=position) as (_, result):
            assert result["recovered"]
            apply(held, result["changes"])
            assert list(result["changes"][-1]) == ["updated"]
            assert held == {item["id"]: item for item in await listed(pair)}


async def test_what_many_changes_did_without_its_process_is_named(run_server: RunServer, key_prefix: str) -> None:
    """A process is cut off from the store: more bulk marks than there are stamps, a deletion of many, trims, others.

    The socket there gets them as one event, another client with the same position by `connect`.
    """
    settings = {"INBOX_KEY_PREFIX": key_prefix, "INBOX_MAX_FEED_LENGTH": "100"}
    async with AsyncExitStack() as stack:
        store = stack.enter_context(running_store(binary_of("valkey")))
        link = await stack.enter_async_context(Link.to(urlsplit(store.url).port or 0))
        near = await run_server(redis_url=store.url, **settings)
        far = await run_server(redis_url=f"redis://127.0.0.1:{link.port}", **settings)
        api = await stack.enter_async_context(Api.open(near))
        await api.create_workflow()
        await api.create_workflow("tagged", tags=["a"])
        await send_many(api, 40)
        await send_many(api, 60, workflow="tagged")
        inbox = await stack.enter_async_context(InboxApi.open(near, "ada"))
        socket, result = await stack.enter_async_context(NativeSocket.connected(far, "ada", list={"limit": 100}))
        position, held = result["position"], {item["id"]: item for item in result["list"]["data"]}
        assert len(held) == 100
        missed = dict(held)
        newest, *_, oldest = held
        await link.cut()
        for turn in range(12):
            await api.call("POST", V1_ALL, 201, {"markAs": ("read", "unread", "seen", "unseen")[turn % 4]})
        await inbox.change(newest, "snooze", {"snoozeUntil": (datetime.now(UTC) + timedelta(days=1)).isoformat()})
        await inbox.change(newest, "unsnooze")
        await inbox.call("DELETE", f"/v1/inbox/notifications/{oldest}/delete", 204)
        await inbox.call("POST", "/v1/inbox/notifications/delete", 204, {"tags": ["a"]})
        await inbox.read_all()
        await send_many(api, 90)
        await link.mend()
        event = await socket.event()
        listing = {item["id"]: item for item in await inbox.notifications()}
        assert len(listing) < 130, "the oldest were trimmed"
        for changes, view in ((event["changes"], held), (None, missed)):
            if changes is None:
                async with NativeSocket.connected(near, "ada", position=position) as (_, result):
                    assert result["recovered"] is True
                    changes = result["changes"]
            apply(view, changes)
            assert view == listing


async def test_a_trim_names_what_went(run_server: RunServer, valkey_url: str, key_prefix: str) -> None:
    server = await run_server(redis_url=valkey_url, INBOX_KEY_PREFIX=key_prefix, INBOX_MAX_FEED_LENGTH="10")
    async with Api.open(server) as api, NativeSocket.connected(server, "ada") as (socket, _):
        await api.create_workflow()
        held: dict[str, Json] = {}
        removed: list[str] = []
        while not removed:
            await api.trigger("ada", {})
            [change] = await socket.changes()
            removed = change.get("removed", [])
            apply(held, [change])
        assert len(removed) == 64  # a trim cuts so many at a time
        fence = (await api.trigger("ada", {}))["transactionId"]
        while all(item["transactionId"] != fence for item in held.values()):
            apply(held, await socket.changes())
        position = socket.position
        async with InboxApi.open(server, "ada") as inbox:
            assert held == {item["id"]: item for item in await inbox.notifications()}
        for _ in range(70):
            await api.trigger("ada", {})
        async with (
            InboxApi.open(server, "ada") as inbox,
            NativeSocket.connected(server, "ada", position=position) as (_, result),
        ):
            apply(held, result["changes"])
            assert held == {item["id"]: item for item in await inbox.notifications()}


# every way into `recovered: false`


async def refused_position(server: Server, subscriber_id: str, position: str | None) -> None:
    """A client with this position has to drop what it holds."""
    arguments: Json = {} if position is None else {"position": position}
    async with NativeSocket.connected(server, subscriber_id, list={}, **arguments) as (_, result):
        assert result["recovered"] is False
        assert "changes" not in result
        assert result["list"]["data"] == (await _inbox_page(server, subscriber_id))


async def _inbox_page(server: Server, subscriber_id: str) -> list[Json]:
    async with InboxApi.open(server, subscriber_id) as inbox:
        return list((await inbox.page())["data"])


async def test_no_position_and_one_that_says_nothing_recover_nothing(pair: Pair) -> None:
    await send(pair, 1)
    for position in (None, "", "1-1", "0", "x" * 500, "1764431234567-42", "-1.1-1", "\u0661.1-1"):
        await refused_position(pair.servers[0], "ada", position)


async def test_the_position_of_another_feed_recovers_nothing(pair: Pair) -> None:
    """Both feeds got their only message in the same millisecond, as those of one trigger do."""
    await pair.api.trigger([{"subscriberId": "ada"}, {"subscriberId": "bob"}], {"n": 1})
    async with NativeSocket.connected(pair.servers[0], "ada") as (_, result):
        await refused_position(pair.servers[0], "bob", result["position"])


@pytest.mark.parametrize("number", [320, 321])
async def test_up_to_320_changes_are_recovered(pair: Pair, number: int) -> None:
    """The log of more is cut off to 256."""
    async with NativeSocket.connected(pair.servers[0], "ada") as (_, result):
        position = result["position"]
    await send_many(pair.api, number)
    if number == 320:
        async with NativeSocket.connected(pair.servers[0], "ada", position=position) as (_, result):
            assert [change["created"] for change in reversed(result["changes"])] == await listed(pair)
    else:
        await refused_position(pair.servers[0], "ada", position)


async def send_many(api: Api, number: int, workflow: str = WORKFLOW) -> None:
    for start in range(0, number, 100):
        events = [{"name": workflow, "to": "ada", "payload": {}} for _ in range(start, min(number, start + 100))]
        await api.call("POST", "/v1/events/trigger/bulk", 201, {"events": events})


async def test_a_log_that_does_not_reach_back_recovers_nothing(pair: Pair) -> None:
    """It keeps at least the last 256 changes, here of two messages."""
    await send(pair, 2)
    async with NativeSocket.connected(pair.servers[0], "ada") as (_, result):
        position = result["position"]
    ids = [item["id"] for item in await listed(pair)]
    for _ in range(128):
        await pair.api.mark_as("ada", ids, "read")
    async with NativeSocket.connected(pair.servers[0], "ada", position=position) as (_, result):
        assert len(result["changes"]) == 2
    for _ in range(33):
        await pair.api.mark_as("ada", ids, "unread")
    await refused_position(pair.servers[0], "ada", position)


async def test_the_position_of_an_idle_feed_outlives_the_log(pair: Pair) -> None:
    """The log is kept for 25 h after the last change."""
    await send(pair, 2)
    async with NativeSocket.connected(pair.servers[0], "ada") as (_, result):
        position = result["position"]
    async with stored_feed(pair) as (services, feed):
        assert await services.client.execute("DEL", feed.keys.log) == 1
    async with NativeSocket.connected(pair.servers[0], "ada", position=position) as (socket, result):
        assert (result["recovered"], result["changes"]) == (True, [])
        await send(pair, 1)
        assert len(await socket.changes()) == 1
    await refused_position(pair.servers[0], "ada", position)


@asynccontextmanager
async def stored_feed(pair: Pair) -> AsyncIterator[tuple[Services, Feed]]:
    """The feed in the store."""
    async with services_of(pair.servers[0]) as services:
        environment = await environment_of(services, pair.servers[0])
        yield services, await services.feed_store.open(environment.number, SubscriberId("ada"))


@pytest.mark.parametrize("after", [0, 2, 3], ids=["not as far", "as far", "farther"])
async def test_an_older_snapshot_of_the_store_recovers_nothing(pair: Pair, after: int) -> None:
    """The client knows changes that were lost; others came in their place."""
    await send(pair, 1)
    async with stored_feed(pair) as (services, feed):
        keys = [feed.keys.state, feed.keys.stream, feed.keys.rows, feed.keys.log]
        copies = [await services.client.execute("DUMP", key) for key in keys]
        await send(pair, 2)
        async with NativeSocket.connected(pair.servers[0], "ada") as (_, result):
            position = result["position"]
        for key, copy in zip(keys, copies, strict=True):
            await services.client.execute("RESTORE", key, 0, copy, "REPLACE")
    await send(pair, after)
    await refused_position(pair.servers[0], "ada", position)


async def test_an_empty_store_recovers_nothing(run_server: RunServer, valkey_store: StoreServer) -> None:
    server = await run_server(redis_url=valkey_store.url)
    async with Api.open(server) as api:
        await api.create_workflow()
        await api.trigger("ada", {})
        async with NativeSocket.connected(server, "ada") as (_, result):
            position = result["position"]
        with connect(valkey_store.url) as client:
            client.flushall()
        await server.stop()
        await server.start()
        await api.create_workflow()
        await api.trigger("ada", {})
        await refused_position(server, "ada", position)


@pytest.fixture
def valkey_store() -> Iterator[StoreServer]:
    """A store of the test's own."""
    with running_store(binary_of("valkey"), unix=True) as server:
        yield server


# requests


@dataclass
class Desk:
    """A feed of 24 messages with a socket that holds it, another socket, and a page that uses REST."""

    pair: Pair
    inbox: InboxApi
    socket: NativeSocket
    other: NativeSocket
    held: dict[str, Json]
    ids: list[str]

    async def change(self, verb: str, /, **arguments: Any) -> Json:
        """Carry out a change, and apply its event at both sockets; only the asking one is told the request."""
        request_id = await self.socket.send(verb, **arguments)
        result = await self.socket.answer(request_id)
        while self.socket.position != result["position"]:
            event = await self.socket.event()
            assert event.get("request") == request_id
            apply(self.held, event["changes"])
            assert "request" not in await self.other.event()
        assert self.held == {item["id"]: item for item in await self.inbox.notifications()}
        assert self.other.position == self.socket.position
        return result

    async def refused(self, verb: str, /, **arguments: Any) -> str:
        with pytest.raises(RequestRefused) as refused:
            await self.socket.request(verb, **arguments)
        return refused.value.code


@pytest.fixture
async def desk(pair: Pair) -> AsyncIterator[Desk]:
    await pair.api.create_workflow("tagged", tags=["a"])
    for number in range(24):
        await pair.api.trigger("ada", {"n": number}, workflow="tagged" if number % 2 else "bench")
    server = pair.servers[0]
    token = (await create_session(server, "ada"))["token"]
    query = {"limit": 100}
    async with (
        InboxApi.open(server, "ada") as inbox,
        NativeSocket.connected(server, "ada", token, list=query) as (socket, result),
        NativeSocket.connected(pair.servers[1], "ada", token) as (other, _),
    ):
        held = {item["id"]: item for item in result["list"]["data"]}
        yield Desk(pair, inbox, socket, other, held, list(held))


async def test_every_mark_has_the_effect_of_rest(desk: Desk) -> None:
    first, second, third = desk.ids[:3]
    expected = {
        "read": {"isRead": True, "isSeen": True},
        "unread": {"isRead": False, "isSeen": True},
        "archived": {"isArchived": True, "isRead": True},
        "unarchived": {"isArchived": False, "isRead": True},
        "seen": {"isSeen": True},
    }
    for mark, fields in expected.items():
        await desk.change("mark", ids=[first, second, "0" * 24], **{"as": mark})
        for one in (first, second):
            assert desk.held[one].items() >= fields.items()
        assert not desk.held[third]["isSeen"]


@pytest.mark.parametrize("mark", ["read", "unread", "seen", "archived", "unarchived", "read_archived"])
async def test_a_mark_of_many_is_one_event(desk: Desk, mark: str) -> None:
    await desk.change("mark", ids=desk.ids[:2], **{"as": "read"})
    if mark != "read_archived":
        await desk.change("mark", ids=desk.ids[:22], **{"as": mark})
    await desk.change("mark", where={"tags": ["a"]}, **{"as": mark})
    await desk.change("mark", where={}, **{"as": mark})


async def test_snoozes_and_actions_have_the_effect_of_rest(desk: Desk) -> None:
    first, second, third = desk.ids[:3]
    until = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    await desk.change("snooze", ids=[first, second], until=until)
    assert desk.held[first]["isSnoozed"]
    await desk.change("unsnooze", ids=[first])
    assert not desk.held[first]["isSnoozed"]
    await desk.change("act", id=third, type="primary", status="done", payload={"why": "yes"})
    assert desk.held[third]["primaryAction"]["isCompleted"]
    await desk.change("act", id=third, type="primary", status="pending")
    assert not desk.held[third]["primaryAction"]["isCompleted"]


async def test_deletions_have_the_effect_of_rest(desk: Desk) -> None:
    await desk.change("delete", ids=desk.ids[:2])
    await desk.change("delete", ids=desk.ids[:23])
    assert len(desk.held) == 1
    await desk.pair.api.trigger("ada", workflow="tagged")
    for socket in (desk.socket, desk.other):
        changes = await socket.changes()
    apply(desk.held, changes)
    await desk.change("delete", where={"tags": ["a"]})
    await desk.change("delete", where={})
    assert desk.held == {}


async def test_what_changes_nothing_answers_with_the_position_that_is_held(desk: Desk) -> None:
    position = desk.socket.position
    for verb, arguments in (
        ("mark", {"as": "read_archived", "where": {}}),
        ("mark", {"as": "seen", "ids": ["0" * 24]}),
        ("delete", {"where": {"tags": ["none"]}}),
    ):
        assert (await desk.change(verb, **arguments))["position"] == position


async def test_requests_that_rest_would_refuse_are_refused(desk: Desk) -> None:
    [first, *_], unknown = desk.ids, "0" * 24
    soon, late = (datetime.now(UTC) + timedelta(days=days) for days in (0, 91))
    for verb, arguments in (
        ("mark", {"as": "read", "ids": [unknown]}),
        ("snooze", {"ids": [unknown], "until": (soon + timedelta(hours=1)).isoformat()}),
        ("unsnooze", {"ids": [first]}),
        ("act", {"id": unknown, "type": "primary", "status": "done"}),
        ("delete", {"ids": [unknown]}),
        ("set_preferences", {"workflowId": "nothing", "in_app": False}),
    ):
        assert await desk.refused(verb, **arguments) == "not_found", verb
    for verb, arguments in (
        *(("mark", {"as": mark, "ids": [first]}) for mark in ("", "deleted", None, "read_archived")),
        *(("mark", {"as": "read", "ids": ids}) for ids in ([], [first] * 101, ["x"], [1], first, {}, None)),
        *(("mark", {"as": "read", "where": where}) for where in ({"read": False}, {"tags": 1}, {"data": "{"}, [])),
        ("mark", {"as": "read"}),
        ("mark", {"as": "read", "ids": [first], "where": {}}),
        *(("snooze", {"ids": [first], "until": until}) for until in ("x", 1, soon.isoformat(), late.isoformat())),
        ("unsnooze", {}),
        ("act", {"id": "x", "type": "primary", "status": "done"}),
        ("act", {"id": first, "type": "tertiary", "status": "done"}),
        ("act", {"id": first, "type": "primary", "status": "gone"}),
        ("delete", {}),
        ("delete", {"where": {"archived": True}}),
        ("count", {"filters": [{}] * 31}),
        ("count", {"filters": [{"read": 1}]}),
        ("count", {"filters": {}}),
        ("preferences", {"criticality": "none"}),
        ("set_preferences", {"fax": True}),
        ("set_preferences", {"in_app": "yes"}),
        ("set_preferences", {"workflowId": "bench", "schedule": {"isEnabled": False}}),
        ("renew", {}),
        ("renew", {"token": 1}),
    ):
        assert await desk.refused(verb, **arguments) == "invalid", (verb, arguments)
    assert not desk.socket.has_event


async def test_lists_and_counts_are_those_of_rest(desk: Desk) -> None:
    page = await desk.inbox.page(limit=5)
    listed = await desk.socket.request("list", limit=5)
    assert listed == {**page, "position": desk.socket.position}
    after = await desk.socket.request("list", limit=3, after=page["data"][1]["id"], tags=["a"])
    assert after["data"] == (await desk.inbox.page(limit=3, after=page["data"][1]["id"], tags="a"))["data"]
    counted = await desk.socket.request("count", filters=[{"read": False}, {"tags": ["a"]}, {"seen": True}])
    assert [one["count"] for one in counted["data"]] == [24, 12, 0]
    assert counted["position"] == desk.socket.position
    assert (await desk.socket.request("count"))["data"] == [{"count": 24, "filter": {}}]


async def test_preferences_are_those_of_rest(desk: Desk) -> None:
    async def by_rest() -> list[Json]:
        return list(await desk.inbox.data("GET", "/v1/inbox/preferences", 200))

    assert (await desk.socket.request("preferences"))["data"] == await by_rest()
    begin = desk.socket.position
    changed = await desk.change("set_preferences", workflowId="bench", in_app=False)
    [bench] = [one for one in await by_rest() if one.get("workflow", {}).get("identifier") == "bench"]
    assert changed["data"] == bench
    assert bench["channels"] == {"in_app": False}
    changed = await desk.change("set_preferences", in_app=False)
    assert changed["data"] == (await by_rest())[0]
    await desk.inbox.call("PATCH", "/v1/inbox/preferences/tagged", 200, {"in_app": True})
    for socket in (desk.socket, desk.other):
        assert await socket.changes() == [{"preferences": await by_rest()}]
    async with NativeSocket.connected(desk.pair.servers[1], "ada", position=begin) as (_, result):
        assert result["changes"] == [{"preferences": await by_rest()}]
    tagged = await desk.socket.request("preferences", tags=["a"], criticality="all")
    assert [one["workflow"]["identifier"] for one in tagged["data"][1:]] == ["tagged"]


async def test_a_compatible_socket_hears_nothing_of_preferences(pair: Pair) -> None:
    async with PlainSocket.open(pair.servers[0], "ada") as socket, InboxApi.open(pair.servers[1], "ada") as inbox:
        await inbox.call("PATCH", "/v1/inbox/preferences", 200, {"in_app": True})
        [transaction] = await send(pair, 1)
        assert (await socket.next()).data["message"]["transactionId"] == transaction


async def test_the_end_of_a_snooze_brings_a_notification_to_the_top(desk: Desk) -> None:
    """Made to end at once in the store, since no snooze is shorter than a minute."""
    await desk.change("snooze", ids=desk.ids[1:2], until=(datetime.now(UTC) + timedelta(hours=1)).isoformat())
    begin = desk.socket.position
    async with stored_feed(desk.pair) as (services, feed):
        messages = MessageStore(services.client, services.keys, services.feed_store, 1_000, Outbox(services.keys))
        row_id = feed.row_of(desk.ids[1])
        assert row_id is not None
        await messages.snooze(feed, row_id, INBOX_SNOOZE, 1)
        await services.feed_store.wake(feed)
    for socket in (desk.socket, desk.other):
        await socket.event()  # of the new end; the message may have been read when it had moved on
        [woken] = await socket.changes()
    [newest, *_] = await listed(desk.pair)
    assert woken == {"created": newest}
    assert (newest["id"], newest["isSnoozed"], newest["isRead"]) == (desk.ids[1], False, False)
    async with NativeSocket.connected(desk.pair.servers[1], "ada", position=begin) as (_, result):
        assert result["changes"] == [{"created": newest}]


async def test_many_requests_at_once_are_each_answered(desk: Desk) -> None:
    """Each event names its own request, in whatever order replies and publications come."""
    sent = {await desk.socket.send("mark", ids=[one], **{"as": "read"}): one for one in desk.ids}
    positions = {request_id: (await desk.socket.answer(request_id))["position"] for request_id in sent}
    for _ in sent:
        event = await desk.socket.event()
        [change] = event["changes"]
        assert change["updated"]["id"] == sent[event["request"]]
        assert positions[event["request"]] == event["position"]


async def test_a_token_is_renewed(run_server: RunServer, valkey_url: str, key_prefix: str) -> None:
    """A second service, whose tokens are valid for an hour, has the same secret: the renewed socket cannot expire."""
    shared = {"redis_url": valkey_url, "INBOX_KEY_PREFIX": key_prefix}
    server = await run_server(**shared, INBOX_TOKEN_TTL_SECONDS=str(TOKEN_SECONDS))
    lasting = await run_server(**shared, INBOX_TOKEN_TTL_SECONDS="3600")
    async with (
        NativeSocket.connected(server, "ada") as (renewed, first),
        NativeSocket.connected(server, "ada") as (expiring, _),
    ):
        other = (await create_session(server, "bob"))["token"]
        for token in (other, "x"):
            with pytest.raises(RequestRefused) as refused:
                await renewed.request("renew", token=token)
            assert refused.value.code == "unauthorized"
        token = (await create_session(lasting, "ada"))["token"]
        assert (await renewed.request("renew", token=token))["expiresAt"] > first["expiresAt"]
        assert await expiring.closed() == (4401, "token_expired")
        assert (await renewed.request("list"))["data"] == []


# the life of a socket


async def test_pings_tell_the_position(run_server: RunServer, valkey_url: str, key_prefix: str) -> None:
    constants = {"inbox.realtime.handshake.PING_SECONDS": 0.5}
    server = await run_server(redis_url=valkey_url, INBOX_KEY_PREFIX=key_prefix, constants=constants)
    async with Api.open(server) as api, NativeSocket.connected(server, "ada") as (socket, result):
        assert set(ping := await socket.ping()) == {"position", "time"}
        assert ping["position"] == result["position"]
        await api.create_workflow()
        await api.trigger("ada", {})
        event = await socket.event()
        while (ping := await socket.ping())["position"] != event["position"]:
            assert ping["position"] == result["position"]


async def refusal(server: Server, arguments: Json, **headers: str) -> tuple[str, int, str]:
    """The error that answers `connect`, and the close behind it."""
    async with NativeSocket.open(server, **headers) as socket:
        with pytest.raises(RequestRefused) as refused:
            await socket.request("connect", **arguments)
        return (refused.value.code, *(await socket.closed()))


async def test_a_refused_connect_says_why_and_whether_to_come_back(pair: Pair) -> None:
    server = pair.servers[0]
    token = (await create_session(server, "ada"))["token"]
    for wrong in ("", "x", f"{token}x"):
        assert await refusal(server, {"token": wrong}) == ("unauthorized", 4401, "token_expired")
    assert await refusal(server, {"token": token}, Origin="https://elsewhere.example") == (
        "unauthorized",
        4406,
        "refused",
    )
    invalid: list[Json] = [
        {},
        {"token": 1},
        {"token": token, "position": 5},
        {"token": token, "list": []},
        {"token": token, "list": {"limit": 0}},
        {"token": token, "list": {"read": "yes"}},
        {"token": token, "list": {"data": {"a": []}}},
        {"token": token, "list": {"read": False, "archived": True}},
    ]
    for arguments in invalid:
        assert await refusal(server, arguments) == ("invalid", 4400, "invalid_request")
    await pair.api.call("DELETE", "/v2/subscribers/ada", 200)
    assert await refusal(server, {"token": token}) == ("unauthorized", 4401, "token_expired")


async def test_a_deleted_subscriber_ends_its_socket(pair: Pair) -> None:
    async with NativeSocket.connected(pair.servers[0], "ada") as (socket, _):
        await pair.api.call("DELETE", "/v2/subscribers/ada", 200)
        assert await socket.closed() == (4410, "subscriber_deleted")


async def test_who_does_not_connect_is_sent_away(run_server: RunServer, valkey_url: str, key_prefix: str) -> None:
    constants = {"inbox.realtime.connecting.CONNECT_SECONDS": 0.1}
    server = await run_server(redis_url=valkey_url, INBOX_KEY_PREFIX=key_prefix, constants=constants)
    async with NativeSocket.open(server) as socket:
        assert await socket.closed() == (4408, "connect_timeout")


async def test_a_full_subscriber_is_told_when_to_come_back(
    run_server: RunServer, valkey_url: str, key_prefix: str
) -> None:
    server = await run_server(redis_url=valkey_url, INBOX_KEY_PREFIX=key_prefix, INBOX_MAX_SOCKETS_PER_SUBSCRIBER="1")
    token = (await create_session(server, "ada"))["token"]
    async with NativeSocket.connected(server, "ada", token):
        assert await refusal(server, {"token": token}) == ("too_many_requests", 1013, "retry_after=60000")


async def test_a_stopping_service_spreads_its_clients(run_server: RunServer, valkey_url: str, key_prefix: str) -> None:
    server = await run_server(redis_url=valkey_url, INBOX_KEY_PREFIX=key_prefix)
    async with AsyncExitStack() as stack:
        sockets = [(await stack.enter_async_context(NativeSocket.connected(server, f"s{n}")))[0] for n in range(8)]
        await server.terminate()
        closes = [await socket.closed() for socket in sockets]
    waits = {int(reason.removeprefix("retry_after=")) for code, reason in closes if code == 1012}
    assert len(waits) > 1
    assert all(0 <= wait <= 1000 for wait in waits)


async def test_a_client_need_not_offer_the_subprotocol(pair: Pair) -> None:
    async with NativeSocket.open(pair.servers[0], subprotocols=None) as socket:
        assert socket.connection.subprotocol is None
        token = (await create_session(pair.servers[0], "ada"))["token"]
        assert (await socket.connect(token))["recovered"] is False


async def test_without_an_upgrade_it_is_426(pair: Pair) -> None:
    answer = await pair.api.client.get("/v1/socket")
    assert (answer.status_code, answer.headers["Upgrade"]) == (426, "websocket")


# frames that are no requests, and requests that cannot be carried out


@pytest.mark.parametrize(
    ("frame", "close"),
    [
        (b"{}", (1003, "unsupported_data")),
        *[(text, (1007, "invalid_text")) for text in ("", "x", "1", "[]", "null", '"a"', "{", "{'id':1}")],
        *[
            (text, (4400, "invalid_request"))
            for text in (
                *("{}", '{"list":{}}', '{"id":0,"list":{}}', '{"id":-1,"list":{}}', '{"id":1.0,"list":{}}'),
                *('{"id":true,"list":{}}', '{"id":"1","list":{}}', '{"id":null,"list":{}}', '{"id":9007199254740993}'),
            )
        ],
    ],
)
async def test_a_frame_that_is_no_request_ends_the_socket(
    pair: Pair, frame: str | bytes, close: tuple[int, str]
) -> None:
    async with NativeSocket.connected(pair.servers[0], "ada") as (socket, _):
        await socket.connection.send(frame)
        assert await socket.closed() == close


async def test_a_request_that_cannot_be_carried_out_is_answered(pair: Pair) -> None:
    async with NativeSocket.connected(pair.servers[0], "ada") as (socket, result):
        for text in (
            *('{"id":77}', '{"id":77,"list":{},"count":{}}', '{"id":77,"list":[]}', '{"id":77,"list":null}'),
            *('{"id":77,"nothing":{}}', '{"id":77,"__class__":{}}', '{"id":77,"":{}}', '{"id":77,"connect":{}}'),
            *('{"id":77,"list":{"limit":"x"}}', '{"id":77,"list":{"after":"x"}}', '{"id":77,"list":{"tags":7}}'),
            '{"id":77,"list":{"data":' + '{"a":' * 100 + "1" + "}" * 100 + "}}",
            json.dumps({"id": 77, "x" * 5_000: {}}),
        ):
            assert await socket.refusal(77, text) == "invalid"
        assert (await socket.request("list"))["position"] == result["position"]


async def test_nothing_is_carried_out_before_connect(pair: Pair) -> None:
    async with NativeSocket.open(pair.servers[0]) as socket:
        for verb in ("list", "nothing"):
            with pytest.raises(RequestRefused, match="connect") as refused:
                await socket.request(verb)
            assert refused.value.code == "unauthorized"
        token = (await create_session(pair.servers[0], "ada"))["token"]
        first, second = [await socket.send("connect", token=token) for _ in range(2)]
        assert (await socket.answer(first))["recovered"] is False
        with pytest.raises(RequestRefused, match="already") as refused:
            await socket.answer(second)
        assert refused.value.code == "invalid"


async def test_too_many_requests_end_the_socket(pair: Pair) -> None:
    async with NativeSocket.connected(pair.servers[0], "ada") as (socket, _):
        with contextlib.suppress(ConnectionClosed):
            for _ in range(500):
                await socket.send("list")
        assert await socket.closed() == (4008, "too_many_requests")


async def test_a_frame_beyond_64_kib_ends_the_socket(pair: Pair) -> None:
    async with NativeSocket.connected(pair.servers[0], "ada") as (socket, _):
        largest = json.dumps({"id": 77, "list": {"after": ""}}).replace('""', f'"{"x" * (64 * 1024 - 33)}"')
        assert len(largest) == 64 * 1024
        assert await socket.refusal(77, largest) == "invalid"
        await socket.connection.send(f"{largest} ")
        assert (await socket.closed())[0] == 1009


VALUES: list[Any] = [
    *(
        None,
        True,
        0,
        -1,
        1,
        1.5,
        2**63,
        10**30,
        "",
        "a",
        "0" * 24,
        "x" * 1_000,
        "\u0000",
        "\U0001f600",
        "2030-01-01T00:00:00Z",
    ),
    *(
        [],
        {},
        [[]],
        [{}],
        {"a": {"a": {"a": 1}}},
        ["0" * 24],
        ["0" * 24] * 101,
        [None],
        {"tags": {"or": ["a"]}},
        {"read": False},
    ),
    *("read", "archived", "primary", "done", [{"read": True}], [{"tags": [["a"], ["b"]]}] * 31, "1-1", [1] * 5_000),
]
WORDS = [
    *("token", "position", "list", "ids", "where", "as", "id", "type", "status", "payload", "until", "filters"),
    *("limit", "after", "tags", "data", "read", "severity", "workflowId", "in_app", "schedule", "criticality", "x"),
]
VERBS_AND_OTHERS = [
    *("connect", "list", "count", "mark", "snooze", "unsnooze", "act", "delete", "preferences", "set_preferences"),
    *("renew", "event", "result", "", "__init__", "x" * 200),
]
NAMED_CLOSES = {1003, 1007, 1009, 4008, 4400, 4401}


def any_frame(source: random.Random, request_id: int) -> str:
    """A request that is nearly right, or far from it."""
    if source.random() < 0.02:
        return source.choice(["", "{", "[]", "1", '{"id":0}', '{"list":{}}', '{"id":[]}', "\x00"])
    verb, arguments = (
        source.choice(VERBS_AND_OTHERS),
        {source.choice(WORDS): source.choice(VALUES) for _ in range(source.randrange(4))},
    )
    frame: Json = {"id": request_id, verb: source.choice([arguments, arguments, arguments, source.choice(VALUES)])}
    if source.random() < 0.05:
        frame[source.choice(VERBS_AND_OTHERS)] = {}
    return json.dumps(frame)


@pytest.mark.parametrize("seed", range(30))
async def test_any_frame_is_answered_or_ends_the_socket_by_name(pair: Pair, seed: int) -> None:
    source = random.Random(seed)
    await send(pair, 2)
    token = (await create_session(pair.servers[0], "ada"))["token"]
    async with NativeSocket.open(pair.servers[0]) as socket:
        if seed % 3:
            await socket.connect(token)
        with contextlib.suppress(ConnectionClosed):
            for number in range(1_000, 1_040):
                await socket.settled(number, any_frame(source, number))
        if socket.connection.close_code is not None:
            assert (await socket.closed())[0] in NAMED_CLOSES
    async with NativeSocket.connected(pair.servers[0], "ada", token) as (other, _):
        assert "data" in await other.request("list")
