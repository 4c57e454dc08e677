"""A subscriber: its profile in requests, its stored form, its wire forms."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast
from zoneinfo import ZoneInfo

import msgspec
import orjson
from msgspec import UNSET, UnsetType

from inbox.errors import ValidationFailed
from inbox.ids import SubscriberId, derived_object_id
from inbox.models import wire
from inbox.models.credentials import ChannelCredentials
from inbox.models.dates import iso, iso_or_none, timestamps
from inbox.models.documented import SubscriberIdText
from inbox.models.environment import Environment
from inbox.models.json_values import JsonObject

Text = str | None | UnsetType

PROFILE_TEXTS = ("firstName", "lastName", "email", "phone", "avatar", "locale", "timezone")
NOTIFICATION_TEXTS = ("firstName", "lastName", "avatar")
PROFILE_FIELDS = (*PROFILE_TEXTS, "data", "channels")
MAX_PROFILE_TEXT_LENGTH = 2_048
_NEVER_EMPTY = frozenset({"email", "locale", "timezone"})

_EMAIL = re.compile(r"[^@\s\x00-\x1f]+@[^@\s\x00-\x1f]+\.[^@\s.\x00-\x1f]+")
_LOCALE = re.compile(r"[A-Za-z]{2,3}([_-][A-Za-z0-9]{2,8})*")


class Profile(msgspec.Struct, rename="camel", omit_defaults=True):
    """The fields a caller may set: absent leaves a field, null clears it."""

    first_name: Text = UNSET
    last_name: Text = UNSET
    email: Text = UNSET
    phone: Text = UNSET
    avatar: Text = UNSET
    locale: Text = UNSET
    timezone: Text = UNSET
    data: JsonObject | UnsetType | None = UNSET
    channels: list[ChannelCredentials] | UnsetType | None = UNSET

    def changes(self) -> JsonObject:
        """Return wire name → new value of the fields sent; an empty email, locale or timezone counts as absent.

        Raise ValidationFailed naming each field with an unacceptable value.
        """
        sent = {name: value for name, attribute in _ATTRIBUTES if (value := getattr(self, attribute)) is not UNSET}
        sent = {name: value for name, value in sent.items() if value != "" or name not in _NEVER_EMPTY}
        problems = {name: text for name, value in sent.items() if (text := _problem(name, value))}
        if problems:
            raise ValidationFailed(problems, values={name: sent[name] for name in problems})
        if isinstance(self.channels, list):
            sent["channels"] = [channel.stored() for channel in self.channels]
        return sent


_ATTRIBUTES = [(one.encode_name, one.name) for one in msgspec.structs.fields(Profile)]


class SubscriberRecipient(Profile, kw_only=True):
    """A subscriber, with the fields of the profile that the call sets."""

    subscriber_id: SubscriberIdText


def _problem(name: str, value: Any) -> str | None:
    if isinstance(value, str) and len(value) > MAX_PROFILE_TEXT_LENGTH:
        return f"{name} must be shorter than or equal to {MAX_PROFILE_TEXT_LENGTH} characters"
    if value is None:
        return None
    if name == "email" and not _EMAIL.fullmatch(value):
        return "email must be an email"
    if name == "locale" and not _LOCALE.fullmatch(value):
        return "locale must be a valid locale"
    if name == "timezone" and not _is_timezone(value):
        return "timezone must be a valid IANA timezone"
    return None


def _is_timezone(name: str) -> bool:
    try:
        return bool(ZoneInfo(name).key)
    except (KeyError, ValueError, OSError):
        return False


@dataclass(frozen=True, slots=True)
class Subscriber:
    """A stored subscriber. `feeds`: the name of a set of context keys (`feed_name`) → the number of its feed."""

    oid: str
    subscriber_id: SubscriberId
    created_ms: int
    updated_ms: int
    is_online: bool = False
    last_online_ms: int | None = None
    profile: wire.SubscriberProfile = field(default_factory=wire.SubscriberProfile)
    feeds: dict[str, int] = field(default_factory=dict)

    def texts(self, *names: str) -> JsonObject:
        """Return these fields of the profile, as far as they are set."""
        return {name: value for name in names if (value := self.profile.get(name)) is not None}

    def has_profile(self, changes: Mapping[str, Any]) -> bool:
        """Return whether each of these fields is stored with this very JSON; None stands for an absent field."""
        stored = cast("JsonObject", self.profile)
        return all(
            stored.get(name) is value or orjson.dumps(stored.get(name)) == orjson.dumps(value)
            for name, value in changes.items()
        )

    def variables(self) -> JsonObject:
        """Return `subscriber` as templates use it."""
        last_online = {"lastOnlineAt": iso(self.last_online_ms)} if self.last_online_ms else {}
        return {"subscriberId": self.subscriber_id, "isOnline": self.is_online, **last_online, **self.profile}


def parse_record(oid: str, record: dict[bytes, bytes]) -> Subscriber:
    last_online = record.get(b"last_online")
    return Subscriber(
        oid=oid,
        subscriber_id=SubscriberId(record[b"id"].decode()),
        created_ms=int(record[b"created"]),
        updated_ms=int(record[b"updated"]),
        is_online=record.get(b"online") == b"1",
        last_online_ms=int(last_online) if last_online else None,
        profile=cast(
            "wire.SubscriberProfile",
            {name: orjson.loads(record[key]) for name in PROFILE_FIELDS if (key := name.encode()) in record},
        ),
        feeds={key[1:].decode(): int(value) for key, value in record.items() if key.startswith(b"#")},
    )


@wire.without_nulls
def subscriber_view(subscriber: Subscriber, environment: Environment) -> wire.SubscriberReply:
    """Return the subscriber with every field that the strict SDKs require."""
    profile = subscriber.profile
    return {
        "_id": subscriber.oid,
        "id": subscriber.oid,
        **environment.ids,
        "subscriberId": subscriber.subscriber_id,
        "topics": None,
        "channels": [_channel_view(channel, environment) for channel in profile.get("channels") or []],
        "data": profile.get("data", {}),
        "isOnline": subscriber.is_online,
        "deleted": False,
        **timestamps(subscriber.created_ms, subscriber.updated_ms),
        "__v": 0,
        **cast("wire.ProfileTexts", subscriber.texts(*PROFILE_TEXTS)),
        "lastOnlineAt": iso_or_none(subscriber.last_online_ms),
    }


def _channel_view(channel: JsonObject, environment: Environment) -> wire.SubscriberChannel:
    """Return a channel with the id of its integration, which is derived from environment and provider."""
    integration_id = derived_object_id("integration", environment.id, channel["providerId"])
    return cast("wire.SubscriberChannel", {**channel, "_integrationId": integration_id})


def subscriber_card(subscriber: Subscriber) -> wire.SubscriberCard:
    """Return the short form that is embedded in feed items and pushed messages."""
    return {"_id": subscriber.oid, **notification_to(subscriber)}


def notification_to(subscriber: Subscriber) -> wire.NotificationTo:
    """Return the short form that is embedded in notifications."""
    ids = {"id": subscriber.oid, "subscriberId": subscriber.subscriber_id}
    return cast("wire.NotificationTo", {**ids, **subscriber.texts(*NOTIFICATION_TEXTS)})


def shown_in_notifications(subscriber: Subscriber) -> tuple[object, ...]:
    """Return all that `notification_to` is made of."""
    return subscriber.oid, subscriber.subscriber_id, *map(subscriber.profile.get, NOTIFICATION_TEXTS)
