"""A message: what is stored once, what changes, and its three forms on the wire.

- the entity of the server side and of sockets (rest-server.md §2.2): `entity`
- the shorter answer of mark-as (§3): `mark_view`
- the InboxNotification of the browser side (rest-inbox.md §6): `inbox_notification`
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec
import orjson

from inbox.ids import MessageId, derived_object_id
from inbox.models.dates import iso
from inbox.models.environment import Environment

ACTION_STATUS = {"p": "pending", "d": "done"}
ACTION_TYPE = {"p": "primary", "s": "secondary"}


class StoredMessage(msgspec.Struct, rename="camel", omit_defaults=True):
    """What never changes: the rendered message and where it came from. One JSON object in the feed's stream."""

    transaction_id: str
    template_id: str
    template_identifier: str
    message_template_id: str
    step_id: str
    content: str = ""
    subject: str | None = None
    avatar: str | None = None
    cta: dict[str, Any] = {}
    payload: dict[str, Any] = {}
    overrides: dict[str, Any] = {}
    data: dict[str, Any] | None = None
    tags: list[str] = []
    severity: str = "none"
    actor: dict[str, Any] | None = None
    actor_id: str | None = None
    external_reference: str | None = None
    """The producer's own name for it, by which it can be marked."""
    context_keys: list[str] = []
    feed_id: str | None = None
    """The `_id` of the named feed that its step belongs to."""
    expires_ms: int = 0
    """When it is deleted (ms since 1970), 0 never."""

    @property
    def expires_at(self) -> str | None:
        """The same on the wire, None for never."""
        return iso(self.expires_ms) if self.expires_ms else None


class Labels(msgspec.Struct, rename="camel"):
    """What of a stored message can be searched for; the rest is passed over, which makes reading it cheap."""

    transaction_id: str
    external_reference: str | None = None
    tags: list[str] = []
    data: dict[str, Any] | None = None
    feed_id: str | None = None


class _Payload(msgspec.Struct):
    payload: dict[str, Any] = {}


_decoder = msgspec.json.Decoder(StoredMessage)
_labels_decoder = msgspec.json.Decoder(Labels)
_payload_decoder = msgspec.json.Decoder(_Payload)
_encoder = msgspec.json.Encoder()


def encode_stored(message: StoredMessage) -> bytes:
    """The bytes that go into the stream."""
    return _encoder.encode(message)


def decode_stored(content: bytes) -> StoredMessage:
    """A stored message from its bytes."""
    return _decoder.decode(content)


def decode_labels(content: bytes) -> Labels:
    """What of a stored message can be searched for."""
    return _labels_decoder.decode(content)


def decode_payload(content: bytes) -> dict[str, Any]:
    """The payload of a stored message."""
    return _payload_decoder.decode(content).payload


@dataclass(frozen=True, slots=True)
class Message:
    """A stored message with its present state. Dates are ms since 1970; 0 is never.

    A message whose snooze has ended was delivered again: `created_ms` is the last time, `delivered_before_ms` the
    earlier ones.
    """

    id: MessageId
    subscriber_oid: str
    stored: StoredMessage
    created_ms: int
    seen: bool = False
    read: bool = False
    archived: bool = False
    first_seen_ms: int = 0
    last_seen_ms: int = 0
    last_read_ms: int = 0
    archived_ms: int = 0
    snoozed_until_ms: int = 0
    action: bytes = b""
    delivered_before_ms: tuple[int, ...] = ()

    @property
    def contexts(self) -> str:
        """Its context keys as feeds are named by them."""
        return ",".join(sorted(self.stored.context_keys))

    @property
    def delivered_at(self) -> list[str]:
        """Every time it was delivered, oldest first."""
        return [iso(ms) for ms in (*self.delivered_before_ms, self.created_ms)]

    @property
    def cta(self) -> dict[str, Any]:
        """The call to action with the status and result of the button that was pressed, if any."""
        cta = self.stored.cta
        action = {"buttons": [], **cta.get("action", {})}
        if self.action:
            head = self.action[:2].decode()
            result: dict[str, Any] = {"type": ACTION_TYPE[head[1]]}
            if len(self.action) > 2:
                result["payload"] = orjson.loads(self.action[2:])
            action |= {"status": ACTION_STATUS[head[0]], "result": result}
        return {**cta, "action": action}

    def button(self, kind: str) -> dict[str, Any] | None:
        """The first button of that type (`primary` or `secondary`)."""
        buttons = self.stored.cta.get("action", {}).get("buttons", [])
        return next((button for button in buttons if button.get("type") == kind), None)

    def is_completed(self, kind: str) -> bool:
        """Whether that button is the one pressed and done."""
        return self.action[:2] == b"d" + kind[:1].encode()


