"""What a preview of a step answers."""

from __future__ import annotations

from typing import NotRequired, TypedDict

from inbox.models.json_values import JsonObject
from inbox.models.wire.base import Absent, Date
from inbox.models.wire.message_parts import LinkReply
from inbox.models.wire.workflows import StepIssues
from inbox.models.workflow import BodyFormat, CollapseMode, StepType


class ActionPreview(TypedDict):
    """A button as a message would have it."""

    label: str
    redirect: NotRequired[LinkReply]


class InAppPreview(TypedDict):
    """The message of an in-app step as it would be stored."""

    body: str
    subject: NotRequired[str | Absent]
    bodyFormat: NotRequired[BodyFormat | Absent]
    avatar: NotRequired[str | Absent]
    primaryAction: NotRequired[ActionPreview | Absent]
    secondaryAction: NotRequired[ActionPreview | Absent]
    redirect: NotRequired[LinkReply | Absent]
    data: NotRequired[JsonObject | Absent]
    externalReference: NotRequired[str | Absent]
    expiresAt: NotRequired[Date | Absent]
    collapseKey: NotRequired[str | Absent]
    collapseMode: NotRequired[CollapseMode | Absent]


class StepPreviewResult(TypedDict):
    """`preview` is an in-app step's message, or the controls of another step with its keys rendered and `dueAt`.

    `skipReason` says why the step would not run, `remarks` what else would be noted in the activity, as refused links.
    `issues` are those of a stored step.
    """

    type: StepType
    preview: JsonObject
    skipReason: NotRequired[str | Absent]
    remarks: NotRequired[list[str] | Absent]
    issues: NotRequired[StepIssues | Absent]


class StepPreviewReply(TypedDict):
    """`previewPayloadExample` is what was rendered with: what the request gave, completed by examples."""

    result: StepPreviewResult
    previewPayloadExample: JsonObject
    schema: JsonObject | None
