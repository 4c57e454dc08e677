"""Everything that is wrong with a workflow, not only the first of it.

The checks of a workflow end with the first thing that is wrong. So what they find is replaced by something right in a
copy, which is checked again, until nothing more is found.
"""

from __future__ import annotations

import copy
from typing import Any

import msgspec

from inbox.errors import BadRequest, ValidationFailed
from inbox.models.mismatch import find_mismatches
from inbox.models.workflow import WorkflowCreate, field_names, step_controls
from inbox.service.workflows.workflows import build_workflow

MAX_ROUNDS = 200
_TEXT = "{{payload.x}}"  # right for every text that is a template
_RIGHT: dict[str, Any] = {"cron": "0 0 * * *", "amount": 1, "unit": "hours"}
_WAIT = {"amount": 1, "unit": "hours"}
_CONTROLS: dict[str, dict[str, Any]] = {"in_app": {"body": "x"}, "delay": _WAIT, "digest": _WAIT}
_REQUIRED: dict[str, Any] = {"name": "x", "workflowId": "x", "steps": []}


def find_problems(item: Any, kind: type[WorkflowCreate]) -> list[tuple[str, str]]:
    """Return the field (a dotted path, empty for the whole) and the message of everything wrong with a workflow."""
    item = copy.deepcopy(item)
    found: dict[str, list[str]] = {}
    for _ in range(MAX_ROUNDS):
        wrong = _check(item, kind)
        seen = wrong.keys() & found.keys()
        for field, messages in wrong.items():
            found.setdefault(field, messages)
        mended = [_mend(item, field, gently=field not in seen) for field in wrong]
        if not all(mended) or not wrong:
            break
    return [
        (field, message.removeprefix(f"{field} "))  # whoever shows the message names the field
        for field, messages in found.items()
        for message in messages
    ]


def _check(item: Any, kind: type[WorkflowCreate]) -> dict[str, list[str]]:
    """Return what one round of checks finds: every value of a wrong type, else the first other thing that is wrong."""
    if mismatches := list(find_mismatches(item, kind)):
        return {one.field: [str(one)] for one in mismatches}
    try:
        build_workflow(msgspec.convert(item, kind))
    except ValidationFailed as error:
        return error.fields
    except BadRequest as error:
        return {"": [error.message]}
    return {}


def _mend(item: Any, field: str, *, gently: bool) -> bool:
    """Replace what is wrong; whether that changed anything. Not `gently`: the whole step that the field is of."""
    head, *rest = field.split(".")
    if not isinstance(item, dict):
        return False
    if head == "steps" and rest and isinstance(item.get("steps"), list):
        return _mend_step(item["steps"], int(rest[0]), rest[1:] if gently else [])
    if head in _REQUIRED:
        item[head] = _REQUIRED[head]
        return gently
    return item.pop(head, None) is not None


def _mend_step(steps: list[Any], index: int, path: list[str]) -> bool:
    step = steps[index]
    if isinstance(step, dict) and path:
        if path[0] in ("stepId", "_id") and path[0] in step:
            del step[path[0]]
            return True
        if path[0] == "name":
            step["name"] = "x"
            return True
        if len(path) > 1 and isinstance(step.get("controlValues"), dict):
            _mend_value(step["controlValues"], path[1:], step.get("type"))
            return True
    replacement = _replacement(step)
    if step == replacement:
        return False
    steps[index] = replacement
    return True


def _replacement(step: Any) -> dict[str, Any]:
    """A step that is right, under the id and, if it is one, the type of the given step: others may refer to it."""
    given = step if isinstance(step, dict) else {}
    kind = given.get("type") if given.get("type") in _CONTROLS else "in_app"
    named = {"stepId": given["stepId"]} if isinstance(given.get("stepId"), str) else {}
    return {"name": "x", "type": kind, "controlValues": _CONTROLS[str(kind)], **named}


def _mend_value(values: dict[str, Any], path: list[str], step_type: Any) -> None:
    """Put a template in the place of a text, or of what is missing; take everything else out."""
    controls = step_controls(step_type)
    if controls is None or path[0] not in field_names(controls):
        values.pop(path[0], None)
        return
    holder = values
    for name in path[:-1]:
        if not isinstance(holder.get(name), dict):
            values.pop(path[0])
            return
        holder = holder[name]
    if path[-1] in _RIGHT or isinstance(holder.get(path[-1], ""), str):
        holder[path[-1]] = _RIGHT.get(path[-1], _TEXT)
    else:
        del holder[path[-1]]
