"""A message: its stored part, its state, and its three wire forms (`entity`, `mark_view`, `inbox_notification`).

A form has two parts, that of the stored content and that of the state. Each is encoded once and kept with its object.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, NamedTuple, cast, get_args

import msgspec
import orjson

from inbox.errors import invalid
from inbox.ids import MessageId, derived_object_id
from inbox.lazy import lazy
from inbox.models import wire
from inbox.models.context_keys import feed_name
from inbox.models.dates import iso, iso_or_none
from inbox.models.environment import Environment
from inbox.models.json_values import JsonObject
from inbox.models.workflow import BodyFormat, Severity, Workflow

ButtonType = Literal["primary", "secondary"]
ButtonStatus = Literal["pending", "done"]


def parse_button_type(value: str, field: str) -> ButtonType:
    """Return the button that a request names in this field. Raise ValidationFailed for anything else."""
    if value not in get_args(ButtonType):
        raise invalid(field, f"{field} must be one of the following values: primary, secondary", value)
    return cast(ButtonType, value)


class StoredMessage(msgspec.Struct, rename="camel", omit_defaults=True, dict=True):
    """What a message says, stored as one JSON object in the feed's stream. An edit replaces it as a whole."""

    transaction_id: str
    template_id: str
    template_identifier: str
    message_template_id: str
    step_id: str
    content: str = ""
    body_format: BodyFormat | None = None
    """None for plain text."""
    subject: str | None = None
    avatar: str | None = None
    cta: JsonObject = {}
    payload: JsonObject = {}
    overrides: JsonObject = {}
    data: JsonObject | None = None
    tags: list[str] = []
    severity: Severity = "none"
    actor: JsonObject | None = None
    actor_id: str | None = None
    external_reference: str | None = None
    """The producer's own reference, by which the message can be marked."""
    context_keys: list[str] = []
    feed_id: str | None = None
    """The `_id` of the named feed that its step writes to."""
    expires_ms: int = 0
    """When the message is deleted (ms since 1970), 0 never."""

    # the forms of a message without a pressed button, encoded once

    @lazy
    def marked_json(self) -> bytes:
        return wire.encode_to_keep(_marked_content(self, None))

    @lazy
    def message_json(self) -> bytes:
        return wire.encode_to_keep(_message_content(self, None))

    @lazy
    def notification_json(self) -> bytes:
        return wire.encode_to_keep(_notification_content(self, None))


class Labels(msgspec.Struct, rename="camel"):
    """The searchable fields of a stored message; skipping the rest makes decoding cheap."""

    transaction_id: str
    external_reference: str | None = None
    tags: list[str] = []
    data: JsonObject | None = None
    feed_id: str | None = None


class _Payload(msgspec.Struct):
    payload: JsonObject = {}


encode_stored: Callable[[StoredMessage], bytes] = msgspec.json.Encoder().encode
decode_stored = msgspec.json.Decoder(StoredMessage).decode
decode_labels = msgspec.json.Decoder(Labels).decode
_decode_payload = msgspec.json.Decoder(_Payload).decode


def decode_payload(content: bytes) -> JsonObject:
    return _decode_payload(content).payload


class ButtonPress(NamedTuple):
    """The button that was pressed last; `payload` is that of the press."""

    type: ButtonType
    status: ButtonStatus
    payload: Any = None


