"""A context: something a message belongs to beside its subscriber, such as a tenant; named by type and id."""

from __future__ import annotations

import re
from typing import Any

import msgspec
import orjson

from inbox.errors import BadRequest, invalid
from inbox.models.dates import iso

MAX_NAME_LENGTH = 100
MAX_DATA_BYTES = 64 * 1024

_NAME = re.compile(r"[A-Za-z0-9_:.-]+|[^\s@\x00-\x1f\x7f]+@[^\s@\x00-\x1f\x7f]+\.[^\s@\x00-\x1f\x7f]+")


class ContextCreate(msgspec.Struct):
    """The body of a creation."""

    type: str
    id: str
    data: dict[str, Any] | None = None


class ContextUpdate(msgspec.Struct):
    """The body of an update: the data takes the place of what there was."""

    data: dict[str, Any]


class Context(msgspec.Struct, frozen=True, rename="camel"):
    """A stored context."""

    type: str
    id: str
    data: dict[str, Any]
    created_ms: int
    updated_ms: int

    @property
    def key(self) -> str:
        """`type:id`, as messages carry it."""
        return f"{self.type}:{self.id}"


def check_name(value: str, field: str) -> str:
    """A type or an id: 1 to 100 letters, digits and `_:.-`, or like an e-mail address; a type holds no `:`.

    Raises BadRequest for NUL, ValidationFailed (422) for everything else that is wrong.
    """
    if "\0" in value:
        raise BadRequest(f"{field} must not contain NUL")
    text = value.strip()
    if not 0 < len(text) <= MAX_NAME_LENGTH or not _NAME.fullmatch(text) or (field == "type" and ":" in text):
        raise invalid(field, f"{field} must be 1 to {MAX_NAME_LENGTH} letters, digits, '_', ':', '.' or '-'", value)
    return text


def check_data(data: dict[str, Any]) -> dict[str, Any]:
    """The data. Raises ValidationFailed when it is larger than 64 KiB."""
    if len(orjson.dumps(data)) > MAX_DATA_BYTES:
        raise invalid("data", f"data must not be larger than {MAX_DATA_BYTES} bytes")
    return data


def context_view(context: Context) -> dict[str, Any]:
    """The Context of the wire."""
    return {
        "type": context.type,
        "id": context.id,
        "data": context.data,
        "createdAt": iso(context.created_ms),
        "updatedAt": iso(context.updated_ms),
    }
