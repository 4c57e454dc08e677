"""The activity: what became of each trigger, step by step."""

from __future__ import annotations

from typing import Literal, NotRequired

from inbox.models.json_values import JsonObject
from inbox.models.wire.base import Absent, Date, HexId, Identified, Owned, Timestamps
from inbox.models.wire.subscribers import Contact, NamedSubscriber
from inbox.models.wire.triggers import DispatchProgress
from inbox.models.wire.workflows import NamedWorkflow
from inbox.models.workflow import Severity, StepType

JobStatus = Literal["completed", "canceled", "merged", "skipped", "failed", "delayed"]
DetailStatus = Literal["Success", "Warning", "Failed", "Pending"]


class JobExecutionDetail(Identified):
    _jobId: HexId
    createdAt: Date
    detail: str
    isRetry: bool
    isTest: bool
    providerId: str
    source: str
    status: DetailStatus
    raw: NotRequired[str | Absent]


class JobStep(Identified):
    _templateId: HexId
    stepId: str
    name: str
    active: bool
    filters: list[JsonObject]


class JobReply(Identified):
    """One step of an activity with all its executions, oldest first."""

    type: StepType
    providerId: str
    status: JobStatus
    step: JobStep
    executionDetails: list[JobExecutionDetail]
    updatedAt: Date


class ActivitySubscriber(Identified, Contact):
    subscriberId: str


class ActivityReply(Owned, Timestamps):
    _subscriberId: HexId
    _templateId: HexId
    transactionId: str
    channels: list[str]
    severity: Severity
    to: NamedSubscriber
    jobs: list[JobReply]
    subscriber: NotRequired[ActivitySubscriber | Absent]
    template: NotRequired[NamedWorkflow | Absent]
    critical: NotRequired[bool | Absent]
    payload: NotRequired[JsonObject | Absent]
    tags: NotRequired[list[str] | Absent]
    contextKeys: NotRequired[list[str] | Absent]
    dispatch: NotRequired[DispatchProgress | Absent]


class ExecutionDetailReply(JobExecutionDetail, Owned):
    _subscriberId: HexId
    _notificationId: HexId
    _notificationTemplateId: HexId
    transactionId: str
    channel: str