class Message(msgspec.Struct, frozen=True, dict=True):
    """A stored message with its state. Dates are ms since 1970; 0 is never.

    The end of a snooze delivers a message again: `created_ms` is its last delivery, `delivered_before_ms` holds earlier
    ones.
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
    action: ButtonPress | None = None
    delivered_before_ms: tuple[int, ...] = ()
    sequence: int = 0
    """Its place in the feed: larger is newer, unique in the feed. It changes when the message goes to the top."""
    edited_ms: int = 0

    @lazy
    def forms(self) -> dict[str, bytes]:
        """Return the forms on the wire that were encoded, by name."""
        return {}

    @property
    def contexts(self) -> str:
        """The context keys as they name a feed."""
        return feed_name(self.stored.context_keys)

    def delivered_at(self, created: str) -> list[str]:
        """Return the dates of all deliveries, oldest first; `created` is that of the last one."""
        return [*map(iso, self.delivered_before_ms), created] if self.delivered_before_ms else [created]

    @property
    def cta(self) -> wire.CtaReply:
        """The call to action with the status and result of the pressed button, if there is one."""
        return _cta(self.stored, self.action)

    def button(self, kind: ButtonType) -> wire.ButtonReply | None:
        return _button(self.stored, kind)

    def is_completed(self, kind: ButtonType) -> bool:
        """Return whether that button was pressed and is done."""
        return _is_completed(self.action, kind)


def _cta(stored: StoredMessage, press: ButtonPress | None) -> wire.CtaReply:
    cta = cast("wire.CtaReply", stored.cta)
    action: wire.CtaActionReply = {"buttons": [], **cta.get("action", {})}
    if press:
        action["status"] = press.status
        action["result"] = {"type": press.type}
        if press.payload is not None:
            action["result"]["payload"] = press.payload
    return {**cta, "action": action}


def _button(stored: StoredMessage, kind: ButtonType) -> wire.ButtonReply | None:
    buttons: list[wire.ButtonReply] = stored.cta.get("action", {}).get("buttons", [])
    return next((button for button in buttons if button.get("type") == kind), None)


def _is_completed(press: ButtonPress | None, kind: ButtonType) -> bool:
    return press is not None and press[:2] == (kind, "done")


def mark_view(message: Message, environment: Environment) -> wire.MarkedMessage:
    return {**_marked_state(message, environment), **_marked_content(message.stored, message.action)}


def encoded_mark_view(message: Message, environment: Environment) -> wire.MarkedMessage:
    """Return the same as encoded JSON."""
    stored, press = message.stored, message.action
    content = stored.marked_json if press is None else orjson.dumps(_marked_content(stored, press))
    view: wire.MarkedMessage = wire.fragment(wire.joined(_marked_state(message, environment), content))
    return view


def entity(message: Message, environment: Environment) -> wire.MessageReply:
    """Return the whole message, as v1 feeds, actions and sockets carry it."""
    return {**_message_state(message, environment), **_message_content(message.stored, message.action)}


def encoded_entity(message: Message, environment: Environment) -> wire.MessageReply:
    """Return the same as encoded JSON."""
    view: wire.MessageReply = wire.fragment(_entity_json(message, environment))
    return view


def feed_item(message: Message, subscriber: wire.SubscriberCard, environment: Environment) -> wire.FeedItem:
    """Return the whole message with its subscriber as encoded JSON."""
    view: wire.FeedItem = wire.fragment(wire.joined({"subscriber": subscriber}, _entity_json(message, environment)))
    return view


def pushed_message(
    message: Message, subscriber: wire.SubscriberCard, workflow: wire.WorkflowSummary, environment: Environment
) -> wire.PushedMessage:
    """Return the whole message with its cards as encoded JSON. It is pushed once, so it is not kept with its object."""
    stored, press = message.stored, message.action
    content = stored.message_json if press is None else orjson.dumps(_message_content(stored, press))
    cards: Any = {"subscriber": subscriber, "workflow": workflow}
    view: wire.PushedMessage = wire.fragment(wire.joined({**cards, **_message_state(message, environment)}, content))
    return view


def _entity_json(message: Message, environment: Environment) -> bytes:
    encoded = message.forms.get("entity")
    if encoded is None:
        encoded = message.forms["entity"] = _encode_entity(message, environment)
    return encoded


def _encode_entity(message: Message, environment: Environment) -> bytes:
    stored, press = message.stored, message.action
    content = stored.message_json if press is None else orjson.dumps(_message_content(stored, press))
    return wire.joined(_message_state(message, environment), content)


# pages and pushes have many states: absent dates are left out without `without_nulls`, which costs more than the rest


def _marked_state(message: Message, environment: Environment) -> wire.MarkedState:
    first_seen, last_seen, last_read = message.first_seen_ms, message.last_seen_ms, message.last_read_ms
    snoozed_until, created = message.snoozed_until_ms, iso(message.created_ms)
    state: wire.MarkedState = {
        "_id": message.id,
        "_environmentId": environment.id,
        "_organizationId": environment.organization_id,
        "_notificationId": derived_object_id("notification", message.stored.transaction_id, message.subscriber_oid),
        "_subscriberId": message.subscriber_oid,
        "seen": message.seen,
        "read": message.read,
        "deliveredAt": message.delivered_at(created),
        "createdAt": created,
    }
    if first_seen:
        state["firstSeenDate"] = iso(first_seen)
    if last_seen:
        state["lastSeenDate"] = iso(last_seen)
    if last_read:
        state["lastReadDate"] = iso(last_read)
    if snoozed_until:
        state["snoozedUntil"] = iso(snoozed_until)
    return state


def _marked_content(stored: StoredMessage, press: ButtonPress | None) -> wire.MarkedContent:
    content: wire.MarkedContent = {
        "_templateId": stored.template_id,
        "_messageTemplateId": stored.message_template_id,
        "_feedId": stored.feed_id,
        "templateIdentifier": stored.template_identifier,
        "transactionId": stored.transaction_id,
        "channel": "in_app",
        "providerId": "novu",
        "content": stored.content,
        "cta": _cta(stored, press),
        "status": "sent",
        "deviceTokens": [],
        "payload": stored.payload,
        "overrides": stored.overrides,
    }
    if stored.subject is not None:
        content["subject"] = stored.subject
    return content


def _message_state(message: Message, environment: Environment) -> wire.MessageStateReply:
    changed = max(
        message.created_ms, message.last_seen_ms, message.last_read_ms, message.archived_ms, message.edited_ms
    )
    state = cast("wire.MessageStateReply", _marked_state(message, environment))
    state["id"] = message.id
    state["sequence"] = message.sequence
    state["_jobId"] = derived_object_id("job", message.id)
    state["archived"] = message.archived
    state["updatedAt"] = state["createdAt"] if changed == message.created_ms else iso(changed)
    if message.archived_ms:
        state["archivedAt"] = iso(message.archived_ms)
    return state


def _message_content(stored: StoredMessage, press: ButtonPress | None) -> wire.MessageContent:
    content = cast("wire.MessageContent", _marked_content(stored, press))
    content["stepId"] = stored.step_id
    content["tags"] = stored.tags
    content["severity"] = stored.severity
    content["contextKeys"] = stored.context_keys
    if stored.body_format is not None:
        content["bodyFormat"] = stored.body_format
    if stored.avatar is not None:
        content["avatar"] = stored.avatar
    if stored.data is not None:
        content["data"] = stored.data
    if stored.actor is not None:
        content["actor"] = cast("wire.ActorReply", stored.actor)
    if stored.actor_id is not None:
        content["_actorId"] = stored.actor_id
    if stored.expires_ms:
        content["expiresAt"] = iso(stored.expires_ms)
    return content


@wire.without_nulls
def notification_state(message: Message) -> wire.NotificationState:
    """Return what notifications of pages and events of webhooks both say of a message."""
    first_seen, last_read, archived = message.first_seen_ms, message.last_read_ms, message.archived_ms
    snoozed_until = message.snoozed_until_ms
    return {
        "id": message.id,
        "transactionId": message.stored.transaction_id,
        "isRead": message.read,
        "isSeen": message.seen,
        "isArchived": message.archived,
        "isSnoozed": snoozed_until != 0,
        "createdAt": iso(message.created_ms),
        "readAt": iso(last_read) if last_read else None,
        "firstSeenAt": iso(first_seen) if first_seen else None,
        "archivedAt": iso(archived) if archived else None,
        "snoozedUntil": iso(snoozed_until) if snoozed_until else None,
    }


def inbox_notification(
    message: Message, to: wire.NotificationTo, workflow: wire.WorkflowSummary
) -> wire.NotificationReply:
    """Return the message as the inbox API of pages shows it, as encoded JSON."""
    encoded = message.forms.get("notification")
    if encoded is None:
        state = notification_state(message)
        stored, press = message.stored, message.action
        content = stored.notification_json if press is None else orjson.dumps(_notification_content(stored, press))
        delivered = message.delivered_at(state["createdAt"])
        whole_state = {**state, "sequence": message.sequence, "deliveredAt": delivered}
        encoded = message.forms["notification"] = wire.joined(whole_state, content)
    view: wire.NotificationReply = wire.fragment(wire.joined({"to": to, "workflow": workflow}, encoded))
    return view


@wire.without_nulls
def _notification_content(stored: StoredMessage, press: ButtonPress | None) -> wire.NotificationContent:
    return {
        "subject": stored.subject,
        "body": stored.content,
        "bodyFormat": stored.body_format,
        "avatar": stored.avatar,
        "primaryAction": _action_view(stored, press, "primary"),
        "secondaryAction": _action_view(stored, press, "secondary"),
        "data": stored.data,
        "redirect": _redirect(stored.cta.get("data", {})),
        "channelType": "in_app",
        "tags": stored.tags,
        "severity": stored.severity,
        "expiresAt": iso_or_none(stored.expires_ms),
    }


def workflow_summary(workflow: Workflow) -> wire.WorkflowSummary:
    return {
        "id": workflow.id,
        "identifier": workflow.identifier,
        "name": workflow.name,
        "critical": workflow.critical,
        "tags": workflow.tags,
        "severity": workflow.severity,
    }


def _action_view(stored: StoredMessage, press: ButtonPress | None, kind: ButtonType) -> wire.NotificationAction | None:
    button = _button(stored, kind)
    if button is None:
        return None
    view: wire.NotificationAction = {
        "label": button.get("content", ""),
        "isCompleted": _is_completed(press, kind),
    }
    if redirect := _redirect(button):
        view["redirect"] = redirect
    return view


def _redirect(link: wire.LinkReply | wire.ButtonReply) -> wire.NotificationRedirect | None:
    url, target = link.get("url"), link.get("target")
    if not url:
        return None
    return {"url": url, "target": target} if target is not None else {"url": url}
