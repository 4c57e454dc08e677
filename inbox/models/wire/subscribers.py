"""Subscribers, and what is exported or erased of one."""

from __future__ import annotations

from typing import Literal, NotRequired, TypedDict

from inbox.models.credentials import Credentials, Provider
from inbox.models.json_values import JsonObject
from inbox.models.wire.base import Absent, Count, Date, HexId, Identified, Owned, Timestamps, Versioned


class SubscriberChannel(TypedDict):
    providerId: Provider
    credentials: Credentials
    integrationIdentifier: NotRequired[str]
    _integrationId: HexId


class PersonName(TypedDict):
    firstName: NotRequired[str | Absent]
    lastName: NotRequired[str | Absent]


class Contact(PersonName):
    email: NotRequired[str | Absent]
    phone: NotRequired[str | Absent]


class ProfileTexts(Contact):
    avatar: NotRequired[str | Absent]
    locale: NotRequired[str | Absent]
    timezone: NotRequired[str | Absent]


class SubscriberProfile(ProfileTexts):
    """The stored profile of a subscriber; `channels` are the credentials of providers."""

    data: NotRequired[JsonObject]
    channels: NotRequired[list[JsonObject]]


class SubscriberReply(Owned, Versioned, Timestamps, ProfileTexts):
    id: HexId
    subscriberId: str
    data: JsonObject
    channels: list[SubscriberChannel]
    topics: NotRequired[list[str] | Absent]
    isOnline: bool
    lastOnlineAt: NotRequired[Date | Absent]
    deleted: bool


class NotificationTo(PersonName):
    """Who it is for."""

    id: HexId
    subscriberId: str
    avatar: NotRequired[str | Absent]


class SubscriberCard(Identified, NotificationTo):
    pass


ExportedPreferences = TypedDict("ExportedPreferences", {"global": JsonObject, "workflows": list[JsonObject]})


class NamedEnvironment(Identified):
    name: str


class ExportHead(TypedDict):
    format: Literal["inbox.subscriber/1"]
    exportedAt: Date
    environment: NamedEnvironment
    subscriber: SubscriberReply
    preferences: ExportedPreferences


class SubscriberExport(ExportHead):
    """Everything of one subscriber; docs/export.md explains the parts."""

    subscriptions: list[JsonObject]
    feeds: list[JsonObject]
    messages: list[JsonObject]
    activity: list[JsonObject]


class RemovedReply(TypedDict):
    subscribers: Count
    feeds: Count
    messages: Count
    preferences: Count
    subscriptions: Count
    activities: Count
    transactions: Count
    answers: Count
    timers: Count
    events: Count


class ErasedReply(TypedDict):
    status: Literal["erased"]
    removed: RemovedReply
    appendOnlyFile: Literal["requested", "busy", "off", "refused"]
    outOfReach: list[str]


class NamedSubscriber(TypedDict):
    subscriberId: str


class FailedSubscriber(TypedDict):
    message: str
    subscriberId: NotRequired[str | Absent]


class BulkSubscribersReply(TypedDict):
    created: list[NamedSubscriber]
    updated: list[NamedSubscriber]
    failed: list[FailedSubscriber]
