"""Topics and their subscriptions: as they are sent, kept and shown (rest-server.md §6-7)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, UnsetType, field

from inbox.errors import BadRequest, invalid
from inbox.models.dates import iso
from inbox.models.environment import Environment
from inbox.models.subscriber import Subscriber
from inbox.models.workflow import Workflow

MAX_KEY_LENGTH = 100
MAX_NAME_LENGTH = 100
MAX_NAMED = 100
MAX_IDENTIFIER_LENGTH = 512
MAX_PREFERENCES = 100

_KEY = re.compile(r"[A-Za-z0-9_:.-]+|[^\s@\x00-\x1f\x7f]+@[^\s@\x00-\x1f\x7f]+\.[^\s@\x00-\x1f\x7f]+")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")

Name = Annotated[str, Meta(max_length=MAX_NAME_LENGTH)]


@dataclass(frozen=True, slots=True)
class Topic:
    """A named group of subscribers. Times are ms since 1970."""

    oid: str
    key: str
    name: str | None
    created_ms: int
    updated_ms: int


class Preference(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """Whether a subscription receives one workflow (by its `_id`)."""

    workflow_id: str
    enabled: bool = True


class Subscription(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """A subscriber's membership of a topic. `context_keys` are sorted; times are ms since 1970."""

    id: str = field(name="_id")
    identifier: str
    subscriber_oid: str
    created_ms: int
    updated_ms: int
    name: str | None = None
    preferences: list[Preference] = []
    context_keys: list[str] = []

    def takes(self, workflow_id: str, context_keys: list[str]) -> bool:
        """Whether a trigger of this workflow, in this context, is for this subscription.

        A subscription made in a context takes the triggers of exactly that context; any other takes all.
        """
        in_context = not self.context_keys or self.context_keys == context_keys
        return in_context and self.takes_workflow(workflow_id)

    def takes_workflow(self, workflow_id: str) -> bool:
        """Whether its preferences let this workflow through."""
        chosen = [preference.enabled for preference in self.preferences if preference.workflow_id == workflow_id]
        return not chosen or any(chosen)


class TopicUpsert(msgspec.Struct):
    """The body that creates a topic."""

    key: str
    name: Name | None = None


class TopicRename(msgspec.Struct):
    """The body that renames a topic."""

    name: Name


class TopicCreateV1(msgspec.Struct):
    """The body of `POST /v1/topics`."""

    key: str
    name: Annotated[str, Meta(min_length=1, max_length=MAX_NAME_LENGTH)]


class Subscribers(msgspec.Struct):
    """The body of v1's adding and removing: subscriberIds."""

    subscribers: Annotated[list[Any], Meta(max_length=1_000)]


class SubscriptionsRequest(msgspec.Struct, rename="camel"):
    """The body that creates or deletes subscriptions of v2."""

    subscriber_ids: list[Any] | None = None
    subscriptions: list[Any] | None = None
    name: Name | None = None
    preferences: Annotated[list[Any], Meta(max_length=MAX_PREFERENCES)] | None = None
    context: dict[str, Any] | None = None

    def items(self) -> list[SubscriptionItem]:
        """Who is named, in order. Raises ValidationFailed unless there are 1 to 100, each an id or an object."""
        field_name = "subscriptions" if self.subscriptions is not None else "subscriberIds"
        listed = [*(self.subscriptions or []), *(self.subscriber_ids or [])]
        if not listed:
            raise invalid(field_name, f"{field_name} should not be empty", listed)
        if len(listed) > MAX_NAMED:
            raise invalid(field_name, f"{field_name} must contain no more than {MAX_NAMED} elements")
        return [_item(item, f"{field_name}.{place}") for place, item in enumerate(listed)]


class SubscriptionItem(msgspec.Struct, rename="camel"):
    """One subscription to make or to delete; what is absent follows from the rest."""

    subscriber_id: str | None = None
    identifier: str | None = None
    name: Name | None = None


class SubscriptionPatch(msgspec.Struct):
    """The body that changes a subscription: absent leaves a field, null clears it."""

    name: Name | UnsetType | None = UNSET
    preferences: Annotated[list[Any], Meta(max_length=MAX_PREFERENCES)] | UnsetType | None = UNSET


class PreferenceFilter(msgspec.Struct, rename="camel"):
    """Which workflows a group preference is for."""

    workflow_ids: list[str] | None = None
    tags: list[str] | None = None


class PreferenceRequest(msgspec.Struct, rename="camel"):
    """A preference as callers send it: of one workflow, or of those that a filter takes."""

    workflow_id: str | None = None
    filter: PreferenceFilter | None = None
    enabled: bool = True
    condition: Any = None


def _item(value: Any, field_name: str) -> SubscriptionItem:
    if isinstance(value, str):
        return SubscriptionItem(subscriber_id=value)
    try:
        item = msgspec.convert(value, SubscriptionItem)
    except msgspec.ValidationError as error:
        raise invalid(field_name, str(error), value) from None
    if item.subscriber_id is None and item.identifier is None:
        raise invalid(field_name, f"{field_name} needs a subscriberId or an identifier", value)
    if item.identifier is not None:
        check_identifier(item.identifier, f"{field_name}.identifier")
    return item


def check_identifier(value: str, field_name: str = "identifier") -> str:
    """A subscription's identifier: 1 to 512 characters, none of them control characters. Raises ValidationFailed."""
    if not 0 < len(value) <= MAX_IDENTIFIER_LENGTH or _CONTROL.search(value):
        raise invalid(field_name, f"{field_name} must have 1 to {MAX_IDENTIFIER_LENGTH} printable characters", value)
    return value


