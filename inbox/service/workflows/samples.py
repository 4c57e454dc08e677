"""Examples of what the templates and conditions of a workflow read, for previews and test triggers.

A payload follows the workflow's schema first. Any other value is a text that says which variable it is, or a link where
its name says so.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from copy import deepcopy
from typing import Any

from inbox.clock import now_ms
from inbox.models.dates import iso
from inbox.models.json_values import JsonObject
from inbox.models.workflow import Workflow
from inbox.rendering.date_parser import DAY_MS
from inbox.rendering.paths import VariablePath
from inbox.steps.base import CompiledStep
from inbox.steps.digest import digest_view

MAX_DEPTH = 16
"""How deep an example is nested. A template may name a path of thousands of names."""
ROOTS = ("payload", "subscriber", "actor", "context", "tenant")
EVENT_ID = "65f0c1a2b3d4e5f60718293a"
EVENT_TIME = "2026-01-31T10:00:00.000Z"
LINK = "https://example.com/"
PERSON: JsonObject = {
    "subscriberId": "ada",
    "firstName": "Ada",
    "lastName": "Lovelace",
    "email": "ada@example.com",
    "phone": "+441234567890",
    "avatar": "https://example.com/ada.png",
    "locale": "en",
    "timezone": "Europe/London",
    "isOnline": True,
    "lastOnlineAt": EVENT_TIME,
    "channels": [],
    "topics": [],
}
_FORMATS = {"uri": LINK, "url": LINK, "email": "ada@example.com", "date-time": EVENT_TIME, "date": EVENT_TIME[:10]}
_LINK_NAME = re.compile(r"(?:url|uri|link|href|avatar|image)$", re.IGNORECASE)


def example_of(workflow: Workflow, steps: Sequence[CompiledStep]) -> JsonObject:
    """Return an example for each variable that the steps of the workflow read."""
    schema = _of_schema(workflow.payload_schema, "payload")
    example: JsonObject = {"payload": schema if isinstance(schema, dict) else {}, "subscriber": {}}
    fields = {path: field for step in steps for field, paths in step.paths.items() for path in paths}
    for path, field in sorted(fields.items()):
        root, *names = path[:MAX_DEPTH] or ("",)
        if root in ROOTS:
            target = example.setdefault(root, {})
            if names:
                _put(target, names, _value(root, names, field))
    for kind, context in example.get("context", {}).items():
        example["context"][kind] = {**(context if isinstance(context, dict) else {}), "id": kind}
    if variables := dict(_step_variables(steps, fields, example["payload"])):
        example["steps"] = variables
    return example


def completed(given: Any, example: Any) -> Any:
    """Return the given value with what it lacks from the example."""
    if not isinstance(given, dict) or not isinstance(example, dict):
        return given
    return {**example, **{name: completed(value, example.get(name)) for name, value in given.items()}}


def _step_variables(
    steps: Sequence[CompiledStep], paths: Iterable[VariablePath], payload: JsonObject
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield the variables of each step that a path reads."""
    read = {path[1] for path in paths if path[:1] == ("steps",) and len(path) > 1}
    for step in steps:
        if step.step_id not in read:
            continue
        if step.collects_events:
            yield step.step_id, digest_view([{"id": EVENT_ID, "time": EVENT_TIME, "payload": payload}], 1)
        elif step.default_variables is not None:
            yield step.step_id, step.default_variables


def _put(target: JsonObject, names: list[str], value: Any) -> None:
    """Put a value at a path, unless one is there; only a text gives way to an object with more names."""
    *parents, last = names
    for name in parents:
        inner = target.get(name)
        if inner is None or isinstance(inner, str):
            inner = target[name] = {}
        if not isinstance(inner, dict):
            return
        target = inner
    target.setdefault(last, value)


def _value(root: str, names: list[str], field: str) -> Any:
    """Return an example for a variable by its name and by the field of a step that reads it."""
    if field in ("expiresAt", "until"):
        return iso(now_ms() + DAY_MS)
    if field == "collapseMode":
        return "replace"
    person = PERSON if root in ("subscriber", "actor") else {}
    return person.get(names[0], _text(names[-1]))


def _text(name: str) -> str:
    return LINK if _LINK_NAME.search(name) else name


def _of_schema(schema: Any, name: str, depth: int = 0) -> Any:
    """Return a value that fits a JSON Schema, as far as its types say."""
    if not isinstance(schema, dict) or depth > MAX_DEPTH:
        return _text(name)
    for keyword in ("default", "const"):
        if keyword in schema:
            return deepcopy(schema[keyword])
    for keyword in ("examples", "enum"):
        if isinstance(schema.get(keyword), list) and schema[keyword]:
            return deepcopy(schema[keyword][0])
    kind = schema.get("type")
    if isinstance(kind, list):
        kind = next((one for one in kind if one != "null"), "null")
    properties = schema.get("properties")
    if kind == "object" or (kind is None and isinstance(properties, dict)):
        inner = properties if isinstance(properties, dict) else {}
        return {key: _of_schema(part, key, depth + 1) for key, part in inner.items()}
    if kind == "array":
        items = schema.get("items")
        return [_of_schema(items, name, depth + 1)] if isinstance(items, dict) else []
    if kind in ("integer", "number"):
        return schema.get("minimum", 1)
    if kind in ("boolean", "null"):
        return True if kind == "boolean" else None
    return _FORMATS.get(str(schema.get("format")), _text(name))
