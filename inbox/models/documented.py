"""Annotations that tell the OpenAPI document what a field accepts whose type is `Any`.

A trigger checks each of its recipients by itself, and a bulk call each of its items, so their types read anything.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

from msgspec import Meta

from inbox.ids import MAX_SUBSCRIBER_ID_LENGTH

REFERENCE = "#/components/schemas/{name}"

SubscriberIdText = Annotated[str, Meta(min_length=1, max_length=MAX_SUBSCRIBER_ID_LENGTH)]
STRING = Meta(extra_json_schema={"type": "string"})
SUBSCRIBER_ID = Meta(extra_json_schema={"type": "string", "minLength": 1, "maxLength": MAX_SUBSCRIBER_ID_LENGTH})
REQUIRED = Meta(extra_json_schema={"x-required": True})
"""Marks a field as required whose absence the handler answers itself."""


@dataclass(frozen=True)
class OneOf:
    """A component for a union of types that msgspec cannot express."""

    name: str
    description: str
    options: tuple[Any, ...]


COMPONENTS: dict[str, Any] = {}
"""Name → the type or `OneOf` that a `documented` field refers to."""


def documented(kind: Any) -> Meta:
    """Return an annotation by which the document shows a field as this type or `OneOf`."""
    return Meta(extra_json_schema=reference(kind))


def reference(kind: Any) -> dict[str, str]:
    name = kind.name if isinstance(kind, OneOf) else kind.__name__
    COMPONENTS[name] = kind
    return {"$ref": REFERENCE.format(name=name)}
