"""A message and its three forms on the wire: what is there, and what is absent rather than null."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from msgspec.structs import replace

from inbox.ids import MessageId, is_object_id
from inbox.models import wire
from inbox.models.environment import Environment
from inbox.models.message import (
    ButtonPress,
    ButtonStatus,
    ButtonType,
    Message,
    StoredMessage,
    decode_stored,
    encode_stored,
)
from inbox.models.message_views import (
    encoded_entity,
    encoded_mark_view,
    entity,
    feed_item,
    inbox_notification,
    mark_view,
)
from tests.http.shapes import MARKED_MESSAGE, MESSAGE, NOTIFICATION

ENVIRONMENT = Environment(1, "e" * 24, "0" * 24, "Development", "app")
BARE = StoredMessage("t1", "1" * 24, "welcome", "2" * 24, "in-app", content="Body")
BUTTONS = [
    {"type": "primary", "content": "Yes", "url": "/yes", "target": "_self"},
    {"type": "secondary", "content": "No"},
]
FULL = StoredMessage(
    "t1",
    "1" * 24,
    "welcome",
    "2" * 24,
    "in-app",
    content="Body",
    subject="Subject",
    avatar="/a.png",
    cta={"type": "redirect", "data": {"url": "/go", "target": "_blank"}, "action": {"buttons": BUTTONS}},
    payload={"n": 1},
    overrides={"severity": "high"},
    data={"k": "v"},
    tags=["a"],
    severity="high",
    actor={"type": "none", "data": None},
    actor_id="3" * 24,
)
TO: wire.NotificationTo = {"id": "5" * 24, "subscriberId": "ada"}
WORKFLOW: wire.WorkflowSummary = {
    "id": "1" * 24,
    "identifier": "welcome",
    "name": "Welcome",
    "critical": False,
    "tags": [],
    "severity": "none",
}


def message(stored: StoredMessage = BARE, **fields: Any) -> Message:
    return Message(MessageId("4" * 24), "5" * 24, stored, created_ms=1_000, **fields)


def notification(*view: Any) -> Any:
    return plain(inbox_notification(*view))


def plain(encoded: object) -> Any:
    """What a reader sees of encoded JSON."""
    return orjson.loads(orjson.dumps(encoded))


def test_a_bare_message_has_just_the_required_keys() -> None:
    assert set(mark_view(message(), ENVIRONMENT)) == MARKED_MESSAGE
    assert set(entity(message(), ENVIRONMENT)) == MESSAGE
    assert set(notification(message(), TO, WORKFLOW)) == NOTIFICATION


def test_a_full_message_adds_what_it_has() -> None:
    dates = {"first_seen_ms": 1, "last_seen_ms": 2, "last_read_ms": 3, "archived_ms": 4, "snoozed_until_ms": 5}
    full = message(FULL, **dates)
    assert set(mark_view(full, ENVIRONMENT)) - MARKED_MESSAGE == {
        *("subject", "firstSeenDate", "lastSeenDate", "lastReadDate", "snoozedUntil")
    }
    assert set(entity(full, ENVIRONMENT)) - MESSAGE == {
        *("subject", "avatar", "data", "actor", "_actorId"),
        *("firstSeenDate", "lastSeenDate", "lastReadDate", "archivedAt", "snoozedUntil"),
    }
    assert set(notification(full, TO, WORKFLOW)) - NOTIFICATION == {
        *("subject", "avatar", "primaryAction", "secondaryAction", "data", "redirect"),
        *("readAt", "firstSeenAt", "archivedAt", "snoozedUntil"),
    }


def test_nothing_is_null_but_the_feed() -> None:
    for view in (entity(message(), ENVIRONMENT), notification(message(), TO, WORKFLOW)):
        assert {name for name, value in view.items() if value is None} <= {"_feedId"}


def test_every_id_is_an_object_id() -> None:
    view = entity(message(FULL), ENVIRONMENT)
    assert all(is_object_id(view[name]) for name in view if name.startswith("_") and name != "_feedId")


def test_ids_that_are_not_stored_belong_to_the_message() -> None:
    first, again = entity(message(), ENVIRONMENT), entity(message(seen=True), ENVIRONMENT)
    other = entity(replace(message(), id=MessageId("6" * 24)), ENVIRONMENT)
    assert (first["_jobId"], first["_notificationId"]) == (again["_jobId"], again["_notificationId"])
    assert first["_jobId"] != other["_jobId"]


def test_the_last_change_dates_the_update() -> None:
    assert entity(message(), ENVIRONMENT)["updatedAt"] == "1970-01-01T00:00:01.000Z"
    assert entity(message(last_read_ms=5_000), ENVIRONMENT)["updatedAt"] == "1970-01-01T00:00:05.000Z"


def test_a_message_always_has_a_call_to_action() -> None:
    assert BARE.cta_with(None) == {"action": {"buttons": []}}
    assert FULL.cta_with(None) == {
        "type": "redirect",
        "data": {"url": "/go", "target": "_blank"},
        "action": {"buttons": BUTTONS},
    }


@pytest.mark.parametrize("kind", ["primary", "secondary"])
@pytest.mark.parametrize("status", ["pending", "done"])
def test_a_pressed_button_shows_in_the_call_to_action(kind: ButtonType, status: ButtonStatus) -> None:
    press = ButtonPress(kind, status)
    assert FULL.cta_with(press)["action"] == {"buttons": BUTTONS, "status": status, "result": {"type": kind}}
    assert press.completes(kind) == (status == "done")
    assert not press.completes("primary" if kind == "secondary" else "secondary")


def test_what_a_press_brought_along_is_kept() -> None:
    pressed = FULL.cta_with(ButtonPress("primary", "done", {"choice": [1]}))
    assert pressed["action"]["result"] == {"type": "primary", "payload": {"choice": [1]}}


def test_a_press_leaves_what_is_stored_as_it_is() -> None:
    before = orjson.dumps(FULL.cta)
    entity(message(FULL, action=ButtonPress("primary", "done")), ENVIRONMENT)
    assert orjson.dumps(FULL.cta) == before


@pytest.mark.parametrize("stored", [BARE, FULL])
@pytest.mark.parametrize("press", [None, ButtonPress("primary", "done", {"choice": [1]})])
def test_the_encoded_forms_are_those_of_the_views(stored: StoredMessage, press: ButtonPress | None) -> None:
    for seen in (False, True, False):  # what is kept with the stored part is the same for each state
        shown = message(stored, action=press, seen=seen, last_seen_ms=7 * seen)
        assert plain(encoded_entity(shown, ENVIRONMENT)) == entity(shown, ENVIRONMENT)
        assert plain(encoded_mark_view(shown, ENVIRONMENT)) == mark_view(shown, ENVIRONMENT)
        card: wire.SubscriberCard = {"_id": "5" * 24, **TO}
        assert plain(feed_item(shown, card, ENVIRONMENT)) == {**entity(shown, ENVIRONMENT), "subscriber": card}


def test_a_notification_shows_its_buttons() -> None:
    view = notification(message(FULL, action=ButtonPress("primary", "done")), TO, WORKFLOW)
    yes = {"label": "Yes", "isCompleted": True, "redirect": {"url": "/yes", "target": "_self"}}
    assert view["primaryAction"] == yes
    assert view["secondaryAction"] == {"label": "No", "isCompleted": False}
    assert view["redirect"] == {"url": "/go", "target": "_blank"}


def test_a_notification_is_snoozed_until_a_date() -> None:
    assert notification(message(), TO, WORKFLOW)["isSnoozed"] is False
    snoozed = notification(message(snoozed_until_ms=2_000), TO, WORKFLOW)
    assert (snoozed["isSnoozed"], snoozed["snoozedUntil"]) == (True, "1970-01-01T00:00:02.000Z")


@pytest.mark.parametrize("stored", [BARE, FULL])
def test_a_message_comes_back_as_it_was_stored(stored: StoredMessage) -> None:
    assert decode_stored(encode_stored(stored)) == stored


def test_what_is_not_there_takes_no_room() -> None:
    assert set(orjson.loads(encode_stored(BARE))) == {
        *("transactionId", "templateId", "templateIdentifier", "messageTemplateId", "stepId", "content")
    }
