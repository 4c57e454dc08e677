"""Triggers, by which a backend starts a workflow, and their recipients."""

from __future__ import annotations

from typing import Annotated, Any, Literal, get_args

import msgspec
from msgspec import UNSET, Meta, UnsetType

from inbox.errors import BadRequest, ValidationFailed, invalid
from inbox.ids import SubscriberId, parse_subscriber_id
from inbox.models.context_keys import ContextBody
from inbox.models.documented import OneOf, SubscriberIdText, documented
from inbox.models.expiry import parse_expiry
from inbox.models.subscriber import Profile, SubscriberRecipient
from inbox.models.tenant import TENANT
from inbox.models.workflow import CollapseMode, Severity

MAX_TRANSACTION_ID_LENGTH = 255
MAX_REFERENCE_LENGTH = 255
MAX_COLLAPSE_KEY_LENGTH = 255
MAX_EXCLUDED = 100
MAX_EVENTS = 100
SEVERITIES: tuple[Severity, ...] = get_args(Severity)


TOPIC_RECIPIENT = msgspec.defstruct(
    "TopicRecipient",
    [
        ("topic_key", Annotated[str, Meta(min_length=1)]),
        ("type", Literal["Topic"] | UnsetType, UNSET),
        ("exclude", Annotated[list[str], Meta(max_length=MAX_EXCLUDED)] | UnsetType, UNSET),
    ],
    namespace={"__doc__": "Everybody in a topic but those in `exclude`."},
    rename="camel",
)
"""The body of a `TopicRecipient`."""
RECIPIENT = OneOf(
    "Recipient",
    "A subscriber by id, a subscriber with a profile, or a topic.",
    (SubscriberIdText, SubscriberRecipient, TOPIC_RECIPIENT),
)
RECIPIENTS = OneOf(
    "Recipients",
    "Who receives: one recipient or a flat list of them.",
    (*RECIPIENT.options, list[Annotated[Any, documented(RECIPIENT)]]),
)
ACTOR = OneOf(
    "Actor",
    "Who caused the event: a subscriberId, or a subscriber with the fields of the profile to set.",
    (SubscriberIdText, SubscriberRecipient),
)


class TriggerContent(msgspec.Struct, rename="camel", kw_only=True):
    """What every trigger says. `name` is the workflow's identifier."""

    name: Annotated[str, Meta(min_length=1)]
    payload: dict[str, Any] = {}
    overrides: dict[str, Any] = {}
    transaction_id: str | None = None
    actor: Annotated[Any, documented(ACTOR)] | None = None
    tenant: Annotated[Any, documented(TENANT)] | None = None
    context: ContextBody | None = None
    external_reference: Annotated[str, Meta(max_length=MAX_REFERENCE_LENGTH)] | None = None
    expires_at: str | None = None
    collapse_key: Annotated[str, Meta(max_length=MAX_COLLAPSE_KEY_LENGTH)] | None = None
    collapse_mode: CollapseMode | None = None


class TriggerRequest(TriggerContent, rename="camel", kw_only=True):
    """The body of a trigger; `name` is the workflow's identifier."""

    to: Annotated[Any, documented(RECIPIENTS)]


class BroadcastRequest(TriggerContent, rename="camel", kw_only=True):
    """The body of a broadcast; `name` is the workflow's identifier."""

    payload: dict[str, Any]


class BulkRequest(msgspec.Struct):
    """The body of a bulk trigger; each event is checked by itself."""

    events: Annotated[
        list[Annotated[Any, documented(TriggerRequest)]], Meta(extra_json_schema={"maxItems": MAX_EVENTS})
    ]

    def checked(self) -> list[Any]:
        """Return the events. Raise ValidationFailed for more than 100."""
        if len(self.events) > MAX_EVENTS:
            raise invalid("events", f"events must contain no more than {MAX_EVENTS} elements")
        return self.events


class Recipient(msgspec.Struct, frozen=True, gc=False):
    """A subscriber to deliver to, with the profile fields that the trigger sets."""

    subscriber_id: SubscriberId
    profile: dict[str, Any]


class TopicRecipient(msgspec.Struct, frozen=True):
    """A topic to deliver to, except to the subscribers in `exclude`."""

    key: str
    exclude: frozenset[str] = frozenset()

    @property
    def name(self) -> str:
        """A text that no other recipient has."""
        return "\1".join(["topic", self.key, *sorted(self.exclude)])


