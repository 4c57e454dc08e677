"""mark-as, the older markAs and mark-all: seen and read, for backends."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.client import Api

from .conftest import WELCOME, deliver, deliver_many
from .hostile import check_error
from .shapes import MARKED_MESSAGE, MESSAGE, check

NOWHERE = "0123456789abcdef01234567"
MARKS = {"read": (True, True), "unread": (True, False), "seen": (True, None), "unseen": (False, None)}


def path(subscriber_id: str, verb: str) -> str:
    return f"/v1/subscribers/{subscriber_id}/messages/{verb}"


async def states(api: Api, subscriber_id: str) -> list[tuple[bool, bool]]:
    """(seen, read) of each message, oldest first."""
    return [(message["seen"], message["read"]) for message in reversed(await api.feed(subscriber_id))]


async def test_the_reply_holds_the_marked_message(api: Api, known: str) -> None:
    [message_id] = await deliver(api, known)
    answer = await api.client.post(path(known, "mark-as"), json={"messageId": message_id, "markAs": "read"})
    assert answer.status_code == 201
    assert set(answer.json()) == {"data"}
    [message] = answer.json()["data"]
    check(message, MARKED_MESSAGE, "lastSeenDate", "lastReadDate")
    assert (message["_id"], message["seen"], message["read"], message["_feedId"]) == (message_id, True, True, None)
    assert message["lastSeenDate"] == message["lastReadDate"] > message["createdAt"]


async def test_the_reply_says_what_the_feed_says(api: Api, known: str) -> None:
    [message_id] = await deliver(api, known, workflow=WELCOME)
    [marked] = await api.mark_as(known, message_id, "seen")
    [listed] = await api.feed(known)
    assert {name: listed[name] for name in marked} == marked


@pytest.mark.parametrize("mark", MARKS)
@pytest.mark.parametrize("before", ["unread", "read"])
async def test_a_mark_sets_what_it_says(api: Api, known: str, before: str, mark: str) -> None:
    [message_id] = await deliver(api, known)
    if before == "read":
        await api.mark_as(known, message_id, "read")
    [message] = await api.mark_as(known, message_id, mark)
    seen, read = MARKS[mark]
    assert (message["seen"], message["read"]) == (seen, before == "read" if read is None else read)


async def test_a_mark_leaves_first_seen_and_archived_alone(api: Api, known: str) -> None:
    [message_id] = await deliver(api, known)
    await api.mark_as(known, message_id, "read")
    [message] = await api.feed(known)
    check(message, MESSAGE, "subscriber", "lastSeenDate", "lastReadDate")
    assert message["archived"] is False


async def test_unread_dates_the_reading_too(api: Api, known: str) -> None:
    [message_id] = await deliver(api, known)
    [read] = await api.mark_as(known, message_id, "read")
    [unread] = await api.mark_as(known, message_id, "unread")
    assert unread["read"] is False
    assert unread["lastReadDate"] >= read["lastReadDate"]


@pytest.mark.parametrize(
    "form",
    [
        lambda ids: ids[1],
        lambda ids: ids[1].upper(),
        lambda ids: f" {ids[1]} ",
        lambda ids: f"{ids[1]},{ids[2]}",
        lambda ids: f"{ids[2]}, {ids[1]},",
        lambda ids: [ids[1]],
        lambda ids: [ids[2], ids[1]],
        lambda ids: [ids[1], ids[1], ids[2], NOWHERE],
    ],
    ids=["one", "upper case", "space", "comma list", "loose comma list", "list of one", "list", "twice and unknown"],
)
async def test_messages_are_named_in_several_forms(api: Api, known: str, form: Any) -> None:
    ids = await deliver(api, known, 3)
    marked = await api.mark_as(known, form(ids), "seen")
    named = [message_id for message_id in ids if message_id in str(form(ids)).lower()]
    assert {message["_id"] for message in marked} == set(named)
    assert len(marked) == len(named)
    assert await states(api, known) == [(message_id in named, False) for message_id in ids]


async def test_messages_come_back_in_the_order_named(api: Api, known: str) -> None:
    ids = await deliver(api, known, 4)
    named = [ids[2], ids[0], ids[3]]
    assert [message["_id"] for message in await api.mark_as(known, named, "read")] == named


@pytest.mark.parametrize("count", [20, 21, 100])
async def test_any_number_of_messages_is_marked_at_once(api: Api, known: str, count: int) -> None:
    await deliver_many(api, known, 100)
    ids = [message["_id"] for message in await api.feed(known)][:count]
    marked = await api.mark_as(known, ids, "read")
    assert [message["_id"] for message in marked] == ids
    assert all(message["seen"] and message["read"] and message["lastReadDate"] for message in marked)
    assert [read for _, read in await states(api, known)] == [False] * (100 - count) + [True] * count
    assert await api.unseen(known) == 100 - count


async def test_a_message_marked_already_is_marked_again(api: Api, known: str) -> None:
    [message_id] = await deliver(api, known)
    await api.mark_as(known, message_id, "read")
    [again] = await api.mark_as(known, message_id, "read")
    assert (again["seen"], again["read"]) == (True, True)


async def test_messages_of_others_are_not_marked(api: Api, ada: str) -> None:
    [mine], [theirs] = await deliver(api, f"{ada}-a"), await deliver(api, f"{ada}-b")
    assert [message["_id"] for message in await api.mark_as(f"{ada}-a", [mine, theirs], "read")] == [mine]
    assert await states(api, f"{ada}-b") == [(False, False)]


async def test_a_deleted_message_is_not_marked(api: Api, inbox: Any, known: str) -> None:
    gone, kept = await deliver(api, known, 2)
    await inbox.call("DELETE", f"/v1/inbox/notifications/{gone}/delete", 204)
    assert [message["_id"] for message in await api.mark_as(known, [gone, kept], "read")] == [kept]


WRONG_MARKS: list[tuple[dict[str, Any], int]] = [
    ({}, 422),
    ({"messageId": NOWHERE}, 422),
    ({"markAs": "read"}, 422),
    ({"messageId": NOWHERE, "markAs": "loved"}, 422),
    ({"messageId": "no id", "markAs": "read"}, 422),
    ({"messageId": f"{NOWHERE},no id", "markAs": "read"}, 422),
    ({"messageId": [NOWHERE, "no id"], "markAs": "read"}, 422),
    ({"messageId": 7, "markAs": "read"}, 422),
    ({"messageId": [7], "markAs": "read"}, 422),
    ({"messageId": [], "markAs": "read"}, 400),
    ({"messageId": "", "markAs": "read"}, 400),
    ({"messageId": " , ", "markAs": "read"}, 400),
    ({"messageId": [NOWHERE] * 1_001, "markAs": "read"}, 422),
]


@pytest.mark.parametrize(("body", "status"), WRONG_MARKS, ids=[str(body)[:60] for body, _ in WRONG_MARKS])
async def test_a_wrong_mark_is_refused(api: Api, known: str, body: dict[str, Any], status: int) -> None:
    check_error(await api.client.post(path(known, "mark-as"), json=body), status)


async def test_a_wrong_id_is_named(api: Api, known: str) -> None:
    answer = await api.client.post(path(known, "mark-as"), json={"messageId": "no id", "markAs": "read"})
    assert answer.json()["errors"] == {"messageId": {"messages": ["messageId must be a mongodb id"], "value": "no id"}}


@pytest.mark.parametrize(
    ("verb", "body"),
    [
        ("mark-as", {"messageId": NOWHERE, "markAs": "read"}),
        ("markAs", {"messageId": NOWHERE, "mark": {"read": True}}),
        ("mark-all", {"markAs": "read"}),
        ("mark-all", {"markAs": "read", "feedIdentifier": "x"}),
    ],
)
async def test_an_unknown_subscriber_is_not_found(api: Api, ada: str, verb: str, body: dict[str, Any]) -> None:
    answer = await api.client.post(path(ada, verb), json=body)
    check_error(answer, 404)
    assert answer.json()["error"] == "Not Found"


@pytest.mark.parametrize(
    ("mark", "seen", "read", "dates"),
    [
        ({"seen": True}, True, False, {"lastSeenDate"}),
        ({"read": True}, False, True, {"lastReadDate"}),
        ({"seen": True, "read": True}, True, True, {"lastSeenDate", "lastReadDate"}),
        ({"seen": False, "read": True}, False, True, {"lastSeenDate", "lastReadDate"}),
        ({}, False, False, set()),
    ],
)
async def test_the_older_form_sets_just_the_flags_given(
    api: Api, known: str, mark: dict[str, bool], seen: bool, read: bool, dates: set[str]
) -> None:
    [message_id] = await deliver(api, known)
    [message] = await api.mark_legacy(known, message_id, **mark)
    check(message, MESSAGE, "subscriber", *dates)
    assert (message["_id"], message["seen"], message["read"]) == (message_id, seen, read)
    assert await states(api, known) == [(seen, read)]


async def test_the_older_form_takes_lists_too(api: Api, known: str) -> None:
    ids = await deliver(api, known, 3)
    assert len(await api.mark_legacy(known, ids[:2], read=True)) == 2
    assert len(await api.mark_legacy(known, ",".join(ids[1:]), read=False)) == 2
    assert [read for _, read in await states(api, known)] == [True, False, False]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"mark": {"seen": True}}, 400),
        ({"messageId": "", "mark": {"seen": True}}, 400),
        ({"messageId": [], "mark": {"seen": True}}, 400),
        ({"messageId": "no id", "mark": {"seen": True}}, 422),
        ({"messageId": NOWHERE}, 422),
        ({"messageId": NOWHERE, "mark": "seen"}, 422),
        ({"messageId": NOWHERE, "mark": {"seen": "yes"}}, 422),
    ],
)
async def test_a_wrong_older_mark_is_refused(api: Api, known: str, body: dict[str, Any], status: int) -> None:
    check_error(await api.client.post(path(known, "markAs"), json=body), status)


@pytest.mark.parametrize("mark", MARKS)
async def test_mark_all_tells_how_many_it_changed(api: Api, known: str, mark: str) -> None:
    ids = await deliver(api, known, 5)
    await api.mark_as(known, ids[:2], "read")
    answer = await api.client.post(path(known, "mark-all"), json={"markAs": mark})
    changed = {"read": 3, "unread": 2, "seen": 3, "unseen": 2}[mark]
    assert (answer.status_code, answer.json()) == (201, {"data": changed})
    assert await api.mark_all(known, mark) == 0


@pytest.mark.parametrize("mark", MARKS)
async def test_mark_all_leaves_every_message_marked(api: Api, known: str, mark: str) -> None:
    ids = await deliver(api, known, 5)
    await api.mark_as(known, ids[:2], "read")
    before = await states(api, known)
    await api.mark_all(known, mark)
    seen, read = MARKS[mark]
    expected = [
        (seen, was_read if read is None else read) if touched else (was_seen, was_read)
        for was_seen, was_read in before
        for touched in [{"read": not was_read, "unread": was_read, "seen": not was_seen, "unseen": was_seen}[mark]]
    ]
    assert await states(api, known) == expected
    assert await api.unseen(known) == sum(not was_seen for was_seen, _ in expected)


async def test_mark_all_dates_only_what_it_changed(api: Api, known: str) -> None:
    first, second = await deliver(api, known, 2)
    [read] = await api.mark_as(known, first, "read")
    await api.mark_all(known, "read")
    dates = {message["_id"]: message["lastReadDate"] for message in await api.feed(known)}
    assert dates[first] == read["lastReadDate"]
    assert dates[second] > dates[first]


async def test_what_comes_after_mark_all_is_new(api: Api, known: str) -> None:
    await deliver(api, known, 2)
    await api.mark_all(known, "read")
    await deliver(api, known)
    assert await states(api, known) == [(True, True), (True, True), (False, False)]
    assert "lastReadDate" not in (await api.feed(known))[0]


async def test_many_bulk_changes_keep_their_dates(api: Api, known: str) -> None:
    """More than the store keeps as they came: the oldest are folded into the messages meanwhile."""
    ids = await deliver(api, known, 3)
    for _ in range(12):
        await api.mark_all(known, "read")
        await api.mark_all(known, "unread")
        await api.mark_as(known, ids[1], "unseen")
    assert await states(api, known) == [(True, False), (False, False), (True, False)]
    feed = await api.feed(known)
    assert all("lastReadDate" in message and "lastSeenDate" in message for message in feed)


async def test_mark_all_of_an_empty_feed_changes_nothing(api: Api, known: str) -> None:
    assert await api.mark_all(known, "read") == 0


@pytest.mark.parametrize("feed", ["no such feed", ["a", "b"]])
async def test_mark_all_of_an_unknown_feed_changes_nothing(api: Api, known: str, feed: Any) -> None:
    await deliver(api, known)
    body = {"markAs": "read", "feedIdentifier": feed}
    assert await api.data("POST", path(known, "mark-all"), 201, body) == 0
    assert await states(api, known) == [(False, False)]


@pytest.mark.parametrize("body", [{}, {"markAs": "loved"}, {"markAs": 7}, {"markAs": "read", "feedIdentifier": 7}])
async def test_a_wrong_mark_all_is_refused(api: Api, known: str, body: dict[str, Any]) -> None:
    check_error(await api.client.post(path(known, "mark-all"), json=body), 422)
