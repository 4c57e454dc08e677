"""Edits and retractions by the backend: what each face shows, what stays, what is refused, and who is told of it."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.support.client import Api, InboxApi, Json, segment
from tests.support.waiting import until

from .conftest import PLAIN, WELCOME, deliver
from .hostile import check_error
from .shapes import MESSAGE

NOWHERE = "0123456789abcdef01234567"
WHOLE = {
    "subject": "Now",
    "body": "{{payload.n}} stays as it is",
    "avatar": "https://example.org/a.png",
    "primaryAction": {"label": "Look", "redirect": {"url": "/look", "target": "_blank"}},
    "secondaryAction": {"label": "Later"},
    "redirect": {"url": "/there"},
    "data": {"state": {"done": True}},
    "tags": ["edited"],
    "severity": "high",
}


def path(message_id: str) -> str:
    return f"/v1/messages/{message_id}"


async def edit(api: Api, message_id: str, body: Json, status: int = 200) -> Json:
    answer = await api.call("PATCH", path(message_id), status, body)
    found: Json = answer["data"]
    return found


def ahead(**span: float) -> str:
    return (datetime.now(UTC) + timedelta(**span)).isoformat(timespec="milliseconds").replace("+00:00", "Z")


async def details(api: Api, transaction_id: str) -> list[tuple[str, str | None]]:
    """(status, raw) of each step of the transaction's one activity."""
    page = await api.call("GET", "/v1/notifications", 200, transactionId=transaction_id)
    [activity] = page["data"]
    return [(one["detail"], one.get("raw")) for job in activity["jobs"] for one in job["executionDetails"]]


@pytest.mark.parametrize("workflow", [PLAIN, WELCOME])
async def test_every_field_is_changed_on_every_face(api: Api, inbox: InboxApi, known: str, workflow: str) -> None:
    before, message_id, after = await deliver(api, known, 3, workflow=workflow)
    others = [item for item in await inbox.notifications() if item["id"] != message_id]
    edited = await edit(api, message_id, WHOLE)
    assert set(edited) - {"subject", "avatar", "data"} == MESSAGE
    assert (edited["_id"], edited["content"], edited["cta"]["data"]) == (message_id, WHOLE["body"], {"url": "/there"})
    notifications = await inbox.notifications()
    assert [item["id"] for item in notifications] == [after, message_id, before], "it stays where it stands"
    assert [item for item in notifications if item["id"] != message_id] == others
    actions = {
        "primaryAction": {**WHOLE["primaryAction"], "isCompleted": False},  # type: ignore[dict-item]
        "secondaryAction": {"label": "Later", "isCompleted": False},
    }
    assert {name: notifications[1][name] for name in WHOLE} == {**WHOLE, **actions}
    assert (await api.feed(known))[1]["data"] == WHOLE["data"]
    assert edited["updatedAt"] > edited["createdAt"]


async def test_null_takes_a_field_away_and_an_absent_one_stays(api: Api, inbox: InboxApi, known: str) -> None:
    [message_id] = await deliver(api, known, workflow=WELCOME)
    [before] = await inbox.notifications()
    gone = dict.fromkeys(("subject", "avatar", "primaryAction", "redirect", "data"))
    await edit(api, message_id, gone)
    [after] = await inbox.notifications()
    assert after == {name: value for name, value in before.items() if name not in gone}
    await edit(api, message_id, {"secondaryAction": None, "tags": []})
    [bare] = await inbox.notifications()
    assert (bare["tags"], "secondaryAction" in bare) == ([], False)
    [message] = await api.feed(known)
    assert message["cta"] == {"type": "redirect", "data": {}, "action": {"buttons": [], "result": {}}}


async def test_what_the_person_did_stays(api: Api, inbox: InboxApi, known: str) -> None:
    [message_id] = await deliver(api, known, workflow=WELCOME)
    await inbox.change(message_id, "complete", {"actionType": "secondary"})
    before = await inbox.change(message_id, "archive")
    await edit(api, message_id, {"body": "other", "severity": "high"})
    [after] = await inbox.notifications()
    assert after == {**before, "body": "other", "severity": "high"}
    assert await inbox.count('{"read":false}', '{"seen":false}') == [0, 0]


