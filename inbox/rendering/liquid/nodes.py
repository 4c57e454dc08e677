"""The parts of a parsed template, and how a row of them is rendered."""

from __future__ import annotations

from collections.abc import Callable

from inbox.rendering.budget import CHARACTERS_PER_UNIT, UNITS_PER_NODE
from inbox.rendering.liquid.context import Context, check_length
from inbox.rendering.liquid.expressions import Expression
from inbox.rendering.liquid.values import to_output

Render = Callable[[Context, list[str]], None]
"""Adds to the texts that are written."""

Node = str | Render

SHORT_TEXT = 50


class Block:
    """Nodes in a row. What they cost by themselves is known beforehand, and paid each time that they are rendered."""

    __slots__ = ("nodes", "units")

    def __init__(self, nodes: list[Node]) -> None:
        self.nodes = nodes
        characters = sum(len(node) for node in nodes if isinstance(node, str))
        self.units = UNITS_PER_NODE * len(nodes) + characters // CHARACTERS_PER_UNIT

    def render(self, context: Context, out: list[str]) -> None:
        """Add the texts of the nodes, up to one that breaks off the loop around them."""
        context.spend(self.units)
        for node in self.nodes:
            if isinstance(node, str):
                out.append(node)
                continue
            node(context, out)
            if context.interrupt:
                return

    def text(self, context: Context) -> str:
        """Return the texts of the nodes as one. Raise LiquidError when it gets too long."""
        out: list[str] = []
        self.render(context, out)
        check_length(sum(map(len, out)))
        return "".join(out)


def output_node(expression: Expression, write: Callable[[object], str] = to_output) -> Render:
    """Return the node that writes the value of an expression."""

    def render(context: Context, out: list[str]) -> None:
        value = expression(context)
        if not isinstance(value, str):
            context.weigh(value)
            value = write(value)
        if len(value) > SHORT_TEXT:
            context.spend(len(value) // CHARACTERS_PER_UNIT)
        out.append(value)

    return render


class PathOutput:
    """The node of `{{ payload.a.b }}`: an output of nothing but a path that is written out."""

    __slots__ = ("path", "render")

    def __init__(self, path: tuple[str, ...], render: Render) -> None:
        self.path = path
        self.render = render

    def __call__(self, context: Context, out: list[str]) -> None:
        self.render(context, out)
