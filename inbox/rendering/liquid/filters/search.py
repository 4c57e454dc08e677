"""Filters that look into the items of a list: by a property, or by an expression in a text."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from inbox.rendering import javascript as js
from inbox.rendering.budget import UNITS_PER_ITEM
from inbox.rendering.javascript import UNDEFINED
from inbox.rendering.liquid.compare import equals
from inbox.rendering.liquid.context import Context
from inbox.rendering.liquid.expressions import expression_reader, property_reader
from inbox.rendering.liquid.filters.lists import identity
from inbox.rendering.liquid.registry import register
from inbox.rendering.liquid.values import Drop, is_false, property_name, to_list

Found = tuple[int, Any] | None


def _by_property(context: Context, path: Any, expected: Any) -> Callable[[Any], bool]:
    """Return whether an item's property is what is expected; without that, whether it is neither false nor nil."""
    read = property_reader(context, context.text(path))
    if expected is UNDEFINED:
        return lambda item: not is_false(read(item))
    return lambda item: equals(context, read(item), expected)


def _by_expression(context: Context, name: Any, expression: Any) -> Callable[[Any], Any]:
    """Return what the expression gives with an item under that name."""
    context.weigh(name)
    return expression_reader(context, property_name(name), context.text(expression))


def _each(context: Context, items: list[Any]) -> Iterator[tuple[int, Any]]:
    for index, item in enumerate(items):
        context.spend(2 * UNITS_PER_ITEM)
        yield index, item


def _where(context: Context, value: Any, test: Callable[[Any], Any], wanted: bool) -> list[Any]:
    return [item for _, item in _each(context, to_list(value)) if test(item) is wanted]


def _search(context: Context, value: Any, test: Callable[[Any], Any]) -> Found:
    for index, item in _each(context, to_list(value)):
        found = test(item)
        if isinstance(found, Drop) or js.is_truthy(found):
            return index, item
    return None


@register()
def where(context: Context, value: Any, path: Any = UNDEFINED, expected: Any = UNDEFINED) -> list[Any]:
    return _where(context, value, _by_property(context, path, expected), True)


@register()
def reject(context: Context, value: Any, path: Any = UNDEFINED, expected: Any = UNDEFINED) -> list[Any]:
    return _where(context, value, _by_property(context, path, expected), False)


@register(at_least=2, expression_at=1)
def where_exp(context: Context, value: Any, name: Any, expression: Any) -> list[Any]:
    return _where(context, value, _by_expression(context, name, expression), True)


@register(at_least=2, expression_at=1)
def reject_exp(context: Context, value: Any, name: Any, expression: Any) -> list[Any]:
    return _where(context, value, _by_expression(context, name, expression), False)


def _grouped(context: Context, value: Any, read: Callable[[Any], Any]) -> list[dict[str, Any]]:
    groups: dict[Any, dict[str, Any]] = {}
    for _, item in _each(context, context.items(value)):
        key = read(item)
        groups.setdefault(identity(key), {"name": key, "items": []})["items"].append(item)
    return list(groups.values())


@register()
def group_by(context: Context, value: Any, path: Any = UNDEFINED) -> list[dict[str, Any]]:
    return _grouped(context, value, property_reader(context, context.text(path)))


@register(at_least=2, expression_at=1)
def group_by_exp(context: Context, value: Any, name: Any, expression: Any) -> list[dict[str, Any]]:
    return _grouped(context, value, _by_expression(context, name, expression))


@register()
def find(context: Context, value: Any, path: Any = UNDEFINED, expected: Any = UNDEFINED) -> Any:
    found = _search(context, value, _by_property(context, path, expected))
    return found[1] if found else UNDEFINED


@register(at_least=2, expression_at=1)
def find_exp(context: Context, value: Any, name: Any, expression: Any) -> Any:
    found = _search(context, value, _by_expression(context, name, expression))
    return found[1] if found else UNDEFINED


@register()
def find_index(context: Context, value: Any, path: Any = UNDEFINED, expected: Any = UNDEFINED) -> Any:
    found = _search(context, value, _by_property(context, path, expected))
    return found[0] if found else UNDEFINED


@register(at_least=2, expression_at=1)
def find_index_exp(context: Context, value: Any, name: Any, expression: Any) -> Any:
    found = _search(context, value, _by_expression(context, name, expression))
    return found[0] if found else UNDEFINED


@register()
def has(context: Context, value: Any, path: Any = UNDEFINED, expected: Any = UNDEFINED) -> bool:
    return _search(context, value, _by_property(context, path, expected)) is not None


@register(at_least=2, expression_at=1)
def has_exp(context: Context, value: Any, name: Any, expression: Any) -> bool:
    return _search(context, value, _by_expression(context, name, expression)) is not None
