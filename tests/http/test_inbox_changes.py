"""What a browser changes: read, unread, complete, revert, delete, and seen and read in bulk."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.support.client import Api, InboxApi

from .conftest import PLAIN, WELCOME, deliver, deliver_many
from .hostile import check_error
from .shapes import NOTIFICATION, check

PATH = "/v1/inbox/notifications"
NOWHERE = "0123456789abcdef01234567"
PRIMARY, SECONDARY = {"actionType": "primary"}, {"actionType": "secondary"}


async def states(api: Api, subscriber_id: str) -> list[tuple[bool, bool]]:
    """(seen, read) of each message, oldest first."""
    return [(message["seen"], message["read"]) for message in reversed(await api.feed(subscriber_id))]


async def test_reading_is_seeing_too(api: Api, inbox: InboxApi, known: str) -> None:
    [message_id] = await deliver(api, known)
    answer = await inbox.client.patch(f"{PATH}/{message_id}/read")
    assert (answer.status_code, set(answer.json())) == (200, {"data"})
    notification = answer.json()["data"]
    check(notification, NOTIFICATION, "readAt", "firstSeenAt")
    assert (notification["id"], notification["isRead"], notification["isSeen"]) == (message_id, True, True)
    assert notification["readAt"] == notification["firstSeenAt"] > notification["createdAt"]
    assert await inbox.notifications() == [notification]


async def test_a_wrapped_notification_may_have_data_of_its_own(api: Api, inbox: InboxApi, known: str) -> None:
    [message_id] = await deliver(api, known, workflow=WELCOME)
    answer = await inbox.client.patch(f"{PATH}/{message_id}/read")
    assert set(answer.json()) == {"data"}
    assert answer.json()["data"]["data"] == {"order": "0"}


async def test_unreading_does_not_unsee(api: Api, inbox: InboxApi, known: str) -> None:
    [message_id] = await deliver(api, known)
    read = await inbox.change(message_id, "read")
    unread = await inbox.change(message_id, "unread")
    check(unread, NOTIFICATION, "firstSeenAt")  # no readAt
    assert (unread["isRead"], unread["isSeen"], unread["firstSeenAt"]) == (False, True, read["firstSeenAt"])


async def test_unreading_what_was_never_seen_sees_it(api: Api, inbox: InboxApi, known: str) -> None:
    [message_id] = await deliver(api, known)
    unread = await inbox.change(message_id, "unread")
    assert (unread["isRead"], unread["isSeen"]) == (False, True)
    assert "firstSeenAt" in unread


async def test_reading_again_dates_it_anew(api: Api, inbox: InboxApi, known: str) -> None:
    [message_id] = await deliver(api, known)
    first, again = await inbox.change(message_id, "read"), await inbox.change(message_id, "read")
    assert again["readAt"] >= first["readAt"]
    assert again["firstSeenAt"] == first["firstSeenAt"]


async def test_reading_changes_the_counts(api: Api, inbox: InboxApi, known: str) -> None:
    first, _ = await deliver(api, known, 2)
    await inbox.change(first, "read")
    assert await inbox.count('{"read":false}', '{"seen":false}') == [1, 1]
    assert await api.unseen(known) == 1


async def test_the_sequence_is_the_order_and_no_change_moves_it(api: Api, inbox: InboxApi, known: str) -> None:
    first, second, third = await deliver(api, known, 3)
    listed = [(item["id"], item["sequence"]) for item in await inbox.notifications()]
    assert [message_id for message_id, _ in listed] == [third, second, first]
    numbers = [number for _, number in listed]
    assert numbers == sorted(set(numbers), reverse=True)
    for verb in ("read", "unread", "archive", "unarchive"):
        assert (await inbox.change(second, verb))["sequence"] == numbers[1]
    assert [(item["id"], item["sequence"]) for item in await inbox.notifications()] == listed
    assert [(item["_id"], item["sequence"]) for item in await api.feed(known)] == listed


@pytest.mark.parametrize(
    ("body", "pressed", "other"), [(PRIMARY, "primary", "secondary"), (SECONDARY, "secondary", "primary")]
)
async def test_a_button_is_completed_and_reverted(
    api: Api, inbox: InboxApi, known: str, body: dict[str, str], pressed: str, other: str
) -> None:
    [message_id] = await deliver(api, known, workflow=WELCOME)
    done = await inbox.change(message_id, "complete", body)
    assert done[f"{pressed}Action"]["isCompleted"] is True
    assert done[f"{other}Action"]["isCompleted"] is False
    reverted = await inbox.change(message_id, "revert", body)
    assert reverted[f"{pressed}Action"]["isCompleted"] is False


async def test_a_reply_to_a_button_is_complete(api: Api, inbox: InboxApi, known: str) -> None:
    [message_id] = await deliver(api, known, workflow=WELCOME)
    done = await inbox.change(message_id, "complete", PRIMARY)
    optional = ("subject", "avatar", "primaryAction", "secondaryAction", "data", "redirect", "readAt")
    check(done, NOTIFICATION, *optional)
    assert done["to"]["subscriberId"] == known
    assert done["workflow"]["identifier"] == WELCOME


async def test_the_feed_of_the_backend_shows_the_button(api: Api, inbox: InboxApi, known: str) -> None:
    [message_id] = await deliver(api, known, workflow=WELCOME)
    await inbox.change(message_id, "complete", PRIMARY)
    await inbox.change(message_id, "revert", PRIMARY)
    [message] = await api.feed(known)
    assert message["cta"]["action"]["status"] == "pending"
    assert message["cta"]["action"]["result"] == {"type": "primary"}


async def test_the_second_button_takes_the_place_of_the_first(api: Api, inbox: InboxApi, known: str) -> None:
    [message_id] = await deliver(api, known, workflow=WELCOME)
    await inbox.change(message_id, "complete", PRIMARY)
    changed = await inbox.change(message_id, "complete", SECONDARY)
    assert changed["primaryAction"]["isCompleted"] is False
    assert changed["secondaryAction"]["isCompleted"] is True


@pytest.mark.parametrize("verb", ["complete", "revert"])
async def test_pressing_a_button_reads_an_unread_message(api: Api, inbox: InboxApi, known: str, verb: str) -> None:
    [message_id] = await deliver(api, known, workflow=WELCOME)
    changed = await inbox.change(message_id, verb, PRIMARY)
    assert (changed["isRead"], changed["isSeen"]) == (True, True)
    assert "readAt" in changed
    assert "firstSeenAt" not in changed
    assert await inbox.count('{"read":false}') == [0]


@pytest.mark.parametrize("verb", ["complete", "revert"])
async def test_pressing_a_button_leaves_a_read_message_as_it_was(
    api: Api, inbox: InboxApi, known: str, verb: str
) -> None:
    [message_id] = await deliver(api, known, workflow=WELCOME)
    await api.mark_as(known, message_id, "read")
    await api.mark_as(known, message_id, "unseen")
    [before] = await api.feed(known)
    changed = await inbox.change(message_id, verb, PRIMARY)
    assert (changed["isRead"], changed["isSeen"], changed["readAt"]) == (True, False, before["lastReadDate"])


@pytest.mark.parametrize("verb", ["complete", "revert"])
@pytest.mark.parametrize("body", [PRIMARY, SECONDARY])
async def test_a_button_that_does_not_exist_cannot_be_pressed(
    api: Api, inbox: InboxApi, known: str, verb: str, body: dict[str, str]
) -> None:
    [message_id] = await deliver(api, known, workflow=PLAIN)
    answer = await inbox.client.patch(f"{PATH}/{message_id}/{verb}", json=body)
    check_error(answer, 400)
    assert body["actionType"] in answer.json()["message"]
    assert await states(api, known) == [(False, False)]


VERBS: list[tuple[str, str, Any]] = [
    ("PATCH", "read", None),
    ("PATCH", "unread", None),
    ("PATCH", "complete", PRIMARY),
    ("PATCH", "revert", PRIMARY),
    ("DELETE", "delete", None),
]


@pytest.mark.parametrize(("method", "verb", "body"), VERBS)
async def test_a_malformed_id_is_named(inbox: InboxApi, method: str, verb: str, body: Any) -> None:
    for wrong in ("no-id", "0" * 23, "0" * 25, "g" * 24):
        answer = await inbox.client.request(method, f"{PATH}/{wrong}/{verb}", json=body)
        check_error(answer, 422)
        assert list(answer.json()["errors"]) == ["notificationId"]


@pytest.mark.parametrize(("method", "verb", "body"), VERBS)
async def test_an_unknown_notification_is_not_found(inbox: InboxApi, method: str, verb: str, body: Any) -> None:
    check_error(await inbox.client.request(method, f"{PATH}/{NOWHERE}/{verb}", json=body), 404)


@pytest.mark.parametrize(("method", "verb", "body"), VERBS)
async def test_a_notification_of_another_is_not_found_either(
    api: Api, inbox: InboxApi, known: str, method: str, verb: str, body: Any
) -> None:
    [theirs] = await deliver(api, f"{known}-b", workflow=WELCOME)
    check_error(await inbox.client.request(method, f"{PATH}/{theirs}/{verb}", json=body), 404)
    assert await states(api, f"{known}-b") == [(False, False)]


@pytest.mark.parametrize(("method", "verb", "body"), VERBS)
async def test_a_deleted_notification_is_not_found_either(
    api: Api, inbox: InboxApi, known: str, method: str, verb: str, body: Any
) -> None:
    [message_id] = await deliver(api, known, workflow=WELCOME)
    await inbox.call("DELETE", f"{PATH}/{message_id}/delete", 204)
    check_error(await inbox.client.request(method, f"{PATH}/{message_id}/{verb}", json=body), 404)


async def test_an_id_with_another_tail_is_another_notification(api: Api, inbox: InboxApi, known: str) -> None:
    """Ids follow a pattern; their random end keeps a guessed one from being anything."""
    [message_id] = await deliver(api, known)
    guessed = message_id[:-1] + ("0" if message_id[-1] != "0" else "1")
    check_error(await inbox.client.patch(f"{PATH}/{guessed}/read"), 404)
    assert await states(api, known) == [(False, False)]


@pytest.mark.parametrize("body", [{}, {"actionType": "tertiary"}, {"actionType": None}, {"actionType": ["x"]}, []])
@pytest.mark.parametrize("verb", ["complete", "revert"])
async def test_a_wrong_button_is_refused(api: Api, inbox: InboxApi, known: str, verb: str, body: Any) -> None:
    [message_id] = await deliver(api, known, workflow=WELCOME)
    check_error(await inbox.client.patch(f"{PATH}/{message_id}/{verb}", json=body), 422)


async def test_an_empty_body_with_a_json_type_is_no_error(api: Api, inbox: InboxApi, known: str) -> None:
    [message_id] = await deliver(api, known)
    for verb in ("read", "unread"):
        answer = await inbox.client.patch(f"{PATH}/{message_id}/{verb}", headers={"Content-Type": "application/json"})
        assert answer.status_code == 200


async def test_a_deleted_notification_is_gone(api: Api, inbox: InboxApi, known: str) -> None:
    ids = await deliver(api, known, 3)
    answer = await inbox.client.delete(f"{PATH}/{ids[1]}/delete")
    assert (answer.status_code, answer.content) == (204, b"")
    assert [item["id"] for item in await inbox.notifications()] == [ids[2], ids[0]]
    assert await inbox.count("{}", '{"read":false}') == [2, 2]
    assert await api.unseen(known) == 2


async def test_named_notifications_become_seen_only(api: Api, inbox: InboxApi, known: str) -> None:
    ids = await deliver(api, known, 3)
    answer = await inbox.client.post(f"{PATH}/seen", json={"notificationIds": ids[:2]})
    assert (answer.status_code, answer.content) == (204, b"")
    assert await states(api, known) == [(True, False), (True, False), (False, False)]
    dates = ["firstSeenAt" in item for item in await inbox.notifications()]
    assert dates == [False, True, True]


async def test_seeing_again_keeps_the_first_date(api: Api, inbox: InboxApi, known: str) -> None:
    [message_id] = await deliver(api, known)
    await inbox.see([message_id])
    [first] = await inbox.notifications()
    await inbox.see([message_id])
    await inbox.see()
    [again] = await inbox.notifications()
    assert again["firstSeenAt"] == first["firstSeenAt"]


async def test_more_than_twenty_may_be_named(api: Api, inbox: InboxApi, known: str) -> None:
    await deliver_many(api, known, 40)
    ids = [item["id"] for item in await inbox.notifications()]
    await inbox.see(ids[:30])
    assert [item["isSeen"] for item in await inbox.notifications()] == [True] * 30 + [False] * 10


async def test_no_named_notifications_are_none(api: Api, inbox: InboxApi, known: str) -> None:
    await deliver(api, known)
    await inbox.see([])
    assert await states(api, known) == [(False, False)]


@pytest.mark.parametrize("body", [{}, {"tags": []}, {"data": "{}"}, {"notificationIds": None}, None])
async def test_without_names_all_become_seen(api: Api, inbox: InboxApi, known: str, body: Any) -> None:
    ids = await deliver(api, known, 3)
    await inbox.change(ids[0], "read")
    await inbox.call("POST", f"{PATH}/seen", 204, body)
    assert await states(api, known) == [(True, True), (True, False), (True, False)]
    assert await api.unseen(known) == 0


async def test_names_count_more_than_filters(api: Api, inbox: InboxApi, known: str) -> None:
    ids = await deliver(api, known, 2)
    await inbox.call("POST", f"{PATH}/seen", 204, {"notificationIds": ids[:1], "tags": ["no such tag"]})
    assert await states(api, known) == [(True, False), (False, False)]


async def test_unknown_and_foreign_names_are_passed_over(api: Api, inbox: InboxApi, known: str) -> None:
    [mine], [theirs] = await deliver(api, known), await deliver(api, f"{known}-b")
    await inbox.see([NOWHERE, theirs, mine])
    assert await states(api, known) == [(True, False)]
    assert await states(api, f"{known}-b") == [(False, False)]


async def test_all_become_read_and_seen(api: Api, inbox: InboxApi, known: str) -> None:
    ids = await deliver(api, known, 3)
    await inbox.change(ids[0], "read")
    answer = await inbox.client.post(f"{PATH}/read", json={})
    assert (answer.status_code, answer.content) == (204, b"")
    assert await states(api, known) == [(True, True)] * 3
    assert await inbox.count('{"read":false}', '{"seen":false}') == [0, 0]


async def test_reading_all_dates_all(api: Api, inbox: InboxApi, known: str) -> None:
    ids = await deliver(api, known, 2)
    first = await inbox.change(ids[0], "read")
    await inbox.read_all()
    newest, oldest = await inbox.notifications()
    assert newest["readAt"] == oldest["readAt"] > first["readAt"]
    assert oldest["firstSeenAt"] == first["firstSeenAt"]


async def test_what_comes_later_is_unread(api: Api, inbox: InboxApi, known: str) -> None:
    await deliver(api, known)
    await inbox.read_all()
    await deliver(api, known)
    assert await states(api, known) == [(True, True), (False, False)]


NO_TEXTS: list[Any] = [7, []]


async def test_a_bulk_change_of_an_empty_feed_is_fine(inbox: InboxApi) -> None:
    await inbox.read_all()
    await inbox.see()


@pytest.mark.parametrize(
    ("verb", "body", "status"),
    [
        ("seen", {"notificationIds": ["no id"]}, 422),
        ("seen", {"notificationIds": NOWHERE}, 422),
        ("seen", {"notificationIds": [7]}, 422),
        ("seen", {"notificationIds": [NOWHERE] * 1_001}, 422),
        *((verb, {"tags": wrong}, 422) for verb in ("seen", "read") for wrong in ("a", 7)),
        *((verb, {"data": wrong}, 422) for verb in ("seen", "read") for wrong in NO_TEXTS),
        *((verb, {"data": wrong}, 400) for verb in ("seen", "read") for wrong in ("no json", "[1]")),
        *((verb, [], 422) for verb in ("seen", "read")),
    ],
)
async def test_a_wrong_bulk_change_is_refused(
    api: Api, inbox: InboxApi, known: str, verb: str, body: Any, status: int
) -> None:
    await deliver(api, known)
    check_error(await inbox.client.post(f"{PATH}/{verb}", json=body), status)
    assert await states(api, known) == [(False, False)]


@pytest.mark.parametrize("verb", ["seen", "read"])
@pytest.mark.parametrize("narrow", [{"tags": ["of no message"]}, {"data": json.dumps({"order": "of no message"})}])
async def test_a_filter_that_takes_nothing_changes_nothing(
    api: Api, inbox: InboxApi, known: str, verb: str, narrow: Any
) -> None:
    await deliver(api, known, workflow=WELCOME)
    assert (await inbox.client.post(f"{PATH}/{verb}", json=narrow)).status_code == 204
    assert await states(api, known) == [(False, False)]
