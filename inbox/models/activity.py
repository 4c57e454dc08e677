"""An activity on the wire: what a trigger did for one recipient, step by step (rest-server.md §10)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from inbox.ids import derived_object_id
from inbox.models.dates import iso
from inbox.models.environment import Environment
from inbox.models.message import Message
from inbox.models.subscriber import Subscriber
from inbox.models.workflow import Workflow

JOB_STATUS = {
    "delivered": "completed",
    "suppressed": "canceled",
    "duplicate": "merged",
    "skipped": "skipped",
    "failed": "failed",
    "delayed": "delayed",
    "merged": "merged",
    "ended": "completed",
    "canceled": "canceled",
}
DETAIL = {
    "delivered": "Message stored in the feed",
    "suppressed": "Suppressed by preference: nothing was stored",
    "duplicate": "This transaction was delivered before: nothing was stored again",
    "skipped": "The step's condition skipped it",
    "failed": "The step failed: nothing was stored",
    "delayed": "The step waits",
    "merged": "The event joined a digest: its message comes with those of the others",
    "ended": "The step has waited",
    "canceled": "Cancelled before its time came",
}
_SUCCESSFUL = ("delivered", "duplicate", "ended", "merged")
_STATUS = {"failed": "Failed", "delayed": "Pending", **dict.fromkeys(_SUCCESSFUL, "Success")}


@dataclass(frozen=True, slots=True)
class StepOutcome:
    """What became of one step: `outcome` is one of the keys of JOB_STATUS, `reason` what more is known, or empty."""

    ms: int
    outcome: str
    step_id: str
    reason: str = ""
    message: Message | None = None


@dataclass(frozen=True, slots=True)
class Activity:
    """One trigger for one recipient. `subscriber` and `workflow` are None when they are gone or never were.

    `identifier` is the workflow's, also of one that is gone.
    """

    id: str
    transaction_id: str
    workflow_id: str
    identifier: str
    subscriber_oid: str
    name: str
    subscriber: Subscriber | None
    workflow: Workflow | None
    severity: str
    steps: Sequence[StepOutcome]

    @property
    def message(self) -> Message | None:
        """The first message that it left."""
        return next((step.message for step in self.steps if step.message), None)


def activity_view(activity: Activity, environment: Environment) -> dict[str, Any]:
    """The activity as lists and single look-ups answer it; what is unknown is absent."""
    created = iso(min(step.ms for step in activity.steps))
    view: dict[str, Any] = {
        "_id": activity.id,
        "_environmentId": environment.id,
        "_organizationId": environment.organization_id,
        "_subscriberId": activity.subscriber_oid,
        "_templateId": activity.workflow_id,
        "transactionId": activity.transaction_id,
        "channels": ["in_app"],
        "createdAt": created,
        "updatedAt": iso(max(step.ms for step in activity.steps)),
        "severity": activity.severity,
        "to": {"subscriberId": activity.name},
        "jobs": [job_view(activity, steps) for steps in outcomes_by_step(activity)],
    }
    view["template"] = _template(activity)
    if activity.subscriber:
        view["subscriber"] = _person(activity.subscriber)
    if activity.workflow:
        view["critical"] = activity.workflow.critical
    if message := activity.message:
        stored = message.stored
        view |= {"payload": stored.payload, "tags": stored.tags, "contextKeys": stored.context_keys}
    return view


def job_view(activity: Activity, outcomes: Sequence[StepOutcome]) -> dict[str, Any]:
    """One step of an activity with everything that is known of its executions, oldest first."""
    last = next((one for one in reversed(outcomes) if one.outcome != "duplicate"), outcomes[-1])
    steps = activity.workflow.steps if activity.workflow else []
    known = next((one for one in steps if one.step_id == last.step_id), None)
    template_id = known.id if known else derived_object_id("step", activity.workflow_id, last.step_id)
    place = {"_id": template_id, "_templateId": template_id, "active": True, "filters": []}
    named: dict[str, Any] = {"stepId": last.step_id, "name": known.name if known else last.step_id}
    return {
        "_id": derived_object_id("job", activity.id, last.step_id),
        "type": known.type if known else "in_app",
        "providerId": "novu",
        "status": JOB_STATUS[last.outcome],
        "step": {**place, **named},
        "executionDetails": [execution_detail(activity, one) for one in outcomes],
        "updatedAt": iso(outcomes[-1].ms),
    }


def execution_detail(activity: Activity, step: StepOutcome) -> dict[str, Any]:
    """What happened when the step ran. `raw` tells more where more is known."""
    view: dict[str, Any] = {
        "_id": derived_object_id("detail", activity.id, step.step_id, step.outcome, str(step.ms)),
        "_jobId": derived_object_id("job", activity.id, step.step_id),
        "createdAt": iso(step.ms),
        "detail": DETAIL[step.outcome],
        "isRetry": False,
        "isTest": False,
        "providerId": "novu",
        "source": "Internal",
        "status": _STATUS.get(step.outcome, "Warning"),
    }
    return {**view, "raw": step.reason} if step.reason else view


def outcomes_by_step(activity: Activity) -> list[list[StepOutcome]]:
    """The outcomes of each step, in the workflow's order; their times tell none, since two clocks wrote them."""
    steps = activity.workflow.steps if activity.workflow else []
    grouped: dict[str, list[StepOutcome]] = {one.step_id: [] for one in steps}
    for one in activity.steps:
        grouped.setdefault(one.step_id, []).append(one)
    return [outcomes for outcomes in grouped.values() if outcomes]


def _person(subscriber: Subscriber) -> dict[str, Any]:
    named = {name: subscriber.profile.get(name) for name in ("firstName", "lastName", "email", "phone")}
    known = {name: value for name, value in named.items() if value is not None}
    return {"_id": subscriber.oid, "subscriberId": subscriber.subscriber_id, **known}


def _template(activity: Activity) -> dict[str, Any]:
    trigger = {"type": "event", "identifier": activity.identifier, "variables": []}
    name = activity.workflow.name if activity.workflow else activity.identifier
    return {"_id": activity.workflow_id, "name": name, "triggers": [trigger]}
