"""The operators of expressions: JavaScript's comparisons, and the literals `nil`, `empty` and `blank`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from inbox.rendering import javascript as js
from inbox.rendering.budget import CHARACTERS_PER_UNIT, UNITS_PER_ITEM
from inbox.rendering.liquid.context import RenderContext
from inbox.rendering.liquid.values import EMPTY, NIL, Drop, is_false, to_value

Comparison = Callable[[RenderContext, Any, Any], bool]

LONG_TEXT = 100


def equals(context: RenderContext, left: Any, right: Any) -> bool:
    """Return `left == right`: lists are equal if their items are, objects only to themselves."""
    if isinstance(left, Drop):
        return _equals_literal(context, left, right)
    if isinstance(right, Drop):
        return _equals_literal(context, right, left)
    if isinstance(left, list):
        return isinstance(right, list) and _equal_lists(context, left, right)
    if isinstance(left, str) and len(left) > LONG_TEXT:
        context.spend(len(left) // CHARACTERS_PER_UNIT)
    return js.strictly_equal(left, right)


def _equal_lists(context: RenderContext, left: list[Any], right: list[Any]) -> bool:
    if len(left) != len(right):
        return False
    for left_item, right_item in zip(left, right, strict=True):
        context.spend(UNITS_PER_ITEM)
        if not equals(context, left_item, right_item):
            return False
    return True


def _equals_literal(context: RenderContext, literal: Drop, other: Any) -> bool:
    if literal is NIL:
        return js.is_nil(to_value(other))
    if literal is EMPTY:
        return _is_empty(other)
    if other is False or js.is_nil(to_value(other)):
        return True
    if not isinstance(other, str):
        return _is_empty(other)
    context.charge(other)
    return not other.strip(js.WHITESPACE)


def _is_empty(other: Any) -> bool:
    return isinstance(other, str | list | dict) and not other


def contains(context: RenderContext, left: Any, right: Any) -> bool:
    """Return whether a list has the item `right`, or a text the part."""
    left = to_value(left)
    if isinstance(left, list):
        for item in left:
            context.spend(UNITS_PER_ITEM)
            if equals(context, item, right):
                return True
        return False
    if not isinstance(left, str):
        return False
    context.charge(left)
    context.weigh(right)
    return js.to_text(to_value(right)) in left


def _ordered(context: RenderContext, left: Any, right: Any, compare: Callable[[Any, Any], bool]) -> bool:
    if isinstance(left, Drop) or isinstance(right, Drop):
        return False
    for side in (left, right):
        if isinstance(side, list | dict):
            context.weigh(side)
        elif isinstance(side, str) and len(side) > LONG_TEXT:
            context.charge(side)
    return compare(left, right)


BINARY: dict[str, Comparison] = {
    "==": equals,
    "!=": lambda context, left, right: not equals(context, left, right),
    "<": lambda context, left, right: _ordered(context, left, right, js.less_than),
    ">": lambda context, left, right: _ordered(context, right, left, js.less_than),
    "<=": lambda context, left, right: _ordered(context, left, right, js.at_most),
    ">=": lambda context, left, right: _ordered(context, right, left, js.at_most),
    "contains": contains,
    "and": lambda _, left, right: not is_false(left) and not is_false(right),
    "or": lambda _, left, right: not is_false(left) or not is_false(right),
}
PRECEDENCE = {"==": 2, "!=": 2, ">": 2, "<": 2, ">=": 2, "<=": 2, "contains": 2, "not": 1, "and": 0, "or": 0}
