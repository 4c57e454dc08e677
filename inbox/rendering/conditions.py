"""A step's `skip`: a JSON-logic rule over `payload.*`, `subscriber.*`, `steps.*` and the like.

The name is Novu's, whose steps run when the rule is TRUE. A step without a rule, or with an empty one, runs.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from inbox.rendering.budget import working
from inbox.rendering.logic import LOOPS, OPERATORS, CannotEvaluate, Evaluation, look_up
from inbox.rendering.operators import is_truthy
from inbox.rendering.paths import EVERYTHING, VariablePath
from inbox.rendering.templates import RenderError, Scope, TemplateError
from inbox.work import TooMuchWork

MAX_DEPTH = 32
MAX_SHOWN_RULE = 400
MAX_SHOWN_VALUE = 80
MAX_SHOWN_VALUES = 6

_encode = msgspec.json.Encoder().encode


class Condition:
    """A compiled rule; `paths` are the variables that it reads, e.g. `("subscriber", "locale")`."""

    def __init__(self, rule: dict[str, Any] | None, field: str) -> None:
        """Raise TemplateError, naming the field, for an invalid rule, an unknown operator, or too deep nesting."""
        self.field = field
        rule = rule or {}
        inner = rule.get("rule")  # a rule builder wraps it: `{"rule": …, "id": …}`
        self.rule: dict[str, Any] = inner if isinstance(inner, dict) else rule
        if self.rule and len(self.rule) != 1:
            raise TemplateError(field, f"{field} must be JSON-logic: an object with one operation", rule)
        self._reads = list(_reads(self.rule, field))
        self.paths = frozenset(self._reads)

    def holds(self, scope: Scope, now_ms: int) -> bool:
        """Return whether the step runs at `now_ms` (ms since 1970).

        Raise RenderError if the rule cannot be evaluated or takes too much work.
        """
        if not self.rule:
            return True
        try:
            with working():
                return is_truthy(Evaluation(now_ms).apply(self.rule, dict(scope)))
        except (CannotEvaluate, TooMuchWork) as error:
            raise RenderError(self.field, str(error)) from None

    def explain(self, scope: Scope) -> str:
        """Return why the rule skipped the step, for the activity: the shortened rule and the values it read."""
        paths = [path for path in dict.fromkeys(self._reads) if path]
        values = [f"{'.'.join(path)} = {_shown(look_up(scope, '.'.join(path)), MAX_SHOWN_VALUE)}" for path in paths]
        more = f" and {len(values) - MAX_SHOWN_VALUES} more" if len(values) > MAX_SHOWN_VALUES else ""
        shown = f" ({', '.join(values[:MAX_SHOWN_VALUES])}{more})" if values else ""
        return f"the step's condition is not true: {_shown(self.rule, MAX_SHOWN_RULE)}{shown}"


def _reads(rule: Any, field: str, depth: int = 1, *, is_of_item: bool = False) -> Iterator[VariablePath]:
    """Yield the paths that a rule reads, except those that a loop reads of its items (`is_of_item`)."""
    if isinstance(rule, dict | list) and depth > MAX_DEPTH:
        raise TemplateError(field, f"{field} is nested deeper than {MAX_DEPTH} levels")
    if isinstance(rule, list):
        for item in rule:
            yield from _reads(item, field, depth + isinstance(item, list), is_of_item=is_of_item)
    if not isinstance(rule, dict) or len(rule) != 1:
        return
    [(name, operands)] = rule.items()
    if name not in OPERATORS:
        raise TemplateError(field, f"{field} uses an operator that is not known: {name}", rule)
    operands = operands if isinstance(operands, list) else [operands]
    if not is_of_item:
        yield from _operation_reads(name, operands)
    for index, operand in enumerate(operands):
        in_loop = is_of_item or (name in LOOPS and index == 1)
        yield from _reads(operand, field, depth + 1, is_of_item=in_loop)


def _operation_reads(operator: str, operands: list[Any]) -> Iterator[VariablePath]:
    """Yield the paths that an operation reads itself, without its operands."""
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
