"""Request bodies of workflows. Checks across fields (such as ids used twice) are in `rules.py` and in step types."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, UnsetType

from inbox.models.context_keys import ContextBody
from inbox.models.workflow import (
    CHANNELS,
    MAX_STEPS,
    Description,
    DisplayName,
    JsonSchema,
    PreferenceSet,
    Severity,
    Tags,
)
from inbox.steps import StepUpsert

Steps = Annotated[list[StepUpsert], Meta(max_length=MAX_STEPS)]


class PreferencesRequest(msgspec.Struct, frozen=True):
    """The preferences of a workflow, and those that a person has set on top of them."""

    user: PreferenceSet | None = None
    workflow: PreferenceSet | None = None

    def __post_init__(self) -> None:
        """Raise ValueError for an unknown channel, such as `inApp`: its preference would have no effect."""
        for level in (self.user, self.workflow):
            unknown = [name for name in level.channels if name not in CHANNELS] if level else []
            if unknown:
                raise ValueError(f"{unknown[0]} is no channel; there are {', '.join(CHANNELS)}")


class WorkflowContent(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """What create and update have in common."""

    name: DisplayName
    steps: Steps
    description: Description | None = None
    tags: Tags | None = None
    active: bool | None = None
    severity: Severity | None = None
    validate_payload: bool | None = None
    payload_schema: JsonSchema | None = None
    preferences: PreferencesRequest | None = None
    is_translation_enabled: bool | None = None


class WorkflowCreate(WorkflowContent, frozen=True, rename="camel", kw_only=True):
    """The body of `POST /v2/workflows`."""

    workflow_id: str


class WorkflowUpdate(WorkflowContent, frozen=True, rename="camel", kw_only=True):
    """The body of `PUT /v2/workflows/{workflowId}`, which replaces all but the ids; absent fields are reset."""

    workflow_id: str | None = None


class WorkflowPatch(msgspec.Struct, frozen=True, rename="camel"):
    """The body of `PATCH /v2/workflows/{workflowId}`: absent fields stay, null resets one."""

    name: DisplayName | UnsetType = UNSET
    description: Description | UnsetType | None = UNSET
    tags: Tags | UnsetType | None = UNSET
    active: bool | UnsetType | None = UNSET
    validate_payload: bool | UnsetType | None = UNSET
    payload_schema: JsonSchema | UnsetType | None = UNSET
    is_translation_enabled: bool | UnsetType | None = UNSET


class PreviewPayload(msgspec.Struct, rename="camel"):
    """The values that a preview is rendered with; what a template reads beyond them gets an example.

    No template reads `env`, which SDKs may send.
    """

    payload: dict[str, Any] | None = None
    subscriber: dict[str, Any] | None = None
    actor: dict[str, Any] | None = None
    context: ContextBody | None = None
    tenant: dict[str, Any] | None = None
    steps: dict[str, Any] | None = None
    env: dict[str, Any] | None = None


class PreviewRequest(msgspec.Struct, rename="camel"):
    """The body of a preview of a stored step; `controlValues` are used instead of the stored ones."""

    control_values: dict[str, Any] | None = None
    preview_payload: PreviewPayload | None = None


class UnsavedStep(msgspec.Struct, rename="camel"):
    """A step that may be unfinished."""

    type: str
    step_id: str | None = None
    name: str = ""
    control_values: dict[str, Any] | None = None


class UnsavedWorkflow(msgspec.Struct, rename="camel"):
    """A workflow that may be unfinished: its fields have the types of a create, not all of their limits."""

    steps: Annotated[list[UnsavedStep], Meta(min_length=1, max_length=MAX_STEPS)]
    workflow_id: str = ""
    name: str = ""
    description: str | None = None
    tags: list[str] | None = None
    active: bool | None = None
    severity: Severity | None = None
    validate_payload: bool | None = None
    payload_schema: JsonSchema | None = None
    preferences: PreferencesRequest | None = None
    is_translation_enabled: bool | None = None


class UnsavedPreviewRequest(msgspec.Struct, rename="camel"):
    """The body of a preview of the step with the index `step` of a workflow that is not stored."""

    workflow: UnsavedWorkflow
    step: Annotated[int, Meta(ge=0)] = 0
    preview_payload: PreviewPayload | None = None
