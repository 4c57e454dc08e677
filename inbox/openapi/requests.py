"""Bodies as the document shows them, where the type that reads one is wider.

A trigger judges each of its recipients by itself, and a bulk call each of its items: so the types that read them take
anything there. Callers need to know what is accepted, which these types say.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, NotRequired, TypedDict

import msgspec
from msgspec import UNSET, Meta, UnsetType

from inbox.models import preference, session, tenant, topic, trigger
from inbox.models.subscriber import Profile
from inbox.openapi.schemas import OneOf
from inbox.routes import inbox_subscriptions, notifications, subscribers

SubscriberId = Annotated[str, Meta(min_length=1, max_length=255)]


class SubscriberRecipient(Profile, kw_only=True, rename="camel"):
    """A subscriber, with the fields of the profile that the call sets."""

    subscriber_id: SubscriberId


class TopicRecipient(msgspec.Struct, rename="camel", kw_only=True):
    """Everybody in a topic but those in `exclude`."""

    topic_key: Annotated[str, Meta(min_length=1)]
    type: Literal["Topic"] | UnsetType = UNSET
    exclude: Annotated[list[str], Meta(max_length=trigger.MAX_EXCLUDED)] | UnsetType = UNSET


class Recipient(OneOf):
    """A subscriber by id, a subscriber with a profile, or a topic."""

    options = (SubscriberId, SubscriberRecipient, TopicRecipient)


class Recipients(OneOf):
    """Who receives: one recipient or a flat list of them."""

    options = (SubscriberId, SubscriberRecipient, TopicRecipient, list[Recipient])


class Actor(OneOf):
    """Who caused the event: a subscriberId, or a subscriber with the fields of the profile to set."""

    options = (SubscriberId, SubscriberRecipient)


class TenantReference(tenant.TenantChange, kw_only=True):
    """A tenant with the fields to set."""

    identifier: str


class Tenant(OneOf):
    """The tenant: its identifier, or a tenant with the fields to set."""

    options = (str, TenantReference)


class ContextEntry(msgspec.Struct):
    """A context with data for templates."""

    id: str
    data: dict[str, Any] | UnsetType = UNSET


Context = dict[str, str | ContextEntry]
"""Type → id, or an object with it: at most five."""


class TriggerRequest(trigger.TriggerRequest, rename="camel", kw_only=True):
    """The body of a trigger; `name` is the workflow's identifier."""

    to: Recipients
    actor: Actor | None = None
    tenant: Tenant | None = None
    context: Context | None = None


class BroadcastRequest(trigger.BroadcastRequest, rename="camel", kw_only=True):
    """The body of a broadcast; `name` is the workflow's identifier."""

    actor: Actor | None = None
    tenant: Tenant | None = None
    context: Context | None = None


class BulkRequest(trigger.BulkRequest):
    """The body of a bulk trigger; each event is judged by itself."""

    events: Annotated[list[TriggerRequest], Meta(max_length=trigger.MAX_EVENTS)]


class CreateSubscriber(subscribers.CreateSubscriber, rename="camel", kw_only=True):
    """A new subscriber, or what changes of a known one."""

    subscriber_id: SubscriberId


class BulkCreate(subscribers.BulkCreate):
    """The body of the bulk call; each item is judged by itself."""

    subscribers: Annotated[list[CreateSubscriber], Meta(min_length=1, max_length=subscribers.MAX_BULK)]


class TenantCreate(tenant.TenantCreate, kw_only=True):
    """The body that creates a tenant."""

    identifier: str


class TenantUpdate(tenant.TenantUpdate, kw_only=True):
    """The body that changes a tenant; a new identifier renames it."""

    identifier: str | None = None


class TopicSubscribers(topic.Subscribers):
    """The body of v1's adding and removing: subscriberIds."""

    subscribers: Annotated[list[str], Meta(min_length=1, max_length=1_000)]


class SubscriptionTarget(OneOf):
    """A subscriberId, or an object with one or with a subscription's identifier."""

    options = (SubscriberId, topic.SubscriptionItem)


class SubscriptionPreference(OneOf):
    """A workflow's id, or a preference of one workflow or of those that a filter takes."""

    options = (str, topic.PreferenceRequest)


Preferences = Annotated[list[SubscriptionPreference], Meta(max_length=topic.MAX_PREFERENCES)]


class SubscriptionsRequest(topic.SubscriptionsRequest, rename="camel"):
    """The body that creates or deletes subscriptions: 1 to 100 of them, in one of the two lists."""

    subscriber_ids: list[SubscriptionTarget] | None = None
    subscriptions: list[SubscriptionTarget] | None = None
    preferences: Preferences | None = None
    context: Context | None = None


class SubscriptionPatch(topic.SubscriptionPatch):
    """The body that changes a subscription: absent leaves a field, null clears it."""

    preferences: Preferences | UnsetType | None = UNSET


class OwnSubscription(inbox_subscriptions.OwnSubscription):
    """The body that subscribes a page's subscriber."""

    preferences: Preferences | None = None


class SessionSchedule(TypedDict):
    """The schedule that a subscriber without one gets."""

    isEnabled: NotRequired[bool]
    weeklySchedule: NotRequired[preference.Week]


class SessionRequest(session.SessionRequest, rename="camel", kw_only=True):
    """The body of a session call: `applicationIdentifier` and the subscriber, by `subscriber` or `subscriberId`."""

    application_identifier: str
    subscriber: SubscriberRecipient | str | None = None  # type: ignore[assignment] # a dict, said in full
    context: Context | None = None
    default_schedule: SessionSchedule | None = None  # type: ignore[assignment]


AnyTag = TypedDict("AnyTag", {"or": list[str]})
AnyTag.__doc__ = "Tags, of which a notification must have one."
TagGroups = TypedDict("TagGroups", {"and": list[AnyTag]})
TagGroups.__doc__ = "Groups of tags, of each of which a notification must have one."


class TagFilter(OneOf):
    """Tags, of which a notification must have one; or groups of tags, of each of which it must have one."""

    options = (list[str], list[list[str]], AnyTag, TagGroups)


class BulkFilter(notifications.BulkFilter, rename="camel"):
    """Which notifications; `data` is an object, or its text. `contextKeys` count from backends only."""

    tags: TagFilter | None = None


class Seen(notifications.Seen, rename="camel"):
    """The named notifications, or (without `notificationIds`) all that the filters take."""

    tags: TagFilter | None = None
