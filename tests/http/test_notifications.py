"""Changes of notifications on both faces: what each sets and leaves, what it refuses, what sockets are told."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from inbox.ids import SubscriberId
from inbox.store.client import open_client
from inbox.store.feeds import FeedStore
from inbox.store.keys import Keys
from inbox.store.subscribers import SubscriberStore
from tests.support.client import Json, create_session
from tests.support.server import Server
from tests.support.sockets import RECEIVED, UNREAD, UNSEEN, UPDATED, PlainSocket

from .faces import Face, open_face

UNKNOWN = "0" * 24
BUTTON = {"actionType": "primary"}
Flags = tuple[bool, bool, bool, bool]


@pytest.fixture(params=["page", "backend"])
async def face(request: pytest.FixtureRequest, shared_server: Server) -> AsyncIterator[Face]:
    async with open_face(shared_server, request.param) as face:
        yield face


def ahead(**duration: float) -> str:
    return (datetime.now(UTC) + timedelta(**duration)).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def body_of(verb: str) -> Json | None:
    return {"snooze": {"snoozeUntil": ahead(hours=1)}, "complete": BUTTON, "revert": BUTTON}.get(verb)


def flags(item: Json) -> Flags:
    """Seen, read, archived, snoozed."""
    return item["isSeen"], item["isRead"], item["isArchived"], item["isSnoozed"]


async def test_each_change_of_one_and_what_it_leaves(face: Face) -> None:
    await face.send()
    until = ahead(hours=1)
    assert flags(await face.item(0)) == (False, False, False, False)
    steps: list[tuple[str, Json | None, Flags]] = [
        ("archive", None, (True, True, True, False)),
        ("unarchive", None, (True, True, False, False)),
        ("unread", None, (True, False, False, False)),
        ("archive", None, (True, True, True, False)),
        ("snooze", {"snoozeUntil": ahead(minutes=2)}, (True, True, False, True)),
        ("archive", None, (True, True, True, True)),
        ("unsnooze", None, (True, True, False, False)),
        ("unread", None, (True, False, False, False)),
        ("unarchive", None, (True, True, False, False)),
        ("unread", None, (True, False, False, False)),
        ("snooze", {"snoozeUntil": ahead(minutes=2)}, (True, False, False, True)),
        ("snooze", {"snoozeUntil": until}, (True, False, False, True)),
        ("complete", BUTTON, (True, True, False, True)),
        ("revert", BUTTON, (True, True, False, True)),
        ("unsnooze", None, (True, True, False, False)),
    ]
    for verb, body, expected in steps:
        changed = await face.change(0, verb, body)
        assert flags(changed) == expected, verb
        assert changed == await face.item(0), "it stays so"
        assert (changed["to"]["subscriberId"], changed["to"]["firstName"]) == (face.subscriber_id, "Ada")
        assert changed["workflow"]["identifier"] == "n-orders"
        assert ("archivedAt" in changed, "snoozedUntil" in changed) == expected[2:]
        assert ("readAt" in changed) == expected[1]
        assert len(changed["deliveredAt"]) == 1
        if body and verb == "snooze":
            assert changed["snoozedUntil"] == body["snoozeUntil"]
    await face.delete(0)
    assert await face.listed() == []


@pytest.mark.parametrize("verb", ["read", "unread", "archive", "unarchive", "snooze", "unsnooze", "complete", "revert"])
async def test_one_that_is_not_there(face: Face, shared_server: Server, verb: str) -> None:
    await face.send()
    body = body_of(verb)
    path, sent = face.path_of(UNKNOWN, verb, body)
    await face.refused(404, "PATCH", path, sent)
    path, sent = face.path_of("nonsense", verb, body)
    assert list((await face.refused(422, "PATCH", path, sent))["errors"]) == ["notificationId"]
    async with open_face(shared_server, face.kind) as other:
        path, sent = other.path_of(face.ids[0], verb, body)
        await other.refused(404, "PATCH", path, sent)
    assert flags(await face.item(0)) == (False, False, False, False), "another subscriber cannot touch it"


async def test_deleting_what_is_not_there(face: Face, shared_server: Server) -> None:
    await face.send()
    await face.refused(404, "DELETE", face.path_of(UNKNOWN, "delete")[0])
    await face.refused(422, "DELETE", face.path_of("nonsense", "delete")[0])
    async with open_face(shared_server, face.kind) as other:
        await other.refused(404, "DELETE", other.path_of(face.ids[0], "delete")[0])
    await face.delete(0)
    await face.refused(404, "DELETE", face.path_of(face.ids[0], "delete")[0])


async def test_a_button_that_is_not_there(face: Face) -> None:
    await face.send()
    for verb in ("complete", "revert"):
        path, body = face.path_of(face.ids[0], verb, {"actionType": "secondary"})
        assert "secondary" in (await face.refused(400, "PATCH", path, body))["message"]
        path, body = face.path_of(face.ids[0], verb, {"actionType": "third"})
        await face.refused(422, "PATCH", path, body)


async def test_how_long_something_may_be_snoozed(face: Face) -> None:
    await face.send()
    path = f"{face.base}/{face.ids[0]}/snooze"
    for wrong in (ahead(days=-1), ahead(seconds=50), "tomorrow", "", 5, None, "9999-12-31T23:59:59-23:00"):
        await face.refused(422, "PATCH", path, {"snoozeUntil": wrong})
    await face.refused(422, "PATCH", path, {})
    refused = await face.refused(402, "PATCH", path, {"snoozeUntil": ahead(days=91)})
    assert refused["message"]
    assert refused["reason"]
    assert not (await face.item(0))["isSnoozed"]
    for fine in (ahead(seconds=61), ahead(days=89.9), ahead(hours=2).replace("Z", "+00:00"), ahead(hours=2)[:-1]):
        assert (await face.change(0, "snooze", {"snoozeUntil": fine}))["isSnoozed"]
    await face.change(0, "unsnooze")
    await face.refused(404, "PATCH", f"{face.base}/{face.ids[0]}/unsnooze")


async def test_the_session_tells_the_limit_and_leaves_the_snoozed_out(shared_server: Server) -> None:
    async with open_face(shared_server, "page") as face:
        await face.send(2)
        await face.change(0, "snooze", {"snoozeUntil": ahead(hours=1)})
        session = await create_session(shared_server, face.subscriber_id)
    assert session["maxSnoozeDurationHours"] == 2160
    assert (session["totalUnreadCount"], session["unreadCount"]["total"]) == (1, 1)


@pytest.mark.parametrize(
    ("verb", "body", "expected"),
    [
        ("seen", {}, "SSSS"),
        ("seen", {"tags": ["orders"]}, "SS.."),
        ("read", {}, "RRRR"),
        ("read", {"tags": ["news"]}, "..R."),
        ("read", {"tags": [["orders", "news"], ["all"]]}, "RRR."),
        ("read", {"tags": {"or": ["orders"]}}, "RR.."),
        ("read", {"data": '{"kind":"other"}'}, "...R"),
        ("read", {"data": '{"fixed":{"one":1}}', "tags": ["all"]}, "RRR."),
        ("read", {"tags": ["nobody"]}, "...."),
        ("archive", {}, "AAAA"),
        ("archive", {"tags": {"and": [{"or": ["orders"]}, {"or": ["all"]}]}}, "AA.."),
        ("read-archive", {}, "A..."),
        ("read-archive", {"tags": ["news"]}, "...."),
        ("delete", {}, "xxxx"),
        ("delete", {"tags": ["orders"]}, "xx.."),
        ("delete", {"data": '{"kind":"other"}'}, "...x"),
        ("delete", {"data": "{}", "tags": []}, "xxxx"),
    ],
)
async def test_bulk_changes(face: Face, verb: str, body: Json, expected: str) -> None:
    """Four: two with the tags orders and all, of which the first is read, one with news and all, one with none."""
    await face.send(2)
    await face.send(workflow="n-news")
    await face.api.trigger(face.subscriber_id, {"kind": "other"}, workflow="n-plain")
    face.ids.append((await face.page(limit=1))["data"][0]["id"])
    await face.change(0, "read")
    await face.bulk(verb, **body)
    found = {item["id"]: item for item in (await face.page(limit=100))["data"]}
    for number, letter in enumerate(expected):
        was = (number == 0, number == 0, False, False)
        after: dict[str, Flags | None] = {
            "S": (True, was[1], False, False),
            "R": (True, True, False, False),
            "A": (True, True, True, False),
            ".": was,
            "x": None,
        }
        item = found.get(face.ids[number])
        assert (flags(item) if item else None) == after[letter], number


async def test_seen_by_ids(face: Face) -> None:
    await face.send(3)
    await face.bulk("seen", notificationIds=[])
    await face.bulk("seen", notificationIds=[UNKNOWN])
    assert await face.listed(seen="true") == []
    await face.bulk("seen", notificationIds=[face.ids[0], UNKNOWN], tags=["nobody"])
    assert await face.listed(seen="true") == [0], "ids stand over filters"


@pytest.mark.parametrize("verb", ["seen", "read", "archive", "read-archive", "delete"])
async def test_bulk_changes_refuse_what_they_cannot_read(face: Face, verb: str) -> None:
    await face.send()
    path = f"{face.base}/{verb}"
    for wrong in ("{", "[]", '{"a":[1]}', '{"a":{"b":{"c":1}}}'):
        await face.refused(400, "POST", path, {"data": wrong})
    for body in ({"tags": "orders"}, {"tags": [1]}, {"tags": ["t"] * 101}, {"data": 5}):
        await face.refused(422, "POST", path, body)
    for ids in ("nonsense", ["nonsense"], 5) if verb == "seen" else ():
        await face.refused(422, "POST", path, {"notificationIds": ids})
    assert flags(await face.item(0)) == (False, False, False, False)


async def test_many_are_deleted_at_once(face: Face) -> None:
    for _ in range(70):
        await face.api.trigger(face.subscriber_id, {"kind": "k"}, workflow="n-orders")
    await face.send(workflow="n-news")
    await face.bulk("delete", tags=["orders"])
    assert await face.listed() == [0]
    assert await face.counts({}) == [1]


@pytest.mark.parametrize(
    ("verb", "body", "told"),
    [
        ("archive", None, "message"),
        ("snooze", {}, "message"),
        ("delete", None, "removed"),
        ("bulk read", {}, "refetch"),
        ("bulk archive", {"tags": ["orders"]}, "refetch"),
        ("bulk delete", {"tags": ["orders"]}, "removed"),
    ],
)
async def test_sockets_are_told(face: Face, shared_server: Server, verb: str, body: Json | None, told: str) -> None:
    await face.send()
    async with PlainSocket.open(shared_server, face.subscriber_id) as socket:
        if verb.startswith("bulk "):
            await face.bulk(verb.removeprefix("bulk "), **(body or {}))
        elif verb == "delete":
            await face.delete(0)
        else:
            await face.change(0, verb, body_of(verb))
        updated, unseen, unread = await socket.expect_exactly(UPDATED, UNSEEN, UNREAD)
        assert list(updated) == [told]
        if told == "message":
            assert updated["message"]["_id"] == face.ids[0]
        if told == "removed":
            assert updated["removed"] == face.ids
        assert (unseen["unseenCount"], unread["unreadCount"]) == (0, 0)


async def end_snooze(valkey_url: str, face: Face) -> None:
    """Time alone takes a minute at least: the end of the snooze is set back behind the service's back."""
    client = await open_client(valkey_url)
    try:
        keys = Keys("shared:")
        subscribers = SubscriberStore(client, keys)
        feeds, subscriber_id = FeedStore(client, keys, subscribers), SubscriberId(face.subscriber_id)
        [environment] = [number for number in range(1, 9) if await subscribers.find_oid(number, subscriber_id)]
        feed = await feeds.open(environment, subscriber_id)
        row = feed.row_of(face.ids[0])
        assert row is not None
        raw = await client.execute("HGET", feed.keys.side, row.row)
        long_ago = 1_000_000
        await client.execute("HSET", feed.keys.side, row.row, raw[:29] + long_ago.to_bytes(6, "big") + raw[35:])
        await client.execute("HSET", feed.keys.state, "u", long_ago)
    finally:
        await client.close()


