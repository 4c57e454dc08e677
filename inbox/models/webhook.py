"""The types of events, the webhook that receives them, and what a caller may ask of it."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

MESSAGE_CREATED = "message.created"
MESSAGE_UPDATED = "message.updated"
MESSAGE_SEEN = "message.seen"
MESSAGE_READ = "message.read"
MESSAGE_ARCHIVED = "message.archived"
MESSAGE_SNOOZED = "message.snoozed"
MESSAGE_ACTIONED = "message.actioned"
MESSAGE_RETRACTED = "message.retracted"
MESSAGE_DELETED = "message.deleted"
PRESENCE_CHANGED = "presence.changed"

MAX_URL_LENGTH = 2_048
MAX_REPLAYED = 10
"""By one request: each may take as long as the receiver is given."""

EVENT_TYPES = (
    MESSAGE_CREATED,
    MESSAGE_UPDATED,
    MESSAGE_SEEN,
    MESSAGE_READ,
    MESSAGE_ARCHIVED,
    MESSAGE_SNOOZED,
    MESSAGE_ACTIONED,
    MESSAGE_RETRACTED,
    MESSAGE_DELETED,
    PRESENCE_CHANGED,
)


class Webhook(msgspec.Struct, frozen=True, rename="camel"):
    """The webhook of an environment. `sealed` is the encrypted signing secret (store/secrets.py); the earlier one,
    `sealed_before`, also signs until a day after `rotated_ms`. With `is_host_checked` the URL was set by the API, so it
    may lead to public hosts only, and to those that INBOX_WEBHOOK_PRIVATE_NETWORKS allows.
    """

    url: str
    events: tuple[str, ...]
    sealed: bytes
    sealed_before: bytes | None = None
    rotated_ms: int = 0
    is_host_checked: bool = False


class WebhookRequest(msgspec.Struct, rename="camel"):
    """The body that sets the webhook. No `events` means all."""

    url: Annotated[str, Meta(max_length=MAX_URL_LENGTH)]
    events: list[Annotated[str, Meta(extra_json_schema={"enum": list(EVENT_TYPES)})]] = []


class ReplayRequest(msgspec.Struct, rename="camel"):
    """The body of a replay: of the events with these ids, else of the oldest after the first `offset`."""

    ids: Annotated[list[str], Meta(min_length=1, max_length=MAX_REPLAYED)] | None = None
    offset: Annotated[int, Meta(ge=0, le=1_000)] = 0
