"""What a backend can be told of, and where it wants to be told."""

from __future__ import annotations

import msgspec

MESSAGE_CREATED = "message.created"
MESSAGE_SEEN = "message.seen"
MESSAGE_READ = "message.read"
MESSAGE_ARCHIVED = "message.archived"
MESSAGE_SNOOZED = "message.snoozed"
MESSAGE_ACTIONED = "message.actioned"
MESSAGE_DELETED = "message.deleted"
PRESENCE_CHANGED = "presence.changed"

EVENT_TYPES = (
    MESSAGE_CREATED,
    MESSAGE_SEEN,
    MESSAGE_READ,
    MESSAGE_ARCHIVED,
    MESSAGE_SNOOZED,
    MESSAGE_ACTIONED,
    MESSAGE_DELETED,
    PRESENCE_CHANGED,
)


class Webhook(msgspec.Struct, frozen=True, rename="camel"):
    """Where an environment's events are sent, and which. `sealed` is the signing secret (store/secrets.py);
    `sealed_before`, the one before it, signs as well until `rotated_ms` is a day ago.
    """

    url: str
    events: tuple[str, ...]
    sealed: bytes
    sealed_before: bytes | None = None
    rotated_ms: int = 0
