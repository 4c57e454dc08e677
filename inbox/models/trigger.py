"""A trigger: what a backend sends to start a workflow (rest-server.md §5)."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from inbox.errors import BadRequest, InboxError, UnprocessableEntity, ValidationFailed, invalid
from inbox.ids import SubscriberId, parse_subscriber_id
from inbox.models.subscriber import Profile

MAX_TRANSACTION_ID_LENGTH = 255


class TriggerRequest(msgspec.Struct, rename="camel"):
    """The body of a trigger. `name` is the workflow's identifier."""

    name: Annotated[str, Meta(min_length=1)]
    to: Any
    payload: dict[str, Any] = {}
    overrides: dict[str, Any] = {}
    transaction_id: str | None = None


class Recipient(msgspec.Struct, frozen=True):
    """One subscriber to deliver to, and what of the profile the trigger sets."""

    subscriber_id: SubscriberId
    profile: dict[str, Any]


class Recipients(msgspec.Struct, frozen=True):
    """The recipients of a trigger, each once, and what is wrong with those that are none."""

    accepted: list[Recipient]
    refused: list[str]


def parse_recipients(to: Any) -> Recipients:
    """`to` in all its forms: an id, an object with `subscriberId` and profile fields, or a flat list of these.

    The last object of an id wins. A wrong item of a list is refused by itself; a wrong single recipient raises
    ValidationFailed or BadRequest. Raises UnprocessableEntity for a topic.
    """
    if not isinstance(to, list):
        if not isinstance(to, str | dict):
            raise invalid("to", "to must be a subscriberId, a subscriber or a list of these", to)
        return Recipients([_recipient(to)], [])
    accepted: dict[SubscriberId, Recipient] = {}
    refused: list[str] = []
    for item in to:
        try:
            recipient = _recipient(item)
        except (BadRequest, ValidationFailed) as error:
            refused.append(_reason(error))
            continue
        known = accepted.get(recipient.subscriber_id)
        if known is None or recipient.profile or not known.profile:
            accepted[recipient.subscriber_id] = recipient
    return Recipients(list(accepted.values()), refused)


def _recipient(item: Any) -> Recipient:
    if isinstance(item, str):
        return Recipient(parse_subscriber_id(item, "to"), {})
    if not isinstance(item, dict):
        raise invalid("to", "a recipient must be a subscriberId or an object with one", item)
    if item.get("type") == "Topic" or "topicKey" in item:
        raise UnprocessableEntity("Topics are not available as recipients yet")
    try:
        profile = msgspec.convert(item, Profile).changes()
    except msgspec.ValidationError as error:
        raise invalid("to", str(error)) from None
    return Recipient(parse_subscriber_id(item.get("subscriberId"), "to.subscriberId"), profile)


def _reason(error: InboxError) -> str:
    if isinstance(error, ValidationFailed):
        return "; ".join(message for messages in error.fields.values() for message in messages)
    return error.message


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
