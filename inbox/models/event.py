"""Events that a backend receives by webhook or on the event stream of its environment."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
import orjson

from inbox.models import wire
from inbox.models.dates import iso
from inbox.models.message import ButtonPress, Message
from inbox.models.message_views import notification_state


class WebhookEvent(msgspec.Struct, frozen=True):
    """One event: its id, which repeated deliveries share, its type, its JSON, and the transaction that caused it.

    `transaction_id` is empty unless a trigger caused the event.
    """

    id: str
    type: str
    body: bytes
    transaction_id: str = ""


class FailedEvent(msgspec.Struct, frozen=True, rename="camel"):
    """An event, the reason of its failure, the number of tries, and the time of the last one (ms since 1970)."""

    event: WebhookEvent
    reason: str
    tries: int
    failed_ms: int


def failed_event_view(failed: FailedEvent) -> wire.FailedEventReply:
    return {
        "id": failed.event.id,
        "type": failed.event.type,
        "failedAt": iso(failed.failed_ms),
        "tries": failed.tries,
        "reason": failed.reason,
    }


def event_body(event_id: str, event_type: str, at_ms: int, environment_id: str, fields: Mapping[str, object]) -> bytes:
    """Return the JSON of an event with the `fields` of its type."""
    head = {"id": event_id, "type": event_type, "createdAt": iso(at_ms), "environmentId": environment_id}
    return orjson.dumps({**head, **fields})


@wire.without_nulls
def event_message(message: Message) -> wire.EventMessage:
    """Return the state of a message, for events about one whose content the receiver has had before."""
    return {
        **notification_state(message),
        "workflow": message.stored.template_identifier,
        "externalReference": message.stored.external_reference,
    }


@wire.without_nulls
def whole_event_message(message: Message) -> wire.WholeEventMessage:
    """Return the state and the content of a message."""
    stored = message.stored
    return {
        **event_message(message),
        "subject": stored.subject,
        "body": stored.content,
        "data": stored.data,
        "payload": stored.payload,
        "tags": stored.tags,
        "severity": stored.severity,
    }


@wire.without_nulls
def action_view(action: ButtonPress) -> wire.EventAction:
    return {"type": action.type, "status": action.status, "payload": action.payload}
