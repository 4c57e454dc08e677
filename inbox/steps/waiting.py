"""What delays and digests share: waiting for a duration, or to the next time of a cron expression."""

from __future__ import annotations

import re
from typing import ClassVar, Literal

from inbox.errors import invalid
from inbox.lazy import lazy
from inbox.models.workflow import Amount, Cron, Step, Unit
from inbox.rendering.date_parser import DAY_MS
from inbox.rendering.paths import VariablePath
from inbox.rendering.templates import RenderError, Scope, Template
from inbox.rendering.times import LONGEST_WAIT_MS, check_cron, is_too_long, later, next_time
from inbox.steps.base import CompiledStep, Controls

_BARE_PATH = re.compile(r"(?:payload|subscriber|actor|context|tenant)(?:\.[\w-]+)+")


class TimeControls(Controls, frozen=True, kw_only=True):
    """How long a step waits: for `amount` of `unit` (`regular`), or to the next time of `cron` in the subscriber's
    timezone (`timed`).
    """

    type: Literal["regular", "timed"] = "regular"
    amount: Amount | None = None
    unit: Unit | None = None
    cron: Cron | None = None


class CompiledWait(CompiledStep):
    ends_on_failure: ClassVar[bool] = True

    def __init__(self, step: Step, controls: TimeControls, prefix: str) -> None:
        super().__init__(step, controls, prefix)
        self._time = controls

    @lazy
    def subscriber_paths(self) -> frozenset[VariablePath]:
        """Return what templates read of the subscriber, and the timezone if the time needs it."""
        return super().subscriber_paths | (set() if self._time.cron is None else {("timezone",)})

    @property
    def longest_ms(self) -> int:
        """Return the longest time that the step may wait."""
        if self._time.amount is not None and self._time.unit is not None:
            return later(0, self._time.amount, self._time.unit) + DAY_MS  # months differ in length
        return LONGEST_WAIT_MS

    def due(self, now_ms: int, scope: Scope) -> int:
        """Return when a wait that begins now ends (ms since 1970). Raise RenderError if there is no such time."""
        if self._time.amount is not None and self._time.unit is not None:
            return later(now_ms, self._time.amount, self._time.unit)
        field = f"{self.prefix}cron"
        timezone = (scope.get("subscriber") or {}).get("timezone") or ""
        try:
            due = next_time(self._time.cron or "", str(timezone), now_ms)
        except ValueError as error:
            raise RenderError(field, str(error)) from None
        return check_due(due, now_ms, field)


def key_template(step: CompiledStep, name: str, source: str | None) -> Template:
    """Compile the template of a key; a bare path such as `payload.post` means its value. Raise TemplateError."""
    key = (source or "").strip()
    return step.template(name, f"{{{{{key}}}}}" if _BARE_PATH.fullmatch(key) else source)


def check_due(due: int, now_ms: int, field: str) -> int:
    """Return the time (ms since 1970). Raise RenderError, naming the field, if it is too far ahead to wait for."""
    if due - now_ms > LONGEST_WAIT_MS:
        raise RenderError(field, "it is more than 366 days ahead")
    return due


def check_time(controls: TimeControls, field: str) -> None:
    """Raise ValidationFailed unless a `regular` step has amount and unit, a `timed` one cron."""
    if controls.type == "timed":
        if controls.cron is None:
            raise invalid(f"{field}.cron", "the type timed needs a cron expression")
        try:
            check_cron(controls.cron)
        except ValueError as error:
            raise invalid(f"{field}.cron", f"cron must be a cron expression: {error}", controls.cron) from None
        for name, value in (("amount", controls.amount), ("unit", controls.unit)):
            if value is not None:
                raise invalid(f"{field}.{name}", f"{name} belongs to the type regular", value)
        return
    if controls.cron is not None:
        raise invalid(f"{field}.cron", "cron belongs to the type timed", controls.cron)
    check_amount(controls.amount, controls.unit, field)


def check_amount(amount: Amount | None, unit: Unit | None, field: str) -> None:
    """Raise ValidationFailed unless a step can wait for `amount` of `unit`."""
    if amount is None:
        raise invalid(f"{field}.amount", "amount should not be empty")
    if unit is None:
        raise invalid(f"{field}.unit", "unit should not be empty")
    if amount != int(amount):
        raise invalid(f"{field}.amount", "amount must be a whole number", amount)
    if is_too_long(amount, unit):
        raise invalid(f"{field}.amount", "no step waits longer than 366 days or 12 months", amount)
