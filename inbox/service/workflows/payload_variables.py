"""Variables of v1 steps: defaults for payload keys that are missing, and keys that must be there."""

from __future__ import annotations

from typing import Any

from inbox.errors import BadRequest
from inbox.models.workflow import Variable, Workflow

_ABSENT = object()


def complete_variables(workflow: Workflow, payload: dict[str, Any]) -> dict[str, Any]:
    """The payload with the defaults of the workflow's variables. Raises BadRequest naming required keys it lacks."""
    missing: list[str] = []
    completed = payload
    for variable in (one for step in workflow.steps if step.active for one in step.variables):
        if _at(completed, variable.name.split(".")) is not _ABSENT:
            continue
        if variable.default_value is not None:
            completed = _with(completed, variable.name.split("."), variable.default_value)
        elif variable.required:
            missing.append(_named(variable))
    if missing:
        raise BadRequest(f"payload is missing required key(s) and type(s): {', '.join(missing)}")
    return completed


def _at(value: Any, path: list[str]) -> Any:
    for name in path:
        if not isinstance(value, dict) or name not in value:
            return _ABSENT
        value = value[name]
    return value


def _with(payload: dict[str, Any], path: list[str], value: Any) -> dict[str, Any]:
    """A copy in which the path leads to the value; what stands in its way stays."""
    name, *rest = path
    if not rest:
        return {**payload, name: value}
    inner = payload.get(name, {})
    return {**payload, name: _with(inner, rest, value)} if isinstance(inner, dict) else payload


def _named(variable: Variable) -> str:
    return f"{variable.name} (Value)" if variable.type == "String" else f"{variable.name} ({variable.type})"
