"""JSON-logic as json-logic-js 2.0 evaluates it, with the operators of `operators.py`.

Rules are trusted, the values that they read are not. So each step costs units of the recipient's budget, an operation
by the size of its operands: values can make a rule fail, but not block the process. A value is never evaluated as a
rule, although json-logic-js does so in `missing` and Novu in `=`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from inbox.rendering.budget import COUNTED_PER_UNIT, spend, weigh
from inbox.rendering.javascript import UNDEFINED, is_nil, slice_text, text_length, to_text
from inbox.rendering.operators import OF_DATES, PLAIN, is_truthy, to_number

UNITS_PER_STEP = 5
UNITS_PER_OPERATION = 20
UNITS_PER_OPERAND = 15
"""The price of converting it to a number or a text."""
UNITS_PER_PART = 4
"""The price of each value within a list or an object, which may become part of a text."""


class CannotEvaluate(Exception):
    """Operands for which json-logic-js throws."""


class Evaluation:
    """The evaluation of a rule at a moment (`now_ms`, ms since 1970)."""

    def __init__(self, now_ms: int) -> None:
        self._now_ms = now_ms

    def apply(self, rule: Any, data: Any) -> Any:
        """Return the result of a rule on the data. Raise TooMuchWork or CannotEvaluate.

        An object with exactly one field is an operation, a list is evaluated item by item, other values are constants.
        """
        if isinstance(rule, list):
            spend(UNITS_PER_STEP * (1 + len(rule)))
            return [None if value is UNDEFINED else value for value in self._each(rule, data)]
        if not isinstance(rule, dict) or len(rule) != 1:
            spend(UNITS_PER_STEP)
            return rule
        [(name, operands)] = rule.items()
        if name == "var" and isinstance(operands, str):  # most operands are
            spend(UNITS_PER_OPERATION + len(operands))
            return look_up(data, operands)
        operands = operands if isinstance(operands, list) else [operands]
        control = _CONTROL.get(name)
        if control:
            spend(UNITS_PER_STEP)
            return control(self, operands, data)
        return self._operate(name, self._each(operands, data), data)

    def _each(self, rules: list[Any], data: Any) -> list[Any]:
        return [self.apply(rule, data) if isinstance(rule, dict | list) else rule for rule in rules]

    def _operate(self, name: str, values: list[Any], data: Any) -> Any:
        spend(UNITS_PER_OPERATION + UNITS_PER_OPERAND * len(values))
        for value in values:
            if isinstance(value, str):
                weigh(value)
            elif isinstance(value, list | dict):
                weigh(value, UNITS_PER_PART)
        if name in _READING:
            return _READING[name](data, *_padded(values, 2)) if name != "missing" else _missing(data, values)
        if name in OF_DATES:
            return OF_DATES[name](self._now_ms, *_padded(values, 2))
        operator, count = PLAIN[name]
        if name == "*" and not values:
            raise CannotEvaluate("* needs an operand")
        return operator(*(values if count is None else _padded(values, count)))

    def _if(self, operands: list[Any], data: Any) -> Any:
        """Evaluate pairs of a condition and a result, then an optional result for otherwise."""
        for index in range(0, len(operands) - 1, 2):
            if is_truthy(self.apply(operands[index], data)):
                return self.apply(operands[index + 1], data)
        return self.apply(operands[-1], data) if len(operands) % 2 else None

    def _until(self, truth: bool, operands: list[Any], data: Any) -> Any:
        """Return the first operand's value with this truth, else the last one: `or` if True, `and` if False."""
        value: Any = UNDEFINED
        for operand in operands:
            value = self.apply(operand, data)
            if is_truthy(value) is truth:
                break
        return value

    def _map(self, operands: list[Any], data: Any) -> list[Any]:
        values = [self._of_item(operands, item) for item in self._items(operands, data)]
        return [None if value is UNDEFINED else value for value in values]  # as `join` and JSON write undefined

    def _filter(self, operands: list[Any], data: Any) -> list[Any]:
        return [item for item in self._items(operands, data) if is_truthy(self._of_item(operands, item))]

    def _reduce(self, operands: list[Any], data: Any) -> Any:
        items = self._items(operands, data)
        value = self.apply(operands[2], data) if len(operands) > 2 else None
        for item in items:
            value = self._of_item(operands, {"current": item, "accumulator": value})
        return value

    def _all(self, operands: list[Any], data: Any) -> bool:
        items = self._items(operands, data)
        return bool(items) and all(is_truthy(self._of_item(operands, item)) for item in items)

    def _some(self, operands: list[Any], data: Any) -> bool:
        return any(is_truthy(self._of_item(operands, item)) for item in self._items(operands, data))

    def _items(self, operands: list[Any], data: Any) -> list[Any]:
        items = self.apply(operands[0], data) if operands else None
        return items if isinstance(items, list) else []

    def _of_item(self, operands: list[Any], item: Any) -> Any:
        spend(UNITS_PER_STEP)
        return self.apply(operands[1], item) if len(operands) > 1 else UNDEFINED


