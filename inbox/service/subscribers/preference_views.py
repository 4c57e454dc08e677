"""Preferences on the wire: the forms of v1, of v2 and of the browser's side (rest-server.md §3, rest-inbox.md §10)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from inbox.models.dates import iso
from inbox.models.preference import (
    Preferences,
    active_channels,
    global_channels,
    override_list,
    workflow_channels,
)
from inbox.models.workflow import CHANNELS, Workflow
from inbox.service.subscribers.preferences import Chosen
from inbox.service.workflows.views import workflow_slug, workflow_summary

MAX_UNITED = 100


def global_view(chosen: Chosen, *, inactive: bool = False) -> dict[str, Any]:
    """`{enabled, channels, schedule?}`; only channels that an active workflow uses, unless `inactive`."""
    channels = CHANNELS if inactive else active_channels(chosen.workflows[:MAX_UNITED])
    view: dict[str, Any] = {"enabled": True, "channels": global_channels(chosen.preferences, channels)}
    schedule = chosen.preferences.everywhere.schedule
    return view | ({"schedule": schedule} if schedule else {})


def both_levels_view(chosen: Chosen, workflows: Sequence[Workflow]) -> dict[str, Any]:
    """The v2 answer: `{global, workflows}`."""
    return {"global": global_view(chosen), "workflows": [_v2_item(chosen.preferences, one) for one in workflows]}


def inbox_global(chosen: Chosen) -> dict[str, Any]:
    """The global preference as the browser's side shows it."""
    return {"level": "global", **global_view(chosen)}


def inbox_item(chosen: Chosen, workflow: Workflow) -> dict[str, Any]:
    """A workflow's preference as the browser's side shows it, and v2 after a bulk change."""
    channels = active_channels([workflow])
    return {
        "level": "template",
        "enabled": True,
        "channels": workflow_channels(chosen.preferences, workflow, channels),
        "overrides": override_list(chosen.preferences, workflow, channels),
        "workflow": workflow_summary(workflow),
    }


def subscription_item(chosen: Chosen, workflow: Workflow, identifier: str, *, enabled: bool) -> dict[str, Any]:
    """A workflow's preference within a subscription of a topic: of what the subscriber takes, what that lets through.

    `subscriptionId` is the identifier: by it the clients find the subscription again.
    """
    view = inbox_item(chosen, workflow)
    channels = {name: on and enabled for name, on in view["channels"].items()}
    return {**view, "enabled": enabled, "channels": channels, "subscriptionId": identifier}


def v1_item(chosen: Chosen, workflow: Workflow, *, inactive: bool) -> dict[str, Any]:
    """A row of the v1 list: `{template, preference, type}`."""
    template = {
        **_v1_template(workflow),
        "severity": workflow.severity,
        "createdAt": iso(workflow.created_ms),
        "updatedAt": iso(workflow.updated_ms),
    }
    channels = CHANNELS if inactive else active_channels([workflow])
    preference = {
        "enabled": True,
        "channels": workflow_channels(chosen.preferences, workflow, channels),
        "overrides": override_list(chosen.preferences, workflow, channels),
        **_updated_at(chosen.preferences, workflow),
    }
    return {"template": template, "preference": preference, "type": "SUBSCRIBER_WORKFLOW"}


def v1_changed(chosen: Chosen, workflow: Workflow) -> dict[str, Any]:
    """What v1 answers to a change: `{preference, template}`."""
    channels = workflow_channels(chosen.preferences, workflow, active_channels([workflow]))
    return {"preference": {"channels": channels, "enabled": True}, "template": _v1_template(workflow)}


def _v1_template(workflow: Workflow) -> dict[str, Any]:
    return {
        "_id": workflow.id,
        "name": workflow.name,
        "critical": workflow.critical,
        "tags": workflow.tags,
        "triggers": [{"type": "event", "identifier": workflow.identifier, "variables": []}],
    }


def _v2_item(preferences: Preferences, workflow: Workflow) -> dict[str, Any]:
    channels = active_channels([workflow])
    return {
        "enabled": True,
        "channels": workflow_channels(preferences, workflow, channels),
        "overrides": override_list(preferences, workflow, channels),
        **_updated_at(preferences, workflow),
        "workflow": {
            "slug": workflow_slug(workflow),
            "identifier": workflow.identifier,
            "name": workflow.name,
            "updatedAt": iso(workflow.updated_ms),
        },
    }


def _updated_at(preferences: Preferences, workflow: Workflow) -> dict[str, str]:
    updated = preferences.of(workflow).updated_ms
    return {"updatedAt": iso(updated)} if updated else {}
