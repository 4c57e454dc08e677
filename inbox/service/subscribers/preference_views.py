"""Views of preferences for v1, v2 and the browser's endpoints."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from inbox.models import wire
from inbox.models.dates import iso, iso_or_none, timestamps
from inbox.models.preference import Preferences, Schedule, active_channels, global_channels, workflow_channels
from inbox.models.workflow import CHANNELS, ChannelType, Workflow
from inbox.models.workflow_summary import workflow_summary
from inbox.service.subscribers.preferences import PreferenceState
from inbox.service.workflows.views import workflow_slug

MAX_GLOBAL_WORKFLOWS = 100


@wire.without_nulls
def global_view(state: PreferenceState, *, inactive: bool = False) -> wire.GlobalPreferenceReply:
    """Return the global preference, of the channels that an active workflow uses, or of all with `inactive`."""
    channels = CHANNELS if inactive else active_channels(state.workflows[:MAX_GLOBAL_WORKFLOWS])
    return {
        "enabled": True,
        "channels": global_channels(state.preferences, channels),
        "schedule": cast("Schedule | None", state.preferences.global_choice.schedule or None),
    }


def both_levels_view(state: PreferenceState, workflows: Sequence[Workflow]) -> wire.PreferencesReply:
    return {"global": global_view(state), "workflows": [_v2_item(state.preferences, one) for one in workflows]}


def inbox_global(state: PreferenceState) -> wire.InboxPreference:
    return cast("wire.InboxPreference", {"level": "global", **global_view(state)})


def inbox_item(state: PreferenceState, workflow: Workflow) -> wire.InboxPreference:
    """Return a workflow's preference for the browser, and for v2 after a bulk change."""
    channels = active_channels([workflow])
    return {
        "level": "template",
        "enabled": True,
        "channels": workflow_channels(state.preferences, workflow, channels),
        "overrides": _overrides(state.preferences, workflow, channels),
        "workflow": workflow_summary(workflow),
    }


def inbox_preferences(state: PreferenceState, workflows: Sequence[Workflow]) -> list[wire.InboxPreference]:
    """Return the preferences of a page: the global one, then those of these workflows."""
    return [inbox_global(state), *(inbox_item(state, workflow) for workflow in workflows)]


def subscription_item(
    state: PreferenceState, workflow: Workflow, identifier: str, *, enabled: bool
) -> wire.InboxPreference:
    """Return a workflow's preference within a topic's subscription: the channels that both enable.

    `subscriptionId` is the identifier, by which clients find the subscription.
    """
    view = inbox_item(state, workflow)
    channels = {name: on and enabled for name, on in view["channels"].items()}
    return {**view, "enabled": enabled, "channels": channels, "subscriptionId": identifier}


def v1_item(state: PreferenceState, workflow: Workflow, *, inactive: bool) -> wire.PreferenceRow:
    """Return a row of the v1 list."""
    decided = _levels(state.preferences, workflow, CHANNELS if inactive else active_channels([workflow]))
    return {
        "template": {
            **_v1_template(workflow),
            "severity": workflow.severity,
            **timestamps(workflow.created_ms, workflow.updated_ms),
        },
        "preference": cast("wire.RowPreference", decided),
        "type": "SUBSCRIBER_WORKFLOW",
    }


def v1_changed(state: PreferenceState, workflow: Workflow) -> wire.PreferenceRow:
    """Return the v1 reply to a change."""
    channels = workflow_channels(state.preferences, workflow, active_channels([workflow]))
    return {"preference": {"channels": channels, "enabled": True}, "template": _v1_template(workflow)}


def _v1_template(workflow: Workflow) -> wire.PreferenceTemplate:
    return {
        "_id": workflow.id,
        "name": workflow.name,
        "critical": workflow.critical,
        "tags": workflow.tags,
        "triggers": [{"type": "event", "identifier": workflow.identifier, "variables": []}],
    }


def _v2_item(preferences: Preferences, workflow: Workflow) -> wire.WorkflowPreferenceReply:
    return {
        **_levels(preferences, workflow, active_channels([workflow])),
        "workflow": {
            "slug": workflow_slug(workflow),
            "identifier": workflow.identifier,
            "name": workflow.name,
            "updatedAt": iso(workflow.updated_ms),
        },
    }


def v1_global(state: PreferenceState, *, inactive: bool = False) -> wire.PreferenceRow:
    """Return the global preference as a row of v1."""
    return {"preference": cast("wire.RowPreference", global_view(state, inactive=inactive))}


@wire.without_nulls
def _levels(preferences: Preferences, workflow: Workflow, channels: Sequence[ChannelType]) -> wire.DecidedPreference:
    return {
        "enabled": True,
        "channels": workflow_channels(preferences, workflow, channels),
        "overrides": _overrides(preferences, workflow, channels),
        "updatedAt": iso_or_none(preferences.choice_for(workflow).updated_ms),
    }


def _overrides(
    preferences: Preferences, workflow: Workflow, channels: Sequence[ChannelType]
) -> list[wire.PreferenceOverride]:
    """Return which side decided each channel: the subscriber, or the workflow (`template`)."""
    own = (
        {} if workflow.critical else {**preferences.global_choice.channels, **preferences.choice_for(workflow).channels}
    )
    return [{"channel": name, "source": "subscriber" if name in own else "template"} for name in channels]
