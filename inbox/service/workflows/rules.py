"""Rules of a workflow beyond types: valid identifiers, distinct steps that can be rendered."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain, count

import msgspec

from inbox.errors import BadRequest, invalid
from inbox.ids import NAME, new_object_id
from inbox.models.workflow import MAX_IDENTIFIER_LENGTH, Step
from inbox.service.workflows.views import slugify
from inbox.steps import StepUpsert, definition_of


def check_identifier(value: str, field: str) -> str:
    """Return the identifier without surrounding space: letters, digits and `_:.-`, or like an e-mail address.

    Raise BadRequest for NUL, ValidationFailed (422) for anything else.
    """
    if "\0" in value:
        raise BadRequest(f"{field} must not contain NUL")
    text = value.strip()
    if not 0 < len(text) <= MAX_IDENTIFIER_LENGTH:
        raise invalid(field, f"{field} must have 1 to {MAX_IDENTIFIER_LENGTH} characters", value)
    if not NAME.fullmatch(text):
        raise invalid(field, f"{field} must consist of letters, digits, '_', ':', '.' and '-'", value)
    return text


def build_steps(bodies: Sequence[StepUpsert], existing: Sequence[Step] = ()) -> list[Step]:
    """Return the steps to store. A step with the `_id` or `stepId` of an existing one keeps its ids.

    Raise ValidationFailed, naming the field, for a step without content, ids used twice and unusable links.
    """
    steps: list[Step] = []
    for index, step in enumerate(bodies):
        field = f"steps.{index}"
        definition = definition_of(step)
        controls = step.control_values or definition.controls()
        definition.check(controls, f"{field}.controlValues")
        old = _counterpart(step, existing)
        step_id = _step_id(step, old, [other.step_id for other in steps], field)
        old = old or next((one for one in existing if one.step_id == step_id), None)  # the id came from the name
        used = {other.id for other in steps}
        object_id = old.id if old and old.id not in used else new_object_id()
        values = msgspec.to_builtins(controls)
        steps.append(Step(id=object_id, step_id=step_id, name=step.name, controls=values, type=definition.name))
    return steps


def _counterpart(step: StepUpsert, existing: Sequence[Step]) -> Step | None:
    by_id = (old for old in existing if old.id == step.id)
    by_step_id = (old for old in existing if step.id is None and old.step_id == step.step_id)
    return next(by_id, None) or next(by_step_id, None)


def _step_id(step: StepUpsert, old: Step | None, used: Sequence[str], field: str) -> str:
    if step.step_id is not None:
        step_id = check_identifier(step.step_id, f"{field}.stepId")
        if step_id in used:
            raise invalid(f"{field}.stepId", f"stepId {step_id} is used twice", step.step_id)
        return step_id
    if old and old.step_id not in used:
        return old.step_id
    return step_id_of(step.name, used)


def step_id_of(name: str, used: Sequence[str]) -> str:
    """Return the stepId of a step that came without one; `used` are those of the steps before it."""
    base = slugify(name, "step")
    numbered = (f"{base}-{number}" for number in count(2))
    return next(step_id for step_id in chain([base], numbered) if step_id not in used)
