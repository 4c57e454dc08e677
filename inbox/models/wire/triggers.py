"""Triggers, and the progress of those to many."""

from __future__ import annotations

from typing import Literal, NotRequired, TypedDict

from inbox.models.wire.base import Absent


class DispatchProgress(TypedDict):
    """How far a trigger to many has come; counts are of messages, in the parts that are done."""

    status: Literal["running", "done", "cancelled"]
    total: int
    delivered: int
    suppressed: int
    failed: int
    skipped: int
    waiting: int


class DispatchReply(DispatchProgress):
    transactionId: str


TriggerStatus = Literal[
    "processed",
    "trigger_not_active",
    "no_workflow_steps_defined",
    "no_workflow_active_steps_defined",
    "no_tenant_found",
    "error",
]


class TriggerReply(TypedDict):
    acknowledged: bool
    status: TriggerStatus
    transactionId: NotRequired[str | Absent]
    error: NotRequired[list[str] | Absent]
