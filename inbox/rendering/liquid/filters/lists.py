"""Filters over lists. A value of another kind is a list of itself, nil an empty one."""

from __future__ import annotations

import random
from collections.abc import Callable
from functools import cmp_to_key
from typing import Any

from inbox.rendering import javascript as js
from inbox.rendering.budget import CHARACTERS_PER_UNIT, UNITS_PER_ITEM
from inbox.rendering.javascript import UNDEFINED
from inbox.rendering.liquid.arrays import add, count_below, slice_list
from inbox.rendering.liquid.context import Context, LiquidError, join_texts
from inbox.rendering.liquid.registry import register
from inbox.rendering.liquid.values import (
    Drop,
    Loop,
    is_false,
    read_property,
    to_list,
    to_text,
    to_value,
)


def _read_dotted(context: Context, item: Any, path: list[str]) -> Any:
    """Return the property that a list of names leads to."""
    for name in path:
        item = context.property(item, name)
    return item


def identity(value: Any) -> Any:
    """Return what tells values apart as a JavaScript Set does: lists and objects are equal to themselves only."""
    if isinstance(value, list | dict | Drop | Loop):
        return ("object", id(value))
    if js.is_number(value):
        number = js.to_float(value)
        return ("number", number if number == number else "NaN")
    return (type(value).__name__, value)


@register()
def size(_: Context, value: Any) -> Any:
    length = _length(value)
    return length if js.is_truthy(length) else 0


def _length(value: Any) -> Any:
    if isinstance(value, str | list | dict | Loop):
        return read_property(value, "length")
    return UNDEFINED


@register()
def first(_: Context, value: Any) -> Any:
    return _item(to_value(value), 0)


@register()
def last(_: Context, value: Any) -> Any:
    return _item(to_value(value), -1)


def _item(value: Any, index: int) -> Any:
    length = _length(value)
    if not js.is_truthy(value) or not js.is_number(length):
        return ""
    if isinstance(value, str | list):
        return value[index] if value else UNDEFINED
    return read_property(value, js.to_text(index + (length if index < 0 else 0)))


@register()
def join(context: Context, value: Any, separator: Any = UNDEFINED) -> str:
    items = to_list(value)
    context.weigh(items)
    mark = " " if js.is_nil(to_value(separator)) else context.text(separator)
    return join_texts(mark, js.item_texts(items))


@register()
def reverse(_: Context, value: Any) -> list[Any]:
    return to_list(value)[::-1]


@register()
def sort(context: Context, value: Any, path: Any = UNDEFINED) -> list[Any]:
    return _sorted(context, value, path, lambda key: key)


@register()
def sort_natural(context: Context, value: Any, path: Any = UNDEFINED) -> list[Any]:
    return _sorted(context, value, path, lambda key: key if js.is_nil(key) else js.to_text(key).lower())


def _sorted(context: Context, value: Any, path: Any, fold: Callable[[Any], Any]) -> list[Any]:
    items = to_list(value)
    keyed = [(fold(_sort_key(context, read, len(items))), item) for read, item in _read_each(context, items, path)]
    by_key = _compare_keys
    if _are_alike([key for key, _ in keyed]):
        by_key = _same_key
    else:
        context.spend(UNITS_PER_ITEM * len(items) * max(len(items).bit_length(), 1))
    keyed.sort(key=lambda pair: by_key(pair[0]))
    return [item for _, item in keyed]


def _read_each(context: Context, items: list[Any], path: Any) -> list[tuple[Any, Any]]:
    """Return each item behind its property, or behind itself without a path."""
    names = to_text(path).split(".") if js.is_truthy(path) else []
    context.spend(UNITS_PER_ITEM * len(items) * (1 + len(names)))
    return [(_read_dotted(context, item, names), item) for item in items]


def _sort_key(context: Context, key: Any, count: int) -> Any:
    """Return what one of so many keys is compared as: lists and objects by their text, which is made once.

    A key is compared some log2(count) times, and a text is gone over each time.
    """
    key = to_value(key)
    if isinstance(key, list | dict):
        context.weigh(key)
        key = js.to_text(key)
    if isinstance(key, str):
        context.spend(len(key) * count.bit_length() // CHARACTERS_PER_UNIT)
    return key


def _are_alike(keys: list[Any]) -> bool:
    """Return whether keys are all numbers or all plain text, which Python orders as JavaScript does."""
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


def _same_key(key: Any) -> Any:
    return key


_compare_keys = cmp_to_key(_compare)


@register("map")
def map_property(context: Context, value: Any, path: Any = UNDEFINED) -> list[Any]:
    items, names = to_list(value), to_text(path).split(".")
    context.spend(UNITS_PER_ITEM * len(items) * len(names))
    return [_read_dotted(context, item, names) for item in items]


@register("sum")
def sum_numbers(context: Context, value: Any, path: Any = UNDEFINED) -> js.Number:
    """Add up numbers, or a property of each item; what is no number is passed over."""
    total = 0.0
    for read, _ in _read_each(context, to_list(value), path):
        number = js.to_float(context.number(read))
        total += number if number == number else 0
    return total


@register()
def compact(context: Context, value: Any) -> list[Any]:
    items = to_list(value)
    context.spend(2 * len(items))
    return [item for item in items if not js.is_nil(to_value(item))]


@register()
def concat(_: Context, value: Any, other: Any = UNDEFINED) -> list[Any]:
    return [*to_list(value), *to_list(other)]


@register()
def push(_: Context, value: Any, item: Any = UNDEFINED) -> list[Any]:
    return [*to_list(value), item]


@register()
def unshift(_: Context, value: Any, item: Any = UNDEFINED) -> list[Any]:
    return [item, *to_list(value)]


@register()
def pop(_: Context, value: Any) -> list[Any]:
    return to_list(value)[:-1]


@register()
def shift(_: Context, value: Any) -> list[Any]:
    return to_list(value)[1:]


@register("slice")
def slice_value(context: Context, value: Any, begin: Any = UNDEFINED, length: Any = 1) -> Any:
    """Take a part of a list or a text; a negative begin counts from its end."""
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
def uniq(context: Context, value: Any) -> list[Any]:
    items = to_list(value)
    context.spend(UNITS_PER_ITEM * len(items))
    seen: dict[Any, Any] = {}
    for item in items:
        seen.setdefault(identity(item), item)
    return list(seen.values())


@register()
def sample(context: Context, value: Any, count: Any = 1) -> Any:
    """Pick an item at random, or a number of them in any order."""
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
def default_value(_: Context, value: Any, fallback: Any = UNDEFINED, *options: Any) -> Any:
    """Give the fallback for false, nil and what is empty; with `allow_false: true` not for false."""
    value = to_value(value)
    if isinstance(value, str | list):
        return value if value else fallback
    if value is False and [option for option in options if _allows_false(option)]:
        return False
    return fallback if is_false(value) else value


def _allows_false(option: Any) -> bool:
    """Return whether an option is `allow_false: true`. Raise LiquidError for an argument without a name."""
    if not isinstance(option, list | dict | Drop):
        raise LiquidError("default takes one value, and 'allow_false'")
    return isinstance(option, list) and option[:1] == ["allow_false"] and js.is_truthy(option[1])


@register("raw")
def raw(_: Context, value: Any) -> Any:
    return value
