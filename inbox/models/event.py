"""Events as a backend is told them, by webhook or on its environment's event stream."""

from __future__ import annotations

from typing import Any

import msgspec
import orjson

from inbox.models.dates import iso
from inbox.models.message import ACTION_STATUS, ACTION_TYPE, Message


class Event(msgspec.Struct, frozen=True):
    """One event as it is told: its id, which a repetition has too, its type and its JSON."""

    id: str
    type: str
    body: bytes


def event_body(event_id: str, event_type: str, at_ms: int, environment_id: str, about: dict[str, Any]) -> bytes:
    """The JSON of an event. `about`: what is particular to its type."""
    head = {"id": event_id, "type": event_type, "createdAt": iso(at_ms), "environmentId": environment_id}
    return orjson.dumps(head | about)


def message_view(message: Message, *, whole: bool) -> dict[str, Any]:
    """A message as events carry it: absent instead of null. `whole`: with what it holds."""
    stored = message.stored
    dates = {
        "readAt": message.last_read_ms,
        "firstSeenAt": message.first_seen_ms,
        "archivedAt": message.archived_ms,
        "snoozedUntil": message.snoozed_until_ms,
    }
    optional = {
        "externalReference": stored.external_reference,
        **{name: iso(ms) if ms else None for name, ms in dates.items()},
    }
    return {
        "id": message.id,
        "transactionId": stored.transaction_id,
        "workflow": stored.template_identifier,
        "isSeen": message.seen,
        "isRead": message.read,
        "isArchived": message.archived,
        "isSnoozed": bool(message.snoozed_until_ms),
        "createdAt": iso(message.created_ms),
        **{name: value for name, value in optional.items() if value is not None},
        **(_held(message) if whole else {}),
    }


def _held(message: Message) -> dict[str, Any]:
    stored = message.stored
    held = {"subject": stored.subject, "body": stored.content, "data": stored.data}
    present = {name: value for name, value in held.items() if value is not None}
    return {**present, "payload": stored.payload, "tags": stored.tags, "severity": stored.severity}


def action_view(action: bytes) -> dict[str, Any]:
    """A pressed button from how the store keeps it: status and type in two letters, then the payload's JSON."""
    head = action[:2].decode()
    view: dict[str, Any] = {"type": ACTION_TYPE[head[1]], "status": ACTION_STATUS[head[0]]}
    return view | ({"payload": orjson.loads(action[2:])} if action[2:] else {})