async def test_the_severity_moves_the_counts(api: Api, inbox: InboxApi, known: str) -> None:
    first, _ = await deliver(api, known, 2)
    await edit(api, first, {"severity": "high"})
    filters = ('{"severity":"high","read":false}', '{"severity":"none"}', '{"read":false}')
    assert await inbox.count(*filters) == [1, 1, 2]
    assert [item["id"] for item in await inbox.notifications(severity="high")] == [first]
    await edit(api, first, {"severity": "none"})
    assert await inbox.count(*filters) == [0, 2, 2]


async def test_filters_by_content_follow_each_edit(api: Api, inbox: InboxApi, known: str) -> None:
    first, second = await deliver(api, known, 2)
    filters = ('{"tags":["a"]}', '{"data":{"k":1}}')
    assert await inbox.count(*filters) == [0, 0]
    for tags, data, counts in ((["a"], {"k": 1}, [1, 1]), (["b"], {"k": True}, [0, 0]), (["a"], None, [1, 0])):
        await edit(api, first, {"tags": tags, "data": data})
        assert await inbox.count(*filters) == counts
        assert [item["id"] for item in await inbox.notifications(tags="a")] == [first] * counts[0]
    await inbox.call("POST", "/v1/inbox/notifications/read", 204, {"tags": ["a"]})
    assert {item["id"]: item["isRead"] for item in await inbox.notifications()} == {first: True, second: False}


async def test_the_same_edit_once_more_changes_nothing(api: Api, known: str) -> None:
    [message_id] = await deliver(api, known, workflow=WELCOME)
    body = {**WHOLE, "expiresAt": ahead(hours=1)}
    edited = await edit(api, message_id, body)
    assert await edit(api, message_id, body) == edited
    assert await edit(api, message_id, {}) == edited
    assert [detail for detail, _ in await details(api, edited["transactionId"])].count(
        "The message was edited: `raw` names what changed"
    ) == 1


async def test_all_messages_of_a_transaction(api: Api, known: str) -> None:
    people = [f"{known}-{number}" for number in range(3)]
    reply = await api.trigger(people, {"n": 1}, workflow=PLAIN)
    target = f"/v1/messages/transaction/{reply['transactionId']}"
    assert await api.data("PATCH", target, 200, {"body": "all"}) == {"updated": 3, "unchanged": 0}
    assert [[one["content"] for one in await api.feed(name)] for name in people] == [["all"]] * 3
    [message] = await api.feed(people[0])
    await api.call("DELETE", path(message["_id"]), 200)
    await edit(api, (await api.feed(people[1]))[0]["_id"], {"body": "new"})
    assert await api.data("PATCH", target, 200, {"body": "new"}) == {"updated": 1, "unchanged": 1}
    assert await api.feed(people[0]) == [], "what was retracted stays away"
    await api.call("DELETE", target, 204)
    assert [await api.feed(name) for name in people] == [[], [], []]
    check_error(await api.client.patch(target, json={"body": "x"}), 404)
    check_error(await api.client.delete(target), 404)


async def test_nothing_comes_back(api: Api, inbox: InboxApi, known: str) -> None:
    [message_id] = await deliver(api, known)
    transaction_id = (await api.feed(known))[0]["transactionId"]
    await inbox.call("DELETE", f"/v1/inbox/notifications/{message_id}/delete", 204)
    check_error(await api.client.patch(path(message_id), json={"body": "x"}), 404)
    check_error(await api.client.patch(f"/v1/messages/transaction/{transaction_id}", json={"body": "x"}), 404)
    check_error(await api.client.delete(path(message_id)), 404)
    check_error(await api.client.patch(path(NOWHERE), json={"body": "x"}), 404)
    assert await inbox.notifications() == []