async def test_the_end_of_a_snooze_is_a_fresh_delivery(face: Face, shared_server: Server, valkey_url: str) -> None:
    await face.send(3)
    await face.change(0, "read")
    await face.change(0, "snooze", {"snoozeUntil": ahead(hours=1)})
    before = await face.item(0)
    async with PlainSocket.open(shared_server, face.subscriber_id) as socket:
        await end_snooze(valkey_url, face)
        assert await face.counts({"read": False, "snoozed": False}) == [3]
        received, _, unread = await socket.expect_exactly(RECEIVED, UNSEEN, UNREAD)
    assert (received["message"]["_id"], received["message"]["read"]) == (face.ids[0], False)
    assert unread["unreadCount"] == 3
    assert await face.listed() == [0, 2, 1]
    after = await face.item(0)
    assert flags(after) == (True, False, False, False)
    assert after["createdAt"] > before["createdAt"]
    assert after["deliveredAt"] == [before["createdAt"], after["createdAt"]]
    assert received["message"]["deliveredAt"] == after["deliveredAt"]
    assert await face.listed(after=face.ids[0]) == [2, 1]
    assert flags(await face.change(0, "archive")) == (True, True, True, False)
    await face.delete(0)
    assert await face.listed() == [2, 1]


async def test_who_may_not(face: Face) -> None:
    headers = {"Authorization": "Bearer nonsense" if face.kind == "page" else "ApiKey nonsense"}
    for method, path in (("GET", face.base), ("GET", f"{face.base}/count"), ("POST", f"{face.base}/delete")):
        answer = await face.caller.client.request(method, path, headers=headers)
        assert answer.status_code == 401
    if face.kind == "backend":
        for method, path in (("GET", ""), ("GET", "/count"), ("POST", "/read"), ("PATCH", f"/{UNKNOWN}/read")):
            await face.refused(404, method, f"/v2/subscribers/nobody-here/notifications{path}")


