"""A workflow on the wire: the v2 responses, and the form embedded in the response to an action."""

from __future__ import annotations

import re
import string

from inbox.ids import derived_object_id
from inbox.models import wire
from inbox.models.dates import timestamps
from inbox.models.environment import Environment
from inbox.models.workflow import CHANNELS, PreferenceSet, Step, Workflow
from inbox.service.workflows.references import find_issues, issues_view

ORIGIN = "novu-cloud"
V1_ORIGIN = "novu-cloud-v1"
NOTIFICATION_GROUP = "General"
_BASE62 = string.digits + string.ascii_letters


def slugify(text: str, fallback: str) -> str:
    """Return the text in lower-case letters, digits and single hyphens, or `fallback` instead of an empty text."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-") or fallback


def short_id(object_id: str) -> str:
    """Return a 24-hex id in base 62: the end of every slug, by which it is looked up."""
    number, digits = int(object_id, 16), ""
    while number:
        number, digit = divmod(number, 62)
        digits = _BASE62[digit] + digits
    return digits


def workflow_slug(workflow: Workflow) -> str:
    return f"{slugify(workflow.name, 'workflow')}_wf_{short_id(workflow.id)}"


@wire.without_nulls
def workflow_view(workflow: Workflow) -> wire.WorkflowReply:
    return {
        **_common(workflow),
        "active": workflow.active,
        "severity": workflow.severity,
        "validatePayload": workflow.validate_payload,
        "preferences": {
            "default": _preference_view(workflow.default_preferences),
            "user": _preference_view(workflow.user_preferences) if workflow.user_preferences else None,
        },
        "steps": [step_view(workflow, index) for index in range(len(workflow.steps))],
        "description": workflow.description,
        "payloadSchema": workflow.payload_schema,
    }


def workflow_list_item(workflow: Workflow) -> wire.ListedWorkflow:
    return {
        **_common(workflow),
        "stepTypeOverviews": [step.type for step in workflow.steps],
        "steps": [{"slug": step_slug(step), "type": step.type} for step in workflow.steps],
    }


def workflow_template(workflow: Workflow, environment: Environment) -> wire.WorkflowTemplate:
    """Return the `template` embedded in the response to an action, with every field that the SDKs require."""
    group_id = notification_group_id(environment)
    return {
        "_id": workflow.id,
        **environment.ids,
        "_creatorId": derived_object_id("creator", environment.organization_id),
        "_notificationGroupId": group_id,
        "notificationGroup": {"_id": group_id, "name": NOTIFICATION_GROUP, **environment.ids},
        "name": workflow.name,
        "description": workflow.description or "",
        "active": workflow.active,
        "draft": False,
        "critical": workflow.critical,
        "tags": workflow.tags,
        "preferenceSettings": {channel: workflow.preferences.channel(channel) for channel in CHANNELS},
        "steps": [_template_step(step) for step in workflow.steps],
        "triggers": [
            {"type": "event", "identifier": workflow.identifier, "variables": [], "subscriberVariables": []},
        ],
        "deleted": False,
        "deletedAt": "",
        "deletedBy": "",
        "data": {},
    }


def notification_group_id(environment: Environment) -> str:
    """Return the `_id` of the first notification group of an environment."""
    return derived_object_id("notification-group", environment.id)


def _common(workflow: Workflow) -> wire.WorkflowHead:
    return {
        "_id": workflow.id,
        "workflowId": workflow.identifier,
        "slug": workflow_slug(workflow),
        "name": workflow.name,
        "tags": workflow.tags,
        "status": "ACTIVE" if workflow.active else "INACTIVE",
        "origin": V1_ORIGIN if workflow.is_v1 else ORIGIN,
        "isTranslationEnabled": workflow.is_translation_enabled,
        **timestamps(workflow.created_ms, workflow.updated_ms),
    }


def step_slug(step: Step) -> str:
    return f"{slugify(step.name, 'step')}_st_{short_id(step.id)}"


@wire.without_nulls
def step_view(workflow: Workflow, index: int) -> wire.StepReply:
    step, issues = workflow.steps[index], find_issues(workflow)[index]
    return {
        "_id": step.id,
        "stepId": step.step_id,
        "slug": step_slug(step),
        "name": step.name,
        "type": step.type,
        "origin": ORIGIN,
        "workflowId": workflow.identifier,
        "workflowDatabaseId": workflow.id,
        "variables": {},
        "controls": {"values": step.controls},
        "controlValues": step.controls,
        "issues": issues_view(issues) if issues else None,
    }


def _template_step(step: Step) -> wire.TemplateStep:
    return {
        "_id": step.id,
        "uuid": step.step_id,
        "stepId": step.step_id,
        "name": step.name,
        "_templateId": step.id,
        "active": True,
        "shouldStopOnFail": False,
        "template": {"_id": step.id, "type": step.type, "content": step.controls.get("body", "")},
        "filters": [],
        "variants": [],
    }


def _preference_view(level: PreferenceSet) -> wire.WorkflowLevel:
    return {
        "all": {"enabled": level.all.enabled, "readOnly": level.all.read_only},
        "channels": {channel: {"enabled": level.channel(channel)} for channel in CHANNELS},
    }
