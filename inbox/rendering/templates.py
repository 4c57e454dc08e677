"""Compiled templates: a text with `{{ … }}` becomes a literal, a few lookups, or a Liquid template."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from inbox.errors import NO_VALUE, ValidationFailed
from inbox.models.workflow import MAX_TEMPLATE_LENGTH
from inbox.rendering.budget import CHARACTERS_PER_UNIT, MAX_OUTPUT_BYTES, spend, weigh, working
from inbox.rendering.javascript import number_text
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
    """A compiled text.

    `paths` are the variables that it reads, each up to its first computed name, e.g. `("steps", "first", "read")`; the
    path is empty if the variable's name is computed.
    """

    paths: Paths

    def render(self, scope: Scope, /) -> str:
        """Return the text. Raise RenderError, naming the field, if it fails, costs too much or is too long."""
        ...


def compile_template(source: str, field: str) -> Template:
    """Return the template in its fastest form. Raise TemplateError, naming the field."""
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


class _Literal:
    paths: Paths = frozenset()

    def __init__(self, text: str, field: str) -> None:
        self.text = _bounded(text, field)

    def render(self, _: Scope, /) -> str:
        return self.text


Part = str | tuple[str, ...]


def _part(node: Node) -> Part | None:
    """Return a node as literal text or a path to look up; None if only Liquid can render it."""
    if isinstance(node, str):
        return node
    return node.path if isinstance(node, PathOutput) and node.path[0] in VARIABLES else None


class Lookups:
    """A template of literal text and `{{ payload.a.b }}` only, rendered as Liquid would but without the engine."""

    def __init__(self, parts: list[Part], field: str) -> None:
        self.parts = parts
        self.field = field
        self.paths: Paths = frozenset(part for part in parts if isinstance(part, tuple))

    def render(self, scope: Scope, /) -> str:
        parts = self.parts
        if len(parts) > MANY_PARTS:
            _pay(self.field, spend, UNITS_PER_LOOKUP * len(parts))
        texts: list[str] = []
        for part in parts:  # one loop: a call for each part would double the time
            if type(part) is str:
                texts.append(part)
                continue
            value: Any = scope
            try:
                for name in part:
                    value = value[name]
            except (KeyError, TypeError):  # a part is missing or no object
                value = scope.get(part[0])
                for name in part[1:]:
                    value = read_property(value, name)
            texts.append(value if type(value) is str else self._text(value))
        text = "".join(texts)
        return text if len(text) <= LONG_TEXT else _bounded(text, self.field)

    def _text(self, value: Any) -> str:
        if type(value) is int:
            return number_text(value)
        if isinstance(value, dict | list):
            _pay(self.field, weigh, value, UNITS_PER_PART)
        return to_output(value)


class _Liquid:
    def __init__(self, parsed: LiquidTemplate, field: str) -> None:
        self.parsed = parsed
        self.field = field
        self.paths = parsed.paths

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
