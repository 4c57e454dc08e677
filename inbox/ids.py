"""Identifiers: the 24-hex ids of the wire and the ids that callers choose.

A subscriber's `_id` carries its creation time and its bucket; a message's id carries bucket, feed number, row and a
random tail (`store/rows.py`). Everything else gets a random id that begins with its time.
"""

from __future__ import annotations

import hashlib
import os
import re
import secrets
from functools import lru_cache
from itertools import count
from typing import Any, NewType

from inbox.clock import now_seconds, now_us
from inbox.errors import BadRequest, invalid

ObjectId = NewType("ObjectId", str)
MessageId = NewType("MessageId", str)
SubscriberId = NewType("SubscriberId", str)

MAX_SUBSCRIBER_ID_LENGTH = 255

NAME = re.compile(r"[A-Za-z0-9_:.-]+|[^\s@\x00-\x1f\x7f]+@[^\s@\x00-\x1f\x7f]+\.[^\s@\x00-\x1f\x7f]+")
"""Matches the names that callers give to topics, contexts and workflows; they may be e-mail addresses."""
_OBJECT_ID = re.compile(r"[0-9a-f]{24}", re.IGNORECASE)
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def new_object_id() -> ObjectId:
    """Return a new 24-hex id: seconds since 1970 (8), then random."""
    return ObjectId(f"{int(now_seconds()):08x}{secrets.token_hex(8)}")


CACHED_IDS = 8_192
_counter = count()


def new_ordered_id() -> ObjectId:
    """Return a new 24-hex id that sorts by time: seconds since 1970 (8), microseconds (5), counter (3), random.

    Ids that one process makes in one microsecond are in order too, except where the counter wraps at 4,096.
    """
    seconds, microseconds = divmod(now_us(), 1_000_000)
    return ObjectId(f"{seconds:08x}{microseconds:05x}{next(_counter) % 4_096:03x}{secrets.token_hex(4)}")


def created_ms(ordered_id: str) -> int:
    """Return when an ordered id was created: ms since 1970."""
    return int(ordered_id[:8], 16) * 1_000 + int(ordered_id[8:13], 16) // 1_000


@lru_cache(CACHED_IDS)
def derived_object_id(*parts: str) -> ObjectId:
    """Return the 24-hex id that always belongs to these parts, for things that are not stored by themselves."""
    return ObjectId(derived_bytes(*parts).hex())


def derived_bytes(*parts: str) -> bytes:
    """Return the 12 bytes of a derived id."""
    return hashlib.blake2b("\0".join(parts).encode(), digest_size=12).digest()


def new_transaction_id() -> str:
    """Return `txn_` and 24 hex, for a trigger that has no transactionId."""
    return f"txn_{os.urandom(12).hex()}"


def is_object_id(value: Any) -> bool:
    return isinstance(value, str) and _OBJECT_ID.fullmatch(value) is not None


def parse_object_id(value: Any, field: str) -> str:
    """Return a 24-hex id in lower case. Raise ValidationFailed, with the name of the field, for anything else."""
    if not is_object_id(value):
        raise invalid(field, f"{field} must be a mongodb id", value)
    return str(value).lower()


def parse_subscriber_id(value: Any, field: str = "subscriberId") -> SubscriberId:
    """Return a caller's subscriberId: trimmed, 1 to MAX_SUBSCRIBER_ID_LENGTH characters, no control characters.

    Raise BadRequest for NUL and unpaired surrogates, ValidationFailed for all else.
    """
    if not isinstance(value, str):
        raise invalid(field, f"{field} must be a string", value)
    if "\0" in value:
        raise BadRequest(f"{field} must not contain NUL")
    text = value.strip()
    if not text:
        raise invalid(field, f"{field} should not be empty", value)
    if len(text) > MAX_SUBSCRIBER_ID_LENGTH:
        raise invalid(field, f"{field} must be shorter than or equal to {MAX_SUBSCRIBER_ID_LENGTH} characters", value)
    if _CONTROL.search(text):
        raise invalid(field, f"{field} must not contain control characters", value)
    try:
        text.encode()
    except UnicodeEncodeError:
        raise BadRequest(f"{field} must be valid Unicode") from None
    return SubscriberId(text)
