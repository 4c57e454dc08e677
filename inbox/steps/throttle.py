"""The step type `throttle`, which passes a limited number of a feed's events per window; further ones end there.

The window is fixed: its first event opens it. The names of the controls and variables are Novu's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal

from inbox import clock
from inbox.errors import invalid
from inbox.models.dates import iso
from inbox.models.workflow import Amount, Step, TemplateLine, Unit, Workflow
from inbox.rendering.templates import Scope
from inbox.rendering.times import later
from inbox.steps.base import (
    CompiledStep,
    Controls,
    GateDecision,
    PlanContent,
    StepContent,
    StepDefinition,
    StepPreview,
    StepRun,
    Wait,
)
from inbox.steps.waiting import check_amount, key_template
from inbox.store.client import Client
from inbox.store.keys import Keys
from inbox.store.throttles import ThrottleCount, ThrottledEvent, ThrottleStore

MAX_THRESHOLD = 1_000_000


class ThrottleControlsUpsert(Controls, frozen=True, kw_only=True):
    """A throttle for each subscriber and value of the template `throttleKey`: at most `threshold` events (default 1)
    pass within `amount` of `unit` after the first one.
    """

    type: Literal["fixed"] = "fixed"
    amount: Amount | None = None
    unit: Unit | None = None
    threshold: Amount | None = None
    throttle_key: TemplateLine | None = None


class ThrottleStepUpsert(StepContent, frozen=True, kw_only=True, tag="throttle"):
    """A step that passes a limited number of events per window."""

    control_values: ThrottleControlsUpsert | None = None


class CompiledThrottle(CompiledStep):
    ends_on_failure: ClassVar[bool] = True
    # the count of a passed event is not kept while a later step waits; a throttled event has no later steps
    default_variables: ClassVar[Mapping[str, Any]] = {
        "throttled": False,
        "executionCount": None,
        "threshold": None,
        "windowStart": None,
    }

    def __init__(self, _workflow: Workflow, step: Step, controls: ThrottleControlsUpsert, prefix: str) -> None:
        super().__init__(step, controls, prefix)
        self._amount, self._unit = controls.amount or 1, controls.unit or "minutes"
        self._threshold = int(controls.threshold or 1)
        self._key = key_template(self, "throttleKey", controls.throttle_key)

    async def decide(
        self, client: Client, keys: Keys, waits: Sequence[tuple[PlanContent, Wait]]
    ) -> list[GateDecision | None]:
        events = [
            ThrottledEvent(
                wait.feed,
                plan.transaction_id,
                plan.workflow.id,
                self.step_id,
                wait.key or "",
                self._threshold,
                wait.due_ms - wait.now_ms,
            )
            for plan, wait in waits
        ]
        counts = await ThrottleStore(client, keys).count(events)
        return [self._decision(count) if count else None for count in counts]

    def _run(self, run: StepRun) -> Wait:
        now_ms, scope = clock.now_ms(), run.scope
        end_ms = later(now_ms, self._amount, self._unit)
        key, variables = self._key.render(scope), (scope["subscriber"], scope["steps"])
        return Wait(run.feed, run.index, self.step_id, now_ms, end_ms, key, 0, *variables, gate=self)

    def _preview(self, _plan: PlanContent, scope: Scope) -> StepPreview:
        key = self._key.render(scope)
        return StepPreview({**self.shown_controls(), **({"throttleKey": key} if key else {})})

    def _decision(self, count: ThrottleCount) -> GateDecision:
        opened = iso(count.opened_ms)
        variables = {
            "throttled": not count.passes,
            "executionCount": count.event_count,
            "threshold": self._threshold,
            "windowStart": opened,
        }
        reason = f"event {count.event_count} of the window since {opened}, which lets {self._threshold} through"
        return GateDecision(count.passes, reason if count.passes else f"throttled: {reason}", variables)


def check(controls: ThrottleControlsUpsert, field: str) -> None:
    """Raise ValidationFailed, naming the field, for a throttle without a window or with an invalid threshold."""
    check_amount(controls.amount, controls.unit, field)
    threshold = controls.threshold
    if threshold is not None and (threshold != int(threshold) or threshold > MAX_THRESHOLD):
        raise invalid(f"{field}.threshold", f"threshold must be a whole number of at most {MAX_THRESHOLD}", threshold)


TYPE = StepDefinition(
    ThrottleStepUpsert,
    ThrottleControlsUpsert,
    check,
    CompiledThrottle,
    example={"amount": 1, "unit": "hours"},
    variables=tuple(CompiledThrottle.default_variables),
)
