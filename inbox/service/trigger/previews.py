"""Previews: what a step of a workflow would do, rendered by the code that delivers. Nothing is stored or sent."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import cast

import msgspec
from msgspec.structs import replace

from inbox.clock import now_ms
from inbox.errors import ValidationFailed, invalid
from inbox.ids import SubscriberId, new_object_id
from inbox.models import wire
from inbox.models.context_keys import parse_context
from inbox.models.json_values import JsonObject
from inbox.models.mismatch import find_mismatches
from inbox.models.subscriber import Subscriber
from inbox.models.workflow import Step, Workflow
from inbox.rendering.templates import RenderError, TemplateError
from inbox.service.trigger.plan import Plan
from inbox.service.workflows.bodies import (
    PreviewPayload,
    PreviewRequest,
    UnsavedPreviewRequest,
    UnsavedWorkflow,
)
from inbox.service.workflows.payload_schema import check_schema
from inbox.service.workflows.references import Issue, issues_of, issues_view
from inbox.service.workflows.rules import step_id_of
from inbox.service.workflows.samples import completed, example_of
from inbox.service.workflows.workflows import stored_fields
from inbox.steps import STEP_TYPES, compile_step
from inbox.steps.base import CompiledStep, StepPreview

TRANSACTION_ID = "preview"
SUBSCRIBER: JsonObject = {"subscriberId": "ada", "isOnline": False}
"""What every subscriber has."""


def preview_step(workflow: Workflow, index: int, request: PreviewRequest) -> wire.StepPreviewReply:
    """Preview a stored step.

    Raise ValidationFailed, whose fields begin with `controlValues`, and PayloadTooLarge.
    """
    if request.control_values is not None:
        step = replace(workflow.steps[index], controls=request.control_values, language="liquid")
        _check_step(step, "")
        workflow = replace(workflow, steps=[*workflow.steps[:index], step, *workflow.steps[index + 1 :]])
    return _preview(workflow, index, "", request.preview_payload)


def preview_unsaved(request: UnsavedPreviewRequest) -> wire.StepPreviewReply:
    """Preview a step of a workflow that is not stored. The other steps may be unfinished.

    Raise ValidationFailed, whose fields are named as when the workflow is created, and PayloadTooLarge.
    """
    steps = request.workflow.steps
    if request.step >= len(steps):
        raise invalid("step", f"step must be less than {len(steps)}, the number of steps", request.step)
    prefix = f"steps.{request.step}."
    check_schema(request.workflow.payload_schema)
    workflow = _unsaved(request.workflow)
    _check_step(workflow.steps[request.step], prefix)
    return _preview(workflow, request.step, prefix, request.preview_payload)


def _unsaved(body: UnsavedWorkflow) -> Workflow:
    now = now_ms()
    steps: list[Step] = []
    for step in body.steps:
        step_id = step.step_id or step_id_of(step.name, [other.step_id for other in steps])
        controls = step.control_values or {}
        steps.append(Step(id=new_object_id(), step_id=step_id, name=step.name, controls=controls, type=step.type))
    fields = stored_fields(body)
    return Workflow(
        id=new_object_id(), identifier=body.workflow_id, created_ms=now, updated_ms=now, steps=steps, **fields
    )


def _check_step(step: Step, prefix: str) -> None:
    """Raise ValidationFailed for a step that a workflow could not be stored with."""
    if step.type not in STEP_TYPES:
        raise invalid(f"{prefix}type", f"type must be one of the following values: {', '.join(STEP_TYPES)}", step.type)
    definition, field = STEP_TYPES[step.type], f"{prefix}controlValues"
    if mismatches := list(find_mismatches(step.controls, definition.controls, field)):
        raise ValidationFailed({one.field: str(one) for one in mismatches})
    definition.check(msgspec.convert(step.controls, definition.controls), field)


def _preview(workflow: Workflow, index: int, prefix: str, given: PreviewPayload | None) -> wire.StepPreviewReply:
    step = compile_step(workflow, workflow.steps[index], prefix)
    others = [one for position, one in enumerate(workflow.steps) if position != index]
    example = example_of(workflow, [step, *_compiled(workflow, others)])
    values = _completed(given or PreviewPayload(), example)
    actor = values.get("actor")
    plan = Plan(
        workflow,
        values["payload"],
        {},
        TRANSACTION_ID,
        actor=None if actor is None else _person(actor),
        surroundings={name: values.get(name, {}) for name in ("context", "tenant")},
    )
    scope = plan.scope(step, {**SUBSCRIBER, **values["subscriber"]}, values.get("steps", {}))
    try:
        preview = step.preview(plan, scope)
    except RenderError as error:
        raise _named(error, f"{prefix}controlValues.") from None
    return {
        "result": _result(step.step.type, preview, list(issues_of(step, workflow, index))),
        "previewPayloadExample": values,
        "schema": workflow.payload_schema,
    }


def _compiled(workflow: Workflow, steps: Sequence[Step]) -> Iterator[CompiledStep]:
    """Yield the compiled steps, without those that do not compile."""
    for step in steps:
        with suppress(TemplateError):
            yield compile_step(workflow, step, "")


def _completed(given: PreviewPayload, example: JsonObject) -> JsonObject:
    """Return the given values, completed by an example. Raise ValidationFailed for contexts that no trigger accepts."""
    context = parse_context(given.context).variables
    named = {
        "payload": given.payload,
        "subscriber": given.subscriber,
        "actor": given.actor,
        "context": context or None,
        "tenant": given.tenant,
        "steps": given.steps,
    }
    values: JsonObject = completed({name: value for name, value in named.items() if value is not None}, example)
    return values


def _person(profile: JsonObject) -> Subscriber:
    return Subscriber(new_object_id(), SubscriberId("ada"), 0, 0, profile=cast("wire.SubscriberProfile", profile))


def _named(error: RenderError, prefix: str) -> ValidationFailed:
    """Return the error with the whole path of its field."""
    [(field, messages)] = error.fields.items()
    return ValidationFailed({field if field.startswith(prefix) else f"{prefix}{field}": messages}, error.message)


@wire.without_nulls
def _result(kind: str, preview: StepPreview, issues: list[Issue]) -> wire.StepPreviewResult:
    return {
        "type": kind,
        "preview": dict(preview.content),
        "skipReason": preview.skip_reason or None,
        "remarks": list(preview.remarks) or None,
        "issues": issues_view(issues) if issues else None,
    }
