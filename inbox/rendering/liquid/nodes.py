"""The nodes of a parsed template, and blocks of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from inbox.rendering.budget import CHARACTERS_PER_UNIT, UNITS_PER_NODE
from inbox.rendering.liquid.context import RenderContext, check_length
from inbox.rendering.liquid.expressions import Expression
from inbox.rendering.liquid.values import to_output

Render = Callable[[RenderContext, list[str]], None]
"""Appends its texts to the output."""
Node = str | Render

SHORT_TEXT = 50


class Block:
    """Consecutive nodes; `units` is their fixed cost, paid each time that they are rendered."""

    __slots__ = ("nodes", "units")

    def __init__(self, nodes: list[Node]) -> None:
        self.nodes = nodes
        characters = sum(len(node) for node in nodes if isinstance(node, str))
        self.units = UNITS_PER_NODE * len(nodes) + characters // CHARACTERS_PER_UNIT

    def render(self, context: RenderContext, out: list[str]) -> None:
        """Append the texts of the nodes, up to one that interrupts the loop around them."""
        context.spend(self.units)
        for node in self.nodes:
            if isinstance(node, str):
                out.append(node)
                continue
            node(context, out)
            if context.interrupt:
                return

    def text(self, context: RenderContext) -> str:
        """Return the joined texts of the nodes. Raise LiquidError if they get too long."""
        out: list[str] = []
        self.render(context, out)
        check_length(sum(map(len, out)))
        return "".join(out)


def output_node(expression: Expression, write: Callable[[object], str] = to_output) -> Render:
    def render(context: RenderContext, out: list[str]) -> None:
        value = expression(context)
        if not isinstance(value, str):
            context.weigh(value)
            value = write(value)
        if len(value) > SHORT_TEXT:
            context.spend(len(value) // CHARACTERS_PER_UNIT)
        out.append(value)

    return render


@dataclass(frozen=True, slots=True)
class PathOutput:
    """The node of `{{ payload.a.b }}`, an output of a constant path."""

    path: tuple[str, ...]
    render: Render

    def __call__(self, context: RenderContext, out: list[str]) -> None:
        self.render(context, out)
