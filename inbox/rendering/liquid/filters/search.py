"""Filters that look into the items of a list: by a property, or (`…_exp`) by an expression in a text."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from inbox.rendering import javascript as js
from inbox.rendering.budget import UNITS_PER_ITEM
from inbox.rendering.javascript import UNDEFINED
from inbox.rendering.liquid.compare import equals
from inbox.rendering.liquid.context import RenderContext
from inbox.rendering.liquid.expressions import expression_reader, property_reader
from inbox.rendering.liquid.filters.lists import identity
from inbox.rendering.liquid.registry import register
from inbox.rendering.liquid.values import Drop, is_false, property_name, to_list

ReadItem = Callable[[Any], Any]


def _property_test(context: RenderContext, path: Any, expected: Any) -> ReadItem:
    """Return the test whether an item's property equals `expected`; if that is undefined, whether it is truthy."""
    read = property_reader(context, context.text(path))
    if expected is UNDEFINED:
        return lambda item: not is_false(read(item))
    return lambda item: equals(context, read(item), expected)


def _register_expression(name: str, apply: Callable[[RenderContext, Any, ReadItem], Any]) -> None:
    @register(f"{name}_exp", at_least=2, expression_at=1)
    def by_expression(context: RenderContext, value: Any, variable: Any, expression: Any) -> Any:
        context.weigh(variable)
        return apply(context, value, expression_reader(context, property_name(variable), context.text(expression)))


def _register_search(name: str, apply: Callable[[RenderContext, Any, ReadItem], Any]) -> None:
    @register(name)
    def by_property(context: RenderContext, value: Any, path: Any = UNDEFINED, expected: Any = UNDEFINED) -> Any:
        return apply(context, value, _property_test(context, path, expected))

    _register_expression(name, apply)


def _each(context: RenderContext, items: Iterable[Any]) -> Iterator[Any]:
    for item in items:
        context.spend(2 * UNITS_PER_ITEM)
        yield item


def _matches(context: RenderContext, value: Any, test: ReadItem) -> Iterator[tuple[int, Any]]:
    """Yield the items that pass the test, each with its index."""
    for index, item in enumerate(_each(context, to_list(value))):
        result = test(item)
        if isinstance(result, Drop) or js.is_truthy(result):
            yield index, item


def _group(context: RenderContext, value: Any, read: ReadItem) -> list[dict[str, Any]]:
    groups: dict[Any, dict[str, Any]] = {}
    for item in _each(context, context.items(value)):
        key = read(item)
        groups.setdefault(identity(key), {"name": key, "items": []})["items"].append(item)
    return list(groups.values())


@register()
def group_by(context: RenderContext, value: Any, path: Any = UNDEFINED) -> list[dict[str, Any]]:
    return _group(context, value, property_reader(context, context.text(path)))


_NO_MATCH = UNDEFINED, UNDEFINED

_register_expression("group_by", _group)
_register_search("where", lambda context, value, test: [i for i in _each(context, to_list(value)) if test(i) is True])
_register_search("reject", lambda context, value, test: [i for i in _each(context, to_list(value)) if test(i) is False])
_register_search("find", lambda context, value, test: next(_matches(context, value, test), _NO_MATCH)[1])
_register_search("find_index", lambda context, value, test: next(_matches(context, value, test), _NO_MATCH)[0])
_register_search("has", lambda context, value, test: any(True for _ in _matches(context, value, test)))
