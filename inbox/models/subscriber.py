"""A subscriber: what callers send, what the store keeps, what the wire shows (rest-server.md §2.1)."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import orjson
from msgspec import UNSET, UnsetType

from inbox.errors import ValidationFailed
from inbox.ids import SubscriberId
from inbox.models.credentials import Channel, channel_view
from inbox.models.dates import iso
from inbox.models.environment import Environment

Text = str | None | UnsetType

PROFILE_FIELDS = ("firstName", "lastName", "email", "phone", "avatar", "locale", "timezone", "data", "channels")
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
    data: dict[str, Any] | UnsetType | None = UNSET
    channels: list[Channel] | UnsetType | None = UNSET

    def changes(self) -> dict[str, Any]:
        """Wire name → new value, only of what was sent; an empty email, locale or timezone was not.

        Raises ValidationFailed naming each field whose value is not acceptable.
        """
        sent = {name: value for name in PROFILE_FIELDS if (value := getattr(self, _snake(name))) is not UNSET}
        sent = {name: value for name, value in sent.items() if value != "" or name not in _NEVER_EMPTY}
        problems = {name: text for name, value in sent.items() if (text := _problem(name, value))}
        if problems:
            raise ValidationFailed(problems, values={name: sent[name] for name in problems})
        if isinstance(self.channels, list):
            sent["channels"] = [channel.stored() for channel in self.channels]
        return sent


def _snake(name: str) -> str:
    return re.sub("[A-Z]", lambda found: "_" + found[0].lower(), name)


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
    """A stored subscriber. `feeds` maps a set of context keys (sorted, joined by commas; "" none) to a feed number."""

    oid: str
    subscriber_id: SubscriberId
    created_ms: int
    updated_ms: int
    is_online: bool = False
    last_online_ms: int | None = None
    profile: dict[str, Any] = field(default_factory=dict)
    feeds: dict[str, int] = field(default_factory=dict)

    def variables(self) -> dict[str, Any]:
        """What templates see as `subscriber`."""
        seen = {"lastOnlineAt": iso(self.last_online_ms)} if self.last_online_ms else {}
        return {"subscriberId": self.subscriber_id, "isOnline": self.is_online, **seen, **self.profile}


def parse_record(oid: str, record: dict[bytes, bytes]) -> Subscriber:
    """A subscriber from the fields of its record (store/keys.py)."""
    last_online = record.get(b"last_online")
    return Subscriber(
        oid=oid,
        subscriber_id=SubscriberId(record[b"id"].decode()),
        created_ms=int(record[b"created"]),
        updated_ms=int(record[b"updated"]),
        is_online=record.get(b"online") == b"1",
        last_online_ms=int(last_online) if last_online else None,
        profile={name: orjson.loads(record[key]) for name in PROFILE_FIELDS if (key := name.encode()) in record},
        feeds={key[1:].decode(): int(value) for key, value in record.items() if key.startswith(b"#")},
    )


def subscriber_view(subscriber: Subscriber, environment: Environment) -> dict[str, Any]:
    """The Subscriber of the wire, v1 and v2 (rest-server.md §2.1): every field that the strict SDKs require."""
    view: dict[str, Any] = {
        "_id": subscriber.oid,
        "id": subscriber.oid,
        "_organizationId": environment.organization_id,
        "_environmentId": environment.id,
        "subscriberId": subscriber.subscriber_id,
        "channels": [],
        "data": {},
        "isOnline": subscriber.is_online,
        "deleted": False,
        "createdAt": iso(subscriber.created_ms),
        "updatedAt": iso(subscriber.updated_ms),
        "__v": 0,
        **subscriber.profile,
    }
    if channels := subscriber.profile.get("channels"):
        view["channels"] = [channel_view(channel, environment.id) for channel in channels]
    if subscriber.last_online_ms:
        view["lastOnlineAt"] = iso(subscriber.last_online_ms)
    return view


def subscriber_card(subscriber: Subscriber) -> dict[str, Any]:
    """The short form embedded in feed items and pushed messages: ids, name and avatar."""
    card = {"_id": subscriber.oid, "id": subscriber.oid, "subscriberId": subscriber.subscriber_id}
    named = {name: subscriber.profile.get(name) for name in ("firstName", "lastName", "avatar")}
    return card | {name: value for name, value in named.items() if value is not None}