async def test_another_environment_s_message_is_unknown(api: Api, known: str, fresh_server: Any) -> None:
    [message_id] = await deliver(api, known)
    async with Api.open(fresh_server) as stranger:
        check_error(await stranger.client.patch(path(message_id), json={"body": "x"}), 404)
        check_error(await stranger.client.delete(path(message_id)), 404)
    assert [one["content"] for one in await api.feed(known)] == ["Plain 0"]


async def test_an_expiry_is_set_moved_and_taken_away(api: Api, inbox: InboxApi, known: str) -> None:
    stays, leaves = await deliver(api, known, 2)
    until_then = ahead(hours=2)
    assert (await edit(api, stays, {"expiresAt": until_then}))["expiresAt"] == until_then
    assert "expiresAt" not in await edit(api, stays, {"expiresAt": None})
    await edit(api, stays, {"expiresAt": ahead(seconds=0.5)})
    await edit(api, stays, {"expiresAt": until_then})
    await edit(api, leaves, {"expiresAt": ahead(seconds=0.5)})

    async def has_left() -> bool:
        return [item["id"] for item in await inbox.notifications()] == [stays]

    await until(has_left)
    check_error(await api.client.patch(path(leaves), json={"expiresAt": until_then}), 404)


async def test_an_edit_survives_the_end_of_a_snooze(api: Api, inbox: InboxApi, known: str) -> None:
    message_id, _ = await deliver(api, known, 2, workflow=WELCOME)
    await edit(api, message_id, {"body": "edited", "tags": ["t"]})
    body = {"snoozeUntil": ahead(seconds=61)}
    await inbox.change(message_id, "snooze", body)
    await edit(api, message_id, {"body": "edited twice"})
    item = next(item for item in await inbox.notifications() if item["id"] == message_id)
    assert (item["body"], item["isSnoozed"], item["tags"]) == ("edited twice", True, ["t"])


async def test_an_answer_is_kept_for_its_idempotency_key(api: Api, known: str) -> None:
    [message_id] = await deliver(api, known)
    headers = {"Idempotency-Key": f"edit-{known}"}
    first = await api.client.patch(path(message_id), json={"body": "once"}, headers=headers)
    await edit(api, message_id, {"body": "later"})
    again = await api.client.patch(path(message_id), json={"body": "once"}, headers=headers)
    assert (again.status_code, again.json(), again.headers["Idempotency-Replay"]) == (200, first.json(), "true")
    assert [one["content"] for one in await api.feed(known)] == ["later"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"redirect": {"url": "javascript:alert(1)"}}, "redirect.url"),
        ({"redirect": {"url": "/\\evil.example"}}, "redirect.url"),
        ({"primaryAction": {"label": "x", "redirect": {"url": "data:text/html,x"}}}, "primaryAction.redirect.url"),
        ({"primaryAction": {"label": ""}}, "primaryAction.label"),
        ({"secondaryAction": {"label": "x", "color": "red"}}, "secondaryAction"),
        ({"avatar": "javascript:alert(1)"}, "avatar"),
        ({"avatar": "picture.png"}, "avatar"),
        ({"data": {"list": list(range(101))}}, "data"),
        ({"data": []}, "data"),
        ({"tags": ["x" * 65]}, "tags"),
        ({"tags": None}, "tags"),
        ({"severity": "urgent"}, "severity"),
        ({"body": None}, "body"),
        ({"expiresAt": "PT1H"}, "expiresAt"),
        ({"expiresAt": "2020-01-01T00:00:00Z"}, "expiresAt"),
        ({"expiresAt": "2126-01-01T00:00:00Z"}, "expiresAt"),
        ({"expiresAt": "2126-01-01T00:00:00"}, "expiresAt"),
        ({"content": "x"}, "content"),
    ],
)
async def test_what_a_message_may_not_have_is_refused(api: Api, known: str, body: Json, field: str) -> None:
    [message_id] = await deliver(api, known)
    before = await api.feed(known)
    for target in (path(message_id), f"/v1/messages/transaction/{before[0]['transactionId']}"):
        answer = await api.client.patch(target, json={"subject": "new", **body})
        check_error(answer, 422)
        assert field in answer.text
    assert await api.feed(known) == before


