"""Topics and subscriptions: their requests, stored forms and wire forms."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, cast

import msgspec
from msgspec import UNSET, Meta, UnsetType, field

from inbox.errors import BadRequest, invalid
from inbox.ids import NAME
from inbox.models import wire
from inbox.models.context_keys import ContextBody
from inbox.models.dates import iso, timestamps
from inbox.models.documented import STRING, OneOf, SubscriberIdText, documented
from inbox.models.environment import Environment
from inbox.models.subscriber import Subscriber
from inbox.models.workflow import Workflow
from inbox.models.workflow_summary import workflow_summary

MAX_KEY_LENGTH = 100
MAX_NAME_LENGTH = 100
MAX_NAMED = 100
MAX_IDENTIFIER_LENGTH = 512
MAX_PREFERENCES = 100

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")

TopicName = Annotated[str, Meta(max_length=MAX_NAME_LENGTH)]


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
        """Return whether the subscription receives a trigger of this workflow in this context.

        A subscription that was made in a context receives the triggers of exactly that context; any other receives all.
        """
        in_context = not self.context_keys or self.context_keys == context_keys
        return in_context and self.takes_workflow(workflow_id)

    def takes_workflow(self, workflow_id: str) -> bool:
        """Return whether the preferences of the subscription allow this workflow."""
        flags = [preference.enabled for preference in self.preferences if preference.workflow_id == workflow_id]
        return not flags or any(flags)


class TopicUpsert(msgspec.Struct):
    """The body that creates a topic."""

    key: str
    name: TopicName | None = None


class TopicRename(msgspec.Struct):
    """The body that renames a topic."""

    name: TopicName


class TopicCreateV1(msgspec.Struct):
    """The body of `POST /v1/topics`."""

    key: str
    name: Annotated[str, Meta(min_length=1, max_length=MAX_NAME_LENGTH)]


class TopicSubscribers(msgspec.Struct):
    """The body of v1's adding and removing: subscriberIds."""

    subscribers: Annotated[list[Annotated[Any, STRING]], Meta(max_length=1_000, extra_json_schema={"minItems": 1})]


class SubscriptionItem(msgspec.Struct, rename="camel"):
    """One subscription to make or to delete; what is absent follows from the rest."""

    subscriber_id: str | None = None
    identifier: str | None = None
    name: TopicName | None = None


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


SUBSCRIPTION_TARGET = OneOf(
    "SubscriptionTarget",
    "A subscriberId, or an object with one or with a subscription's identifier.",
    (SubscriberIdText, SubscriptionItem),
)
SUBSCRIPTION_PREFERENCE = OneOf(
    "SubscriptionPreference",
    "A workflow's id, or a preference of one workflow or of those that a filter takes.",
    (str, PreferenceRequest),
)
SubscriptionPreferences = Annotated[
    list[Annotated[Any, documented(SUBSCRIPTION_PREFERENCE)]], Meta(max_length=MAX_PREFERENCES)
]


class SubscriptionsRequest(msgspec.Struct, rename="camel"):
    """The body that creates or deletes subscriptions: 1 to 100 of them, in one of the two lists."""

    subscriber_ids: list[Annotated[Any, documented(SUBSCRIPTION_TARGET)]] | None = None
    subscriptions: list[Annotated[Any, documented(SUBSCRIPTION_TARGET)]] | None = None
    name: TopicName | None = None
    preferences: SubscriptionPreferences | None = None
    context: ContextBody | None = None

    def items(self) -> list[SubscriptionItem]:
        """Return the items in order. Raise ValidationFailed unless there are 1 to 100, each an id or an object."""
        field_name = "subscriptions" if self.subscriptions is not None else "subscriberIds"
        listed = [*(self.subscriptions or []), *(self.subscriber_ids or [])]
        if not listed:
            raise invalid(field_name, f"{field_name} should not be empty", listed)
        if len(listed) > MAX_NAMED:
            raise invalid(field_name, f"{field_name} must contain no more than {MAX_NAMED} elements")
        return [_item(item, f"{field_name}.{index}") for index, item in enumerate(listed)]


class SubscriptionPatch(msgspec.Struct):
    """The body that changes a subscription: absent leaves a field, null clears it."""

    name: TopicName | UnsetType | None = UNSET
    preferences: SubscriptionPreferences | UnsetType | None = UNSET


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
    """Return a subscription's identifier. Raise ValidationFailed unless it has 1 to 512 printable characters."""
    if not 0 < len(value) <= MAX_IDENTIFIER_LENGTH or _CONTROL.search(value):
        raise invalid(field_name, f"{field_name} must have 1 to {MAX_IDENTIFIER_LENGTH} printable characters", value)
    return value


