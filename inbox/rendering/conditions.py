"""A step's `skip`: JSON-logic that says when the step runs, over `payload.*`, `subscriber.*`, `steps.*` and the like.

Its name is Novu's, whose steps run when the rule is true. No rule, an empty one too, means that the step runs.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from inbox.rendering.budget import working
from inbox.rendering.logic import KNOWN, LOOPS, CannotEvaluate, Evaluation, look_up
from inbox.rendering.operators import is_truthy
from inbox.rendering.paths import EVERYTHING, Path
from inbox.rendering.templates import RenderError, Scope, TemplateError
from inbox.work import TooMuchWork

MAX_DEPTH = 32
MAX_SHOWN_RULE = 400
MAX_SHOWN_VALUE = 80
MAX_SHOWN_VALUES = 6

_encode = msgspec.json.Encoder().encode


class Condition:
    """A compiled rule. `paths` are the dotted paths that it reads, e.g. `("subscriber", "locale")`."""

    def __init__(self, rule: dict[str, Any] | None, field: str) -> None:
        """Raise TemplateError, naming the field, for what is no rule, unknown operators, or a rule nested too deep."""
        self.field = field
        self.rule = _unwrapped(rule or {})
        if self.rule and len(self.rule) != 1:
            raise TemplateError(field, f"{field} must be JSON-logic: an object with one operation", rule)
        self._reads = list(_reads(self.rule, field))
        self.paths = frozenset(self._reads)

    def holds(self, scope: Scope, now_ms: int) -> bool:
        """Return whether the step runs, `now_ms` (ms since 1970) being the present.

        Raise RenderError when the rule cannot be evaluated, or when its values make it take too much work.
        """
        if not self.rule:
            return True
        try:
            with working():
                return is_truthy(Evaluation(now_ms).apply(self.rule, dict(scope)))
        except (CannotEvaluate, TooMuchWork) as error:
            raise RenderError(self.field, str(error)) from None

    def explain(self, scope: Scope) -> str:
        """Return the rule in short, and the values of its variables, for the activity of a step that it skipped."""
        paths = [path for path in dict.fromkeys(self._reads) if path]
        values = [f"{'.'.join(path)} = {_shown(look_up(scope, '.'.join(path)), MAX_SHOWN_VALUE)}" for path in paths]
        more = f" and {len(values) - MAX_SHOWN_VALUES} more" if len(values) > MAX_SHOWN_VALUES else ""
        told = f" ({', '.join(values[:MAX_SHOWN_VALUES])}{more})" if values else ""
        return f"the step's condition is not true: {_shown(self.rule, MAX_SHOWN_RULE)}{told}"


def _unwrapped(rule: dict[str, Any]) -> dict[str, Any]:
    """Return the rule out of a rule builder's wrapper, `{"rule": …, "id": …}`."""
    inner = rule.get("rule")
    return inner if isinstance(inner, dict) else rule


def _reads(rule: Any, field: str, depth: int = 1, *, is_of_item: bool = False) -> Iterator[Path]:
    """Yield the paths that a rule reads; what a loop reads of its items (`is_of_item`) is not among them."""
    if isinstance(rule, dict | list) and depth > MAX_DEPTH:
        raise TemplateError(field, f"{field} is nested deeper than {MAX_DEPTH} levels")
    if isinstance(rule, list):
        for one in rule:
            yield from _reads(one, field, depth + isinstance(one, list), is_of_item=is_of_item)
    if not isinstance(rule, dict) or len(rule) != 1:
        return
    [(name, operands)] = rule.items()
    if name not in KNOWN:
        raise TemplateError(field, f"{field} uses an operator that is not known: {name}", rule)
    operands = operands if isinstance(operands, list) else [operands]
    if not is_of_item:
        yield from _named(name, operands)
    for index, one in enumerate(operands):
        in_loop = is_of_item or (name in LOOPS and index == 1)
        yield from _reads(one, field, depth + 1, is_of_item=in_loop)


def _named(operator: str, operands: list[Any]) -> Iterator[Path]:
    """Yield the paths that an operation names itself."""
    if operator == "var":
        names: list[Any] = operands[:1] or [""]
    elif operator == "missing":
        names = operands[0] if operands and isinstance(operands[0], list) else operands
    elif operator == "missing_some":
        names = operands[1] if len(operands) > 1 and isinstance(operands[1], list) else operands[1:2]
    else:
        return
    for name in names:
        yield tuple(name.split(".")) if isinstance(name, str) and name else EVERYTHING


def _shown(value: Any, length: int) -> str:
    text = _encode(value).decode()
    return text if len(text) <= length else f"{text[:length]}…"
