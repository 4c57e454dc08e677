"""What a workflow must be like beyond its types: names that can be used, steps that can be told apart and rendered."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from inbox.errors import BadRequest, invalid
from inbox.ids import new_object_id
from inbox.models.workflow import MAX_IDENTIFIER_LENGTH, InAppControls, Redirect, Step, StepUpsert
from inbox.rendering.urls import safe_url
from inbox.service.workflow_views import slugify

MAX_DATA_VALUES = 100

_IDENTIFIER = re.compile(r"[A-Za-z0-9_:.-]+|[^\s@\x00-\x1f\x7f]+@[^\s@\x00-\x1f\x7f]+\.[^\s@\x00-\x1f\x7f]+")
_AVATAR = re.compile(r"https?://|/|.*\{\{", re.IGNORECASE | re.DOTALL)


def check_identifier(value: str, field: str) -> str:
    """The identifier without space around it: letters, digits and `_:.-`, or like an e-mail address.

    Raises BadRequest for NUL, ValidationFailed (422) for everything else that is wrong.
    """
    if "\0" in value:
        raise BadRequest(f"{field} must not contain NUL")
    text = value.strip()
    if not 0 < len(text) <= MAX_IDENTIFIER_LENGTH:
        raise invalid(field, f"{field} must have 1 to {MAX_IDENTIFIER_LENGTH} characters", value)
    if not _IDENTIFIER.fullmatch(text):
        raise invalid(field, f"{field} must consist of letters, digits, '_', ':', '.' and '-'", value)
    return text


def build_steps(wanted: Sequence[StepUpsert], existing: Sequence[Step] = ()) -> list[Step]:
    """The steps to store. One that names an existing step, by `_id` or `stepId`, keeps its ids.

    Raises ValidationFailed, naming the field, for a step without content, ids used twice and unusable links.
    """
    steps: list[Step] = []
    for place, step in enumerate(wanted):
        field = f"steps.{place}"
        controls = step.control_values or InAppControls()
        _check_content(controls, f"{field}.controlValues")
        old = _counterpart(step, existing)
        step_id = _step_id(step, old, [other.step_id for other in steps], field)
        old = old or next((one for one in existing if one.step_id == step_id), None)  # its name gives it the same id
        used = {other.id for other in steps}
        object_id = old.id if old and old.id not in used else new_object_id()
        steps.append(Step(id=object_id, step_id=step_id, name=step.name, controls=controls))
    return steps


def _counterpart(step: StepUpsert, existing: Sequence[Step]) -> Step | None:
    by_id = (old for old in existing if old.id == step.id)
    by_step_id = (old for old in existing if step.id is None and old.step_id == step.step_id)
    return next(by_id, None) or next(by_step_id, None)


def _step_id(step: StepUpsert, old: Step | None, taken: Sequence[str], field: str) -> str:
    if step.step_id is not None:
        step_id = check_identifier(step.step_id, f"{field}.stepId")
        if step_id in taken:
            raise invalid(f"{field}.stepId", f"stepId {step_id} is used twice", step.step_id)
        return step_id
    if old and old.step_id not in taken:
        return old.step_id
    base = slugify(step.name, "step")
    return next(name for name in _numbered(base) if name not in taken)


def _numbered(base: str) -> Iterator[str]:
    yield base
    number = 2
    while True:
        yield f"{base}-{number}"
        number += 1


def _check_content(controls: InAppControls, field: str) -> None:
    if not (controls.subject or "").strip() and not (controls.body or "").strip():
        raise invalid(f"{field}.body", "a step needs a subject or a body", controls.body)
    if controls.avatar and not _AVATAR.match(controls.avatar):
        raise invalid(f"{field}.avatar", "avatar must be an http(s) URL, a path or a {{variable}}", controls.avatar)
    if _count_values(controls.data) > MAX_DATA_VALUES:
        raise invalid(f"{field}.data", f"data must not have more than {MAX_DATA_VALUES} values")
    for name, redirect in _redirects(controls):
        if redirect.url and not safe_url(redirect.url):
            raise invalid(f"{field}.{name}.url", "this kind of link is not allowed", redirect.url)


def _redirects(controls: InAppControls) -> Iterator[tuple[str, Redirect]]:
    if controls.redirect:
        yield "redirect", controls.redirect
    for name, action in (("primaryAction", controls.primary_action), ("secondaryAction", controls.secondary_action)):
        if action and action.redirect:
            yield f"{name}.redirect", action.redirect


def _count_values(value: Any) -> int:
    if isinstance(value, dict):
        return sum(map(_count_values, value.values()))
    if isinstance(value, list):
        return sum(map(_count_values, value))
    return 1
