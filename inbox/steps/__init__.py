"""The step types, one module each: controls, checks, compilation, and execution for a feed.

`in_app` has its controls and the compiler of a message's parts in modules beside it. A new type is a module with a
StepDefinition, listed twice in this file, and a section in docs/workflows.md.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

import msgspec

from inbox.lazy import lazy
from inbox.models.workflow import Step, Workflow
from inbox.rendering.paths import VariablePath
from inbox.rendering.templates import TemplateError
from inbox.steps import delay, digest, in_app, throttle
from inbox.steps.base import CompiledStep, StepDefinition, read_controls
from inbox.steps.in_app_controls import InAppStepUpsert

StepUpsert = InAppStepUpsert | delay.DelayStepUpsert | digest.DigestStepUpsert | throttle.ThrottleStepUpsert
STEP_TYPES = {kind.name: kind for kind in (in_app.TYPE, delay.TYPE, digest.TYPE, throttle.TYPE)}

CACHED_WORKFLOWS = 1_024


def definition_of(step: StepUpsert) -> StepDefinition:
    """Return the definition of a step that a caller sent."""
    return STEP_TYPES[str(step.__struct_config__.tag)]


class CompiledSteps(tuple[CompiledStep, ...]):
    """The active steps of a workflow, in order."""

    @lazy
    def subscriber_paths(self) -> list[VariablePath]:
        """Return what the steps read of the subscriber; the empty path stands for all of it."""
        return sorted({path for step in self for path in step.subscriber_paths})


@lru_cache(maxsize=CACHED_WORKFLOWS)
def compile_steps(workflow: Workflow) -> CompiledSteps:
    """Return the workflow's active steps, cached per revision of the workflow. Raise TemplateError."""
    return CompiledSteps(step for step in _compile(workflow) if step.step.active)


def check_templates(workflow: Workflow) -> None:
    """Raise TemplateError, naming the field, if a step does not compile.

    Unlike `compile_steps` this caches nothing: another workflow may get the revision of one that is not stored yet.
    """
    for _ in _compile(workflow):
        pass


def compile_step(workflow: Workflow, step: Step, prefix: str) -> CompiledStep:
    """Return the compiled step; `prefix` as in CompiledStep.

    Raise TemplateError, also for a type of step that only a newer version knows.
    """
    definition = STEP_TYPES.get(step.type)
    if definition is None:
        raise TemplateError(f"{prefix}type", f"{prefix}type {step.type} is not known", step.type)
    try:
        controls = read_controls(step.controls, definition.controls)
    except msgspec.ValidationError as error:
        raise TemplateError(f"{prefix}controlValues", str(error), step.controls) from None
    return definition.compile(workflow, step, controls, prefix)


def _compile(workflow: Workflow) -> Iterator[CompiledStep]:
    return (compile_step(workflow, step, f"steps.{index}.") for index, step in enumerate(workflow.steps))