def encode_action(kind: str, status: str) -> str:
    """Status and type of a pressed button as the store keeps them: two letters."""
    return status[0] + kind[0]


def _dates(message: Message) -> dict[str, str]:
    stamps = {
        "firstSeenDate": message.first_seen_ms,
        "lastSeenDate": message.last_seen_ms,
        "lastReadDate": message.last_read_ms,
        "archivedAt": message.archived_ms,
        "snoozedUntil": message.snoozed_until_ms,
    }
    return {name: iso(ms) for name, ms in stamps.items() if ms}


def _present(**fields: Any) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}


def mark_view(message: Message, environment: Environment) -> dict[str, Any]:
    """The message as mark-as answers it."""
    stored = message.stored
    dates = {name: value for name, value in _dates(message).items() if name != "archivedAt"}
    return {
        "_id": message.id,
        "_templateId": stored.template_id,
        "_messageTemplateId": stored.message_template_id,
        "_environmentId": environment.id,
        "_organizationId": environment.organization_id,
        "_notificationId": derived_object_id("notification", stored.transaction_id, message.subscriber_oid),
        "_subscriberId": message.subscriber_oid,
        "_feedId": stored.feed_id,
        "templateIdentifier": stored.template_identifier,
        "transactionId": stored.transaction_id,
        "channel": "in_app",
        "providerId": "novu",
        "content": stored.content,
        **_present(subject=stored.subject),
        "cta": message.cta,
        "seen": message.seen,
        "read": message.read,
        "deliveredAt": message.delivered_at,
        "status": "sent",
        "deviceTokens": [],
        "payload": stored.payload,
        "overrides": stored.overrides,
        "createdAt": iso(message.created_ms),
        **dates,
    }


def entity(message: Message, environment: Environment) -> dict[str, Any]:
    """The whole message, as feeds, actions and sockets carry it; absent instead of null."""
    stored = message.stored
    changed = max(message.created_ms, message.last_seen_ms, message.last_read_ms, message.archived_ms)
    return {
        **mark_view(message, environment),
        **_dates(message),
        "id": message.id,
        "_jobId": derived_object_id("job", message.id),
        "stepId": stored.step_id,
        **_present(avatar=stored.avatar, data=stored.data, actor=stored.actor, _actorId=stored.actor_id),
        "archived": message.archived,
        "tags": stored.tags,
        "severity": stored.severity,
        "contextKeys": stored.context_keys,
        **_present(expiresAt=stored.expires_at),
        "updatedAt": iso(changed),
    }


def inbox_notification(message: Message, to: dict[str, Any], workflow: dict[str, Any]) -> dict[str, Any]:
    """The message as the browser side shows it. `to` is the subscriber's card, `workflow` its short form."""
    stored = message.stored
    actions = {f"{kind}Action": _action_view(message, kind) for kind in ("primary", "secondary")}
    dates = {
        "readAt": message.last_read_ms,
        "firstSeenAt": message.first_seen_ms,
        "archivedAt": message.archived_ms,
        "snoozedUntil": message.snoozed_until_ms,
    }
    return {
        "id": message.id,
        "transactionId": stored.transaction_id,
        **_present(subject=stored.subject),
        "body": stored.content,
        "to": {name: value for name, value in to.items() if name != "_id"},
        "isRead": message.read,
        "isSeen": message.seen,
        "isArchived": message.archived,
        "isSnoozed": bool(message.snoozed_until_ms),
        "deliveredAt": message.delivered_at,
        "createdAt": iso(message.created_ms),
        **{name: iso(ms) for name, ms in dates.items() if ms},
        **_present(avatar=stored.avatar, **actions, data=stored.data, redirect=_redirect(stored.cta.get("data", {}))),
        "channelType": "in_app",
        "tags": stored.tags,
        "workflow": workflow,
        "severity": stored.severity,
        **_present(expiresAt=stored.expires_at),
    }


def _action_view(message: Message, kind: str) -> dict[str, Any] | None:
    button = message.button(kind)
    if button is None:
        return None
    view = {"label": button.get("content", ""), "isCompleted": message.is_completed(kind)}
    return view | _present(redirect=_redirect(button))


def _redirect(link: dict[str, Any]) -> dict[str, Any] | None:
    if not link.get("url"):
        return None
    return {"url": link["url"], **_present(target=link.get("target"))}
