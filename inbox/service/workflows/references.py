"""What a workflow's rules and templates name that is not there: stored, as the original does, but never silently."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from inbox.models.workflow import Step, Workflow
from inbox.rendering import TemplateError, compile_step
from inbox.rendering.templates import VARIABLES
from inbox.store.message_states import message_state_view

IN_APP_FIELDS = tuple(message_state_view(None))
DIGEST_FIELDS = ("events", "eventCount", "count", "last", "countSummary", "sentenceSummary")
UNKNOWN_VARIABLE = "ILLEGAL_VARIABLE_IN_CONTROL_VALUE"


@dataclass(frozen=True, slots=True)
class Issue:
    """Something in a field of a step (a dotted path below `controlValues`) that will not do what it seems to."""

    step_index: int
    field: str
    message: str
    variable: str = ""

    def view(self) -> dict[str, str]:
        """Return the StepContentIssue of the wire."""
        named = {"variableName": self.variable} if self.variable else {}
        return {"issueType": UNKNOWN_VARIABLE, "message": self.message, **named}


def find_issues(workflow: Workflow) -> list[Issue]:
    """Return the issues of a workflow's steps, in their order."""
    return [issue for index in range(len(workflow.steps)) for issue in _step_issues(workflow, index)]


def issues_view(issues: list[Issue]) -> dict[str, Any]:
    """Return the `issues` of a step, of those that are its own."""
    controls: dict[str, list[dict[str, str]]] = {}
    for issue in issues:
        controls.setdefault(issue.field, []).append(issue.view())
    return {"controls": controls}


def _step_issues(workflow: Workflow, index: int) -> Iterator[Issue]:
    prefix = f"steps.{index}."
    try:
        compiled = compile_step(workflow, workflow.steps[index], prefix)
    except TemplateError as error:  # stored by a version that took it
        for field, messages in error.fields.items():
            yield Issue(index, field.removeprefix(f"{prefix}controlValues."), "; ".join(messages))
        return
    for field, paths in compiled.paths.items():
        for path in sorted(paths):
            if problem := _problem(workflow.steps, index, field, path):
                yield Issue(index, field, f"{'.'.join(path)}: {problem}", ".".join(path))


def _problem(steps: list[Step], index: int, field: str, path: tuple[str, ...]) -> str | None:
    """Return what is wrong with a path that a field reads; None if it can be there.

    The variables of a template may be its own (`assign`), so only those of a rule are known by their first name.
    """
    if path[:1] != ("steps",) or len(path) == 1:
        is_unknown = field == "skip" and path and path[0] not in VARIABLES
        return f"there is no variable {path[0]}; there are {', '.join(sorted(VARIABLES))}" if is_unknown else None
    name = path[1]
    place = next((place for place, step in enumerate(steps) if step.step_id == name), None)
    if place is None:
        known = ", ".join(step.step_id for step in steps[:index])
        return f"there is no step {name}; before this one there is {known or 'none'}"
    if place == index:
        return f"{name} is this step itself"
    return f"step {name} comes after this one" if place > index else _unknown_field(steps[place], path[2:])


def _unknown_field(step: Step, path: tuple[str, ...]) -> str | None:
    """Return what is wrong with what a path reads of a step."""
    known = () if step.delay else DIGEST_FIELDS if step.digest else IN_APP_FIELDS
    if not path or path[0] in known:
        return None
    return f"{step.step_id} has no {path[0]}; it has {', '.join(known) or 'nothing to read'}"
