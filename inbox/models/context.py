"""A stored context: something that a message belongs to besides its subscriber, named by type and id."""

from __future__ import annotations

from typing import Any

import msgspec
import orjson

from inbox.errors import BadRequest, invalid
from inbox.ids import NAME
from inbox.models import wire
from inbox.models.dates import timestamps
from inbox.models.json_values import JsonObject

MAX_CONTEXTS = 1_000_000
MAX_NAME_LENGTH = 100
MAX_DATA_BYTES = 64 * 1024


class ContextCreate(msgspec.Struct):
    """The body of a creation."""

    type: str
    id: str
    data: dict[str, Any] | None = None


class ContextUpdate(msgspec.Struct):
    """The body of an update: the data takes the place of what there was."""

    data: dict[str, Any]


class StoredContext(msgspec.Struct, frozen=True, rename="camel"):
    type: str
    id: str
    data: dict[str, Any]
    created_ms: int
    updated_ms: int

    @property
    def key(self) -> str:
        """`type:id`, as in the `contextKeys` of messages."""
        return f"{self.type}:{self.id}"


def check_name(value: str, field: str) -> str:
    """Return a context's type or id, stripped: 1 to 100 letters, digits and `_:.-`, or an e-mail address.

    A type holds no `:`. Raise BadRequest for NUL, ValidationFailed for any other mistake.
    """
    if "\0" in value:
        raise BadRequest(f"{field} must not contain NUL")
    text = value.strip()
    if not 0 < len(text) <= MAX_NAME_LENGTH or not NAME.fullmatch(text) or (field == "type" and ":" in text):
        raise invalid(field, f"{field} must be 1 to {MAX_NAME_LENGTH} letters, digits, '_', ':', '.' or '-'", value)
    return text


def check_data(data: JsonObject) -> JsonObject:
    """Return the data. Raise ValidationFailed if it is larger than 64 KiB."""
    if len(orjson.dumps(data)) > MAX_DATA_BYTES:
        raise invalid("data", f"data must not be larger than {MAX_DATA_BYTES} bytes")
    return data


def context_view(context: StoredContext) -> wire.ContextReply:
    return {
        "type": context.type,
        "id": context.id,
        "data": context.data,
        **timestamps(context.created_ms, context.updated_ms),
    }
