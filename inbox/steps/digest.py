"""The step type `digest`, which collects events, and its variables: the events, and the summaries of Novu's editor."""

from __future__ import annotations

from typing import Any, ClassVar

import msgspec

from inbox import clock
from inbox.errors import invalid
from inbox.models.dates import iso
from inbox.models.workflow import Amount, Step, TemplateLine, Unit, Workflow
from inbox.rendering.templates import RenderError, Scope, compile_template
from inbox.rendering.times import later
from inbox.steps.base import PlanContent, StepContent, StepDefinition, StepPreview, StepRun, Wait
from inbox.steps.waiting import CompiledWait, TimeControls, check_amount, check_time, key_template

_SUMMARIES = {
    "countSummary": compile_template("{{ eventCount | pluralize: 'notification' }}", "countSummary"),
    "sentenceSummary": compile_template("{{ events | toSentence: 'payload.name' }}", "sentenceSummary"),
}


class LookBackWindowUpsert(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The time before an event within which another one makes it wait for a digest."""

    amount: Amount
    unit: Unit


class DigestControlsUpsert(TimeControls, frozen=True, kw_only=True):
    """A digest for each subscriber and value of the template `digestKey`. It ends `amount` of `unit` after its first
    event (`regular`), or at the next time of `cron` in the subscriber's timezone (`timed`).
    """

    look_back_window: LookBackWindowUpsert | None = None
    digest_key: TemplateLine | None = None


class DigestStepUpsert(StepContent, frozen=True, kw_only=True, tag="digest"):
    """A step that collects events."""

    control_values: DigestControlsUpsert | None = None


class CompiledDigest(CompiledWait):
    collects_events: ClassVar[bool] = True

    def __init__(self, _workflow: Workflow, step: Step, controls: DigestControlsUpsert, prefix: str) -> None:
        super().__init__(step, controls, prefix)
        self._key = key_template(self, "digestKey", controls.digest_key)
        self._look_back = controls.look_back_window

    def key(self, scope: Scope) -> str:
        """Return the key that events of one digest share. Raise RenderError."""
        return self._key.render(scope)

    def look_back_ms(self, now_ms: int) -> int:
        """Return how long before now another event makes this one wait; 0 if every event waits."""
        return later(now_ms, self._look_back.amount, self._look_back.unit) - now_ms if self._look_back else 0

    def _run(self, run: StepRun) -> Wait:
        now_ms, scope = clock.now_ms(), run.scope
        due_ms = self.due(now_ms, scope)
        key, look_back_ms = self.key(scope), self.look_back_ms(now_ms)
        variables = scope["subscriber"], scope["steps"]
        return Wait(run.feed, run.index, self.step_id, now_ms, due_ms, key, look_back_ms, *variables)

    def _preview(self, _plan: PlanContent, scope: Scope) -> StepPreview:
        key, due_ms = self.key(scope), self.due(clock.now_ms(), scope)
        return StepPreview({**self.shown_controls(), **({"digestKey": key} if key else {}), "dueAt": iso(due_ms)})


def check(controls: DigestControlsUpsert, field: str) -> None:
    """Raise ValidationFailed, naming the field, for a digest whose window has no end."""
    check_time(controls, field)
    window = controls.look_back_window
    if window is None:
        return
    if controls.type == "timed":
        raise invalid(f"{field}.lookBackWindow", "lookBackWindow belongs to a regular digest")
    check_amount(window.amount, window.unit, f"{field}.lookBackWindow")


def digest_view(events: list[dict[str, Any]], count: int) -> dict[str, Any]:
    """Return the variables `steps.<stepId>` of a digest; `count` includes events that were not kept.

    A summary that exceeds the size of a template's result is empty.
    """
    view = {"events": events, "eventCount": count, "count": count, "last": events[-1]}
    return view | {name: _render(name, view) for name in _SUMMARIES}


def _render(name: str, view: dict[str, Any]) -> str:
    try:
        return _SUMMARIES[name].render(view)
    except RenderError:
        return ""


TYPE = StepDefinition(
    DigestStepUpsert,
    DigestControlsUpsert,
    check,
    CompiledDigest,
    example={"amount": 1, "unit": "hours"},
    variables=("events", "eventCount", "count", "last", "countSummary", "sentenceSummary"),
)
