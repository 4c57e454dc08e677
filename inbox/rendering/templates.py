"""A text with `{{ … }}` in it, made ready once: a literal, a few direct lookups, or a Liquid template."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from liquid import BoundTemplate
from liquid.ast import Node
from liquid.builtin.content import ContentNode
from liquid.builtin.expressions import FilteredExpression, Path
from liquid.builtin.output import OutputNode
from liquid.exceptions import LiquidError

from inbox.errors import NO_VALUE, ValidationFailed
from inbox.rendering import engine
from inbox.rendering.budget import spend
from inbox.rendering.engine import MAX_OUTPUT_BYTES
from inbox.rendering.text import to_text
from inbox.work import TooMuchWork

LONG_TEXT = 200
CHARACTERS_PER_UNIT = 5
UNITS_PER_LOOKUP = 5
MANY_PARTS = 10

Scope = Mapping[str, Any]
VARIABLES = frozenset({"payload", "subscriber", "actor", "context", "tenant", "steps"})
_COMPUTED = frozenset({"size", "first", "last"})  # not mere lookups: Liquid gives them to lists and texts too


class TemplateError(ValidationFailed):
    """A template does not parse."""

    def __init__(self, field: str, problem: str, source: object = NO_VALUE) -> None:
        super().__init__({field: problem}, problem, {field: source})


class RenderError(ValidationFailed):
    """A template cannot be rendered with these variables."""

    def __init__(self, field: str, problem: str) -> None:
        super().__init__({field: problem}, f"{field} could not be rendered: {problem}")


class Template(Protocol):
    """A ready text. `variables` are the roots it names, e.g. `subscriber`; a superset when it computes names."""

    variables: frozenset[str]

    def render(self, scope: Scope, /) -> str:
        """The text with these variables. Raises RenderError, which names the field, also when it is too long."""
        ...


def compile_template(source: str, field: str) -> Template:
    """The template in its fastest form. Raises TemplateError, which names the field."""
    if "{{" not in source and "{%" not in source:
        return _Literal(source, field)
    try:
        parsed = engine.parse(source)
        parts = [_part(node) for node in parsed.nodes]
        if None not in parts:
            return Lookups([part for part in parts if part is not None], field)
        return _Liquid(parsed, field)
    except (LiquidError, RecursionError) as error:
        raise TemplateError(field, f"{field} is not a valid template: {_explain(error)}", source) from error


class _Literal:
    """A text without variables."""

    variables: frozenset[str] = frozenset()

    def __init__(self, text: str, field: str) -> None:
        self.text = _bounded(text, field)

    def render(self, _: Scope, /) -> str:
        return self.text


Part = str | tuple[str, ...]


def _part(node: Node) -> Part | None:
    """The node as literal text or as a path that is a plain lookup; None when it takes Liquid to render it."""
    if isinstance(node, ContentNode):
        return node.text
    if not isinstance(node, OutputNode) or not isinstance(node.expression, FilteredExpression):
        return None
    path = node.expression.left
    if node.expression.filters or not isinstance(path, Path):
        return None
    names = [name for name in path.path if isinstance(name, str) and name not in _COMPUTED]
    return tuple(names) if len(names) == len(path.path) and names[0] in VARIABLES else None


class Lookups:
    """Literal text and `{{ payload.a.b }}` only: no engine is needed, and the result is the same."""

    def __init__(self, parts: list[Part], field: str) -> None:
        self.parts = parts
        self.field = field
        self.variables = frozenset(part[0] for part in parts if isinstance(part, tuple))

    def render(self, scope: Scope, /) -> str:
        parts = self.parts
        if not parts:
            return ""
        if len(parts) == 1:
            return _bounded(_look_up(scope, parts[0]), self.field)
        if len(parts) > MANY_PARTS:
            _charge(UNITS_PER_LOOKUP * len(parts), self.field)
        return _bounded("".join([_look_up(scope, part) for part in parts]), self.field)


def _look_up(scope: Scope, part: Part) -> str:
    if isinstance(part, str):
        return part
    value: Any = scope
    try:
        for name in part:
            value = value[int(name)] if isinstance(value, list) else value[name]
    except (KeyError, TypeError, ValueError, IndexError):
        return ""
    return to_text(value)


class _Liquid:
    """Anything else."""

    def __init__(self, parsed: BoundTemplate, field: str) -> None:
        self.parsed = parsed
        self.field = field
        # all that is named, not only what is surely global: a name assigned in one branch is global in the other
        roots = frozenset(parsed.analyze(include_partials=False).variables)
        self.variables = roots if all(root.isidentifier() for root in roots) else roots | VARIABLES | {"collapse"}

    def render(self, scope: Scope, /) -> str:
        try:
            return _bounded(self.parsed.render(scope), self.field)
        except RenderError:
            raise
        except Exception as error:  # filters raise anything: ValueError, OverflowError, decimal's …
            raise RenderError(self.field, _explain(error)) from error


def _charge(units: int, field: str) -> None:
    try:
        spend(units)
    except TooMuchWork as error:
        raise RenderError(field, str(error)) from None


def _bounded(text: str, field: str) -> str:
    if len(text) > LONG_TEXT:
        _charge(len(text) // CHARACTERS_PER_UNIT, field)
    if len(text) * 4 > MAX_OUTPUT_BYTES and len(text.encode()) > MAX_OUTPUT_BYTES:
        raise RenderError(field, f"the result is larger than {MAX_OUTPUT_BYTES} bytes")
    return text


def _explain(error: Exception) -> str:
    """One line: the problem without the library's drawing of where it is."""
    return str(error.message) if isinstance(error, LiquidError) else str(error) or type(error).__name__