def parse_preferences(raw: list[Any]) -> list[PreferenceRequest]:
    """Parse preferences, each a workflow's id or an object. Raise ValidationFailed naming the wrong item."""
    parsed = []
    for index, value in enumerate(raw):
        name = f"preferences.{index}"
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
    """Return a topic's key, stripped: 1 to 100 letters, digits and `_:.-`, or an e-mail address.

    Raise ValidationFailed for its length, BadRequest for its characters.
    """
    text = value.strip()
    if not 0 < len(text) <= MAX_KEY_LENGTH:
        raise invalid(field_name, f"{field_name} must have 1 to {MAX_KEY_LENGTH} characters", value)
    if not NAME.fullmatch(text):
        raise BadRequest(f"Invalid topic key: {text!r}. It may hold letters, digits, '_', ':', '.' and '-' only")
    return text


def default_identifier(topic_key: str, subscriber_id: str, context_keys: list[str]) -> str:
    """Return the identifier of a subscription whose caller names none."""
    context = f":ctx_{','.join(context_keys)}" if context_keys else ""
    return f"tk_{topic_key}:si_{subscriber_id}{context}"


def topic_view(topic: Topic) -> wire.TopicReply:
    return {**topic_reference(topic), **timestamps(topic.created_ms, topic.updated_ms)}


@wire.without_nulls
def topic_reference(topic: Topic) -> wire.TopicReference:
    return {"_id": topic.oid, "key": topic.key, "name": topic.name}


def topic_view_v1(topic: Topic, environment: Environment, subscriber_ids: list[str]) -> wire.TopicReplyV1:
    """Return the topic of v1 with the subscriberIds of its members; the key replaces a missing name."""
    return {
        "name": topic.key,
        **topic_view(topic),
        **environment.ids,
        "subscribers": subscriber_ids,
    }


def member_view_v1(topic: Topic, subscriber: Subscriber, environment: Environment) -> wire.TopicMemberReply:
    return {
        **environment.ids,
        "_subscriberId": subscriber.oid,
        "_topicId": topic.oid,
        "topicKey": topic.key,
        "externalSubscriberId": subscriber.subscriber_id,
    }


def _card(subscriber: Subscriber) -> wire.SubscriptionSubscriber:
    ids = {"_id": subscriber.oid, "subscriberId": subscriber.subscriber_id}
    return cast("wire.SubscriptionSubscriber", {**ids, **subscriber.texts("avatar", "firstName", "lastName", "email")})


def _dated_card(subscriber: Subscriber) -> wire.SubscriptionSubscriber:
    return {**_card(subscriber), **timestamps(subscriber.created_ms, subscriber.updated_ms)}


@wire.without_nulls
def listed_view(topic: Topic, subscription: Subscription, subscriber: Subscriber) -> wire.ListedSubscription:
    """Return a subscription as lists show it."""
    return {
        "_id": subscription.id,
        "identifier": subscription.identifier,
        "createdAt": iso(subscription.created_ms),
        "topic": topic_reference(topic),
        "subscriber": _card(subscriber),
        "contextKeys": subscription.context_keys or None,
    }


def subscription_view(
    topic: Topic, subscription: Subscription, subscriber: Subscriber | None, workflows: dict[str, Workflow]
) -> wire.SubscriptionReply:
    """Return a subscription as the answers to its changes show it."""
    return {
        "_id": subscription.id,
        **_details(subscription, workflows),
        "topic": topic_reference(topic),
        "subscriber": _dated_card(subscriber) if subscriber else None,
        **timestamps(subscription.created_ms, subscription.updated_ms),
    }


def details_view(subscription: Subscription, workflows: dict[str, Workflow]) -> wire.SubscriptionDetails:
    return {"id": subscription.id, **_details(subscription, workflows)}


@wire.without_nulls
def _details(subscription: Subscription, workflows: dict[str, Workflow]) -> wire.SubscriptionFields:
    preferences: list[wire.SubscriptionPreferenceReply] = [
        {"subscriptionId": subscription.id, "enabled": preference.enabled, "workflow": workflow_summary(workflow)}
        for preference in subscription.preferences
        if (workflow := workflows.get(preference.workflow_id))
    ]
    return {
        "identifier": subscription.identifier,
        "name": subscription.name,
        "preferences": preferences or None,
        "contextKeys": subscription.context_keys or None,
    }


encode_subscription: Callable[[Subscription], bytes] = msgspec.json.encode
decode_subscription = msgspec.json.Decoder(Subscription).decode
