"""All problems of a workflow.

The checks of a workflow stop at the first problem. So each problem is repaired in a copy, which is checked again, until
there are no more.
"""

from __future__ import annotations

import copy
from typing import Any

import msgspec

from inbox.errors import BadRequest, ValidationFailed
from inbox.models.mismatch import find_mismatches
from inbox.service.workflows.bodies import WorkflowCreate
from inbox.service.workflows.workflows import build_workflow
from inbox.steps import STEP_TYPES

MAX_ROUNDS = 200
_VALID_TEXT = "{{payload.x}}"  # valid for every text that is a template
_VALID: dict[str, Any] = {"cron": "0 0 * * *", "amount": 1, "unit": "hours"}
_REQUIRED: dict[str, Any] = {"name": "x", "workflowId": "x", "steps": []}


def find_problems(item: Any, kind: type[WorkflowCreate]) -> list[tuple[str, str]]:
    """Return the field (a dotted path, empty for the whole) and the message of each problem of a workflow."""
    item = copy.deepcopy(item)
    problems: dict[str, list[str]] = {}
    for _ in range(MAX_ROUNDS):
        errors = _check(item, kind)
        repairs = [_repair(item, field, whole_step=field in problems) for field in errors]
        problems |= {field: messages for field, messages in errors.items() if field not in problems}
        if not all(repairs) or not errors:
            break
    return [
        (field, message.removeprefix(f"{field} "))  # the caller shows the field itself
        for field, messages in problems.items()
        for message in messages
    ]


def _check(item: Any, kind: type[WorkflowCreate]) -> dict[str, list[str]]:
    """Return the problems of one round of checks: every value of a wrong type, else the first other problem."""
    if mismatches := list(find_mismatches(item, kind)):
        return {one.field: [str(one)] for one in mismatches}
    try:
        build_workflow(msgspec.convert(item, kind))
    except ValidationFailed as error:
        return error.fields
    except BadRequest as error:
        return {"": [error.message]}
    return {}


def _repair(item: Any, field: str, *, whole_step: bool) -> bool:
    """Replace the value of a field, or the whole step that it is of; return whether that changed anything."""
    head, *rest = field.split(".")
    if not isinstance(item, dict):
        return False
    if head == "steps" and rest and isinstance(item.get("steps"), list):
        return _repair_step(item["steps"], int(rest[0]), [] if whole_step else rest[1:])
    if head in _REQUIRED:
        item[head] = _REQUIRED[head]
        return not whole_step
    return item.pop(head, None) is not None


def _repair_step(steps: list[Any], index: int, path: list[str]) -> bool:
    step = steps[index]
    if isinstance(step, dict) and path:
        if path[0] in ("stepId", "_id") and path[0] in step:
            del step[path[0]]
            return True
        if path[0] == "name":
            step["name"] = "x"
            return True
        if len(path) > 1 and isinstance(step.get("controlValues"), dict):
            _repair_value(step["controlValues"], path[1:], step.get("type"))
            return True
    replacement = _replacement(step)
    if step == replacement:
        return False
    steps[index] = replacement
    return True


def _replacement(step: Any) -> dict[str, Any]:
    """Return a valid step, with the `stepId` and type of the invalid one as far as possible: others may refer to it."""
    fields = step if isinstance(step, dict) else {}
    kind = fields["type"] if fields.get("type") in STEP_TYPES else "in_app"
    step_id = {"stepId": fields["stepId"]} if isinstance(fields.get("stepId"), str) else {}
    return {"name": "x", "type": kind, "controlValues": {**STEP_TYPES[kind].example}, **step_id}


def _repair_value(values: dict[str, Any], path: list[str], step_type: Any) -> None:
    """Replace a text or a missing value by a template; remove anything else."""
    if step_type not in STEP_TYPES or path[0] not in STEP_TYPES[step_type].control_names:
        values.pop(path[0], None)
        return
    holder = values
    for name in path[:-1]:
        if not isinstance(holder.get(name), dict):
            values.pop(path[0])
            return
        holder = holder[name]
    if path[-1] in _VALID or isinstance(holder.get(path[-1], ""), str):
        holder[path[-1]] = _VALID.get(path[-1], _VALID_TEXT)
    else:
        del holder[path[-1]]
