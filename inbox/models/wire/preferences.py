"""Preferences."""

from __future__ import annotations

from typing import Literal, NotRequired, TypedDict

from inbox.models.preference import Schedule
from inbox.models.wire.base import Absent, Date
from inbox.models.wire.workflows import NamedWorkflow, WorkflowSummary
from inbox.models.workflow import ChannelType, Severity


class PreferenceReply(TypedDict):
    enabled: bool
    channels: dict[str, bool]


class PreferenceOverride(TypedDict):
    """Who decided about a channel."""

    channel: ChannelType
    source: Literal["subscriber", "template"]


class GlobalPreferenceReply(PreferenceReply):
    schedule: NotRequired[Schedule | Absent]


class PreferenceWorkflow(TypedDict):
    slug: str
    identifier: str
    name: str
    updatedAt: Date


class DecidedPreference(PreferenceReply):
    """A preference with who decided it, and when the subscriber last changed it."""

    overrides: list[PreferenceOverride]
    updatedAt: NotRequired[Date | Absent]


class WorkflowPreferenceReply(DecidedPreference):
    workflow: PreferenceWorkflow


PreferencesReply = TypedDict(
    "PreferencesReply", {"global": GlobalPreferenceReply, "workflows": list[WorkflowPreferenceReply]}
)


class RowPreference(GlobalPreferenceReply):
    overrides: NotRequired[list[PreferenceOverride] | Absent]
    updatedAt: NotRequired[Date | Absent]


class PreferenceTemplate(NamedWorkflow):
    critical: bool
    tags: list[str]
    severity: NotRequired[Severity]
    createdAt: NotRequired[Date]
    updatedAt: NotRequired[Date]


class PreferenceRow(TypedDict):
    preference: RowPreference
    template: NotRequired[PreferenceTemplate]
    type: NotRequired[str]


class InboxPreference(GlobalPreferenceReply):
    level: Literal["global", "template"]
    overrides: NotRequired[list[PreferenceOverride] | Absent]
    workflow: NotRequired[WorkflowSummary | Absent]
    subscriptionId: NotRequired[str | Absent]
