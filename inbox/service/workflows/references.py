"""Warnings about unknown variables in rules and templates, which are stored all the same, as by the original."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from inbox.models import wire
from inbox.models.workflow import Step, Workflow
from inbox.rendering.templates import VARIABLES, TemplateError
from inbox.steps import STEP_TYPES, compile_step
from inbox.steps.base import CompiledStep

CACHED_WORKFLOWS = 128


@dataclass(frozen=True, slots=True)
class Issue:
    """A warning about a field of a step, a dotted path below `controlValues`."""

    step_index: int
    field: str
    message: str
    variable: str = ""

    @wire.without_nulls
    def view(self) -> wire.StepIssue:
        kind = "ILLEGAL_VARIABLE_IN_CONTROL_VALUE"
        return {"issueType": kind, "message": self.message, "variableName": self.variable or None}


@lru_cache(maxsize=CACHED_WORKFLOWS)
def find_issues(workflow: Workflow) -> Sequence[Sequence[Issue]]:
    """Return the issues of each step, cached per revision of the workflow: to compile a long template takes a while."""
    return [list(_step_issues(workflow, index)) for index in range(len(workflow.steps))]


def issues_view(issues: Sequence[Issue]) -> wire.StepIssues:
    controls: dict[str, list[wire.StepIssue]] = {}
    for issue in issues:
        controls.setdefault(issue.field, []).append(issue.view())
    return {"controls": controls}


def _step_issues(workflow: Workflow, index: int) -> Iterator[Issue]:
    prefix = f"steps.{index}."
    try:
        compiled = compile_step(workflow, workflow.steps[index], prefix)
    except TemplateError as error:  # stored by a version that accepted it
        for field, messages in error.fields.items():
            yield Issue(index, field.removeprefix(f"{prefix}controlValues."), "; ".join(messages))
        return
    yield from issues_of(compiled, workflow, index)


def issues_of(compiled: CompiledStep, workflow: Workflow, index: int) -> Iterator[Issue]:
    """Yield the issues of a step that compiles."""
    for field, paths in compiled.paths.items():
        for path in sorted(paths):
            if problem := _problem(workflow.steps, index, field, path):
                yield Issue(index, field, f"{'.'.join(path)}: {problem}", ".".join(path))


def _problem(steps: list[Step], index: int, field: str, path: tuple[str, ...]) -> str | None:
    """Return what is wrong with a path that a field reads, or None."""
    if path[:1] != ("steps",) or len(path) == 1:  # a template can define variables (`assign`), a rule cannot
        is_unknown = field == "skip" and path and path[0] not in VARIABLES
        return f"there is no variable {path[0]}; there are {', '.join(sorted(VARIABLES))}" if is_unknown else None
    name = path[1]
    position = next((position for position, step in enumerate(steps) if step.step_id == name), None)
    if position is None:
        earlier = ", ".join(step.step_id for step in steps[:index])
        return f"there is no step {name}; before this one there is {earlier or 'none'}"
    if position == index:
        return f"{name} is this step itself"
    return f"step {name} comes after this one" if position > index else _unknown_field(steps[position], path[2:])


def _unknown_field(step: Step, path: tuple[str, ...]) -> str | None:
    variables = STEP_TYPES[step.type].variables if step.type in STEP_TYPES else ()
    if not path or path[0] in variables:
        return None
    return f"{step.step_id} has no {path[0]}; it has {', '.join(variables) or 'nothing to read'}"