async def test_a_message_stays_within_its_limit(api: Api, known: str) -> None:
    [message_id] = await deliver(api, known)
    check_error(await api.client.patch(path(message_id), json={"body": "x" * 65_536}), 413)
    assert (await edit(api, message_id, {"body": "x" * 60_000}))["content"] == "x" * 60_000
    check_error(await api.client.patch(path(message_id), json={"data": {"k": "y" * 10_000}}), 413)


async def test_the_activity_knows(api: Api, known: str) -> None:
    [message_id] = await deliver(api, known)
    transaction_id = (await api.feed(known))[0]["transactionId"]
    await edit(api, message_id, {"body": "x", "expiresAt": ahead(hours=1)})
    stored = "Message stored in the feed"
    edited = ("The message was edited: `raw` names what changed", "body, expiresAt")
    assert await details(api, transaction_id) == [(stored, None), edited]
    await api.call("DELETE", path(message_id), 200)
    retracted = ("The message was retracted: it is no longer in the feed", None)
    assert await details(api, transaction_id) == [edited, retracted]


async def test_edits_at_once_lose_no_field(api: Api, known: str) -> None:
    [message_id] = await deliver(api, known, workflow=WELCOME)
    bodies = [{name: value} for name, value in WHOLE.items()]
    await asyncio.gather(*(edit(api, message_id, body) for body in bodies))
    at_once = (await api.feed(known))[0]
    settled = await edit(api, message_id, WHOLE)
    assert settled["updatedAt"] == at_once["updatedAt"], "the last of them left nothing to change"


async def test_messages_by_the_producer_s_reference(api: Api, inbox: InboxApi, known: str) -> None:
    """Several share one; a reference may hold a slash; the subscriber's alone are touched."""
    reference = "order/1 ü"
    for to in (known, known, f"{known}-other"):
        await api.trigger(to, {"n": 1}, workflow=WELCOME, externalReference=reference)
    await deliver(api, known)
    target = f"/v1/subscribers/{known}/messages/reference/{segment(reference)}"
    assert await api.data("PATCH", target, 200, {"body": "changed"}) == {"updated": 2, "unchanged": 0}
    assert await api.data("PATCH", target, 200, {"body": "changed"}) == {"updated": 0, "unchanged": 2}
    assert [one["content"] for one in await api.feed(known)] == ["Plain 0", "changed", "changed"]
    acted = await api.data("POST", f"{target}/actions/primary", 201, {"status": "done"})
    newest, older = [one["_id"] for one in acted]
    assert [item["id"] for item in await inbox.notifications()][1:] == [newest, older]
    assert [item["primaryAction"]["isCompleted"] for item in (await inbox.notifications())[1:]] == [True, True]
    marked = await api.data(
        "POST", f"/v1/subscribers/{known}/messages/mark-as", 201, {"markAs": "read", "externalReference": reference}
    )
    assert [one["_id"] for one in marked] == [newest, older]
    await api.call("DELETE", target, 204)
    assert [one["content"] for one in await api.feed(known)] == ["Plain 0"]
    assert [one["content"] for one in await api.feed(f"{known}-other")] == ["Body 1"]
    check_error(await api.client.patch(target, json={"body": "x"}), 404)
    check_error(await api.client.delete(target), 404)
    check_error(await api.client.post(f"{target}/actions/primary", json={"status": "done"}), 404)
    check_error(await api.client.post(f"{target}/actions/third", json={"status": "done"}), 422)
    check_error(await api.client.patch(target, json={"severity": "urgent"}), 422)
    check_error(await api.client.patch(f"/v1/subscribers/nobody-{known}/messages/reference/x", json={}), 404)
