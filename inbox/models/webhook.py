"""The types of events, and the webhook that receives them."""

from __future__ import annotations

import msgspec

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
    `sealed_before`, also signs until a day after `rotated_ms`.
    """

    url: str
    events: tuple[str, ...]
    sealed: bytes
    sealed_before: bytes | None = None
    rotated_ms: int = 0
