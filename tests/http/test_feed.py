"""`GET /v1/subscribers/{subscriberId}/notifications/feed` and `…/unseen`: pages, filters and counts for backends."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from tests.support.client import Api, InboxApi

from .conftest import PLAIN, WELCOME, deliver, deliver_many
from .hostile import check_error
from .shapes import MESSAGE, check

PAGE = {"data", "totalCount", "hasMore", "pageSize", "page"}


def encoded(wanted: Any) -> str:
    return base64.b64encode(json.dumps(wanted).encode()).decode()


def feed_of(subscriber_id: str) -> str:
    return f"/v1/subscribers/{subscriber_id}/notifications/feed"


def unseen_of(subscriber_id: str) -> str:
    return f"/v1/subscribers/{subscriber_id}/notifications/unseen"


async def test_an_empty_feed(api: Api, known: str) -> None:
    answer = await api.client.get(feed_of(known))
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
    assert answer.json() == {"data": [], "totalCount": 0, "hasMore": False, "pageSize": 10, "page": 0}


async def test_a_page_is_not_wrapped(api: Api, known: str) -> None:
    [message_id] = await deliver(api, known)
    page = await api.feed_page(known)
    assert set(page) == PAGE
    assert [message["_id"] for message in page["data"]] == [message_id]


async def test_a_plain_message_has_no_optional_keys(api: Api, known: str) -> None:
    await deliver(api, known)
    [message] = await api.feed(known)
    check(message, MESSAGE, "subscriber")
    assert message["cta"]["action"]["buttons"] == []


async def test_each_item_names_its_subscriber_in_short(api: Api, ada: str) -> None:
    await api.create_subscriber(ada, firstName="Ada", avatar="/ada.png", email="ada@example.org", data={"k": 1})
    await deliver(api, ada)
    [message] = await api.feed(ada)
    subscriber_oid = message["_subscriberId"]
    assert message["subscriber"] == {
        "_id": subscriber_oid,
        "id": subscriber_oid,
        "subscriberId": ada,
        "firstName": "Ada",
        "avatar": "/ada.png",
    }


async def test_the_newest_comes_first(api: Api, known: str) -> None:
    ids = await deliver(api, known, 5)
    assert [message["_id"] for message in await api.feed(known)] == ids[::-1]
    dates = [message["createdAt"] for message in await api.feed(known)]
    assert dates == sorted(dates, reverse=True)


async def test_eleven_messages_are_two_pages(api: Api, known: str) -> None:
    ids = (await deliver(api, known, 11))[::-1]
    first, second = await api.feed_page(known), await api.feed_page(known, page=1)
    assert [message["_id"] for message in first["data"] + second["data"]] == ids
    assert {name: first[name] for name in PAGE - {"data"}} == {
        "totalCount": 10,  # counted from this page's first, up to its size
        "hasMore": True,
        "pageSize": 10,
        "page": 0,
    }
    assert (second["totalCount"], second["hasMore"], second["page"]) == (1, False, 1)


@pytest.mark.parametrize(
    ("page", "limit", "places", "has_more"),
    [(0, 1, [0], True), (1, 2, [2, 3], True), (2, 2, [4], False), (0, 5, range(5), False), (1, 4, [4], False)],
)
async def test_more_is_promised_exactly_when_there_is_more(
    api: Api, known: str, page: int, limit: int, places: Any, has_more: bool
) -> None:
    ids = (await deliver(api, known, 5))[::-1]
    found = await api.feed_page(known, page=page, limit=limit)
    assert [message["_id"] for message in found["data"]] == [ids[place] for place in places]
    assert (found["hasMore"], found["pageSize"], found["page"]) == (has_more, limit, page)
    assert found["totalCount"] == len(found["data"])


@pytest.mark.parametrize("page", [1, 5, 1_000_000])
async def test_a_page_behind_the_end_is_empty(api: Api, known: str, page: int) -> None:
    await deliver(api, known, 2)
    found = await api.feed_page(known, page=page)
    assert (found["data"], found["totalCount"], found["hasMore"], found["page"]) == ([], 0, False, page)


async def test_a_page_holds_up_to_a_hundred(api: Api, known: str) -> None:
    await deliver_many(api, known, 101)
    found = await api.feed_page(known, limit=100)
    assert (len(found["data"]), found["totalCount"], found["hasMore"]) == (100, 100, True)
    assert len(await api.feed(known)) == 101


@pytest.mark.parametrize(
    ("query", "places"),
    [
        ({}, [0, 1, 2]),
        ({"read": "true"}, [2]),
        ({"read": "false"}, [0, 1]),
        ({"seen": "true"}, [1, 2]),
        ({"seen": "false"}, [0]),
        ({"seen": "true", "read": "false"}, [1]),
        ({"seen": "false", "read": "true"}, []),
        ({"seen": "true", "limit": 1}, [2]),
    ],
)
async def test_flags_narrow_the_feed(api: Api, known: str, query: dict[str, Any], places: list[int]) -> None:
    unseen, seen, read = await deliver(api, known, 3)
    await api.mark_as(known, seen, "seen")
    await api.mark_as(known, read, "read")
    found = await api.feed_page(known, **query)
    assert {message["_id"] for message in found["data"]} == {[unseen, seen, read][place] for place in places}
    assert found["hasMore"] == ("limit" in query)


@pytest.mark.parametrize("name", ["feedIdentifier", "feedIdentifier[]"])
async def test_an_unknown_feed_holds_nothing(api: Api, known: str, name: str) -> None:
    await deliver(api, known)
    assert await api.feed_page(known, **{name: "no such feed"}) == {
        "data": [],
        "totalCount": 0,
        "hasMore": False,
        "pageSize": 10,
        "page": 0,
    }


PAYLOADS: list[dict[str, Any]] = [
    {"n": 1, "user": {"name": "a", "tags": ["x"]}},
    {"n": 2, "user": {"name": "b", "age": 1}},
    {"n": 3, "user": {"name": "a"}, "yes": True},
    {"n": "1"},
]


@pytest.mark.parametrize(
    ("wanted", "places"),
    [
        ({}, [0, 1, 2, 3]),
        ({"n": 1}, [0]),
        ({"n": "1"}, [3]),
        ({"user": {"name": "a"}}, [0, 2]),
        ({"user": {"name": "a", "tags": ["x"]}}, [0]),
        ({"user": {"name": "a"}, "n": 3}, [2]),
        ({"yes": True}, [2]),
        ({"yes": 1}, []),
        ({"user": "a"}, []),
        ({"nothing": None}, []),
        ({"$where": "x", "n": 2}, [1]),
    ],
)
async def test_a_payload_narrows_the_feed(api: Api, known: str, wanted: Any, places: list[int]) -> None:
    made = [(await api.trigger(known, payload, workflow=PLAIN))["transactionId"] for payload in PAYLOADS]
    page = await api.feed_page(known, payload=encoded(wanted))
    assert [message["transactionId"] for message in page["data"]] == [made[place] for place in reversed(places)]
    assert (page["totalCount"], page["hasMore"]) == (len(places), False)


async def test_a_payload_filter_has_pages_too(api: Api, known: str) -> None:
    for number in range(8):
        await api.trigger(known, {"n": number, "odd": bool(number % 2)}, workflow=PLAIN)
    pages = [await api.feed_page(known, payload=encoded({"odd": True}), page=page, limit=2) for page in range(3)]
    found = [[message["payload"]["n"] for message in page["data"]] for page in pages]
    assert found == [[7, 5], [3, 1], []]
    assert [page["hasMore"] for page in pages] == [True, False, False]
    assert [page["totalCount"] for page in pages] == [2, 2, 0]


async def test_a_payload_is_found_far_back(api: Api, known: str) -> None:
    first = await api.trigger(known, {"rare": 1}, workflow=PLAIN)
    await deliver_many(api, known, 120)
    page = await api.feed_page(known, payload=encoded({"rare": 1}), read="false")
    assert [message["transactionId"] for message in page["data"]] == [first["transactionId"]]


@pytest.mark.parametrize("payload", ["%%", "e30=e30", encoded([1]), encoded("text"), encoded(7)])
async def test_a_payload_filter_that_is_no_object_is_malformed(api: Api, known: str, payload: str) -> None:
    check_error(await api.client.get(feed_of(known), params={"payload": payload}), 400)


@pytest.mark.parametrize(
    ("name", "value", "complaint"),
    [
        ("page", "-1", "page must not be less than 0"),
        ("limit", "0", "limit must not be less than 1"),
        ("limit", "101", "limit must not be greater than 100"),
        ("limit", "ten", "limit must be an integer number"),
    ],
)
async def test_a_wrong_number_is_named(api: Api, known: str, name: str, value: str, complaint: str) -> None:
    answer = await api.client.get(feed_of(known), params={name: value})
    check_error(answer, 422)
    assert answer.json()["errors"] == {"general": {"messages": [complaint], "value": value}}


@pytest.mark.parametrize("path_of", [feed_of, unseen_of])
async def test_an_unknown_subscriber_is_a_bad_request(api: Api, ada: str, path_of: Any) -> None:
    answer = await api.client.get(path_of(ada))
    check_error(answer, 400)
    assert ada in answer.json()["message"]
    assert answer.json()["error"] == "Bad Request"


async def test_unseen_messages_are_counted(api: Api, known: str) -> None:
    ids = await deliver(api, known, 3)
    await api.mark_as(known, ids[0], "seen")
    answer = await api.client.get(unseen_of(known))
    assert (answer.status_code, answer.json()) == (200, {"data": {"count": 2}})


@pytest.mark.parametrize(("seen", "count"), [("true", 1), ("false", 2), ("", 2)])
async def test_the_seen_ones_can_be_counted_instead(api: Api, known: str, seen: str, count: int) -> None:
    ids = await deliver(api, known, 3)
    await api.mark_as(known, ids[0], "seen")
    assert await api.data("GET", unseen_of(known), 200, seen=seen) == {"count": count}


@pytest.mark.parametrize(
    ("limit", "count"),
    [(None, 100), ("0", 100), ("NaN", 100), ("", 100), ("1", 1), ("99", 99), ("101", 101), ("1000", 102), ("20.0", 20)],
)
async def test_a_count_stops_at_the_limit(api: Api, known: str, limit: str | None, count: int) -> None:
    await deliver_many(api, known, 102)
    query = {} if limit is None else {"limit": limit}
    assert await api.data("GET", unseen_of(known), 200, **query) == {"count": count}


@pytest.mark.parametrize("limit", ["1001", "-1"])
async def test_a_limit_out_of_range_is_refused(api: Api, known: str, limit: str) -> None:
    check_error(await api.client.get(unseen_of(known), params={"limit": limit}), 422)


async def test_an_unknown_feed_counts_nothing(api: Api, known: str) -> None:
    await deliver(api, known)
    assert await api.data("GET", unseen_of(known), 200, feedId="no such feed") == {"count": 0}


async def test_counts_are_fresh_after_every_change(api: Api, inbox: InboxApi, known: str) -> None:
    first, second = await deliver(api, known, 2)
    assert await api.unseen(known) == 2
    await api.mark_as(known, first, "read")
    assert await api.unseen(known) == 1
    await api.mark_as(known, first, "unseen")
    assert await api.unseen(known) == 2
    await inbox.call("DELETE", f"/v1/inbox/notifications/{second}/delete", 204)
    assert await api.unseen(known) == 1


async def test_feeds_of_two_subscribers_are_apart(api: Api, ada: str) -> None:
    await deliver(api, f"{ada}-a", 2)
    await deliver(api, f"{ada}-b", 1, workflow=WELCOME)
    assert [message["templateIdentifier"] for message in await api.feed(f"{ada}-b")] == [WELCOME]
    assert await api.unseen(f"{ada}-a") == 2
