"""A trigger: what a backend sends to start a workflow (rest-server.md §5)."""

from __future__ import annotations

from typing import Annotated, Any, get_args

import msgspec
from msgspec import Meta

from inbox.errors import BadRequest, InboxError, ValidationFailed, invalid
from inbox.ids import SubscriberId, parse_subscriber_id
from inbox.models.expiry import parse_expiry
from inbox.models.subscriber import Profile
from inbox.models.workflow import CollapseMode, Severity

MAX_TRANSACTION_ID_LENGTH = 255
MAX_REFERENCE_LENGTH = 255
MAX_COLLAPSE_KEY_LENGTH = 255
MAX_EXCLUDED = 100
MAX_EVENTS = 100


class TriggerContent(msgspec.Struct, rename="camel", kw_only=True):
    """What every trigger says. `name` is the workflow's identifier."""

    name: Annotated[str, Meta(min_length=1)]
    payload: dict[str, Any] = {}
    overrides: dict[str, Any] = {}
    transaction_id: str | None = None
    actor: Any = None
    tenant: Any = None
    context: dict[str, Any] | None = None
    external_reference: Annotated[str, Meta(max_length=MAX_REFERENCE_LENGTH)] | None = None
    expires_at: str | None = None
    collapse_key: Annotated[str, Meta(max_length=MAX_COLLAPSE_KEY_LENGTH)] | None = None
    collapse_mode: CollapseMode | None = None


class TriggerRequest(TriggerContent, rename="camel", kw_only=True):
    """The body of a trigger."""

    to: Any


class BroadcastRequest(TriggerContent, rename="camel", kw_only=True):
    """The body of a broadcast."""

    payload: dict[str, Any]


class BulkRequest(msgspec.Struct):
    """The body of a bulk trigger; each event is judged by itself."""

    events: list[Any]

    def checked(self) -> list[Any]:
        """The events. Raises ValidationFailed for more than 100."""
        if len(self.events) > MAX_EVENTS:
            raise invalid("events", f"events must contain no more than {MAX_EVENTS} elements")
        return self.events


class Recipient(msgspec.Struct, frozen=True):
    """One subscriber to deliver to, and what of the profile the trigger sets."""

    subscriber_id: SubscriberId
    profile: dict[str, Any]


class TopicRecipient(msgspec.Struct, frozen=True):
    """A topic to deliver to, without these subscribers."""

    key: str
    exclude: frozenset[str] = frozenset()

    @property
    def name(self) -> str:
        """What tells it from every other recipient."""
        return "\1".join(["topic", self.key, *sorted(self.exclude)])


class Recipients(msgspec.Struct, frozen=True):
    """The recipients of a trigger, each once, and what is wrong with those that are none."""

    accepted: list[Recipient]
    refused: list[str]
    topics: list[TopicRecipient] = []

    @property
    def names(self) -> list[str]:
        """What tells these recipients from others, in no order that matters."""
        return sorted([*(one.subscriber_id for one in self.accepted), *(topic.name for topic in self.topics)])

    def __str__(self) -> str:
        """The first three of them, for a person: `ada, bob, the topic news and 2 more`."""
        named = [*(one.subscriber_id for one in self.accepted), *(f"the topic {one.key}" for one in self.topics)]
        named += [f"{len(self.refused)} that cannot be used"] if self.refused else []
        rest = [f"and {len(named) - 3} more"] if len(named) > 3 else []
        return " ".join([", ".join(named[:3]) or "nobody", *rest])


def parse_recipients(to: Any) -> Recipients:
    """`to` in all its forms: an id, an object with `subscriberId` and profile fields, a topic, or a flat list of these.

    The last object of an id wins. A wrong item of a list is refused by itself; a wrong single recipient, and more than
    100 excluded subscribers of a topic, raise ValidationFailed or BadRequest.
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
            refused.append(reason_of(error))
            continue
        known = accepted.get(recipient.subscriber_id)
        if known is None or recipient.profile or not known.profile:
            accepted[recipient.subscriber_id] = recipient
    return Recipients(list(accepted.values()), refused, topics)


def parse_recipient(item: Any, field: str = "to") -> Recipient:
    """A subscriber: an id, or an object with `subscriberId` and profile fields.

    Raises BadRequest or ValidationFailed.
    """
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


def reason_of(error: InboxError) -> str:
    """What is wrong, in one line."""
    if isinstance(error, ValidationFailed):
        return "; ".join(message for messages in error.fields.values() for message in messages)
    return error.message


def parse_expires_at(value: str | None, now_ms: int) -> int:
    """When the trigger's messages end (ms since 1970, it may be past), 0 never. Raises ValidationFailed."""
    if not value:
        return 0
    try:
        return parse_expiry(value, now_ms)
    except ValueError as error:
        raise invalid("expiresAt", f"expiresAt {error}", value) from None


def parse_severity(overrides: dict[str, Any]) -> Severity | None:
    """The severity that a trigger gives its messages, None: that of the workflow. Raises ValidationFailed."""
    value = overrides.get("severity")
    try:
        severity: Severity | None = msgspec.convert(value, Severity | None)
    except msgspec.ValidationError:
        known = ", ".join(get_args(Severity))
        raise invalid("overrides.severity", f"overrides.severity must be one of {known}", value) from None
    return severity


def parse_transaction_id(value: str | None) -> str | None:
    """A caller's transaction id, or None when it brought none. Raises BadRequest or ValidationFailed."""
    if value is None or value == "":
        return None
    if "\0" in value:
        raise BadRequest("transactionId must not contain NUL")
    if len(value) > MAX_TRANSACTION_ID_LENGTH:
        raise invalid(
            "transactionId", f"transactionId must be shorter than or equal to {MAX_TRANSACTION_ID_LENGTH} characters"
        )
    return value
