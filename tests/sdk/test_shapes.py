"""What the service answers parses in the official SDK's strict models, and says there what was stored."""

from __future__ import annotations

from typing import Any

import msgspec
from novu_py import models

from inbox.models.environment import Environment
from inbox.models.workflow import PreferenceSet, Workflow, WorkflowPreference
from inbox.service.workflows.rules import build_steps
from inbox.service.workflows.views import workflow_list_item, workflow_template, workflow_view
from inbox.steps import StepUpsert

ENVIRONMENT = Environment(1, "e" * 24, "0" * 24, "Development", "identifier01")
CONTROLS: dict[str, Any] = {
    "subject": "S",
    "body": "B",
    "avatar": "/a.png",
    "primaryAction": {"label": "P", "redirect": {"url": "/p", "target": "_blank"}},
    "secondaryAction": {"label": "S", "redirect": {"url": "/s"}},
    "redirect": {"url": "/r", "target": "_unfencedTop"},
    "data": {"a": {"b": 1}},
    "disableOutputSanitization": True,
}


def bare_workflow(**fields: Any) -> Workflow:
    given = {"id": "6b0368bc189bbf7d8610a9aa", "identifier": "w", "name": "W", "created_ms": 1, "updated_ms": 2}
    return Workflow(**{**given, **fields})


def full_workflow() -> Workflow:
    step = msgspec.convert({"name": "Full", "type": "in_app", "controlValues": CONTROLS}, StepUpsert)
    return bare_workflow(
        steps=build_steps([step]),
        description="D",
        tags=["a", "b"],
        active=False,
        severity="medium",
        validate_payload=True,
        payload_schema={"type": "object", "properties": {"n": {"type": "integer"}}},
        default_preferences=PreferenceSet(all=WorkflowPreference(read_only=True)),
        user_preferences=PreferenceSet(all=WorkflowPreference(enabled=False)),
        is_translation_enabled=True,
    )


def test_a_bare_workflow() -> None:
    parsed = models.WorkflowResponseDto.model_validate(workflow_view(bare_workflow()))
    assert (parsed.id, parsed.workflow_id, parsed.steps) == ("6b0368bc189bbf7d8610a9aa", "w", [])
    assert parsed.status is models.WorkflowStatusEnum.ACTIVE
    assert parsed.preferences.user is None
    assert parsed.updated_at == "1970-01-01T00:00:00.002Z"


def test_a_full_workflow() -> None:
    workflow = full_workflow()
    parsed = models.WorkflowResponseDto.model_validate(workflow_view(workflow))
    [step] = parsed.steps
    assert isinstance(step, models.InAppStepResponseDto)
    assert step.control_values is not None
    assert step.control_values.model_dump(by_alias=True) == CONTROLS
    assert step.controls.values.model_dump(by_alias=True) == CONTROLS
    assert (step.workflow_id, step.workflow_database_id) == ("w", workflow.id)
    assert parsed.status is models.WorkflowStatusEnum.INACTIVE
    assert parsed.severity is models.SeverityLevelEnum.MEDIUM
    assert parsed.preferences.default.all.read_only is True
    assert parsed.preferences.user
    assert parsed.preferences.user.all.enabled is False
    assert (parsed.description, parsed.tags, parsed.validate_payload) == ("D", ["a", "b"], True)
    assert parsed.payload_schema == workflow.payload_schema


def test_a_list() -> None:
    items = [workflow_list_item(bare_workflow()), workflow_list_item(full_workflow())]
    parsed = models.ListWorkflowResponse.model_validate({"workflows": items, "totalCount": 2})
    assert [item.step_type_overviews for item in parsed.workflows] == [[], [models.StepTypeEnum.IN_APP]]
    assert parsed.workflows[1].steps[0].type is models.StepTypeEnum.IN_APP


def test_the_embedded_template() -> None:
    workflow = full_workflow()
    parsed = models.WorkflowResponse.model_validate(workflow_template(workflow, ENVIRONMENT))
    assert (parsed.id, parsed.name, parsed.description, parsed.active) == (workflow.id, "W", "D", False)
    assert (parsed.critical, parsed.draft, parsed.deleted) == (False, False, False)
    assert (parsed.deleted_at, parsed.deleted_by) == ("", "")
    assert parsed.preference_settings.in_app is False
    assert [trigger.identifier for trigger in parsed.triggers] == ["w"]
    assert parsed.steps[0].id == parsed.steps[0].template_id == workflow.steps[0].id
    assert parsed.notification_group
    assert (parsed.notification_group.id, parsed.notification_group.name) == (parsed.notification_group_id, "General")
    assert models.WorkflowResponse.model_validate(workflow_template(bare_workflow(), ENVIRONMENT)).description == ""
