"""A text with `{{ … }}` in it, made ready once: a literal, a few direct lookups, or a Liquid template."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol

from inbox.errors import NO_VALUE, ValidationFailed
from inbox.models.workflow import MAX_TEMPLATE_LENGTH
from inbox.rendering.budget import CHARACTERS_PER_UNIT, MAX_OUTPUT_BYTES, spend, weigh, working
from inbox.rendering.liquid import LiquidSyntaxError, LiquidTemplate, parse
from inbox.rendering.liquid.context import UNITS_PER_PART
from inbox.rendering.liquid.nodes import Node, PathOutput
from inbox.rendering.liquid.values import read_property, to_output
from inbox.work import TooMuchWork

LONG_TEXT = 200
UNITS_PER_LOOKUP = 5
MANY_PARTS = 10

Scope = Mapping[str, Any]
Paths = frozenset[tuple[str, ...]]
VARIABLES = frozenset({"payload", "subscriber", "actor", "context", "tenant", "steps", "workflow"})


class TemplateError(ValidationFailed):
    """A template does not parse."""

    def __init__(self, field: str, problem: str, source: object = NO_VALUE) -> None:
        super().__init__({field: problem}, problem, {field: source})


class RenderError(ValidationFailed):
    """A template cannot be rendered with these variables."""

    def __init__(self, field: str, problem: str) -> None:
        super().__init__({field: problem}, f"{field} could not be rendered: {problem}")


class Template(Protocol):
    """A ready text.

    `paths` are the variables that it reads as far as they are written out, e.g. `("steps", "first", "read")`; an empty
    path stands for a variable whose name is computed. `variables` are their roots, a superset when a name is computed.
    """

    paths: Paths
    variables: frozenset[str]

    def render(self, scope: Scope, /) -> str:
        """Return the text with these variables. Raise RenderError, which names the field, also when it is too long."""
        ...


def compile_template(source: str, field: str) -> Template:
    """Return the template in its fastest form. Raise TemplateError, which names the field."""
    if "{{" not in source and "{%" not in source:
        return _Literal(source, field)
    problem = f"it is longer than {MAX_TEMPLATE_LENGTH} characters"
    if len(source) <= MAX_TEMPLATE_LENGTH:
        try:
            return _fastest(parse(source), field)
        except LiquidSyntaxError as error:
            problem = str(error)
    raise TemplateError(field, f"{field} is not a valid template: {problem}", source)


def _fastest(parsed: LiquidTemplate, field: str) -> Template:
    parts = [_part(node) for node in parsed.block.nodes]
    if None in parts:
        return _Liquid(parsed, field)
    return Lookups([part for part in parts if part is not None], field)


def roots_of(paths: Iterable[tuple[str, ...]]) -> frozenset[str]:
    """Return the variables that paths begin with; all of them when one is computed."""
    roots = frozenset(path[0] for path in paths if path)
    return roots | VARIABLES | {"collapse"} if () in paths else roots


class _Literal:
    """A text without variables."""

    paths: Paths = frozenset()
    variables: frozenset[str] = frozenset()

    def __init__(self, text: str, field: str) -> None:
        self.text = _bounded(text, field)

    def render(self, _: Scope, /) -> str:
        return self.text


Part = str | tuple[str, ...]


def _part(node: Node) -> Part | None:
    """Return a node as literal text or as a path to look up; None when it takes Liquid to render it."""
    if isinstance(node, str):
        return node
    return node.path if isinstance(node, PathOutput) and node.path[0] in VARIABLES else None


class Lookups:
    """Literal text and `{{ payload.a.b }}` only: no engine is needed, and the result is the same."""

    def __init__(self, parts: list[Part], field: str) -> None:
        self.parts = parts
        self.field = field
        self.paths: Paths = frozenset(part for part in parts if isinstance(part, tuple))
        self.variables = roots_of(self.paths)

    def render(self, scope: Scope, /) -> str:
        parts = self.parts
        if not parts:
            return ""
        if len(parts) == 1:
            return _bounded(self._text(scope, parts[0]), self.field)
        if len(parts) > MANY_PARTS:
            _pay(self.field, spend, UNITS_PER_LOOKUP * len(parts))
        return _bounded(
            "".join([part if isinstance(part, str) else self._text(scope, part) for part in parts]), self.field
        )

    def _text(self, scope: Scope, part: Part) -> str:
        if isinstance(part, str):
            return part
        value: Any = scope
        try:
            for name in part:
                value = value[name]
        except (KeyError, TypeError):  # not the field of an object
            value = scope.get(part[0])
            for name in part[1:]:
                value = read_property(value, name)
        if isinstance(value, str):
            return value
        if isinstance(value, dict | list):
            _pay(self.field, weigh, value, UNITS_PER_PART)
        return to_output(value)


class _Liquid:
    """Anything else."""

    def __init__(self, parsed: LiquidTemplate, field: str) -> None:
        self.parsed = parsed
        self.field = field
        self.paths = parsed.paths
        self.variables = roots_of(parsed.paths)

    def render(self, scope: Scope, /) -> str:
        try:
            with working() as work:
                return _bounded(self.parsed.render(work, scope), self.field)
        except RenderError:
            raise
        except RecursionError:
            raise RenderError(self.field, "a value is nested too deeply") from None
        except Exception as error:  # a defect of the engine costs one step, not the whole trigger
            raise RenderError(self.field, str(error) or type(error).__name__) from error


def _pay(field: str, pay: Callable[..., None], *amount: Any) -> None:
    try:
        pay(*amount)
    except TooMuchWork as error:
        raise RenderError(field, str(error)) from None


def _bounded(text: str, field: str) -> str:
    if len(text) > LONG_TEXT:
        _pay(field, spend, len(text) // CHARACTERS_PER_UNIT)
    if len(text) * 4 > MAX_OUTPUT_BYTES and len(text.encode(errors="replace")) > MAX_OUTPUT_BYTES:
        raise RenderError(field, f"the result is larger than {MAX_OUTPUT_BYTES} bytes")
    return text
