"""The forms of a message on the wire: `entity`, `mark_view` and `inbox_notification`.

A form has two parts, that of the stored content and that of the state. Each is encoded once and kept with its object.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, cast

import orjson

from inbox.ids import derived_object_id
from inbox.models import wire
from inbox.models.dates import iso, iso_or_none
from inbox.models.environment import Environment
from inbox.models.message import ButtonPress, ButtonType, Message, StoredMessage


def mark_view(message: Message, environment: Environment) -> wire.MarkedMessage:
    return {**_marked_state(message, environment), **_marked_content(message.stored, message.action)}


def encoded_mark_view(message: Message, environment: Environment) -> wire.MarkedMessage:
    """Return the same as encoded JSON."""
    content = _encoded_content("marked", _marked_content, message)
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
    content = _encoded_content("message", _message_content, message)
    cards: Any = {"subscriber": subscriber, "workflow": workflow}
    view: wire.PushedMessage = wire.fragment(wire.joined({**cards, **_message_state(message, environment)}, content))
    return view


def _encoded_content(
    name: str, view: Callable[[StoredMessage, ButtonPress | None], Mapping[str, object]], message: Message
) -> bytes:
    """Return a view of the content as JSON. Without a pressed button it is encoded once, and kept by its name."""
    stored, press = message.stored, message.action
    if press is not None:
        return orjson.dumps(view(stored, press))
    encoded = stored.forms.get(name)
    if encoded is None:
        encoded = stored.forms[name] = wire.encode_to_keep(view(stored, None))
    return encoded


def _entity_json(message: Message, environment: Environment) -> bytes:
    encoded = message.forms.get("entity")
    if encoded is None:
        encoded = message.forms["entity"] = _encode_entity(message, environment)
    return encoded


def _encode_entity(message: Message, environment: Environment) -> bytes:
    content = _encoded_content("message", _message_content, message)
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
        "cta": stored.cta_with(press),
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
        content = _encoded_content("notification", _notification_content, message)
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


def _action_view(stored: StoredMessage, press: ButtonPress | None, kind: ButtonType) -> wire.NotificationAction | None:
    button = stored.button(kind)
    if button is None:
        return None
    view: wire.NotificationAction = {
        "label": button.get("content", ""),
        "isCompleted": press is not None and press.completes(kind),
    }
    if redirect := _redirect(button):
        view["redirect"] = redirect
    return view


def _redirect(link: wire.LinkReply | wire.ButtonReply) -> wire.NotificationRedirect | None:
    url, target = link.get("url"), link.get("target")
    if not url:
        return None
    return {"url": url, "target": target} if target is not None else {"url": url}
