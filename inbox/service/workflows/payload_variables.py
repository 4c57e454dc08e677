"""Variables of v1 steps: required payload keys, and defaults for missing ones."""

from __future__ import annotations

from typing import Any

from inbox.errors import BadRequest
from inbox.models.json_values import JsonObject
from inbox.models.workflow import Workflow


def complete_variables(workflow: Workflow, payload: JsonObject) -> JsonObject:
    """Return the payload with the variables' defaults. Raise BadRequest naming the required keys that it lacks."""
    missing: list[str] = []
    for variable in (one for step in workflow.steps if step.active for one in step.variables):
        path = variable.name.split(".")
        if _has(payload, path):
            continue
        if variable.default_value is not None:
            payload = _with(payload, path, variable.default_value)
        elif variable.required:
            kind = "Value" if variable.type == "String" else variable.type
            missing.append(f"{variable.name} ({kind})")
    if missing:
        raise BadRequest(f"payload is missing required key(s) and type(s): {', '.join(missing)}")
    return payload


def _has(value: Any, path: list[str]) -> bool:
    for name in path:
        if not isinstance(value, dict) or name not in value:
            return False
        value = value[name]
    return True


def _with(payload: JsonObject, path: list[str], value: Any) -> JsonObject:
    """Return a copy with the value at the path, unless a value that is no object is in its way."""
    name, *rest = path
    if not rest:
        return {**payload, name: value}
    inner = payload.get(name, {})
    return {**payload, name: _with(inner, rest, value)} if isinstance(inner, dict) else payload
