"""Workflows, in the forms of v2 and v1."""

from __future__ import annotations

from typing import Literal, NotRequired, TypedDict

from inbox.models.json_values import JsonObject
from inbox.models.wire.base import Absent, Count, HexId, Identified, Owned, Timestamps
from inbox.models.wire.message_parts import ActorReply, CtaReply
from inbox.models.workflow import ChannelType, Severity, StepType, Variable


class TriggerEvent(TypedDict):
    """What a workflow is triggered by."""

    type: Literal["event"]
    identifier: str
    variables: list[Variable]
    subscriberVariables: NotRequired[list[Variable]]


class NamedWorkflow(Identified):
    name: str
    triggers: list[TriggerEvent]


class WorkflowSummary(TypedDict):
    id: HexId
    identifier: str
    name: str
    critical: bool
    tags: list[str]
    severity: Severity


class GroupReference(Owned):
    name: str


class GroupReply(GroupReference, Timestamps):
    pass


class OverrideReply(Owned, Timestamps):
    _workflowId: HexId
    _tenantId: HexId
    active: bool
    preferenceSettings: dict[str, bool]
    deleted: bool


class StepIssue(TypedDict):
    issueType: str
    message: str
    variableName: NotRequired[str | Absent]


class StepIssues(TypedDict):
    """Fields of a step that will not do what they seem to, by their dotted paths below `controlValues`."""

    controls: dict[str, list[StepIssue]]


class StepReply(Identified):
    """A step; `controlValues`, and the same in `controls.values`, are what was stored."""

    stepId: str
    slug: str
    name: str
    type: StepType
    origin: str
    workflowId: str
    workflowDatabaseId: HexId
    variables: JsonObject
    controls: StepControls
    controlValues: JsonObject
    issues: NotRequired[StepIssues | Absent]


class StepControls(TypedDict):
    values: JsonObject


class LevelStatus(TypedDict):
    enabled: bool
    readOnly: bool


class ChannelStatus(TypedDict):
    enabled: bool


class WorkflowLevel(TypedDict):
    all: LevelStatus
    channels: dict[ChannelType, ChannelStatus]


class WorkflowPreferences(TypedDict):
    default: WorkflowLevel
    user: WorkflowLevel | None


class WorkflowHead(Identified, Timestamps):
    workflowId: str
    slug: str
    name: str
    tags: list[str]
    status: Literal["ACTIVE", "INACTIVE"]
    origin: str
    isTranslationEnabled: bool


class WorkflowReply(WorkflowHead):
    active: bool
    severity: Severity
    validatePayload: bool
    preferences: WorkflowPreferences
    steps: list[StepReply]
    description: NotRequired[str | Absent]
    payloadSchema: NotRequired[JsonObject | Absent]


class CreatedWorkflowReply(WorkflowReply):
    droppedSteps: NotRequired[list[JsonObject] | Absent]
    ignoredFields: NotRequired[list[str] | Absent]


class ListedStep(TypedDict):
    slug: str
    type: StepType


class ListedWorkflow(WorkflowHead):
    """The short form of a workflow."""

    stepTypeOverviews: list[StepType]
    steps: list[ListedStep]


class WorkflowListReply(TypedDict):
    workflows: list[ListedWorkflow]
    totalCount: Count


class StepTemplateReply(Identified):
    """What an in-app step says."""

    type: StepType
    content: str
    active: NotRequired[bool]
    cta: NotRequired[CtaReply]
    variables: NotRequired[list[Variable]]
    feedId: NotRequired[HexId]
    _feedId: NotRequired[HexId]
    actor: NotRequired[ActorReply]


class TemplateStep(Identified):
    _templateId: HexId
    uuid: str
    stepId: str
    name: str
    active: bool
    shouldStopOnFail: bool
    template: StepTemplateReply
    filters: list[JsonObject]
    variants: list[JsonObject]


class WorkflowTemplate(Owned):
    """A workflow as v1 shows it."""

    name: str
    description: str
    active: bool
    draft: bool
    critical: bool
    tags: list[str]
    steps: list[TemplateStep]
    triggers: list[TriggerEvent]
    preferenceSettings: dict[str, bool]
    notificationGroup: GroupReference
    _notificationGroupId: HexId
    deleted: bool
    deletedAt: str
    deletedBy: str
    data: JsonObject
    _creatorId: HexId


class WorkflowV1Reply(WorkflowTemplate):
    id: HexId