async def test_feeds_of_several_contexts_are_one_for_a_backend(shared_server: Server) -> None:
    """Without context keys a backend reads and changes all of a subscriber's feeds as one, by time."""
    async with open_face(shared_server, "backend") as face:
        for number in range(9):
            await face.send(context={"tenant": f"t{number % 3}"} if number % 3 else None)
        assert await face.listed() == [8, 7, 6, 5, 4, 3, 2, 1, 0]
        assert await face.listed("contextKeys=tenant:t1") == [7, 4, 1]
        assert await face.listed("contextKeys=") == [6, 3, 0]
        assert await face.listed("contextKeys=tenant:t9") == []
        walked: list[int] = []
        while (page := await face.page(limit=2, **({"after": face.ids[walked[-1]]} if walked else {})))["hasMore"]:
            walked += [face.ids.index(item["id"]) for item in page["data"]]
        assert [*walked, *(face.ids.index(item["id"]) for item in page["data"])] == [8, 7, 6, 5, 4, 3, 2, 1, 0]
        assert await face.listed(limit=3, offset=4) == [4, 3, 2]
        assert await face.counts({}) == [9]
        assert (await face.change(4, "read"))["isRead"]
        await face.bulk("archive", contextKeys=["tenant:t2"])
        assert await face.listed(archived="true") == [8, 5, 2]
        await face.bulk("seen", notificationIds=[face.ids[0], face.ids[1]])
        assert await face.listed(seen="true") == [8, 5, 4, 2, 1, 0]
        await face.bulk("delete")
        assert await face.listed() == []


async def test_marks_by_transaction_and_by_reference(shared_server: Server) -> None:
    """Ours: v1 mark-as without a message id."""
    async with open_face(shared_server, "backend") as face:
        await face.send(transactionId=f"one-{face.subscriber_id}", externalReference="order-1")
        await face.send(externalReference="order-1")
        await face.send(externalReference="order-2")
        path = face.base.replace("/v2/", "/v1/").replace("notifications", "messages/mark-as")

        async def mark(**named: str) -> list[int]:
            found = await face.api.data("POST", path, 201, {"markAs": "read", **named})
            assert all(message["read"] for message in found)
            return sorted(face.ids.index(message["_id"]) for message in found)

        assert await mark(transactionId=f"one-{face.subscriber_id}") == [0]
        assert await mark(externalReference="order-1") == [0, 1]
        assert await mark(externalReference="order-2", transactionId=f"one-{face.subscriber_id}") == []
        assert await mark(externalReference="order-9") == []
        assert await face.listed(read="true") == [1, 0]
        both = {"messageId": UNKNOWN, "transactionId": "t"}
        for wrong in ({}, {"transactionId": ""}, {"externalReference": 5}, both):
            await face.refused(422, "POST", path, {"markAs": "read", **wrong})
