"""Liquid as LiquidJS renders it, in the dialect of Novu.

lexer        a template's text → pieces
scanner      the inside of a piece → values, operators, filters
parser       pieces → nodes; tags and loops register what each tag means
expressions  values and filters → functions of the context
values       what JavaScript sees in a value; compare its operators, arrays its slices
context      the variables and the work of one rendering
nodes        rows of nodes, rendered
filters      what each filter does; strftime the directives of `date`
"""

from __future__ import annotations

from typing import Any

from inbox.rendering.liquid import filters, loops, tags
from inbox.rendering.liquid.context import Context, LiquidError
from inbox.rendering.liquid.expressions import Names
from inbox.rendering.liquid.lexer import LiquidSyntaxError
from inbox.rendering.liquid.nodes import Block
from inbox.rendering.liquid.parser import parse_source
from inbox.work import Work

__all__ = ["LiquidError", "LiquidSyntaxError", "LiquidTemplate", "filters", "loops", "parse", "tags"]


class LiquidTemplate:
    """A parsed template. `paths` are the variables it reads; an empty path means that it computes a variable's name."""

    __slots__ = ("block", "paths")

    def __init__(self, block: Block, paths: frozenset[tuple[str, ...]]) -> None:
        self.block = block
        self.paths = paths

    def render(self, work: Work, variables: Any) -> str:
        """Return the text. Raise LiquidError where the original's engine throws, TooMuchWork, RecursionError."""
        return self.block.text(Context(work, variables))


def parse(source: str) -> LiquidTemplate:
    """Return a parsed template. Raise LiquidSyntaxError, with line and column, for what does not parse."""
    names = Names()
    block = parse_source(source, names)
    return LiquidTemplate(block, frozenset(names.paths))
