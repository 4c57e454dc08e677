"""Liquid as LiquidJS renders it, in the dialect of Novu.

A text goes through `lexer` (pieces), `scanner` (values, operators and filters of a piece), `parser` with `tags` and
`loops` (nodes) and `expressions` (functions of the `context`). `values` and `compare` see values as JavaScript does.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from inbox.rendering.liquid import filters, loops, tags
from inbox.rendering.liquid.context import LiquidError, RenderContext
from inbox.rendering.liquid.expressions import ReadPaths
from inbox.rendering.liquid.lexer import LiquidSyntaxError, tokenize
from inbox.rendering.liquid.nodes import Block
from inbox.rendering.liquid.parser import Parser
from inbox.work import Work

__all__ = ["LiquidError", "LiquidSyntaxError", "LiquidTemplate", "filters", "loops", "parse", "tags"]


@dataclass(frozen=True, slots=True)
class LiquidTemplate:
    """A parsed template; `paths` are the variables that it reads, an empty one if it computes a variable's name."""

    block: Block
    paths: frozenset[tuple[str, ...]]

    def render(self, work: Work, variables: Any) -> str:
        """Return the text. Raise LiquidError where LiquidJS throws, TooMuchWork, RecursionError."""
        return self.block.text(RenderContext(work, variables))


def parse(source: str) -> LiquidTemplate:
    """Return a parsed template. Raise LiquidSyntaxError, with line and column."""
    paths: ReadPaths = set()
    block = Parser(source, tokenize(source), paths).parse()
    return LiquidTemplate(block, frozenset(paths))
