"""What a trigger came to, as the commands that deliver messages print it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Any

from inbox.cli.printing import print_row
from inbox.models.activity import DETAIL, outcomes_by_step

if TYPE_CHECKING:
    from inbox.models.activity import Activity, StepOutcome
    from inbox.models.environment import Environment
    from inbox.service.trigger.triggers import TriggerOutcome
    from inbox.services import Services
    from inbox.store.dispatches import Progress

MAX_SHOWN = 20
OBSTACLES = {
    "trigger_not_active": "the workflow is not active",
    "no_workflow_steps_defined": "the workflow has no steps",
    "no_workflow_active_steps_defined": "no step of the workflow is active",
    "no_tenant_found": "there is no such tenant",
}
DELIVERED = ("delivered", "duplicate")
WAITING = ("delayed", "merged")


@dataclass(frozen=True, slots=True)
class PrintedTrigger:
    """The outcome of a trigger: its answer, its steps for each recipient, and the progress of its dispatch."""

    outcome: TriggerOutcome
    activities: Sequence[Activity]
    progress: Progress | None

    @property
    def transaction(self) -> str:
        return self.outcome.transaction_id or ""

    @property
    def steps(self) -> Iterator[StepOutcome]:
        """Yield the outcome of every step for every recipient."""
        return (step for activity in self.activities for step in _steps_of(activity))

    def why_nothing(self, *, nobody: str) -> str:
        """Return why nobody gets a message, or "" if somebody does; `nobody` if the trigger had no recipient."""
        if self.outcome.status != "processed":
            return f"{OBSTACLES[self.outcome.status]} ({self.outcome.status})"
        if self.outcome.is_repeated:
            return f"the transaction {self.transaction} ran before, for other recipients or another workflow"
        if self.progress and (self.progress.state == "running" or self.progress.delivered or self.progress.waiting):
            return ""
        if any(step.outcome in (*DELIVERED, *WAITING) for step in self.steps):
            return ""
        reasons = dict.fromkeys(f"{step.outcome}: {_reason(step)}" for step in self.steps)
        return "; ".join(list(reasons)[:3]) or ("see above" if self.progress else nobody)

    def view(self) -> dict[str, Any]:
        """Return the answer of the API, with the recipients and the progress of the dispatch."""
        from inbox.service.trigger.dispatches import progress_view

        view = self.outcome.view() | {"recipients": [_recipient_view(activity) for activity in self.activities]}
        return view | {"dispatch": progress_view(self.progress)} if self.progress else view


async def result_of(services: Services, environment: Environment, outcome: TriggerOutcome) -> PrintedTrigger:
    if outcome.status != "processed" or outcome.is_repeated or outcome.transaction_id is None:
        return PrintedTrigger(outcome, [], None)
    activities = await services.activity.of_transaction(environment, outcome.transaction_id)
    return PrintedTrigger(outcome, activities, await services.dispatches.progress(environment, outcome.transaction_id))


def _reason(step: StepOutcome) -> str:
    return step.reason or ("" if step.outcome == "delivered" else DETAIL[step.outcome])


def _recipient_view(activity: Activity) -> dict[str, Any]:
    steps = [
        {
            "stepId": step.step_id,
            "outcome": step.outcome,
            **({"reason": step.reason} if step.reason else {}),
            **({"messageId": step.message.id} if step.message else {}),
        }
        for step in _steps_of(activity)
    ]
    return {"subscriberId": activity.name, "steps": steps}


def _steps_of(activity: Activity) -> Iterator[StepOutcome]:
    """Yield outcomes in the order of the workflow's steps; their times give no order, since two clocks wrote them."""
    return chain.from_iterable(outcomes_by_step(activity))


def print_result(result: PrintedTrigger) -> None:
    """Print the status and the transaction, then a line for each step of the first MAX_SHOWN recipients."""
    print_row(result.outcome.status, result.transaction)
    for activity in result.activities[:MAX_SHOWN]:
        for step in _steps_of(activity):
            print_row(*filter(None, (activity.name, step.step_id, step.outcome, _reason(step))))
    if len(result.activities) > MAX_SHOWN:
        counts = Counter(step.outcome for step in result.steps)
        totals = ", ".join(f"{count} {name}" for name, count in counts.items())
        print(f"… {len(result.activities)} recipients in all: {totals}")
    if result.progress:
        total = result.progress.total
        print(f"accepted for {total} recipients: delivered behind the request, --wait shows how far it is")
