"""Liquid, bounded: how much a template may loop, compare, span, keep and write, whatever it says.

Iterations, filters, texts that are written and values that are compared are taken from the budget of the recipient.
"""

from __future__ import annotations

import re
from typing import Any, TextIO, cast

from liquid import BoundTemplate, Environment, RenderContext
from liquid.builtin.output import Output, OutputNode
from liquid.builtin.tags.echo_tag import EchoTag
from liquid.exceptions import LiquidSyntaxError

from inbox.models.workflow import MAX_TEMPLATE_LENGTH
from inbox.rendering.bounds import BoundedContext, BoundedFor, BoundedTablerow, bind
from inbox.rendering.budget import spend, working
from inbox.rendering.filters import bounded, json_filter, pluralize, to_sentence
from inbox.rendering.text import to_text

MAX_OUTPUT_BYTES = 65_536
MAX_LOCAL_BYTES = 65_536
MAX_TAGS = 400
MAX_TAG_LENGTH = 1_000
CHARACTERS_PER_UNIT = 5
SHORT_TEXT = 50

_OPENING = re.compile(r"\{\{|\{%")
_CLOSING = {"{{": "}}", "{%": "%}"}
_EMPTY = re.compile(r"[\s-]*")


class _Template(BoundTemplate):
    context_class = BoundedContext
    units = 0

    def render(self, *args: Any, **kwargs: Any) -> str:
        with working():
            spend(self.units)
            return super().render(*args, **kwargs)


class _TextNode(OutputNode):
    """`{{ … }}`, written as `to_text` writes a value."""

    def render_to_output(self, context: RenderContext, buffer: TextIO) -> int:
        text = to_text(self.expression.evaluate(context))
        if len(text) > SHORT_TEXT:
            spend(len(text) // CHARACTERS_PER_UNIT)
        return buffer.write(text)


class _Output(Output):
    node_class = _TextNode


class _Echo(EchoTag):
    node_class = _TextNode  # type: ignore[assignment]  # differs from EchoNode only in how it prints itself


class _BoundedEnvironment(Environment):
    template_class = _Template
    output_stream_limit = MAX_OUTPUT_BYTES
    local_namespace_limit = MAX_LOCAL_BYTES

    def setup_tags_and_filters(self, *, extra: bool = False) -> None:
        super().setup_tags_and_filters(extra=extra)
        del self.tags["include"], self.tags["render"]  # there is nothing to include
        self.add_tag(_Output)
        self.add_tag(_Echo)
        self.add_tag(BoundedFor)
        self.add_tag(BoundedTablerow)
        self.filters |= {"json": json_filter, "pluralize": pluralize, "toSentence": to_sentence}
        self.filters = {name: bounded(name, function) for name, function in self.filters.items()}


_environment = _BoundedEnvironment()


def parse(source: str) -> BoundTemplate:
    """The parsed template, bounded.

    Raises liquid.exceptions.LiquidError for whatever does not parse, an unknown tag or an unknown filter.
    """
    _check_markup(source)
    template = cast(_Template, _environment.from_string(source))
    unknown = template.analyze(include_partials=False).filters.keys() - _environment.filters.keys()
    if unknown:
        raise LiquidSyntaxError(f"unknown filter '{min(unknown)}'", token=None)
    template.units = bind(template.nodes, RenderContext(template))
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
