"""Filters over lists; nil is an empty list, any other value a list of that value."""

from __future__ import annotations

import random
from collections.abc import Callable
from functools import cmp_to_key
from operator import itemgetter
from typing import Any

from inbox.rendering import javascript as js
from inbox.rendering.budget import CHARACTERS_PER_UNIT, UNITS_PER_ITEM
from inbox.rendering.javascript import UNDEFINED
from inbox.rendering.liquid.arrays import add, count_below, slice_list
from inbox.rendering.liquid.context import LiquidError, RenderContext, join_texts
from inbox.rendering.liquid.registry import register
from inbox.rendering.liquid.values import Drop, Loop, is_false, read_property, to_list, to_text, to_value


def _read_dotted(context: RenderContext, item: Any, path: list[str]) -> Any:
    for name in path:
        item = context.property(item, name)
    return item


def identity(value: Any) -> Any:
    """Return a key under which values are equal as in a JavaScript Set: lists and objects equal only themselves."""
    if isinstance(value, list | dict | Drop | Loop):
        return ("object", id(value))
    if js.is_number(value):
        number = js.to_float(value)
        return ("number", number if number == number else "NaN")
    return (type(value).__name__, value)


@register()
def size(_: RenderContext, value: Any) -> Any:
    length = _length(value)
    return length if js.is_truthy(length) else 0


def _length(value: Any) -> Any:
    return read_property(value, "length") if isinstance(value, str | list | dict | Loop) else UNDEFINED


def _item(value: Any, index: int) -> Any:
    length = _length(value)
    if not js.is_truthy(value) or not js.is_number(length):
        return ""
    if isinstance(value, str | list):
        return value[index] if value else UNDEFINED
    return read_property(value, js.to_text(index + (length if index < 0 else 0)))


@register()
def join(context: RenderContext, value: Any, separator: Any = UNDEFINED) -> str:
    items = to_list(value)
    context.weigh(items)
    mark = " " if js.is_nil(to_value(separator)) else context.text(separator)
    return join_texts(mark, js.item_texts(items))


@register()
def sort(context: RenderContext, value: Any, path: Any = UNDEFINED) -> list[Any]:
    return _sorted(context, value, path, lambda key: key)


@register()
def sort_natural(context: RenderContext, value: Any, path: Any = UNDEFINED) -> list[Any]:
    return _sorted(context, value, path, lambda key: key if js.is_nil(key) else js.to_text(key).lower())


def _sorted(context: RenderContext, value: Any, path: Any, fold: Callable[[Any], Any]) -> list[Any]:
    items = to_list(value)
    keyed = [(fold(_sort_key(context, read, len(items))), item) for read, item in _read_each(context, items, path)]
    if _have_native_order([key for key, _ in keyed]):
        keyed.sort(key=itemgetter(0))
    else:
        context.spend(UNITS_PER_ITEM * len(items) * max(len(items).bit_length(), 1))
        by_key = cmp_to_key(_compare)
        keyed.sort(key=lambda pair: by_key(pair[0]))
    return [item for _, item in keyed]


def _read_each(context: RenderContext, items: list[Any], path: Any) -> list[tuple[Any, Any]]:
    """Return pairs of an item's property (the item itself without a path) and the item."""
    names = to_text(path).split(".") if js.is_truthy(path) else []
    context.spend(UNITS_PER_ITEM * len(items) * (1 + len(names)))
    return [(_read_dotted(context, item, names), item) for item in items]


