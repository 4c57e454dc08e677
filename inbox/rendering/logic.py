"""JSON-logic, bounded: each step of an evaluation is paid for, and operations by the size of what they are given.

The operations are the library's. Its evaluator is not used, since nothing in it can be counted: a literal list within
a loop, texts put together for each item.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from json_logic.builtins import BUILTINS, not_, to_bool

from inbox.rendering.budget import spend
from inbox.work import weight

UNITS_PER_STEP = 5
UNITS_PER_OPERATION = 20


def evaluate(rule: Any, data: Any) -> Any:
    """What a rule makes of the data.

    Raises TooMuchWork, and whatever operations do of values that they cannot take, e.g. ZeroDivisionError.
    """
    if isinstance(rule, list):
        spend(UNITS_PER_STEP * (1 + len(rule)))
        return _each(rule, data)
    if not isinstance(rule, dict) or len(rule) != 1:
        spend(UNITS_PER_STEP)
        return rule
    [(name, given)] = rule.items()
    given = given if isinstance(given, list) else [given]
    operation = _PLAIN.get(name)
    if operation is None:
        spend(UNITS_PER_STEP)
        return _SHAPING[name](given, data)
    arguments = _each(given, data)
    spend(UNITS_PER_OPERATION + sum([weight(one) for one in arguments if isinstance(one, _SIZED)]))
    return operation(data, *arguments)


def _each(rules: list[Any], data: Any) -> list[Any]:
    return [evaluate(one, data) if isinstance(one, dict | list) else one for one in rules]


def _if(given: list[Any], data: Any) -> Any:
    """Pairs of a condition and a result, and what holds otherwise."""
    for place in range(0, len(given) - 1, 2):
        if to_bool(evaluate(given[place], data)):
            return evaluate(given[place + 1], data)
    return evaluate(given[-1], data) if len(given) % 2 else None


def _and(given: list[Any], data: Any) -> Any:
    value = None
    for one in given:
        value = evaluate(one, data)
        if not_(value):
            break
    return value


def _or(given: list[Any], data: Any) -> Any:
    value = None
    for one in given:
        value = evaluate(one, data)
        if to_bool(value):
            break
    return value


def _map(given: list[Any], data: Any) -> list[Any]:
    each = given[1] if len(given) > 1 else None
    return [evaluate(each, item) for item in _list(given, data)]


def _filter(given: list[Any], data: Any) -> list[Any]:
    return [item for item in _items(given, data) if _holds(given, item)]


def _all(given: list[Any], data: Any) -> bool:
    items = _items(given, data)
    return bool(items) and all(_holds(given, item) for item in items)  # of no items it is false in JSON-logic


def _some(given: list[Any], data: Any) -> bool:
    return any(_holds(given, item) for item in _items(given, data))


def _none(given: list[Any], data: Any) -> bool:
    return not _some(given, data)


def _items(given: list[Any], data: Any) -> list[Any]:
    """What a loop asks its condition of; nothing when it has none."""
    return _list(given, data) if len(given) > 1 else []


def _list(given: list[Any], data: Any) -> list[Any]:
    items = evaluate(given[0], data) if given else []
    return items if isinstance(items, list) else []


def _holds(given: list[Any], item: Any) -> bool:
    return bool(to_bool(evaluate(given[1], item)))


_SIZED = (str, list, dict)
_CONTROL: dict[str, Callable[[list[Any], Any], Any]] = {"if": _if, "?:": _if, "and": _and, "or": _or}
_LOOPING: dict[str, Callable[[list[Any], Any], Any]] = {
    "map": _map,
    "filter": _filter,
    "all": _all,
    "some": _some,
    "none": _none,
}
_SHAPING = _CONTROL | _LOOPING
_PLAIN = {name: operation for name, operation in BUILTINS.items() if name != "log" and callable(operation)}

LOOPS = _LOOPING.keys()
KNOWN = _SHAPING.keys() | _PLAIN.keys()
