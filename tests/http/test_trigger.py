"""`POST /v1/events/trigger`: who gets what, once."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.support.client import Api, InboxApi

from .conftest import (
    CHANNEL_OFF,
    CRITICAL,
    EMPTY,
    FAILING,
    INACTIVE,
    MANY,
    OFF,
    PLAIN,
    STEPS_OF_MANY,
    WELCOME,
)
from .hostile import check_error
from .shapes import MESSAGE, check

TRIGGER = "/v1/events/trigger"


async def transactions(api: Api, subscriber_id: str) -> list[str]:
    """The transactions of a feed, oldest first."""
    return [message["transactionId"] for message in reversed(await api.feed(subscriber_id))]


async def test_the_reply_tells_that_it_is_done(api: Api, known: str) -> None:
    answer = await api.client.post(TRIGGER, json={"name": PLAIN, "to": known, "payload": {}, "transactionId": "t 1"})
    assert (answer.status_code, answer.headers["content-type"]) == (201, "application/json")
    assert answer.json() == {"data": {"acknowledged": True, "status": "processed", "transactionId": "t 1"}}
    assert await transactions(api, known) == ["t 1"]


async def test_a_transaction_id_is_made_where_none_is_given(api: Api, known: str) -> None:
    reply = await api.trigger(known, workflow=PLAIN)
    assert reply["transactionId"].startswith("txn_")
    assert len(reply["transactionId"]) == 28
    assert await transactions(api, known) == [reply["transactionId"]]


async def test_a_trigger_without_a_payload_has_an_empty_one(api: Api, known: str) -> None:
    await api.data("POST", TRIGGER, 201, {"name": PLAIN, "to": known})
    [message] = await api.feed(known)
    assert (message["payload"], message["content"]) == ({}, "Plain ")


async def test_the_message_is_stored_as_the_workflow_says(api: Api, known: str) -> None:
    sent = {"n": 7, "attachments": [{"file": "x"}], "deep": {"a": [None]}}
    reply = await api.trigger(known, sent, workflow=WELCOME, overrides={"email": {"a": 1}})
    [message] = await api.feed(known)
    subscriber = await api.subscriber(known)
    definition = await api.data("GET", f"/v2/workflows/{WELCOME}", 200)
    check(message, MESSAGE, "subject", "avatar", "data", "subscriber")
    assert (
        message
        | {
            "id": message["_id"],
            "_templateId": definition["_id"],
            "_messageTemplateId": definition["steps"][0]["_id"],
            "_subscriberId": subscriber["_id"],
            "_environmentId": subscriber["_environmentId"],
            "_organizationId": subscriber["_organizationId"],
            "_feedId": None,
            "templateIdentifier": WELCOME,
            "stepId": "step-0",
            "transactionId": reply["transactionId"],
            "channel": "in_app",
            "providerId": "novu",
            "status": "sent",
            "subject": "Hello Ada",
            "content": "Body 7",
            "avatar": "/avatar.png",
            "data": {"order": "7"},
            "tags": ["orders", "news"],
            "severity": "none",
            "payload": {"n": 7, "deep": {"a": [None]}},
            "overrides": {"email": {"a": 1}},
            "deviceTokens": [],
            "contextKeys": [],
            "cta": {
                "type": "redirect",
                "data": {"url": "/orders/7", "target": "_blank"},
                "action": {
                    "buttons": [
                        {"type": "primary", "content": "Accept 7", "url": "/accept", "target": "_self"},
                        {"type": "secondary", "content": "Decline"},
                    ],
                    "status": "pending",
                    "result": {},
                },
            },
            "seen": False,
            "read": False,
            "archived": False,
            "deliveredAt": [message["createdAt"]],
            "updatedAt": message["createdAt"],
        }
        == message
    )


async def test_one_who_is_not_known_is_created(api: Api, ada: str) -> None:
    await api.trigger(ada, workflow=PLAIN)
    assert (await api.subscriber(ada))["subscriberId"] == ada
    assert len(await api.feed(ada)) == 1


async def test_an_object_brings_its_profile_along(api: Api, ada: str) -> None:
    await api.trigger({"subscriberId": ada, "firstName": "A", "data": {"k": 1}}, {"n": 1}, workflow=WELCOME)
    subscriber = await api.subscriber(ada)
    assert (subscriber["firstName"], subscriber["data"]) == ("A", {"k": 1})
    [message] = await api.feed(ada)
    assert message["subject"] == "Hello A"


async def test_an_object_changes_only_what_it_names(api: Api, ada: str) -> None:
    await api.create_subscriber(ada, firstName="A", lastName="B", email="a@example.org")
    await api.trigger({"subscriberId": ada, "firstName": "C", "lastName": None}, workflow=PLAIN)
    subscriber = await api.subscriber(ada)
    assert (subscriber["firstName"], subscriber["email"]) == ("C", "a@example.org")
    assert "lastName" not in subscriber


@pytest.mark.parametrize(
    "form",
    [
        lambda a, b: [a, b],
        lambda a, b: [{"subscriberId": a}, {"subscriberId": b}],
        lambda a, b: [a, {"subscriberId": b, "firstName": "B"}],
        lambda a, b: [a, b, a, {"subscriberId": b}, f" {a} "],
        lambda a, b: [a, [b, "in a list"], b],
        lambda a, b: [a, {"firstName": "nobody"}, 7, None, "", "x" * 300, {"subscriberId": b}],
    ],
    ids=["ids", "objects", "both", "duplicates", "a list in the list", "wrong ones among them"],
)
async def test_each_recipient_of_a_list_gets_one_message(api: Api, ada: str, form: Any) -> None:
    both = f"{ada}-a", f"{ada}-b"
    reply = await api.trigger(form(*both), workflow=PLAIN)
    assert reply["status"] == "processed"
    for subscriber_id in both:
        assert await transactions(api, subscriber_id) == [reply["transactionId"]]


async def test_many_recipients_get_one_message_each(api: Api, ada: str) -> None:
    everyone = [f"{ada}-{number}" for number in range(110)]
    reply = await api.trigger(everyone, workflow=PLAIN)
    for subscriber_id in everyone:
        assert await transactions(api, subscriber_id) == [reply["transactionId"]]


@pytest.mark.parametrize("wrong", [None, 7, True, "", {}, {"firstName": "A"}, {"subscriberId": 7}])
async def test_a_single_wrong_recipient_is_refused(api: Api, wrong: Any) -> None:
    answer = await api.client.post(TRIGGER, json={"name": PLAIN, "to": wrong})
    check_error(answer, 422)
    assert all(field.startswith("to") for field in answer.json()["errors"])


async def test_nobody_is_a_recipient_of_an_empty_list(api: Api) -> None:
    assert (await api.trigger([], workflow=PLAIN))["status"] == "processed"


async def test_two_triggers_at_once_create_one_subscriber(api: Api, ada: str) -> None:
    await asyncio.gather(*[api.trigger({"subscriberId": ada, "firstName": "A"}, workflow=PLAIN) for _ in range(10)])
    feed = await api.feed(ada)
    assert len(feed) == 10
    assert {message["_subscriberId"] for message in feed} == {(await api.subscriber(ada))["_id"]}


async def test_a_trigger_again_is_a_second_message(api: Api, known: str) -> None:
    await api.trigger(known, workflow=PLAIN)
    await api.trigger(known, workflow=PLAIN)
    assert len(await api.feed(known)) == 2


async def test_the_same_transaction_again_delivers_nothing(api: Api, known: str) -> None:
    first = await api.trigger(known, {"n": 1}, workflow=PLAIN, transactionId=f"same {known}")
    again = await api.trigger(known, {"n": 2}, workflow=PLAIN, transactionId=f"same {known}")
    assert again == first
    [message] = await api.feed(known)
    assert message["content"] == "Plain 1"


async def test_the_same_transaction_for_others_delivers_nothing(api: Api, known: str) -> None:
    other = f"{known}-other"
    await api.create_subscriber(other)
    first = await api.trigger(known, workflow=PLAIN, transactionId=f"once {known}")
    assert await api.trigger([known, other], workflow=PLAIN, transactionId=f"once {known}") == first
    assert await api.trigger(other, workflow=PLAIN, transactionId=f"once {known}") == first
    assert await transactions(api, other) == []
    assert len(await api.feed(known)) == 1


async def test_the_same_transaction_of_another_workflow_delivers_nothing(api: Api, known: str) -> None:
    await api.trigger(known, workflow=PLAIN, transactionId=f"once {known}")
    await api.trigger(known, workflow=WELCOME, transactionId=f"once {known}")
    [message] = await api.feed(known)
    assert message["templateIdentifier"] == PLAIN


async def test_the_order_of_recipients_does_not_make_another_transaction(api: Api, ada: str) -> None:
    both = [f"{ada}-a", f"{ada}-b"]
    await api.trigger(both, workflow=PLAIN, transactionId=ada)
    await api.trigger([*both[::-1], both[0]], workflow=PLAIN, transactionId=ada)
    assert [len(await api.feed(subscriber_id)) for subscriber_id in both] == [1, 1]


async def test_a_transaction_survives_the_deletion_of_its_message(api: Api, inbox: InboxApi, known: str) -> None:
    await api.trigger(known, workflow=PLAIN, transactionId=f"gone {known}")
    [message] = await api.feed(known)
    await inbox.call("DELETE", f"/v1/inbox/notifications/{message['_id']}/delete", 204)
    await api.trigger(known, workflow=PLAIN, transactionId=f"gone {known}")
    assert await api.feed(known) == []


@pytest.mark.parametrize("transaction_id", ["", None])
async def test_an_empty_transaction_id_is_none(api: Api, known: str, transaction_id: str | None) -> None:
    replies = [await api.trigger(known, workflow=PLAIN, transactionId=transaction_id) for _ in range(2)]
    assert replies[0]["transactionId"] != replies[1]["transactionId"]
    assert len(await api.feed(known)) == 2


@pytest.mark.parametrize(("transaction_id", "status"), [("a\0b", 400), ("x" * 256, 422), (7, 422), ({}, 422)])
async def test_a_wrong_transaction_id_is_refused(api: Api, known: str, transaction_id: Any, status: int) -> None:
    body = {"name": PLAIN, "to": known, "transactionId": transaction_id}
    check_error(await api.client.post(TRIGGER, json=body), status)
    assert await api.feed(known) == []


async def retry(api: Api, known: str, key: str, **fields: Any) -> str:
    body = {"name": PLAIN, "to": known, **fields}
    answer = await api.client.post(TRIGGER, json=body, headers={"Idempotency-Key": key})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["data"]["transactionId"])


async def test_a_retry_with_the_same_idempotency_key_is_the_same_trigger(api: Api, known: str) -> None:
    first = await retry(api, known, f"key {known}")
    assert await retry(api, known, f"key {known}") == first
    assert await transactions(api, known) == [first]


async def test_another_idempotency_key_is_another_trigger(api: Api, known: str) -> None:
    made = [await retry(api, known, f"key {number} {known}") for number in range(2)]
    assert await transactions(api, known) == made
    assert made[0] != made[1]


async def test_a_transaction_id_counts_more_than_an_idempotency_key(api: Api, known: str) -> None:
    for number in range(2):
        await retry(api, known, f"key {number} {known}", transactionId=f"same {known}")
    assert await transactions(api, known) == [f"same {known}"]


async def test_an_idempotency_key_with_another_transaction_id_is_refused(api: Api, known: str) -> None:
    await retry(api, known, f"key {known}", transactionId=f"first {known}")
    body = {"name": PLAIN, "to": known, "transactionId": f"second {known}"}
    check_error(await api.client.post(TRIGGER, json=body, headers={"Idempotency-Key": f"key {known}"}), 422)
    assert await transactions(api, known) == [f"first {known}"]


async def test_every_step_makes_a_message_in_its_order(api: Api, known: str) -> None:
    await api.trigger(known, workflow=MANY, transactionId=f"many {known}")
    await api.trigger(known, workflow=MANY, transactionId=f"many {known}")
    feed = await api.feed(known)
    assert [message["stepId"] for message in reversed(feed)] == [f"step-{place}" for place in range(STEPS_OF_MANY)]
    assert len({message["_id"] for message in feed}) == STEPS_OF_MANY
    assert len({message["_notificationId"] for message in feed}) == 1


async def test_a_step_that_cannot_be_rendered_is_left_out(api: Api, known: str) -> None:
    reply = await api.trigger(known, {"n": 1}, workflow=FAILING)
    assert reply["status"] == "processed"
    assert [message["content"] for message in await api.feed(known)] == ["fine"]


async def test_an_unknown_workflow_is_named(api: Api, known: str) -> None:
    answer = await api.client.post(TRIGGER, json={"name": "http-nowhere", "to": known})
    check_error(answer, 422)
    assert (answer.json()["message"], answer.json()["error"]) == (
        "workflow_not_found: http-nowhere",
        "Unprocessable Entity",
    )


@pytest.mark.parametrize(
    ("workflow", "status"), [(INACTIVE, "trigger_not_active"), (EMPTY, "no_workflow_steps_defined")]
)
async def test_a_workflow_that_delivers_nothing_says_so(api: Api, ada: str, workflow: str, status: str) -> None:
    reply = await api.trigger(ada, workflow=workflow, transactionId="t")
    assert reply == {"acknowledged": True, "status": status, "transactionId": "t"}
    await api.call("GET", f"/v2/subscribers/{ada}", 404)


@pytest.mark.parametrize(("workflow", "messages"), [(OFF, 0), (CHANNEL_OFF, 0), (CRITICAL, 1)])
async def test_preferences_decide_whether_it_is_delivered(api: Api, known: str, workflow: str, messages: int) -> None:
    assert (await api.trigger(known, workflow=workflow))["status"] == "processed"
    assert len(await api.feed(known)) == messages


@pytest.mark.parametrize("severity", ["high", "medium", "low", "none"])
async def test_the_severity_of_the_trigger_counts(api: Api, known: str, severity: str) -> None:
    await api.trigger(known, workflow="http-high", overrides={"severity": severity})
    [message] = await api.feed(known)
    assert message["severity"] == severity


@pytest.mark.parametrize("overrides", [{}, {"severity": None}])
async def test_without_one_it_is_the_severity_of_the_workflow(api: Api, known: str, overrides: Any) -> None:
    await api.trigger(known, workflow="http-high", overrides=overrides)
    [message] = await api.feed(known)
    assert message["severity"] == "high"


async def test_attachments_may_be_large_and_are_not_kept(api: Api, known: str) -> None:
    await api.trigger(known, {"n": 1, "attachments": ["x" * 900_000]}, workflow=PLAIN)
    [message] = await api.feed(known)
    assert message["payload"] == {"n": 1}


async def test_a_message_that_is_too_large_is_stored_for_nobody(api: Api, ada: str) -> None:
    both = [f"{ada}-a", f"{ada}-b"]
    body = {"name": PLAIN, "to": both, "payload": {"other": "x" * 66_000}}
    check_error(await api.client.post(TRIGGER, json=body), 413)
    for subscriber_id in both:
        await api.create_subscriber(subscriber_id)
        assert await api.feed(subscriber_id) == []


@pytest.mark.parametrize("number", [2**53 + 1, 2**63, 2**64, 10**30, -(10**30), 1.5e300])
async def test_a_large_number_in_a_payload_does_not_break_the_feed(api: Api, known: str, number: float) -> None:
    await api.trigger(known, {"n": number}, workflow=PLAIN)
    [message] = await api.feed(known)
    assert message["payload"]["n"] == pytest.approx(number)
