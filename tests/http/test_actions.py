"""`POST …/messages/{messageId}/actions/{type}`: a button was pressed, as a backend tells it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.client import Api, InboxApi

from .conftest import PLAIN, WELCOME, deliver, workflow
from .hostile import check_error
from .shapes import MESSAGE, SUBSCRIBER, TEMPLATE, check

NOWHERE = "0123456789abcdef01234567"


def path(subscriber_id: str, message_id: str, kind: str = "primary") -> str:
    return f"/v1/subscribers/{subscriber_id}/messages/{message_id}/actions/{kind}"


async def test_the_reply_is_the_whole_message(api: Api, known: str) -> None:
    [message_id] = await deliver(api, known, workflow=WELCOME)
    answer = await api.client.post(path(known, message_id), json={"status": "done"})
    assert answer.status_code == 201
    assert set(answer.json()) == {"data"}
    message = answer.json()["data"]
    check(message, MESSAGE, "subject", "avatar", "data", "subscriber", "template")
    assert message["_id"] == message_id
    assert message["cta"]["action"]["status"] == "done"
    assert message["cta"]["action"]["result"] == {"type": "primary"}
    assert len(message["cta"]["action"]["buttons"]) == 2


async def test_the_subscriber_in_the_reply_is_complete(api: Api, known: str) -> None:
    [message_id] = await deliver(api, known)
    message = await api.act(known, message_id, "primary", "done")
    check(message["subscriber"], SUBSCRIBER, "firstName")
    assert message["subscriber"] == await api.subscriber(known)


async def test_the_template_in_the_reply_is_complete(api: Api, known: str) -> None:
    [message_id] = await deliver(api, known, workflow=WELCOME)
    template = (await api.act(known, message_id, "primary", "done"))["template"]
    check(template, TEMPLATE)
    assert (template["name"], template["tags"], template["deleted"]) == (WELCOME, ["orders", "news"], False)
    assert (template["deletedAt"], template["deletedBy"]) == ("", "")
    [step] = template["steps"]
    assert step["stepId"] == "step-0"
    assert template["triggers"][0]["identifier"] == WELCOME


async def test_a_deleted_workflow_is_left_out(api: Api, known: str) -> None:
    identifier = f"http-{known}"
    await api.data("POST", "/v2/workflows", 201, workflow(identifier, {"body": "x"}))
    [message_id] = await deliver(api, known, workflow=identifier)
    await api.call("DELETE", f"/v2/workflows/{identifier}", 204)
    await api.data("POST", "/v2/workflows", 201, workflow(identifier, {"body": "another one of that name"}))
    message = await api.act(known, message_id, "primary", "done")
    assert "template" not in message
    assert message["templateIdentifier"] == identifier


@pytest.mark.parametrize("status", ["pending", "done"])
@pytest.mark.parametrize("kind", ["primary", "secondary"])
async def test_the_feed_shows_what_was_pressed(api: Api, known: str, kind: str, status: str) -> None:
    [message_id] = await deliver(api, known, workflow=WELCOME)
    await api.act(known, message_id, kind, status)
    [message] = await api.feed(known)
    assert message["cta"]["action"] | {"status": status, "result": {"type": kind}} == message["cta"]["action"]


async def test_reading_and_seeing_are_left_alone(api: Api, known: str) -> None:
    [message_id] = await deliver(api, known)
    message = await api.act(known, message_id, "primary", "done")
    assert (message["seen"], message["read"]) == (False, False)
    assert "lastSeenDate" not in message
    assert await api.unseen(known) == 1


async def test_a_button_need_not_exist(api: Api, known: str) -> None:
    [message_id] = await deliver(api, known, workflow=PLAIN)
    message = await api.act(known, message_id, "secondary", "done")
    assert message["cta"]["action"] == {"buttons": [], "status": "done", "result": {"type": "secondary"}}


async def test_a_payload_is_kept_with_the_result(api: Api, known: str) -> None:
    [message_id] = await deliver(api, known)
    payload = {"choice": ["a", 1, None], "deep": {"ä": True}}
    await api.act(known, message_id, "primary", "done", payload=payload)
    [message] = await api.feed(known)
    assert message["cta"]["action"]["result"] == {"type": "primary", "payload": payload}


async def test_a_payload_stays_when_none_is_sent(api: Api, known: str) -> None:
    [message_id] = await deliver(api, known)
    await api.act(known, message_id, "primary", "done", payload={"a": 1})
    message = await api.act(known, message_id, "secondary", "pending")
    assert message["cta"]["action"]["status"] == "pending"
    assert message["cta"]["action"]["result"] == {"type": "secondary", "payload": {"a": 1}}


@pytest.mark.parametrize("payload", [{"b": 2}, {}])
async def test_a_payload_is_replaced_when_one_is_sent(api: Api, known: str, payload: dict[str, int]) -> None:
    [message_id] = await deliver(api, known)
    await api.act(known, message_id, "primary", "done", payload={"a": 1})
    message = await api.act(known, message_id, "primary", "done", payload=payload)
    assert message["cta"]["action"]["result"] == {"type": "primary", "payload": payload}


async def test_only_one_button_is_pressed_at_a_time(api: Api, inbox: InboxApi, known: str) -> None:
    [message_id] = await deliver(api, known, workflow=WELCOME)
    await api.act(known, message_id, "primary", "done")
    await api.act(known, message_id, "secondary", "done")
    [notification] = await inbox.notifications()
    assert notification["primaryAction"]["isCompleted"] is False
    assert notification["secondaryAction"]["isCompleted"] is True


@pytest.mark.parametrize(
    ("kind", "body", "field"),
    [
        ("tertiary", {"status": "done"}, "type"),
        ("Primary", {"status": "done"}, "type"),
        ("primary", {"status": "perhaps"}, "general"),
        ("primary", {"status": None}, "general"),
        ("primary", {}, "general"),
        ("primary", {"status": "done", "payload": "text"}, "general"),
        ("primary", {"status": "done", "payload": []}, "general"),
    ],
)
async def test_a_wrong_action_is_refused(api: Api, known: str, kind: str, body: dict[str, Any], field: str) -> None:
    [message_id] = await deliver(api, known)
    answer = await api.client.post(path(known, message_id, kind), json=body)
    check_error(answer, 422)
    assert list(answer.json()["errors"]) == [field]


async def test_a_malformed_id_is_named(api: Api, known: str) -> None:
    answer = await api.client.post(path(known, "no-id"), json={"status": "done"})
    check_error(answer, 422)
    assert list(answer.json()["errors"]) == ["messageId"]


async def test_an_unknown_message_is_not_found(api: Api, known: str) -> None:
    answer = await api.client.post(path(known, NOWHERE), json={"status": "done"})
    check_error(answer, 404)
    assert answer.json()["error"] == "Not Found"


async def test_a_message_of_another_is_not_found_either(api: Api, ada: str) -> None:
    [theirs] = await deliver(api, f"{ada}-b")
    await api.create_subscriber(ada)
    check_error(await api.client.post(path(ada, theirs), json={"status": "done"}), 404)
    [message] = await api.feed(f"{ada}-b")
    assert message["cta"]["action"]["result"] == {}


async def test_an_unknown_subscriber_is_a_bad_request(api: Api, ada: str) -> None:
    check_error(await api.client.post(path(ada, NOWHERE), json={"status": "done"}), 400)