class Recipients(msgspec.Struct, frozen=True):
    """The recipients of a trigger, each once, and the reasons why others were refused."""

    accepted: list[Recipient]
    refused: list[str]
    topics: list[TopicRecipient] = []

    @property
    def names(self) -> list[str]:
        """The sorted names of the recipients."""
        return sorted([*(one.subscriber_id for one in self.accepted), *(topic.name for topic in self.topics)])

    def __str__(self) -> str:
        """Return a summary for people: `ada, bob, the topic news and 2 more`."""
        names = [*(one.subscriber_id for one in self.accepted), *(f"the topic {one.key}" for one in self.topics)]
        names += [f"{len(self.refused)} that cannot be used"] if self.refused else []
        rest = [f"and {len(names) - 3} more"] if len(names) > 3 else []
        return " ".join([", ".join(names[:3]) or "nobody", *rest])


def parse_recipients(to: Any) -> Recipients:
    """Parse `to`: an id, an object with `subscriberId` and profile fields, a topic, or a flat list of these.

    The last object of an id wins. A wrong item of a list is refused by itself. Raise ValidationFailed or BadRequest for
    a wrong single recipient and for more than 100 excluded subscribers of a topic.
    """
    if not isinstance(to, list):
        if not isinstance(to, str | dict):
            raise invalid("to", "to must be a subscriberId, a subscriber, a topic or a list of these", to)
        if isinstance(to, dict) and _is_topic(to):
            return Recipients([], [], [_topic(to)])
        return Recipients([parse_recipient(to)], [])
    accepted: dict[SubscriberId, Recipient] = {}
    refused: list[str] = []
    topics: list[TopicRecipient] = []
    for item in to:
        _check_excluded(item)
        try:
            if _is_topic(item):
                topics.append(_topic(item))
                continue
            recipient = parse_recipient(item)
        except (BadRequest, ValidationFailed) as error:
            refused.append(error.reason)
            continue
        earlier = accepted.get(recipient.subscriber_id)
        if earlier is None or recipient.profile or not earlier.profile:
            accepted[recipient.subscriber_id] = recipient
    return Recipients(list(accepted.values()), refused, topics)


def parse_recipient(item: Any, field: str = "to") -> Recipient:
    """Parse an id, or an object with `subscriberId` and profile fields. Raise BadRequest or ValidationFailed."""
    if isinstance(item, str):
        return Recipient(parse_subscriber_id(item, field), {})
    if not isinstance(item, dict):
        raise invalid(field, f"{field} must be a subscriberId or an object with one", item)
    try:
        profile = msgspec.convert(item, Profile).changes()
    except msgspec.ValidationError as error:
        raise invalid(field, str(error)) from None
    return Recipient(parse_subscriber_id(item.get("subscriberId"), f"{field}.subscriberId"), profile)


def _is_topic(item: Any) -> bool:
    return isinstance(item, dict) and (item.get("type") == "Topic" or "topicKey" in item)


def _check_excluded(item: Any) -> None:
    excluded = item.get("exclude") if isinstance(item, dict) else None
    if isinstance(excluded, list) and len(excluded) > MAX_EXCLUDED:
        raise invalid("to.exclude", f"exclude must contain no more than {MAX_EXCLUDED} elements")


def _topic(item: dict[str, Any]) -> TopicRecipient:
    _check_excluded(item)
    key, excluded = item.get("topicKey"), item.get("exclude")
    if not isinstance(key, str) or not key.strip():
        raise invalid("to.topicKey", "topicKey must be a string and not empty", key)
    if "\0" in key:
        raise BadRequest("topicKey must not contain NUL")
    listed = [] if excluded is None else excluded
    if not isinstance(listed, list) or not all(isinstance(one, str) for one in listed):
        raise invalid("to.exclude", "exclude must be a list of subscriberIds", excluded)
    return TopicRecipient(key.strip(), frozenset(one.strip() for one in listed))


def parse_expires_at(value: str | None, now_ms: int) -> int:
    """Return when the messages expire (ms since 1970, it may be past), 0 for never. Raise ValidationFailed."""
    if not value:
        return 0
    try:
        return parse_expiry(value, now_ms)
    except ValueError as error:
        raise invalid("expiresAt", f"expiresAt {error}", value) from None


def parse_severity(overrides: dict[str, Any]) -> Severity | None:
    """Return the severity that a trigger sets, None for that of the workflow. Raise ValidationFailed."""
    value = overrides.get("severity")
    if value is not None and value not in SEVERITIES:
        severities = ", ".join(SEVERITIES)
        raise invalid("overrides.severity", f"overrides.severity must be one of {severities}", value)
    return value


def parse_transaction_id(value: str | None) -> str | None:
    """Return the transaction id of a caller, None for an empty one. Raise BadRequest or ValidationFailed."""
    if value is None or value == "":
        return None
    if "\0" in value:
        raise BadRequest("transactionId must not contain NUL")
    if len(value) > MAX_TRANSACTION_ID_LENGTH:
        raise invalid(
            "transactionId", f"transactionId must be shorter than or equal to {MAX_TRANSACTION_ID_LENGTH} characters"
        )
    return value
