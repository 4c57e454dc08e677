"""The contexts that scope a trigger, a session or a subscription, as `type:id` keys."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import msgspec
import orjson
from msgspec import UNSET, Meta, UnsetType

from inbox.errors import invalid
from inbox.models.documented import reference
from inbox.models.json_values import JsonObject

MAX_CONTEXTS = 5
MAX_DATA_BYTES = 64 * 1024

_TYPE = re.compile(r"[A-Za-z0-9_.-]{1,100}")
_ID = re.compile(r"[A-Za-z0-9_.:@+-]{1,100}")  # no comma: a feed is named by its keys joined with commas


class ContextEntry(msgspec.Struct):
    """A context with data for templates."""

    id: str
    data: dict[str, Any] | UnsetType = UNSET


_CONTEXT_VALUE = Meta(extra_json_schema={"anyOf": [{"type": "string"}, reference(ContextEntry)]})
ContextBody = dict[str, Annotated[Any, _CONTEXT_VALUE]]
"""The contexts of a body: type → id, or an object with the id."""


class CallContext(msgspec.Struct, frozen=True):
    """The contexts of one call. `variables` are those of templates: type → `{id, data}`."""

    keys: list[str] = []
    variables: dict[str, Any] = {}

    @property
    def name(self) -> str:
        return feed_name(self.keys)


def feed_name(keys: Sequence[str]) -> str:
    """Return the context keys as they name a feed: sorted and joined by commas, "" for none."""
    return ",".join(sorted(keys)) if keys else ""


def parse_context(raw: Mapping[str, Any] | None) -> CallContext:
    """Parse `{type: id}` or `{type: {id, data?}}` with at most five entries. Raise ValidationFailed."""
    if not raw:
        return CallContext()
    if len(raw) > MAX_CONTEXTS:
        raise invalid("context", f"context must contain no more than {MAX_CONTEXTS} entries")
    variables = {kind: _parse_one(kind, value) for kind, value in raw.items()}
    return CallContext(sorted(f"{kind}:{entry['id']}" for kind, entry in variables.items()), variables)


def _parse_one(kind: str, value: Any) -> JsonObject:
    name = f"context.{kind}"
    if not _TYPE.fullmatch(kind):
        raise invalid("context", "a context's type must be 1 to 100 letters, digits and '_.-'", kind)
    entry = {"id": value} if isinstance(value, str) else value
    if not isinstance(entry, dict) or not isinstance(entry.get("id"), str):
        raise invalid(name, f"{name} must be an id or an object with one", value)
    if not _ID.fullmatch(entry["id"]):
        raise invalid(name, f"{name} must be 1 to 100 letters, digits and '_.:@+-'", entry["id"])
    data = entry.get("data")
    if data is not None and not isinstance(data, dict):
        raise invalid(f"{name}.data", f"{name}.data must be an object", data)
    if data and len(orjson.dumps(data)) > MAX_DATA_BYTES:
        raise invalid(f"{name}.data", f"{name}.data must not be larger than {MAX_DATA_BYTES} bytes")
    return {"id": entry["id"]} if data is None else {"id": entry["id"], "data": data}