def _sort_key(context: RenderContext, key: Any, count: int) -> Any:
    """Return a sort key: lists and objects are compared by their text, which is made once.

    A key is one of `count`, so it is compared about log2(count) times, and each time its whole text may be read.
    """
    key = to_value(key)
    if isinstance(key, list | dict):
        context.weigh(key)
        key = js.to_text(key)
    if isinstance(key, str):
        context.spend(len(key) * count.bit_length() // CHARACTERS_PER_UNIT)
    return key


def _have_native_order(keys: list[Any]) -> bool:
    """Return whether keys are all numbers or all ASCII texts, which Python orders as JavaScript does."""
    if all(type(key) is int or type(key) is float for key in keys):
        return all(key == key for key in keys)  # NaN differs from itself
    return all(isinstance(key, str) and key.isascii() for key in keys)


def _compare(left: Any, right: Any) -> int:
    """Order two values, nil last."""
    if js.is_nil(left) or js.is_nil(right):
        return js.is_nil(left) - js.is_nil(right)
    if js.less_than(to_value(left), to_value(right)):
        return -1
    return int(js.less_than(to_value(right), to_value(left)))


@register("map")
def map_property(context: RenderContext, value: Any, path: Any = UNDEFINED) -> list[Any]:
    items, names = to_list(value), to_text(path).split(".")
    context.spend(UNITS_PER_ITEM * len(items) * len(names))
    return [_read_dotted(context, item, names) for item in items]


@register("sum")
def sum_numbers(context: RenderContext, value: Any, path: Any = UNDEFINED) -> js.Number:
    """Add up numbers, or a property of each item; values that are not numbers are ignored."""
    total = 0.0
    for read, _ in _read_each(context, to_list(value), path):
        number = js.to_float(context.number(read))
        total += number if number == number else 0
    return total


@register()
def compact(context: RenderContext, value: Any) -> list[Any]:
    items = to_list(value)
    context.spend(2 * len(items))
    return [item for item in items if not js.is_nil(to_value(item))]


@register("slice")
def slice_value(context: RenderContext, value: Any, begin: Any = UNDEFINED, length: Any = 1) -> Any:
    """Return a part of a list or a text; a negative `begin` counts from its end."""
    value = to_value(value)
    if js.is_nil(value):
        return []
    whole = value if isinstance(value, list) else context.text(value)
    begin, length = to_value(begin), to_value(length)
    context.weigh([begin, length])
    begin = add(len(whole), begin) if js.less_than(begin, 0) else begin
    if js.less_than(begin, 0) or js.less_than(length, 0):
        return [] if isinstance(value, list) else ""
    if isinstance(value, list):
        return slice_list(value, begin, add(begin, length))
    start = count_below(js.to_number(begin))
    return whole[start : start + count_below(js.to_number(length))]


@register()
def uniq(context: RenderContext, value: Any) -> list[Any]:
    items = to_list(value)
    context.spend(UNITS_PER_ITEM * len(items))
    seen: dict[Any, Any] = {}
    for item in items:
        seen.setdefault(identity(item), item)
    return list(seen.values())


@register()
def sample(context: RenderContext, value: Any, count: Any = 1) -> Any:
    """Return a random item, or a list of `count` random items."""
    value = to_value(value)
    if js.is_nil(value):
        return []
    items = list(value) if isinstance(value, list) else list(context.text(value))
    context.spend(UNITS_PER_ITEM * len(items))
    context.weigh(count)
    random.shuffle(items)
    if js.strictly_equal(count, 1):
        return items[0] if items else UNDEFINED
    return slice_list(items, 0, count)


@register("default")
def default_value(_: RenderContext, value: Any, fallback: Any = UNDEFINED, *options: Any) -> Any:
    """Return the fallback for nil, an empty text or list, and false (unless `allow_false: true` is given)."""
    value = to_value(value)
    if isinstance(value, str | list):
        return value if value else fallback
    if value is False and [option for option in options if _allows_false(option)]:  # every option is checked
        return False
    return fallback if is_false(value) else value


def _allows_false(option: Any) -> bool:
    """Raise LiquidError for an argument without a name."""
    if not isinstance(option, list | dict | Drop):
        raise LiquidError("default takes one value, and 'allow_false'")
    return isinstance(option, list) and option[:1] == ["allow_false"] and js.is_truthy(option[1])


register("raw")(lambda _, value: value)
register("first")(lambda _, value: _item(to_value(value), 0))
register("last")(lambda _, value: _item(to_value(value), -1))
register("pop")(lambda _, value: to_list(value)[:-1])
register("shift")(lambda _, value: to_list(value)[1:])
register("push")(lambda _, value, item=UNDEFINED: [*to_list(value), item])
register("unshift")(lambda _, value, item=UNDEFINED: [item, *to_list(value)])
register("concat")(lambda _, value, other=UNDEFINED: [*to_list(value), *to_list(other)])
register("reverse")(lambda _, value: to_list(value)[::-1])
