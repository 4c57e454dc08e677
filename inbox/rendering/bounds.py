"""What is put into a parsed Liquid template, so that rendering it is paid for.

What its nodes and their expressions cost is known when it is parsed: a loop pays for its body with its iterations.
Where a large value would be gone through unseen (compared, looped over from an offset, written as a cycle's key), the
expression that gives it charges for its size.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from types import NoneType
from typing import Any, TextIO, cast

from liquid import RenderContext, Undefined
from liquid.ast import Node
from liquid.builtin.content import ContentNode
from liquid.builtin.expressions import Literal, LoopExpression, Nil, Path
from liquid.builtin.expressions.logical import (
    ContainsExpression,
    EqExpression,
    GeExpression,
    GtExpression,
    LeExpression,
    LtExpression,
    NeExpression,
)
from liquid.builtin.expressions.primitive import Blank, Empty, RangeLiteral
from liquid.builtin.tags.case_tag import MultiExpressionBlockNode
from liquid.builtin.tags.cycle_tag import CycleNode
from liquid.builtin.tags.for_tag import ForNode, ForTag
from liquid.builtin.tags.if_tag import IfNode
from liquid.builtin.tags.tablerow_tag import TablerowNode, TablerowTag
from liquid.builtin.tags.unless_tag import UnlessNode
from liquid.exceptions import LoopIterationLimitError
from liquid.expression import Expression

from inbox.rendering.budget import spend
from inbox.work import weight

MAX_RANGE_LENGTH = 1_000
UNITS_PER_NODE = 15
UNITS_PER_EXPRESSION = 5
UNITS_PER_LOOKUP = 10
UNITS_PER_LOOP = 40
UNITS_PER_ITERATION = 50
CHARACTERS_PER_UNIT = 20
SKIPPED_PER_UNIT = 5
"""So many items before a loop's offset are passed over in the time of one unit."""

_COMPARISONS = (EqExpression, NeExpression, LtExpression, GtExpression, LeExpression, GeExpression)
_SCALARS = (int, float, NoneType, Undefined)
_SMALL = (Literal, Nil, Empty, Blank)


class BoundedContext(RenderContext):
    """Counts every iteration of a render; the library counts nested loops only, not one after the other."""

    __slots__ = ("iteration_units",)
    iteration_units: int

    def raise_for_loop_limit(self, length: int = 1) -> None:
        spend(self.iteration_units * length)

    def assign(self, key: str, val: Any) -> None:
        spend(len(self.locals))  # the library measures all of them each time
        super().assign(key, val)


class _ForNode(ForNode):
    """A loop that says what an iteration of it costs."""

    __slots__ = ("units",)
    units: int

    def render_to_output(self, context: RenderContext, buffer: TextIO) -> int:
        cast(BoundedContext, context).iteration_units = self.units
        return super().render_to_output(context, buffer)


class _TablerowNode(TablerowNode):
    """As `_ForNode`."""

    __slots__ = ("units",)
    units: int

    def render_to_output(self, context: RenderContext, buffer: TextIO) -> int:
        cast(BoundedContext, context).iteration_units = self.units
        return super().render_to_output(context, buffer)


class BoundedFor(ForTag):
    """`{% for %}`"""

    node_class = _ForNode


class BoundedTablerow(TablerowTag):
    """`{% tablerow %}`"""

    node_class = _TablerowNode


def bind(nodes: Iterable[Node], context: RenderContext) -> int:
    """Makes what is below these nodes pay; gives the units that rendering the nodes once costs, without their loops."""
    return sum(_bind_node(node, context) for node in nodes)


def _bind_node(node: Node, context: RenderContext) -> int:
    units = UNITS_PER_NODE
    if isinstance(node, ContentNode):
        units += len(node.text) // CHARACTERS_PER_UNIT
    for expression in node.expressions():
        units += sum(_bind_expression(one) for one in list(_tree(expression)))
    _weigh_operands(node)
    below = [_bind_node(child, context) for child in node.children(context, include_partials=False)]
    if isinstance(node, _ForNode | _TablerowNode):
        node.units = UNITS_PER_ITERATION + below[0]
        return units + UNITS_PER_LOOP + sum(below[1:])
    if isinstance(node, IfNode | UnlessNode):
        return units + max(below)  # one of the branches
    if isinstance(node, MultiExpressionBlockNode):
        return units + sum(below) * len(node.expression.expressions)  # once for each value that is equal
    return units + sum(below)


def _weigh_operands(node: Node) -> None:
    if isinstance(node, CycleNode):
        node.args = [_weighed(one) for one in node.args]
        node.group = _weighed(node.group) if node.group else None
    elif isinstance(node, MultiExpressionBlockNode):
        node.expression.expressions = [_weighed(one) for one in node.expression.expressions]


def _bind_expression(expression: Expression) -> int:
    units = UNITS_PER_EXPRESSION
    if isinstance(expression, RangeLiteral):
        expression.stop = _Stop(expression)
    elif isinstance(expression, ContainsExpression):
        expression.left, expression.right = _weighed(expression.left), _weighed(expression.right)
    elif isinstance(expression, _COMPARISONS):
        if not isinstance(expression.left, _SMALL):  # two values differ as soon as the smaller one ends
            expression.right = _weighed(expression.right)
    elif isinstance(expression, LoopExpression):
        expression.iterable = _Weighed(expression.iterable, _length)
    elif isinstance(expression, Path):
        expression.path = [_Segment(one.token, one.path) if isinstance(one, Path) else one for one in expression.path]
        units += UNITS_PER_LOOKUP + len(expression.path)
    return units


def _tree(expression: Expression) -> Iterator[Expression]:
    yield expression
    for child in expression.children():
        yield from _tree(child)


class _Weighed(Expression):
    """An expression that charges for the size of what it gives."""

    __slots__ = ("inner", "units")

    def __init__(self, inner: Expression, units: Callable[[object], int]) -> None:
        super().__init__(inner.token)
        self.inner = inner
        self.units = units

    def __str__(self) -> str:
        return str(self.inner)  # the library knows a loop by this

    def evaluate(self, context: RenderContext) -> object:
        value = self.inner.evaluate(context)
        if not isinstance(value, _SCALARS):
            spend(self.units(value))
        return value

    def children(self) -> list[Expression]:
        return [self.inner]


def _weighed(expression: Expression) -> Expression:
    return expression if isinstance(expression, _SMALL) else _Weighed(expression, _comparison)


def _comparison(value: object) -> int:
    return 2 * weight(value)  # it is gone through here, and then once more


def _length(value: object) -> int:
    return len(value) // SKIPPED_PER_UNIT if isinstance(value, list | tuple | dict) else 0


class _Segment(Path):
    """A computed part of a path, which the library writes out when nothing is there."""

    __slots__ = ()

    def evaluate(self, context: RenderContext) -> object:
        value = super().evaluate(context)
        spend(weight(value))
        return value


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


def _to_int(value: object) -> int:
    """As the library reads the ends of a range: what is no number is 0."""
    try:
        return int(value)  # type: ignore[call-overload, no-any-return]
    except (TypeError, ValueError):
        return 0
