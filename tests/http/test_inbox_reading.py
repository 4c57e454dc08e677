"""`GET /v1/inbox/notifications` and `…/count`: what a browser reads."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.support.client import Api, InboxApi

from .conftest import PLAIN, WELCOME, deliver, deliver_many, workflow
from .hostile import check_error
from .shapes import NOTIFICATION, NOTIFICATION_WORKFLOW, check

LIST, COUNT = "/v1/inbox/notifications", "/v1/inbox/notifications/count"
NOWHERE = "0123456789abcdef01234567"


def ids_of(page: dict[str, Any]) -> list[str]:
    return [item["id"] for item in page["data"]]


async def test_an_empty_list(inbox: InboxApi) -> None:
    answer = await inbox.client.get(LIST)
    assert (answer.status_code, answer.json()) == (200, {"data": [], "hasMore": False, "filter": {}})


async def test_a_plain_notification_has_no_optional_keys(api: Api, inbox: InboxApi, known: str) -> None:
    await deliver(api, known)
    [notification] = await inbox.notifications()
    check(notification, NOTIFICATION)
    assert set(notification["workflow"]) == NOTIFICATION_WORKFLOW
    assert set(notification["to"]) == {"id", "subscriberId", "firstName"}


async def test_a_notification_shows_the_message(api: Api, inbox: InboxApi, known: str) -> None:
    [message_id] = await deliver(api, known, workflow=WELCOME)
    [message], [notification] = await api.feed(known), await inbox.notifications()
    check(notification, NOTIFICATION, "subject", "avatar", "primaryAction", "secondaryAction", "data", "redirect")
    assert (
        notification
        | {
            "id": message_id,
            "transactionId": message["transactionId"],
            "subject": "Hello Ada",
            "body": "Body 0",
            "avatar": "/avatar.png",
            "to": {"id": message["_subscriberId"], "subscriberId": known, "firstName": "Ada"},
            "isRead": False,
            "isSeen": False,
            "isArchived": False,
            "isSnoozed": False,
            "createdAt": message["createdAt"],
            "deliveredAt": [message["createdAt"]],
            "primaryAction": {
                "label": "Accept 0",
                "isCompleted": False,
                "redirect": {"url": "/accept", "target": "_self"},
            },
            "secondaryAction": {"label": "Decline", "isCompleted": False},
            "channelType": "in_app",
            "tags": ["orders", "news"],
            "data": {"order": "0"},
            "redirect": {"url": "/orders/0", "target": "_blank"},
            "severity": "none",
            "workflow": {
                "id": message["_templateId"],
                "identifier": WELCOME,
                "name": WELCOME,
                "critical": False,
                "tags": ["orders", "news"],
                "severity": "none",
            },
        }
        == notification
    )


async def test_the_workflow_of_a_message_outlives_its_deletion(api: Api, inbox: InboxApi, known: str) -> None:
    identifier = f"http-{known}"
    await api.data("POST", "/v2/workflows", 201, workflow(identifier, {"body": "x"}, tags=["a"]))
    await deliver(api, known, workflow=identifier)
    await api.call("DELETE", f"/v2/workflows/{identifier}", 204)
    [notification] = await inbox.notifications()
    assert set(notification["workflow"]) == NOTIFICATION_WORKFLOW
    assert (notification["workflow"]["identifier"], notification["workflow"]["tags"]) == (identifier, ["a"])


async def test_the_newest_comes_first_and_ten_make_a_page(api: Api, inbox: InboxApi, known: str) -> None:
    ids = (await deliver(api, known, 11))[::-1]
    page = await inbox.page()
    assert (ids_of(page), page["hasMore"]) == (ids[:10], True)


@pytest.mark.parametrize(("limit", "has_more"), [(4, True), (5, False), (6, False), (100, False)])
async def test_more_is_promised_exactly_when_there_is_more(
    api: Api, inbox: InboxApi, known: str, limit: int, has_more: bool
) -> None:
    ids = (await deliver(api, known, 5))[::-1]
    page = await inbox.page(limit=limit)
    assert (ids_of(page), page["hasMore"]) == (ids[:limit], has_more)


async def test_after_goes_on_behind_a_notification(api: Api, inbox: InboxApi, known: str) -> None:
    ids = (await deliver(api, known, 5))[::-1]
    middle, end = await inbox.page(limit=2, after=ids[1]), await inbox.page(limit=2, after=ids[3])
    assert (ids_of(middle), middle["hasMore"]) == (ids[2:4], True)
    assert (ids_of(end), end["hasMore"]) == (ids[4:], False)
    assert ids_of(await inbox.page(after=ids[4])) == []
    assert ids_of(await inbox.page(limit=2, after=ids[1].upper())) == ids[2:4]


async def test_after_is_not_disturbed_by_what_comes_meanwhile(api: Api, inbox: InboxApi, known: str) -> None:
    ids = (await deliver(api, known, 4))[::-1]
    first = await inbox.page(limit=2)
    await deliver(api, known, 3)
    assert ids_of(await inbox.page(limit=2, after=ids_of(first)[-1])) == ids[2:]


@pytest.mark.parametrize("face", ["page", "backend"])
async def test_after_goes_on_behind_one_that_was_deleted(api: Api, inbox: InboxApi, known: str, face: str) -> None:
    ids = (await deliver(api, known, 6))[::-1]
    caller = inbox if face == "page" else api
    path = "/v1/inbox/notifications" if face == "page" else f"/v2/subscribers/{known}/notifications"
    for gone in (ids[2], ids[0], ids[5]):
        await inbox.call("DELETE", f"/v1/inbox/notifications/{gone}/delete", 204)
        left = [one for one in ids[ids.index(gone) :] if one in ids_of(await inbox.page())]
        behind = await caller.call("GET", path, 200, after=gone, limit=100)
        assert (ids_of(behind), behind["hasMore"]) == (left, False)
    await inbox.call("POST", "/v1/inbox/notifications/delete", 204, {})
    assert ids_of(await caller.call("GET", path, 200, after=ids[1])) == []


async def test_after_one_that_had_moved_and_was_deleted(api: Api, inbox: InboxApi, known: str) -> None:
    """It goes on from where it was last, not from where it was first."""
    [moved] = await deliver(api, known, 1)
    ids = (await deliver(api, known, 3))[::-1]
    await api.trigger(known, workflow=PLAIN, collapseKey="k")
    await api.trigger(known, workflow=PLAIN)
    again = await api.trigger(known, workflow=PLAIN, collapseKey="k")
    top = (await inbox.notifications())[0]
    assert top["transactionId"] == again["transactionId"]
    await inbox.call("DELETE", f"/v1/inbox/notifications/{top['id']}/delete", 204)
    everything = ids_of(await inbox.page())
    assert [*everything[1:]] == [*ids, moved]
    assert ids_of(await inbox.page(after=top["id"])) == everything


async def test_after_one_that_never_was_is_refused(api: Api, inbox: InboxApi, known: str) -> None:
    [known_id] = await deliver(api, known, 1)
    other_check, no_row = f"{known_id[:-1]}{int(known_id[-1], 16) ^ 1:x}", f"{known_id[:10]}000000ff{known_id[18:]}"
    for made_up in (other_check, no_row, "f" * 24):
        check_error(await inbox.client.get("/v1/inbox/notifications", params={"after": made_up}), 400)


@pytest.mark.parametrize(("offset", "places"), [(0, [0, 1]), (1, [1, 2]), (4, [4]), (5, []), (1_000, [])])
async def test_an_offset_skips(api: Api, inbox: InboxApi, known: str, offset: int, places: list[int]) -> None:
    ids = (await deliver(api, known, 5))[::-1]
    page = await inbox.page(limit=2, offset=offset)
    assert ids_of(page) == [ids[place] for place in places]
    assert page["hasMore"] == (offset + 2 < 5)


async def test_an_offset_does_not_count_beside_after(api: Api, inbox: InboxApi, known: str) -> None:
    ids = (await deliver(api, known, 5))[::-1]
    assert ids_of(await inbox.page(after=ids[0], offset=3)) == ids[1:]


@pytest.mark.parametrize(
    "query", [{"read": "true"}, {"read": "false"}, {"seen": "true"}, {"seen": "false"}, {"archived": "false"}]
)
async def test_a_filtered_list_has_pages_too(api: Api, inbox: InboxApi, known: str, query: dict[str, str]) -> None:
    ids = await deliver(api, known, 8)
    await api.mark_as(known, ids[::2], "read")
    wanted = {"true": ids[::2], "false": ids[1::2]}[next(iter(query.values()))] if "archived" not in query else ids
    first = await inbox.page(limit=3, **query)
    second = await inbox.page(limit=3, after=ids_of(first)[-1], **query)
    third = await inbox.page(limit=3, after=ids_of(second)[-1], **query)
    assert (ids_of(first) + ids_of(second) + ids_of(third)) == wanted[::-1]
    assert [page["hasMore"] for page in (first, second)] == [True, len(wanted) > 6]


@pytest.mark.parametrize(
    ("query", "places"),
    [
        ({"read": "false", "snoozed": "false"}, [0, 1]),
        ({"archived": "true"}, []),
        ({"snoozed": "true"}, []),
        ({"archived": "false", "snoozed": "false"}, [0, 1, 2]),
        ({"seen": "true", "read": "false"}, [1]),
        ({"severity": "high"}, [2]),
        ({"severity": "none"}, [0, 1]),
        ({"severity[]": ["high", "none"]}, [0, 1, 2]),
        ({"severity": ["high", "low"]}, [2]),
        ({"severity": "low"}, []),
    ],
)
async def test_filters_narrow_the_list(
    api: Api, inbox: InboxApi, known: str, query: dict[str, Any], places: list[int]
) -> None:
    ids = [*await deliver(api, known, 2), (await deliver(api, known, workflow="http-high"))[0]]
    await inbox.change(ids[1], "unread")
    await inbox.change(ids[2], "read")
    assert ids_of(await inbox.page(**query)) == [ids[place] for place in reversed(places)]


@pytest.mark.parametrize(
    ("query", "echo"),
    [
        ({}, {}),
        ({"limit": 5, "offset": 0}, {}),
        ({"read": "true"}, {"read": True}),
        ({"read": "false"}, {"read": False}),
        ({"archived": "false", "snoozed": "false"}, {"archived": False, "snoozed": False}),
        ({"seen": "true", "read": "anything else"}, {"seen": True, "read": False}),
        ({"severity": "high"}, {"severity": "high"}),
        ({"severity[]": "high"}, {"severity": ["high"]}),
        ({"severity[]": ["high", "low"]}, {"severity": ["high", "low"]}),
        ({"data": "{}"}, {"data": {}}),
    ],
)
async def test_just_the_filters_received_are_echoed(
    api: Api, inbox: InboxApi, known: str, query: dict[str, Any], echo: dict[str, Any]
) -> None:
    await deliver(api, known)
    assert (await inbox.page(**query))["filter"] == echo


@pytest.mark.parametrize(
    ("query", "status", "field"),
    [
        ({"limit": "0"}, 422, "general"),
        ({"limit": "101"}, 422, "general"),
        ({"limit": "ten"}, 422, "general"),
        ({"offset": "-1"}, 422, "general"),
        ({"after": "no id"}, 422, "after"),
        ({"severity": "grave"}, 422, "general"),
        ({"severity[]": ["high", "grave"]}, 422, "general"),
        ({"after": NOWHERE}, 400, None),
        ({"read": "false", "archived": "true"}, 400, None),
        ({"data": "no json"}, 400, None),
    ],
)
async def test_a_wrong_query_is_refused(inbox: InboxApi, query: dict[str, Any], status: int, field: str | None) -> None:
    answer = await inbox.client.get(LIST, params=query)
    check_error(answer, status)
    assert list(answer.json().get("errors", {})) == ([field] if field else [])


async def test_after_a_notification_of_another_is_refused(api: Api, inbox: InboxApi, known: str) -> None:
    [theirs] = await deliver(api, f"{known}-b")
    check_error(await inbox.client.get(LIST, params={"after": theirs}), 400)


async def counts(inbox: InboxApi, *filters: dict[str, Any]) -> list[int]:
    return await inbox.count(*map(json.dumps, filters))


async def test_counts_come_in_the_order_asked_with_the_filter_as_it_was(api: Api, inbox: InboxApi, known: str) -> None:
    ids = await deliver(api, known, 3)
    await inbox.change(ids[0], "read")
    filters = [{"read": False}, {"read": True, "tags": [], "data": {}}, {}, {"severity": ["high"]}, {"read": False}]
    answer = await inbox.client.get(COUNT, params={"filters": json.dumps(filters)})
    assert answer.status_code == 200
    assert answer.json() == {
        "data": [{"count": count, "filter": item} for count, item in zip([2, 1, 3, 0, 2], filters, strict=True)]
    }


async def test_counts_narrow_as_the_list_does(api: Api, inbox: InboxApi, known: str) -> None:
    ids = await deliver(api, known, 4)
    await inbox.see(ids[:2])
    await inbox.change(ids[0], "read")
    await deliver(api, known, workflow="http-high")
    assert await counts(inbox, {"seen": False}, {"seen": True}, {"seen": True, "read": False}) == [3, 2, 1]
    assert await counts(inbox, {"severity": "high"}, {"severity": ["high", "none"]}) == [1, 5]
    assert await counts(inbox, {"archived": True}, {"snoozed": False}, {"snoozed": True}) == [0, 5, 0]


async def test_a_count_stops_at_a_hundred(api: Api, inbox: InboxApi, known: str) -> None:
    await deliver_many(api, known, 103)
    [newest] = (await inbox.page(limit=1))["data"]
    await inbox.change(newest["id"], "read")
    assert await counts(inbox, {}, {"read": False}, {"read": True}) == [100, 100, 1]


async def test_a_count_is_fresh(api: Api, inbox: InboxApi, known: str) -> None:
    [message_id] = await deliver(api, known)
    assert await counts(inbox, {"read": False}) == [1]
    await api.mark_as(known, message_id, "read")
    assert await counts(inbox, {"read": False}) == [0]
    await api.mark_as(known, message_id, "unread")
    assert await counts(inbox, {"read": False}) == [1]


async def test_up_to_thirty_counts_at_once(inbox: InboxApi) -> None:
    assert await counts(inbox, *[{"read": False}] * 30) == [0] * 30
    answer = await inbox.client.get(COUNT, params={"filters": json.dumps([{}] * 31)})
    check_error(answer, 422)
    assert list(answer.json()["errors"]) == ["filters"]


async def test_no_filters_give_no_counts(inbox: InboxApi) -> None:
    assert await counts(inbox) == []


@pytest.mark.parametrize(
    ("filters", "status"),
    [
        ("no json", 400),
        ('[{"read": tru', 400),
        ("{}", 422),
        ("[1]", 422),
        ("7", 422),
        ('[{"read": "false"}]', 422),
        ('[{"read": 0}]', 422),
        ('[{"severity": "grave"}]', 422),
        ('[{"tags": "a"}]', 422),
        ('[{"read": false, "archived": true}]', 400),
        ('[{"read": true}, {"read": false, "archived": true}]', 400),
    ],
)
async def test_wrong_filters_are_refused(inbox: InboxApi, filters: str, status: int) -> None:
    check_error(await inbox.client.get(COUNT, params={"filters": filters}), status)


async def test_feeds_of_two_subscribers_are_apart(api: Api, inbox: InboxApi, known: str) -> None:
    await deliver(api, f"{known}-b", 2, workflow=PLAIN)
    assert await inbox.notifications() == []
    assert await counts(inbox, {}) == [0]
