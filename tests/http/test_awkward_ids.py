"""A subscriberId may hold anything but control characters: it works on every route and shows in no key."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.client import WORKFLOW, Api, InboxApi, create_session, segment
from tests.support.server import Server
from tests.support.sockets import RECEIVED, UNREAD, UNSEEN, UPDATED, PlainSocket
from tests.support.stores import connect

IDS = [
    *("a:b{c}*", "a/b", "ä 💥", "a//b/", "a/notifications/feed", "%2F", "a%20b", "?x=1#y", "a+b&c=d"),
    *("[a]", "a\\b", '"a"', "'a'", "a@example.org", "💥" * 60, "x" * 255),
]


@pytest.mark.parametrize("subscriber_id", IDS)
async def test_it_works_on_every_route(shared_server: Server, subscriber_id: str) -> None:
    name = segment(subscriber_id)
    async with Api.open(shared_server) as api:
        await api.client.post("/v2/workflows", json=workflow())
        await api.client.delete(f"/v2/subscribers/{name}")  # another test may have left it
        assert (await api.create_subscriber(subscriber_id, firstName="A"))["subscriberId"] == subscriber_id
        assert (await api.data("GET", f"/v1/subscribers/{name}", 200))["firstName"] == "A"
        assert (await api.data("PUT", f"/v1/subscribers/{name}", 200, {"lastName": "B"}))["lastName"] == "B"
        assert (await api.data("PATCH", f"/v2/subscribers/{name}", 200, {"firstName": "C"}))["firstName"] == "C"
        assert (await api.set_online(subscriber_id, True))["isOnline"] is True
        await use_the_feed(shared_server, api, subscriber_id)
        exported = await api.call("GET", f"/v2/subscribers/{name}/data", 200)
        assert exported["subscriber"]["subscriberId"] == subscriber_id
        await api.call("DELETE", f"/v2/subscribers/{name}", 200)
        await api.call("GET", f"/v2/subscribers/{name}", 404)
        await api.call("GET", f"/v2/subscribers/{name}/data", 404)


def workflow() -> dict[str, object]:
    controls = {"body": "B", "primaryAction": {"label": "Go"}}
    steps = [{"name": "In-app", "type": "in_app", "controlValues": controls}]
    return {"name": WORKFLOW, "workflowId": WORKFLOW, "steps": steps}


async def use_the_feed(server: Server, api: Api, subscriber_id: str) -> None:
    """Trigger, push, list, count and every change, by both faces."""
    async with PlainSocket.open(server, subscriber_id) as socket, InboxApi.open(server, subscriber_id) as inbox:
        await api.trigger(subscriber_id, transactionId=subscriber_id)
        await api.trigger({"subscriberId": subscriber_id}, transactionId=subscriber_id)  # the same: no second message
        received, *_ = await socket.expect_exactly(RECEIVED, UNSEEN, UNREAD)
        message_id = received["message"]["_id"]
        [message] = await api.feed(subscriber_id)
        assert (message["_id"], message["transactionId"]) == (message_id, subscriber_id)
        assert message["subscriber"]["subscriberId"] == subscriber_id
        assert await api.unseen(subscriber_id) == 1
        assert [item["id"] for item in await inbox.notifications()] == [message_id]
        await api.mark_as(subscriber_id, message_id, "read")
        await api.mark_legacy(subscriber_id, message_id, read=False)
        assert await api.mark_all(subscriber_id, "read") == 1
        pressed = await api.act(subscriber_id, message_id, "primary", "done")
        assert pressed["subscriber"]["subscriberId"] == subscriber_id
        await inbox.change(message_id, "unread")
        assert (await inbox.change(message_id, "complete", {"actionType": "primary"}))["to"][
            "subscriberId"
        ] == subscriber_id
        await inbox.see([message_id])
        await inbox.read_all()
        assert await inbox.count('{"read":false}') == [0]
        for _ in range(8):
            await socket.expect(UPDATED)


NEIGHBOURS = ["a", "b", "a:b", "a:b{c}", "a:b{c}x", "c", "*", "ä", "ä ", "a/", "/b"]


async def test_neighbours_stay_apart(shared_server: Server) -> None:
    """Ids of which one is part of, or a pattern for, another have feeds of their own."""
    ids = [*IDS[:3], *NEIGHBOURS]
    async with Api.open(shared_server) as api:
        await api.client.post("/v2/workflows", json=workflow())
        kept = [name for name in ids if name == name.strip()]  # an id is trimmed: "ä " is "ä"
        for subscriber_id in kept:
            await api.trigger(subscriber_id, transactionId=f"only {subscriber_id}")
        for subscriber_id in kept:
            feed = await api.feed(subscriber_id)
            assert _only(feed) == [f"only {subscriber_id}"]
        await api.call("DELETE", f"/v2/subscribers/{segment('a:b{c}*')}", 200)
        for subscriber_id in ("a:b{c}", "a:b{c}x", "a:b"):
            assert len(_only(await api.feed(subscriber_id))) == 1
        assert (await create_session(shared_server, "a/b"))["totalUnreadCount"] >= 1


def _only(feed: list[dict[str, Any]]) -> list[str]:
    """This test's own messages: a broadcast of another one reaches everybody."""
    return [message["transactionId"] for message in feed if message["transactionId"].startswith("only ")]


async def test_no_key_holds_an_id(shared_server: Server, valkey_url: str) -> None:
    marked = [f"{name}-marked-{name}" for name in IDS[:3]]
    async with Api.open(shared_server) as api:
        await api.client.post("/v2/workflows", json=workflow())
        for subscriber_id in marked:
            await api.trigger(subscriber_id, transactionId=f"{subscriber_id}:t")
            await use_the_feed(shared_server, api, f"{subscriber_id} used")
    with connect(valkey_url) as client:
        keys = [key.decode() for key in client.scan_iter(match="shared:*", count=10_000)]
    assert len(keys) > len(marked)
    assert [key for key in keys if "marked" in key or any(text in key for text in IDS[:3])] == []
