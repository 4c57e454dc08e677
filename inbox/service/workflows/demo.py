"""The workflows of the demo and the playground: their payload brings the whole content."""

from __future__ import annotations

from contextlib import suppress
from typing import Literal

from inbox.errors import BadRequest
from inbox.models.environment import Environment
from inbox.models.workflow import PreferenceSet, WorkflowPreference
from inbox.service.workflows.bodies import PreferencesRequest, WorkflowCreate
from inbox.service.workflows.workflows import WorkflowService
from inbox.steps.in_app_controls import ActionUpsert, InAppControlsUpsert, InAppStepUpsert, RedirectUpsert

_CONTENT = InAppControlsUpsert(
    subject="{{payload.subject}}",
    body="{{payload.body}}",
    avatar="{{payload.avatar}}",
    redirect=RedirectUpsert("{{payload.url}}"),
    primary_action=ActionUpsert("{{payload.actionLabel}}", RedirectUpsert("{{payload.actionUrl}}")),
    secondary_action=ActionUpsert("{{payload.secondaryLabel}}"),
)
_STEP = InAppStepUpsert(name="In-app message", step_id="in-app", control_values=_CONTENT)
_CRITICAL = PreferencesRequest(workflow=PreferenceSet(WorkflowPreference(enabled=True, read_only=True)))

DemoWorkflow = Literal["welcome", "comment", "alert"]
DEMO_WORKFLOWS: dict[DemoWorkflow, WorkflowCreate] = {
    "welcome": WorkflowCreate(name="Welcome", workflow_id="welcome", steps=[_STEP]),
    "comment": WorkflowCreate(name="Comments", workflow_id="comment", steps=[_STEP], tags=["comments"]),
    "alert": WorkflowCreate(
        name="Alerts", workflow_id="alert", steps=[_STEP], tags=["alerts"], severity="high", preferences=_CRITICAL
    ),
}
"""The workflows by their identifiers. Nobody can switch off `alert`."""


async def ensure_demo_workflows(workflows: WorkflowService, environment: Environment) -> None:
    """Create those that are missing."""
    for identifier, body in DEMO_WORKFLOWS.items():
        if await workflows.find(environment, identifier) is None:
            with suppress(BadRequest):  # another process was first
                await workflows.create(environment, body)
