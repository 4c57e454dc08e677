"""A message without a stored workflow: what `inbox send` and `inbox doctor` deliver."""

from __future__ import annotations

from functools import cache
from typing import Any

from msgspec.structs import replace

from inbox.ids import derived_object_id
from inbox.models.trigger import TriggerRequest
from inbox.models.workflow import PreferenceSet, Workflow, WorkflowPreference
from inbox.service.workflows.bodies import WorkflowCreate
from inbox.service.workflows.workflows import build_workflow
from inbox.steps.in_app_controls import ActionUpsert, InAppControlsUpsert, InAppStepUpsert, RedirectUpsert

DIRECT_MESSAGE = "direct-message"
"""The workflow identifier of such messages. A stored workflow of this name has nothing to do with them."""


@cache
def direct_workflow() -> Workflow:
    """Return the workflow of direct messages: every text comes from the payload, and nobody can switch it off."""
    button = ActionUpsert("{{payload.action}}", RedirectUpsert("{{payload.url}}"))
    controls = InAppControlsUpsert(
        subject="{{payload.subject}}",
        body="{{payload.body}}",
        redirect=RedirectUpsert("{{payload.url}}"),
        primary_action=button,
    )
    step = InAppStepUpsert(name="In-app message", step_id="in-app", control_values=controls)
    workflow = build_workflow(WorkflowCreate(name="Direct message", workflow_id=DIRECT_MESSAGE, steps=[step]))
    critical = PreferenceSet(WorkflowPreference(read_only=True))
    return replace(
        workflow,
        id=derived_object_id("workflow", DIRECT_MESSAGE),
        steps=[replace(each, id=derived_object_id("step", DIRECT_MESSAGE)) for each in workflow.steps],
        default_preferences=critical,
    )


def direct_request(
    recipients: list[str], body: str, *, subject: str = "", url: str = "", action: str = ""
) -> TriggerRequest:
    """Return the request that delivers a text to recipients."""
    payload: dict[str, Any] = {"subject": subject, "body": body, "url": url, "action": action}
    return TriggerRequest(name=DIRECT_MESSAGE, to=recipients, payload=payload)
