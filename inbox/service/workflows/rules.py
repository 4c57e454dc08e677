"""What a workflow must be like beyond its types: names that can be used, steps that can be told apart and rendered."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from inbox.errors import BadRequest, invalid
from inbox.ids import new_object_id
from inbox.models.workflow import (
    MAX_IDENTIFIER_LENGTH,
    DelayControls,
    DelayStepUpsert,
    DigestControls,
    DigestStepUpsert,
    InAppControls,
    LookBackWindow,
    Redirect,
    Step,
    StepUpsert,
)
from inbox.rendering.times import check_cron, is_too_long
from inbox.rendering.urls import Guard, UnsafeLink, check_link, guard_of
from inbox.service.workflows.views import slugify

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
        kind = _kind(step, f"{field}.controlValues")
        old = _counterpart(step, existing)
        step_id = _step_id(step, old, [other.step_id for other in steps], field)
        old = old or next((one for one in existing if one.step_id == step_id), None)  # its name gives it the same id
        used = {other.id for other in steps}
        object_id = old.id if old and old.id not in used else new_object_id()
        steps.append(Step(id=object_id, step_id=step_id, name=step.name, **kind))
    return steps


def _kind(step: StepUpsert, field: str) -> dict[str, Any]:
    """The fields of a stored step that belong to its type."""
    if isinstance(step, DelayStepUpsert):
        delay = step.control_values or DelayControls()
        _check_delay(delay, field)
        return {"type": "delay", "delay": delay}
    if isinstance(step, DigestStepUpsert):
        digest = step.control_values or DigestControls()
        _check_digest(digest, field)
        return {"type": "digest", "digest": digest}
    controls = step.control_values or InAppControls()
    _check_content(controls, field)
    return {"controls": controls}


def _check_delay(controls: DelayControls, field: str) -> None:
    if controls.until is None:
        _check_time(controls, field)
    elif any(value is not None for value in (controls.amount, controls.unit, controls.cron)):
        raise invalid(f"{field}.until", "until stands alone: without amount, unit and cron", controls.until)
    elif not controls.until.strip() or controls.type != "regular":
        raise invalid(f"{field}.until", "until must be a template of a time, and type regular or absent")


def _check_digest(controls: DigestControls, field: str) -> None:
    _check_time(controls, field)
    if controls.look_back_window is None:
        return
    if controls.type == "timed":
        raise invalid(f"{field}.lookBackWindow", "lookBackWindow belongs to a regular digest")
    _check_amount(controls.look_back_window, f"{field}.lookBackWindow")


def _check_time(controls: DelayControls | DigestControls, field: str) -> None:
    """Either amount and unit, or cron, as the type says."""
    if controls.type == "timed":
        _check_cron(controls.cron, f"{field}.cron")
        for name, value in (("amount", controls.amount), ("unit", controls.unit)):
            if value is not None:
                raise invalid(f"{field}.{name}", f"{name} belongs to the type regular", value)
        return
    if controls.cron is not None:
        raise invalid(f"{field}.cron", "cron belongs to the type timed", controls.cron)
    _check_amount(controls, field)


def _check_cron(expression: str | None, field: str) -> None:
    if expression is None:
        raise invalid(field, "the type timed needs a cron expression")
    try:
        check_cron(expression)
    except ValueError as error:
        raise invalid(field, f"cron must be a cron expression: {error}", expression) from None


def _check_amount(controls: DelayControls | DigestControls | LookBackWindow, field: str) -> None:
    if controls.amount is None:
        raise invalid(f"{field}.amount", "amount should not be empty")
    if controls.unit is None:
        raise invalid(f"{field}.unit", "unit should not be empty")
    if controls.amount != int(controls.amount):
        raise invalid(f"{field}.amount", "amount must be a whole number", controls.amount)
    if is_too_long(controls.amount, controls.unit):
        raise invalid(f"{field}.amount", "no step waits longer than 366 days or 12 months", controls.amount)


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
        check_stored_link(redirect.url, f"{field}.{name}.url")


def check_stored_link(template: str, field: str) -> None:
    """Raise ValidationFailed, naming the field, for a link that no value can make a safe one."""
    try:
        check_link(template, Guard.NONE if guard_of(template) is Guard.NONE else Guard.HOST)
    except UnsafeLink as error:
        raise invalid(field, f"this link is not allowed: {error}", template) from None


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