def look_up(data: Any, name: Any, default: Any = UNDEFINED) -> Any:
    """Return the result of `var`: the value at a dotted path of the data, else the default, else null.

    As in JavaScript, texts have characters and a `length`, lists have a `length`.
    """
    if is_nil(name) or name == "":
        return data
    value = data
    for part in to_text(name).split("."):
        value = _property(value, part)
        if value is UNDEFINED:
            return None if default is UNDEFINED else default
    return value


def _property(value: Any, name: str) -> Any:
    if isinstance(value, dict):
        return value.get(name, UNDEFINED)
    if not isinstance(value, str | list):
        return UNDEFINED
    if isinstance(value, str):
        spend(len(value) // COUNTED_PER_UNIT)
    if name == "length":
        return text_length(value) if isinstance(value, str) else len(value)
    if not (name.isascii() and name.isdigit()) or len(name) > 9 or (name[0] == "0" and name != "0"):
        return UNDEFINED
    index = int(name)
    if isinstance(value, list):
        return value[index] if index < len(value) else UNDEFINED
    return slice_text(value, index, index + 1) or UNDEFINED


def _missing(data: Any, values: list[Any]) -> list[Any]:
    names = values[0] if values and isinstance(values[0], list) else values
    spend((UNITS_PER_OPERATION + UNITS_PER_OPERAND) * len(names))
    return [name for name in names if _is_missing(data, name)]


def _is_missing(data: Any, name: Any) -> bool:
    value = look_up(data, *_padded(name, 2)) if isinstance(name, list) else look_up(data, name)
    return value is None or value == ""


def _missing_some(data: Any, needed: Any, names: Any) -> list[Any]:
    if is_nil(names):
        raise CannotEvaluate("missing_some needs a list of names")
    missing = _missing(data, names if isinstance(names, list) else [names])
    return [] if to_number(_property(names, "length")) - len(missing) >= to_number(needed) else missing


def _padded(values: list[Any], count: int) -> list[Any]:
    """Return exactly `count` operands: further ones are dropped, missing ones are undefined."""
    return values if len(values) == count else [*values[:count], *[UNDEFINED] * (count - len(values))]


_CONTROL: dict[str, Callable[[Evaluation, list[Any], Any], Any]] = {
    "if": Evaluation._if,
    "?:": Evaluation._if,
    "and": lambda evaluation, operands, data: evaluation._until(False, operands, data),
    "or": lambda evaluation, operands, data: evaluation._until(True, operands, data),
    "map": Evaluation._map,
    "filter": Evaluation._filter,
    "reduce": Evaluation._reduce,
    "all": Evaluation._all,
    "some": Evaluation._some,
    "none": lambda evaluation, operands, data: not evaluation._some(operands, data),
}
_READING: dict[str, Callable[..., Any]] = {"var": look_up, "missing": _missing, "missing_some": _missing_some}

LOOPS = frozenset({"map", "filter", "reduce", "all", "some", "none"})
"""Operations whose second operand is evaluated for each item, with the item as its data."""
OPERATORS = _CONTROL.keys() | _READING.keys() | PLAIN.keys() | OF_DATES.keys()
