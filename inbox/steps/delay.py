"""The step type `delay`, which waits."""

from __future__ import annotations

from datetime import UTC, datetime

from inbox import clock
from inbox.errors import invalid
from inbox.models.dates import iso
from inbox.models.workflow import Step, TemplateLine, Workflow
from inbox.rendering.templates import RenderError, Scope
from inbox.steps.base import Failure, PlanContent, StepContent, StepDefinition, StepPreview, StepResult, StepRun, Wait
from inbox.steps.waiting import CompiledWait, TimeControls, check_due, check_time

NO_WAIT = "its time had come already"


class DelayControlsUpsert(TimeControls, frozen=True, kw_only=True):
    """How long a delay waits: for `amount` of `unit` (`regular`), to the next time of `cron` in the subscriber's
    timezone (`timed`), or, beyond Novu's controls, to the ISO time that the template `until` renders to.
    """

    until: TemplateLine | None = None


class DelayStepUpsert(StepContent, frozen=True, kw_only=True, tag="delay"):
    """A step that waits."""

    control_values: DelayControlsUpsert | None = None


class CompiledDelay(CompiledWait):
    def __init__(self, _workflow: Workflow, step: Step, controls: DelayControlsUpsert, prefix: str) -> None:
        super().__init__(step, controls, prefix)
        self._until = self.template("until", controls.until) if controls.until else None

    def due(self, now_ms: int, scope: Scope) -> int:
        """Return when the wait ends (ms since 1970); a time from the payload may be long past."""
        if self._until is None:
            return super().due(now_ms, scope)
        field = f"{self.prefix}until"
        text = self._until.render(scope).strip()
        try:
            date = datetime.fromisoformat(text)
            due = int((date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp() * 1_000)
        except (ValueError, OverflowError):
            raise RenderError(field, f"it gives no ISO-8601 time: {text[:100]!r}") from None
        return check_due(due, now_ms, field)

    def _run(self, run: StepRun) -> StepResult:
        now_ms = clock.now_ms()
        due_ms = self.due(now_ms, run.scope)
        if due_ms <= now_ms:
            return Failure(run.feed, self.step_id, NO_WAIT, "skipped")
        return Wait(run.feed, run.index, self.step_id, now_ms, due_ms)

    def _preview(self, _plan: PlanContent, scope: Scope) -> StepPreview:
        now_ms = clock.now_ms()
        due_ms = self.due(now_ms, scope)
        return StepPreview({**self.shown_controls(), "dueAt": iso(due_ms)}, NO_WAIT if due_ms <= now_ms else "")


def check(controls: DelayControlsUpsert, field: str) -> None:
    """Raise ValidationFailed, naming the field, for a delay with neither a duration nor an end."""
    if controls.until is None:
        check_time(controls, field)
    elif any(value is not None for value in (controls.amount, controls.unit, controls.cron)):
        raise invalid(f"{field}.until", "until stands alone: without amount, unit and cron", controls.until)
    elif not controls.until.strip() or controls.type != "regular":
        raise invalid(f"{field}.until", "until must be a template of a time, and type regular or absent")


TYPE = StepDefinition(
    DelayStepUpsert, DelayControlsUpsert, check, CompiledDelay, example={"amount": 1, "unit": "hours"}
)
