"""A workflow on the wire: the v2 answers (rest-server.md §11) and the forms embedded in messages."""

from __future__ import annotations

import re
import string
from typing import Any

import msgspec

from inbox.ids import derived_object_id
from inbox.models.dates import iso
from inbox.models.environment import Environment
from inbox.models.workflow import CHANNELS, PreferenceSet, Step, Workflow
from inbox.service.workflows.references import Issue, find_issues, issues_view

ORIGIN = "novu-cloud"
V1_ORIGIN = "novu-cloud-v1"
NOTIFICATION_GROUP = "General"
_BASE62 = string.digits + string.ascii_letters


def slugify(text: str, fallback: str) -> str:
    """The text in lower-case letters, digits and single hyphens; `fallback` when nothing is left of it."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-") or fallback


def short_id(object_id: str) -> str:
    """A 24-hex id in base 62: the end of every slug, and what a slug is found by."""
    number, digits = int(object_id, 16), ""
    while number:
        number, digit = divmod(number, 62)
        digits = _BASE62[digit] + digits
    return digits


def workflow_slug(workflow: Workflow) -> str:
    """`<name>_wf_<short id>`; the name in it changes with the workflow's."""
    return f"{slugify(workflow.name, 'workflow')}_wf_{short_id(workflow.id)}"


def workflow_view(workflow: Workflow) -> dict[str, Any]:
    """The WorkflowResponse of the v2 API; optional fields without a value are absent, not null."""
    view: dict[str, Any] = {
        "_id": workflow.id,
        "workflowId": workflow.identifier,
        "slug": workflow_slug(workflow),
        "name": workflow.name,
        "tags": workflow.tags,
        "active": workflow.active,
        "status": _status(workflow),
        "severity": workflow.severity,
        "origin": V1_ORIGIN if workflow.is_v1 else ORIGIN,
        "validatePayload": workflow.validate_payload,
        "isTranslationEnabled": workflow.is_translation_enabled,
        "preferences": {
            "default": _preference_view(workflow.default_preferences),
            "user": _preference_view(workflow.user_preferences) if workflow.user_preferences else None,
        },
        "steps": _step_views(workflow),
        "createdAt": iso(workflow.created_ms),
        "updatedAt": iso(workflow.updated_ms),
    }
    optional = {"description": workflow.description, "payloadSchema": workflow.payload_schema}
    return view | {name: value for name, value in optional.items() if value is not None}


def workflow_list_item(workflow: Workflow) -> dict[str, Any]:
    """The short form of the v2 list."""
    return {
        "_id": workflow.id,
        "workflowId": workflow.identifier,
        "slug": workflow_slug(workflow),
        "name": workflow.name,
        "tags": workflow.tags,
        "status": _status(workflow),
        "origin": V1_ORIGIN if workflow.is_v1 else ORIGIN,
        "isTranslationEnabled": workflow.is_translation_enabled,
        "stepTypeOverviews": [step.type for step in workflow.steps],
        "steps": [{"slug": _step_slug(step), "type": step.type} for step in workflow.steps],
        "createdAt": iso(workflow.created_ms),
        "updatedAt": iso(workflow.updated_ms),
    }


def workflow_summary(workflow: Workflow) -> dict[str, Any]:
    """The `workflow` of an InboxNotification (rest-inbox.md §6)."""
    return {
        "id": workflow.id,
        "identifier": workflow.identifier,
        "name": workflow.name,
        "critical": workflow.critical,
        "tags": workflow.tags,
        "severity": workflow.severity,
    }


def workflow_template(workflow: Workflow, environment: Environment) -> dict[str, Any]:
    """The `template` embedded in the answer to an action: every field of the reference pages that the SDKs require."""
    group_id = notification_group_id(environment)
    owner = {"_organizationId": environment.organization_id, "_environmentId": environment.id}
    return {
        "_id": workflow.id,
        **owner,
        "_creatorId": derived_object_id("creator", environment.organization_id),
        "_notificationGroupId": group_id,
        "notificationGroup": {"_id": group_id, "name": NOTIFICATION_GROUP, **owner},
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
    """The `_id` of the one notification group of an environment."""
    return derived_object_id("notification-group", environment.id)


def _status(workflow: Workflow) -> str:
    return "ACTIVE" if workflow.active else "INACTIVE"


def _step_slug(step: Step) -> str:
    return f"{slugify(step.name, 'step')}_st_{short_id(step.id)}"


def _step_views(workflow: Workflow) -> list[dict[str, Any]]:
    issues = find_issues(workflow)
    return [
        _step_view(workflow, step, [issue for issue in issues if issue.step_index == index])
        for index, step in enumerate(workflow.steps)
    ]


def _step_view(workflow: Workflow, step: Step, issues: list[Issue]) -> dict[str, Any]:
    values = msgspec.to_builtins(step.values)
    return {
        "_id": step.id,
        "stepId": step.step_id,
        "slug": _step_slug(step),
        "name": step.name,
        "type": step.type,
        "origin": ORIGIN,
        "workflowId": workflow.identifier,
        "workflowDatabaseId": workflow.id,
        "variables": {},
        "controls": {"values": values},
        "controlValues": values,
        **({"issues": issues_view(issues)} if issues else {}),
    }


def _template_step(step: Step) -> dict[str, Any]:
    content = {"_id": step.id, "type": step.type, "content": step.controls.body or ""}
    return {
        "_id": step.id,
        "uuid": step.step_id,
        "stepId": step.step_id,
        "name": step.name,
        "_templateId": step.id,
        "active": True,
        "shouldStopOnFail": False,
        "template": content,
        "filters": [],
        "variants": [],
    }


def _preference_view(level: PreferenceSet) -> dict[str, Any]:
    return {
        "all": {"enabled": level.all.enabled, "readOnly": level.all.read_only},
        "channels": {channel: {"enabled": level.channel(channel)} for channel in CHANNELS},
    }
