"""The docs show what is really sent: each JSON example of a call or a frame has the shape of a captured one."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.client import Api, InboxApi, WidgetApi, create_session
from tests.support.native import NativeSocket, RequestRefused
from tests.support.processes import REPOSITORY
from tests.support.server import Server
from tests.support.sockets import PlainSocket

Json = dict[str, Any]
PAGES = "".join((REPOSITORY / f"docs/{name}.md").read_text() for name in ("page-api", "sockets"))
NATIVE_PAGE = (REPOSITORY / "docs/native-protocol.md").read_text()
BLOCK = re.compile(r"(?:^ {4}.*\n)+", re.MULTILINE)
CONTROLS = {
    "subject": "Order {{payload.orderId}} is on its way",
    "body": "Hello {{subscriber.firstName}}, it left us today.",
    "avatar": "https://example.com/parcel.png",
    "redirect": {"url": "/orders/{{payload.orderId}}", "target": "_self"},
    "primaryAction": {"label": "Track it", "redirect": {"url": "{{payload.url}}", "target": "_blank"}},
    "secondaryAction": {"label": "Not now"},
    "data": {"orderId": "{{payload.orderId}}"},
}
PAYLOAD = {"orderId": 7, "url": "https://example.com/t/7"}
ALICE = {"subscriberId": "alice", "firstName": "Alice"}
pytestmark = pytest.mark.needs("valkey")


def examples(page: str = PAGES) -> Iterator[Json]:
    """The JSON objects that a page shows as blocks of their own."""
    for block in BLOCK.findall(page):
        rest = block.strip()
        while rest.startswith("{"):
            example, end = json.JSONDecoder().raw_decode(rest)
            yield example
            rest = rest[end:].strip()


def frame(event: str, *keys: str) -> Json:
    """The one frame of this event whose data has these keys."""
    (found,) = [one for one in examples() if one.get("event") == event and set(one["data"]) == {*keys}]
    return found


def shape(value: Any) -> Any:
    """The names and the types of a value, in place of what it says."""
    if isinstance(value, dict):
        return {name: shape(one) for name, one in value.items()}
    return [shape(one) for one in value] if isinstance(value, list) else type(value).__name__


NOTIFICATION = next(one for one in examples() if "isRead" in one)
MESSAGE = frame("notification_received", "message")["data"]["message"]


@pytest.fixture
async def server(fresh_server: Server) -> Server:
    async with Api.open(fresh_server) as api:
        steps = [{"name": "In-app", "type": "in_app", "controlValues": CONTROLS}]
        workflow = {"name": "Order shipped", "workflowId": "order-shipped", "steps": steps, "tags": ["orders"]}
        await api.data("POST", "/v2/workflows", 201, {**workflow, "severity": "high"})
        await api.create_subscriber("alice", firstName="Alice")
    return fresh_server


async def captured(socket: PlainSocket) -> list[Json]:
    """The next frames as they came, up to the unread count."""
    frames = []
    while not frames or frames[-1]["event"] != "unread_count_changed":
        came = await socket.next()
        frames.append({"event": came.event, "data": came.data, "timestamp": came.timestamp})
    return frames


async def test_every_frame_is_sent_as_documented(server: Server) -> None:
    async with (
        Api.open(server) as api,
        InboxApi.open(server, "alice") as inbox,
        PlainSocket.open(server, "alice") as page,
    ):
        await api.trigger(ALICE, PAYLOAD, workflow="order-shipped")
        received, unseen, unread = await captured(page)
        assert shape(received) == shape(frame("notification_received", "message"))
        assert shape(unseen) == shape(frame("unseen_count_changed", "unseenCount", "hasMore"))
        assert shape(unread) == shape(frame("unread_count_changed", "unreadCount", "counts", "hasMore"))

        await inbox.change(received["data"]["message"]["_id"], "read")
        updated, *_ = await captured(page)
        assert updated["event"] == "notification_updated"
        assert shape(updated["data"]["message"]) == shape(MESSAGE) | dict.fromkeys(
            ["firstSeenDate", "lastSeenDate", "lastReadDate"], "str"
        )
        await inbox.read_all()
        assert shape((await captured(page))[0]) == shape(frame("notification_updated", "refetch"))
        await inbox.call("DELETE", f"/v1/inbox/notifications/{received['data']['message']['_id']}/delete", 204)
        assert shape((await captured(page))[0]) == shape(frame("notification_updated", "removed"))


async def test_every_answer_is_as_documented(server: Server) -> None:
    async with (
        Api.open(server) as api,
        InboxApi.open(server, "alice") as inbox,
        WidgetApi.open(server, "alice") as widget,
    ):
        await api.trigger(ALICE, PAYLOAD, workflow="order-shipped")
        assert shape(await inbox.notifications()) == [shape(NOTIFICATION)]
        listed = {name: value for name, value in MESSAGE.items() if name != "workflow"}
        assert shape(await widget.feed()) == [shape(listed)]
        counts = next(one for one in examples() if isinstance(one.get("data"), list))
        query = {"filters": json.dumps([one["filter"] for one in counts["data"]])}
        assert shape(await inbox.call("GET", "/v1/inbox/notifications/count", 200, **query)) == shape(counts)
        session = next(one for one in examples() if "token" in one.get("data", {}))
        assert shape({"data": await create_session(server, "alice")}) == shape(session)
        refused = await inbox.client.get("/v1/inbox/notifications", headers={"Authorization": "Bearer none"})
        assert shape(refused.json()) == shape(next(one for one in examples() if one.get("statusCode") == 401))


async def test_the_native_protocol_is_as_documented(server: Server) -> None:
    connected, event, ping, mark, marked, error = examples(NATIVE_PAGE)
    assert {*ping["ping"]} == {"position", "time"}
    async with Api.open(server) as api, InboxApi.open(server, "alice") as inbox:
        await api.trigger(ALICE, PAYLOAD, workflow="order-shipped")
        [notification] = await inbox.notifications()
        async with NativeSocket.connected(server, "alice") as (_, result):
            position = result["position"]
        async with NativeSocket.connected(server, "alice", position=position) as (socket, _):
            mark["mark"]["ids"] = [notification["id"]]
            assert shape(await socket.request("mark", **mark["mark"])) == shape(marked["result"])
            assert (await socket.event()).keys() == event["event"].keys() | {"request"}
            await inbox.call("DELETE", f"/v1/inbox/notifications/{notification['id']}/delete", 204)
            assert shape(await socket.event()) == shape(event["event"])
            with pytest.raises(RequestRefused) as refused:
                await socket.request("list", after="x")
            assert shape(refused.value.error) == shape(error["error"])
            assert refused.value.error == error["error"]
        async with NativeSocket.connected(server, "alice", position=position) as (_, result):
            assert shape(result) == shape(connected["result"])


async def test_the_two_shapes_tell_the_same(server: Server) -> None:
    """The table that leads from one shape to the other, row by row, on a message with everything."""
    async with (
        Api.open(server) as api,
        InboxApi.open(server, "alice") as inbox,
        PlainSocket.open(server, "alice") as page,
    ):
        await api.trigger(ALICE, PAYLOAD, workflow="order-shipped")
        message = (await captured(page))[0]["data"]["message"]
        await inbox.call("PATCH", f"/v1/inbox/notifications/{message['_id']}/complete", 200, {"actionType": "primary"})
        message = (await captured(page))[0]["data"]["message"]
        (notification,) = await inbox.notifications()
    assert as_notification(message) == notification


def as_notification(message: Json) -> Json:
    action, link = message["cta"]["action"], message["cta"]["data"]
    renamed = {
        **{"id": "_id", "body": "content", "isRead": "read", "isSeen": "seen", "isArchived": "archived"},
        **{"readAt": "lastReadDate", "firstSeenAt": "firstSeenDate", "channelType": "channel"},
    }
    same = (
        *("transactionId", "subject", "avatar", "data", "tags", "severity", "workflow", "createdAt", "deliveredAt"),
        *("archivedAt", "snoozedUntil", "expiresAt", "sequence"),
    )
    notification = {name: message.get(old) for name, old in {**renamed, **{name: name for name in same}}.items()}
    for button in action["buttons"]:
        view = {"label": button["content"], "isCompleted": action["status"] == "done"}
        view["isCompleted"] &= action["result"].get("type") == button["type"]
        notification[f"{button['type']}Action"] = view | {"redirect": link_of(button)}
    to = {name: value for name, value in message["subscriber"].items() if name != "_id"}
    notification |= {"isSnoozed": "snoozedUntil" in message, "redirect": link_of(link), "to": to}
    return without_none(notification)


def link_of(link: Json) -> Json | None:
    return {name: link[name] for name in ("url", "target") if name in link} if link.get("url") else None


def without_none(value: Json) -> Json:
    return {name: without_none(one) if isinstance(one, dict) else one for name, one in value.items() if one is not None}
