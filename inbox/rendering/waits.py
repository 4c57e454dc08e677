"""Steps that wait: until when, and what a digest collects together."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from inbox.models.workflow import DelayControls, DigestControls, Step
from inbox.rendering.conditions import Condition
from inbox.rendering.date_parser import DAY_MS
from inbox.rendering.paths import FieldPaths
from inbox.rendering.templates import RenderError, Template, compile_template
from inbox.rendering.times import LONGEST_WAIT_MS, later, next_time

Variables = Mapping[str, Any]
_BARE_PATH = re.compile(r"(?:payload|subscriber|actor|context|tenant)(?:\.[\w-]+)+")


class CompiledWait:
    """What delays and digests have in common; they answer the same questions as a step that gives a message."""

    def __init__(self, step: Step, controls: DelayControls | DigestControls, place: str) -> None:
        """`place` is put before the names of fields in errors. Raises TemplateError."""
        self.step = step
        self._field = f"{place}controlValues."
        self._controls = controls
        self.condition = Condition(controls.skip, f"{self._field}skip")
        self.paths = FieldPaths(skip=self.condition.paths)

    @property
    def needs_subscriber(self) -> bool:
        """Whether it asks for the subscriber: by a template, or for the timezone."""
        return self._controls.cron is not None or self.paths.may_read("subscriber")

    @property
    def needs_actor(self) -> bool:
        """Whether it asks for the actor."""
        return self.paths.may_read("actor")

    @property
    def longest_ms(self) -> int:
        """Return how long it waits at most, as far as that is known beforehand."""
        controls = self._controls
        if controls.amount is not None and controls.unit is not None:
            return later(0, controls.amount, controls.unit) + DAY_MS  # months have more or fewer days
        return LONGEST_WAIT_MS

    def due(self, now_ms: int, scope: Variables) -> int:
        """When it ends if it begins now (ms since 1970). Raises RenderError when there is no such time."""
        controls = self._controls
        if controls.amount is not None and controls.unit is not None:
            return later(now_ms, controls.amount, controls.unit)
        field = f"{self._field}cron"
        try:
            due = next_time(controls.cron or "", _timezone(scope), now_ms)
        except ValueError as error:
            raise RenderError(field, str(error)) from None
        return _checked(due, now_ms, field)

    def _template(self, name: str, source: str | None) -> Template:
        template = compile_template(source or "", self._field + name)
        self.paths[name] = template.paths
        return template


class CompiledDelay(CompiledWait):
    """A step that waits."""

    def __init__(self, step: Step, controls: DelayControls, place: str) -> None:
        super().__init__(step, controls, place)
        self._until = self._template("until", controls.until) if controls.until else None

    def due(self, now_ms: int, scope: Variables) -> int:
        """When it ends (ms since 1970), which a time of the payload may have done long ago."""
        if self._until is None:
            return super().due(now_ms, scope)
        field = f"{self._field}until"
        text = self._until.render(scope).strip()
        try:
            date = datetime.fromisoformat(text)
            due = int((date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp() * 1_000)
        except (ValueError, OverflowError):
            raise RenderError(field, f"it gives no ISO-8601 time: {text[:100]!r}") from None
        return _checked(due, now_ms, field)


class CompiledDigest(CompiledWait):
    """A step that collects events."""

    def __init__(self, step: Step, controls: DigestControls, place: str) -> None:
        super().__init__(step, controls, place)
        self._key = self._template("digestKey", _with_braces(controls.digest_key or ""))
        self._look_back = controls.look_back_window

    def key(self, scope: Variables) -> str:
        """What tells events that belong together from others. Raises RenderError."""
        return self._key.render(scope)

    def look_back_ms(self, now_ms: int) -> int:
        """How long before now another event makes this one wait; 0: any event waits."""
        return later(now_ms, self._look_back.amount, self._look_back.unit) - now_ms if self._look_back else 0


def _with_braces(key: str) -> str:
    """Return the template of a digest key; a bare path such as `payload.post` is what it leads to."""
    return f"{{{{{key.strip()}}}}}" if _BARE_PATH.fullmatch(key.strip()) else key


def _checked(due: int, now_ms: int, field: str) -> int:
    if due - now_ms > LONGEST_WAIT_MS:
        raise RenderError(field, "it is more than 366 days ahead")
    return due


def _timezone(scope: Variables) -> str:
    subscriber = scope.get("subscriber") or {}
    return str(subscriber.get("timezone") or "")
