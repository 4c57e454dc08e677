"""Liquid, bounded: how much a template may loop, span, keep and write, whatever it says."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import TextIO

from liquid import BoundTemplate, Environment, RenderContext
from liquid.ast import Node
from liquid.builtin.expressions.primitive import RangeLiteral
from liquid.builtin.output import Output, OutputNode
from liquid.builtin.tags.echo_tag import EchoTag
from liquid.exceptions import LiquidSyntaxError, LoopIterationLimitError
from liquid.expression import Expression

from inbox.models.workflow import MAX_TEMPLATE_LENGTH
from inbox.rendering.filters import bounded, json_filter, pluralize, to_sentence
from inbox.rendering.text import to_text

MAX_OUTPUT_BYTES = 65_536
MAX_LOCAL_BYTES = 65_536
MAX_TAGS = 400
MAX_TAG_LENGTH = 1_000
MAX_RANGE_LENGTH = 1_000
MAX_LOOP_ITERATIONS = 5_000

_OPENING = re.compile(r"\{\{|\{%")
_CLOSING = {"{{": "}}", "{%": "%}"}
_EMPTY = re.compile(r"[\s-]*")


class _Context(RenderContext):
    """Counts every iteration of a render; the library counts nested loops only, not one after the other."""

    __slots__ = ("iterations",)

    def raise_for_loop_limit(self, length: int = 1) -> None:
        self.iterations = getattr(self, "iterations", 0) + length
        if self.iterations > MAX_LOOP_ITERATIONS:
            raise LoopIterationLimitError("loop iteration limit reached", token=None)


class _Template(BoundTemplate):
    context_class = _Context


class _TextNode(OutputNode):
    """`{{ … }}`, written as `to_text` writes a value."""

    def render_to_output(self, context: RenderContext, buffer: TextIO) -> int:
        return buffer.write(to_text(self.expression.evaluate(context)))


class _Output(Output):
    node_class = _TextNode


class _Echo(EchoTag):
    node_class = _TextNode  # type: ignore[assignment]  # differs from EchoNode only in how it prints itself


class _Stop(Expression):
    """The end of a range, refused when too far from its start: some filters and `reversed` make lists of ranges."""

    __slots__ = ("literal", "stop")

    def __init__(self, literal: RangeLiteral) -> None:
        super().__init__(literal.stop.token)
        self.literal = literal
        self.stop = literal.stop

    def evaluate(self, context: RenderContext) -> object:
        stop = self.stop.evaluate(context)
        start = self.literal.start.evaluate(context)
        if _to_int(stop) - _to_int(start) >= MAX_RANGE_LENGTH:
            raise LoopIterationLimitError("a range is too long", token=self.token)
        return stop

    def children(self) -> list[Expression]:
        return [self.stop]


class _BoundedEnvironment(Environment):
    template_class = _Template
    output_stream_limit = MAX_OUTPUT_BYTES
    local_namespace_limit = MAX_LOCAL_BYTES

    def setup_tags_and_filters(self, *, extra: bool = False) -> None:
        super().setup_tags_and_filters(extra=extra)
        del self.tags["include"], self.tags["render"]  # there is nothing to include
        self.add_tag(_Output)
        self.add_tag(_Echo)
        self.filters |= {"json": json_filter, "pluralize": pluralize, "toSentence": to_sentence}
        self.filters = {name: bounded(name, function) for name, function in self.filters.items()}


_environment = _BoundedEnvironment()


def parse(source: str) -> BoundTemplate:
    """The parsed template, its ranges bounded.

    Raises liquid.exceptions.LiquidError for whatever does not parse, an unknown tag or an unknown filter.
    """
    _check_markup(source)
    template = _environment.from_string(source)
    unknown = template.analyze(include_partials=False).filters.keys() - _environment.filters.keys()
    if unknown:
        raise LiquidSyntaxError(f"unknown filter '{min(unknown)}'", token=None)
    for expression in _expressions(template.nodes, RenderContext(template)):
        if isinstance(expression, RangeLiteral):
            expression.stop = _Stop(expression)
    return template


def _check_markup(source: str) -> None:
    """Refuses what the library's lexer would need seconds for: its time grows with the square of what is not closed."""
    if len(source) > MAX_TEMPLATE_LENGTH:
        raise LiquidSyntaxError(f"it is longer than {MAX_TEMPLATE_LENGTH} characters", token=None)
    position = tags = 0
    while opening := _OPENING.search(source, position):
        closing = source.find(_CLOSING[opening[0]], opening.end())
        if closing < 0:
            raise LiquidSyntaxError(f"'{opening[0]}' is never closed", token=None)
        if _EMPTY.fullmatch(source, opening.end(), closing):
            raise LiquidSyntaxError("a tag is empty", token=None)
        if closing - opening.start() > MAX_TAG_LENGTH:
            raise LiquidSyntaxError(f"a tag is longer than {MAX_TAG_LENGTH} characters", token=None)
        tags += 1
        if tags > MAX_TAGS:
            raise LiquidSyntaxError(f"there are more than {MAX_TAGS} tags", token=None)
        position = closing + 2


def _expressions(nodes: Iterable[Node], context: RenderContext) -> Iterator[Expression]:
    for node in nodes:
        for expression in node.expressions():
            yield from _tree(expression)
        yield from _expressions(node.children(context, include_partials=False), context)


def _tree(expression: Expression) -> Iterator[Expression]:
    children = expression.children()  # before the expression is changed
    yield expression
    for child in children:
        yield from _tree(child)


def _to_int(value: object) -> int:
    """As the library reads the ends of a range: what is no number is 0."""
    try:
        return int(value)  # type: ignore[call-overload, no-any-return]
    except (TypeError, ValueError):
        return 0