def parse_preferences(raw: list[Any]) -> list[PreferenceRequest]:
    """Preferences in all their forms. Raises ValidationFailed naming the item that is none."""
    parsed = []
    for place, value in enumerate(raw):
        name = f"preferences.{place}"
        try:
            item = PreferenceRequest(value) if isinstance(value, str) else msgspec.convert(value, PreferenceRequest)
        except msgspec.ValidationError as error:
            raise invalid(name, str(error), value) from None
        if item.condition not in (None, {}):
            raise invalid(f"{name}.condition", "conditions of subscriptions are not supported", item.condition)
        if item.workflow_id is None and item.filter is None:
            raise invalid(name, "a preference needs a workflowId or a filter", value)
        parsed.append(item)
    return parsed


def parse_topic_key(value: str, field_name: str = "key") -> str:
    """A topic's key: 1 to 100 letters, digits and `_:.-`, or like an e-mail address.

    Raises ValidationFailed for its length, BadRequest for anything else in it.
    """
    text = value.strip()
    if not 0 < len(text) <= MAX_KEY_LENGTH:
        raise invalid(field_name, f"{field_name} must have 1 to {MAX_KEY_LENGTH} characters", value)
    if not _KEY.fullmatch(text):
        raise BadRequest(f"Invalid topic key: {text!r}. It may hold letters, digits, '_', ':', '.' and '-' only")
    return text


def default_identifier(topic_key: str, subscriber_id: str, context_keys: list[str]) -> str:
    """What a subscription is called when its caller does not say."""
    context = f":ctx_{','.join(context_keys)}" if context_keys else ""
    return f"tk_{topic_key}:si_{subscriber_id}{context}"


def topic_view(topic: Topic) -> dict[str, Any]:
    """The topic of v2."""
    return {**topic_reference(topic), "createdAt": iso(topic.created_ms), "updatedAt": iso(topic.updated_ms)}


def topic_reference(topic: Topic) -> dict[str, Any]:
    """The topic as it is embedded."""
    named = {"name": topic.name} if topic.name is not None else {}
    return {"_id": topic.oid, "key": topic.key, **named}


def topic_view_v1(topic: Topic, environment: Environment, subscriber_ids: list[str]) -> dict[str, Any]:
    """The topic of v1, with the subscriberIds of its members."""
    owner = {"_organizationId": environment.organization_id, "_environmentId": environment.id}
    return {"name": topic.key, **topic_view(topic), **owner, "subscribers": subscriber_ids}


def member_view_v1(topic: Topic, subscriber: Subscriber, environment: Environment) -> dict[str, Any]:
    """A member of a topic in v1."""
    return {
        "_organizationId": environment.organization_id,
        "_environmentId": environment.id,
        "_subscriberId": subscriber.oid,
        "_topicId": topic.oid,
        "topicKey": topic.key,
        "externalSubscriberId": subscriber.subscriber_id,
    }


def _card(subscriber: Subscriber) -> dict[str, Any]:
    named = {name: subscriber.profile.get(name) for name in ("avatar", "firstName", "lastName", "email")}
    card = {"_id": subscriber.oid, "subscriberId": subscriber.subscriber_id}
    return card | {name: value for name, value in named.items() if value is not None}


def listed_view(topic: Topic, subscription: Subscription, subscriber: Subscriber) -> dict[str, Any]:
    """A subscription in the lists of a topic and of a subscriber."""
    context = {"contextKeys": subscription.context_keys} if subscription.context_keys else {}
    return {
        "_id": subscription.id,
        "identifier": subscription.identifier,
        "createdAt": iso(subscription.created_ms),
        "topic": topic_reference(topic),
        "subscriber": _card(subscriber),
        **context,
    }


def subscription_view(
    topic: Topic, subscription: Subscription, subscriber: Subscriber | None, workflows: dict[str, Workflow]
) -> dict[str, Any]:
    """A subscription as its changes answer it."""
    card = None
    if subscriber:
        dates = {"createdAt": iso(subscriber.created_ms), "updatedAt": iso(subscriber.updated_ms)}
        card = {**_card(subscriber), **dates}
    return {
        "_id": subscription.id,
        **_details(subscription, workflows),
        "topic": topic_reference(topic),
        "subscriber": card,
        "createdAt": iso(subscription.created_ms),
        "updatedAt": iso(subscription.updated_ms),
    }


def details_view(subscription: Subscription, workflows: dict[str, Workflow]) -> dict[str, Any]:
    """One subscription, asked for by its identifier."""
    return {"id": subscription.id, **_details(subscription, workflows)}


def _details(subscription: Subscription, workflows: dict[str, Workflow]) -> dict[str, Any]:
    view: dict[str, Any] = {"identifier": subscription.identifier}
    if subscription.name is not None:
        view["name"] = subscription.name
    shown = [
        {"subscriptionId": subscription.id, "enabled": preference.enabled, "workflow": _workflow(workflow)}
        for preference in subscription.preferences
        if (workflow := workflows.get(preference.workflow_id))
    ]
    if shown:
        view["preferences"] = shown
    if subscription.context_keys:
        view["contextKeys"] = subscription.context_keys
    return view


def _workflow(workflow: Workflow) -> dict[str, Any]:
    return {
        "id": workflow.id,
        "identifier": workflow.identifier,
        "name": workflow.name,
        "critical": workflow.critical,
        "tags": workflow.tags,
        "severity": workflow.severity,
    }


_decoder = msgspec.json.Decoder(Subscription)
_encoder = msgspec.json.Encoder()


def encode_subscription(subscription: Subscription) -> bytes:
    """The bytes the store keeps."""
    return _encoder.encode(subscription)


def decode_subscription(content: bytes) -> Subscription:
    """A stored subscription from its bytes."""
    return _decoder.decode(content)
