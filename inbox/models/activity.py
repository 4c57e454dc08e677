"""An activity: the steps that one trigger ran for one recipient, and their wire form."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

from inbox.ids import derived_object_id
from inbox.models import wire
from inbox.models.dates import iso, timestamps
from inbox.models.environment import Environment
from inbox.models.message import Message
from inbox.models.subscriber import Subscriber
from inbox.models.workflow import Severity, Workflow

JOB_STATUS: dict[str, wire.JobStatus] = {
    "delivered": "completed",
    "suppressed": "canceled",
    "duplicate": "merged",
    "skipped": "skipped",
    "failed": "failed",
    "delayed": "delayed",
    "merged": "merged",
    "ended": "completed",
    "canceled": "canceled",
    "edited": "completed",
    "retracted": "canceled",
}
DETAIL = {
    "delivered": "Message stored in the feed",
    "suppressed": "Suppressed by preference: nothing was stored",
    "duplicate": "This transaction was delivered before: nothing was stored again",
    "skipped": "The step was skipped: `raw` says why",
    "failed": "The step failed: nothing was stored",
    "delayed": "The step waits",
    "merged": "The event joined a digest: its message comes with those of the others",
    "ended": "The step has waited",
    "canceled": "Cancelled before its time came",
    "edited": "The message was edited: `raw` names what changed",
    "retracted": "The message was retracted: it is no longer in the feed",
}
_SUCCESSFUL = ("delivered", "duplicate", "ended", "merged", "edited")
_STATUS: dict[str, wire.DetailStatus] = {
    "failed": "Failed",
    "delayed": "Pending",
    **dict.fromkeys(_SUCCESSFUL, "Success"),
}


@dataclass(frozen=True, slots=True)
class StepOutcome:
    """The outcome of one execution of a step: a key of JOB_STATUS, with a `reason` or ""."""

    ms: int
    outcome: str
    step_id: str
    reason: str = ""
    message: Message | None = None


@dataclass(frozen=True, slots=True)
class Activity:
    """One trigger for one recipient. `subscriber` and `workflow` are None if they do not exist (any more).

    `identifier` is that of the workflow, even of a deleted one.
    """

    id: str
    transaction_id: str
    workflow_id: str
    identifier: str
    subscriber_oid: str
    name: str
    subscriber: Subscriber | None
    workflow: Workflow | None
    severity: Severity
    steps: Sequence[StepOutcome]

    @property
    def message(self) -> Message | None:
        """The first message that the activity stored."""
        return next((step.message for step in self.steps if step.message), None)


@wire.without_nulls
def activity_view(activity: Activity, environment: Environment) -> wire.ActivityReply:
    stored = activity.message.stored if activity.message else None
    return {
        "_id": activity.id,
        **environment.ids,
        "_subscriberId": activity.subscriber_oid,
        "_templateId": activity.workflow_id,
        "transactionId": activity.transaction_id,
        "channels": ["in_app"],
        **timestamps(min(step.ms for step in activity.steps), max(step.ms for step in activity.steps)),
        "severity": activity.severity,
        "to": {"subscriberId": activity.name},
        "jobs": [job_view(activity, steps) for steps in outcomes_by_step(activity)],
        "template": _template(activity),
        "subscriber": _person(activity.subscriber) if activity.subscriber else None,
        "critical": activity.workflow.critical if activity.workflow else None,
        "payload": stored.payload if stored else None,
        "tags": stored.tags if stored else None,
        "contextKeys": stored.context_keys if stored else None,
        "dispatch": None,
    }


def job_view(activity: Activity, outcomes: Sequence[StepOutcome]) -> wire.JobReply:
    """Return one step of the activity with all its executions, oldest first."""
    last = next((outcome for outcome in reversed(outcomes) if outcome.outcome != "duplicate"), outcomes[-1])
    steps = activity.workflow.steps if activity.workflow else []
    step = next((step for step in steps if step.step_id == last.step_id), None)
    template_id = step.id if step else derived_object_id("step", activity.workflow_id, last.step_id)
    return {
        "_id": derived_object_id("job", activity.id, last.step_id),
        "type": step.type if step else "in_app",
        "providerId": "novu",
        "status": JOB_STATUS[last.outcome],
        "step": {
            "_id": template_id,
            "_templateId": template_id,
            "active": True,
            "filters": [],
            "stepId": last.step_id,
            "name": step.name if step else last.step_id,
        },
        "executionDetails": [execution_detail(activity, outcome) for outcome in outcomes],
        "updatedAt": iso(outcomes[-1].ms),
    }


@wire.without_nulls
def execution_detail(activity: Activity, step: StepOutcome) -> wire.JobExecutionDetail:
    """Return one execution of a step; `raw` is its reason, if it has one."""
    return {
        "_id": derived_object_id("detail", activity.id, step.step_id, step.outcome, str(step.ms)),
        "_jobId": derived_object_id("job", activity.id, step.step_id),
        "createdAt": iso(step.ms),
        "detail": DETAIL[step.outcome],
        "isRetry": False,
        "isTest": False,
        "providerId": "novu",
        "source": "Internal",
        "status": _STATUS.get(step.outcome, "Warning"),
        "raw": step.reason or None,
    }


def execution_detail_view(activity: Activity, step: StepOutcome, environment: Environment) -> wire.ExecutionDetailReply:
    """Return one execution of a step with the ids of its activity."""
    return {
        **environment.ids,
        "_subscriberId": activity.subscriber_oid,
        "_notificationId": activity.id,
        "_notificationTemplateId": activity.workflow_id,
        "transactionId": activity.transaction_id,
        "channel": "in_app",
        **execution_detail(activity, step),
    }


def outcomes_by_step(activity: Activity) -> list[list[StepOutcome]]:
    """Return the outcomes of each step, in the workflow's order. Their times give no order: two clocks wrote them."""
    steps = activity.workflow.steps if activity.workflow else []
    grouped: dict[str, list[StepOutcome]] = {step.step_id: [] for step in steps}
    for outcome in activity.steps:
        grouped.setdefault(outcome.step_id, []).append(outcome)
    return [outcomes for outcomes in grouped.values() if outcomes]


def _person(subscriber: Subscriber) -> wire.ActivitySubscriber:
    ids = {"_id": subscriber.oid, "subscriberId": subscriber.subscriber_id}
    return cast("wire.ActivitySubscriber", {**ids, **subscriber.texts("firstName", "lastName", "email", "phone")})


def _template(activity: Activity) -> wire.NamedWorkflow:
    return {
        "_id": activity.workflow_id,
        "name": activity.workflow.name if activity.workflow else activity.identifier,
        "triggers": [{"type": "event", "identifier": activity.identifier, "variables": []}],
    }
