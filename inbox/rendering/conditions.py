"""A step's `skip`: JSON-logic over `payload.*` and `subscriber.*`; true means that the step is skipped.

Loops within loops, `reduce`, and rules of more than a hundred operations are refused when the workflow is made.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from json_logic.builtins import to_bool

from inbox.rendering.budget import working
from inbox.rendering.logic import KNOWN, LOOPS, evaluate
from inbox.rendering.templates import VARIABLES, RenderError, Scope, TemplateError

MAX_OPERATIONS = 100
MAX_DEPTH = 20


class Condition:
    """A rule ready to be asked. `variables` are the roots it may read, e.g. `subscriber`."""

    def __init__(self, rule: dict[str, Any] | None, field: str) -> None:
        """Raises TemplateError, naming the field, for what is no rule or takes too long."""
        self.field = field
        self.rule = rule or None
        operations = list(_operations(self.rule, field)) if self.rule else []
        if len(operations) > MAX_OPERATIONS:
            raise TemplateError(field, f"{field} has more than {MAX_OPERATIONS} operations")
        self.variables = frozenset(root for name, given in operations for root in _roots(name, given))

    def holds(self, scope: Scope) -> bool:
        """Whether the rule is true of these variables. Raises RenderError when it cannot be told."""
        if self.rule is None:
            return False
        try:
            with working():
                return bool(to_bool(evaluate(self.rule, dict(scope))))
        except Exception as error:  # operations raise anything: TypeError, ZeroDivisionError …
            raise RenderError(self.field, str(error) or type(error).__name__) from error


def _operations(rule: Any, field: str, depth: int = 0, *, in_loop: bool = False) -> Iterator[tuple[str, Any]]:
    """Every operation of a rule with what it is given."""
    if depth > MAX_DEPTH:
        raise TemplateError(field, f"{field} is nested deeper than {MAX_DEPTH} levels")
    if isinstance(rule, list):
        for item in rule:
            yield from _operations(item, field, depth + 1, in_loop=in_loop)
    if not isinstance(rule, dict):
        return
    if len(rule) != 1:
        raise TemplateError(field, f"{field} must be JSON-logic: an object with one operation", rule)
    [(name, given)] = rule.items()
    if name not in KNOWN:
        raise TemplateError(field, f"{field} uses an operation that is not offered: {name}", rule)
    if name in LOOPS and in_loop:
        raise TemplateError(field, f"{field} has a loop within a loop", rule)
    yield name, given
    yield from _operations(given, field, depth + 1, in_loop=in_loop or name in LOOPS)


def _roots(name: str, given: Any) -> Iterator[str]:
    """What an operation may read of the scope; everything when its name is computed or it loops."""
    if name not in ("var", "missing", "missing_some"):
        return
    names = given if isinstance(given, list) else [given]
    for one in names[:1] if name == "var" else names:
        if isinstance(one, str) and one:
            yield one.partition(".")[0]
        elif not isinstance(one, int) or isinstance(one, bool):
            yield from VARIABLES
