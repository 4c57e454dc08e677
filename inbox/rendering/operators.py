"""The operators of conditions on values: JSON-logic's own, and those that Novu replaces or adds.

They follow JavaScript: a missing operand is UNDEFINED, and numbers are doubles. Anybody may have written the values, so
no function raises for any of them. `logic.py` pays for the size of the operands, a function here for higher costs.
"""

from __future__ import annotations

import functools
import math
import operator
import re
from collections.abc import Callable
from typing import Any

from inbox.rendering import javascript
from inbox.rendering.budget import spend
from inbox.rendering.date_parser import (
    DAY_MS,
    MAX_TIME_MS,
    civil_from_days,
    days_from_civil,
    parse_date,
    units_to_parse,
)
from inbox.rendering.javascript import UNDEFINED, is_nil, is_number, strictly_equal, to_text

Operator = Callable[..., Any]

UNITS_PER_ITEM = 6
"""The price of comparing an item."""
CHARACTERS_PER_UNIT = 15
"""The price of searching a text."""
_FLOAT = re.compile(f"[+-]?(?:Infinity|{javascript.UNSIGNED_DECIMAL})")
_UNITS = ("minutes", "hours", "days", "weeks", "months", "years")
_MINUTE_MS, _HOUR_MS = 60_000, 3_600_000
_TOLERANCE_MS = {"minutes": _MINUTE_MS, "hours": _HOUR_MS, "years": 7 * DAY_MS}


def is_truthy(value: Any) -> bool:
    """Return JavaScript's truth of a value, except that an empty list is false in JSON-logic."""
    return javascript.is_truthy(value) and value != []


def to_number(value: Any) -> float:
    """Return `Number(value)`, as a double."""
    return javascript.to_float(javascript.to_number(value))


def _includes(items: list[Any], value: Any) -> bool:
    """Return `items.includes(value)`: NaN equals itself there."""
    spend(UNITS_PER_ITEM * len(items))
    if isinstance(value, float) and math.isnan(value):
        return any(isinstance(item, float) and math.isnan(item) for item in items)
    return any(strictly_equal(item, value) for item in items)


def _parse_date(text: str) -> int | None:
    spend(units_to_parse(text))
    return parse_date(text)


def _has_text(text: str, part: Any) -> bool:
    spend(UNITS_PER_ITEM + len(text) // CHARACTERS_PER_UNIT)
    return isinstance(part, str) and part in text


# JSON-logic's own


def _parse_float(value: Any) -> float:
    """Return the number at the start of the value's text, as `parseFloat` does."""
    number = _FLOAT.match(to_text(value).lstrip(javascript.WHITESPACE))
    return float(number[0]) if number else math.nan


def _add(*values: Any) -> float:
    return functools.reduce(lambda total, value: total + _parse_float(value), values, 0.0)


def _multiply(first: Any, *others: Any) -> Any:
    return functools.reduce(lambda total, value: _parse_float(total) * _parse_float(value), others, first)


def _subtract(left: Any, right: Any) -> float:
    return -to_number(left) if right is UNDEFINED else to_number(left) - to_number(right)


def _of_numbers(operate: Callable[[float, float], float]) -> Operator:
    return lambda left, right: operate(to_number(left), to_number(right))


def _extreme(sign: int) -> Operator:
    """Return `Math.max` (sign 1) or `Math.min` (-1): NaN if any operand is, and of two zeros the one with the sign."""

    def extreme(*values: Any) -> float:
        numbers = [sign * to_number(value) for value in values]
        if any(map(math.isnan, numbers)):
            return math.nan
        return sign * max(numbers, key=lambda number: (number, math.copysign(1, number)), default=-math.inf)

    return extreme


def _concatenate(*values: Any) -> str:
    return "".join(javascript.item_texts(list(values)))


def _substring(source: Any, start: Any, length: Any) -> str:
    text = _substr(to_text(source), start, UNDEFINED if to_number(length) < 0 else length)
    if not to_number(length) < 0:
        return text
    size = javascript.text_length(text)
    is_joined = isinstance(length, str | list)  # `size + "-1"` joins texts in JavaScript
    return _substr(text, 0, f"{size}{to_text(length)}" if is_joined else size + to_number(length))


def _substr(text: str, start: Any, length: Any) -> str:
    """Return `text.substr(start, length)`."""
    size = javascript.text_length(text)
    first = _to_integer(start)
    first = max(size + first, 0) if first < 0 else min(first, size)
    count = size - first if length is UNDEFINED else min(max(_to_integer(length), 0), size - first)
    return javascript.slice_text(text, int(first), int(first + count))


def _to_integer(value: Any) -> float:
    """Return the number without its fraction, 0 for NaN; infinity stays."""
    number = to_number(value)
    return 0 if math.isnan(number) else number if math.isinf(number) else math.trunc(number)


def _is_in(value: Any, container: Any) -> bool:
    if isinstance(container, str):
        return bool(container) and to_text(value) in container
    if not isinstance(container, list):
        return False
    spend(UNITS_PER_ITEM * len(container))
    return any(strictly_equal(item, value) for item in container)


def _merge(*values: Any) -> list[Any]:
    return [item for value in values for item in (value if isinstance(value, list) else [value])]


# replaced or added by Novu


def _comparable(left: Any, right: Any) -> tuple[float, float] | None:
    """Return both sides as booleans, else as numbers, else as times; None if none of these fits both."""
    booleans = _boolean(left), _boolean(right)
    if booleans[0] is not None and booleans[1] is not None:
        return booleans[0], booleans[1]
    numbers = to_number(left), to_number(right)
    if not any(map(math.isnan, numbers)):
        return numbers
    if isinstance(left, str) and isinstance(right, str):
        times = _parse_date(left), _parse_date(right)
        if times[0] is not None and times[1] is not None:
            return times[0], times[1]
    return None


def _boolean(value: Any) -> bool | None:
    if isinstance(value, bool):
        return value
    return {"true": True, "false": False}.get(value) if isinstance(value, str) else None


def _is_equal(left: Any, right: Any) -> bool:
    pair = _comparable(left, right)
    return pair[0] == pair[1] if pair else strictly_equal(left, right)


def _is_equal_copy(left: Any, right: Any) -> bool:
    """Return the result of `=`: Novu compares copies of lists, which are never identical."""
    pair = _comparable(left, right)
    return pair[0] == pair[1] if pair else not isinstance(left, list) and strictly_equal(left, right)


def _compared(test: Callable[[float, float], bool]) -> Operator:
    def compare(left: Any, right: Any) -> bool:
        pair = _comparable(left, right)
        return pair is not None and test(*pair)

    return compare


def _is_at_most(first: Any, second: Any, third: Any) -> bool:
    pair = _comparable(first, second)
    if pair is None or third is UNDEFINED:
        return pair is not None and pair[0] <= pair[1]
    upper = _comparable(second, third)
    return upper is not None and pair[0] <= pair[1] <= upper[1]


def _of_texts(test: Callable[[str, str], bool], *, expected: bool = True) -> Operator:
    """Return an operator on two texts, which is false if either is no text, even when `expected` is False."""

    def on_texts(value: Any, part: Any) -> bool:
        return isinstance(value, str) and isinstance(part, str) and test(value, part) is expected

    return on_texts


def _contains_any(value: Any, candidates: Any) -> bool | None:
    """Return whether a list has one of the items, or a text one of the parts; None for other operands."""
    if not isinstance(candidates, list):
        return None
    if isinstance(value, str):
        return any(_has_text(value, item) for item in candidates)
    return any(_includes(candidates, item) for item in value) if isinstance(value, list) else None


def _is_empty(value: Any) -> bool:
    return is_nil(value) or (isinstance(value, str | list | dict) and not value)


def _is_between(value: Any, limits: Any) -> bool | None:
    """Return whether a number lies within two limits; None unless all three are numbers."""
    if is_number(value) and isinstance(limits, list) and len(limits) == 2 and all(map(is_number, limits)):
        return bool(limits[0] <= value <= limits[1])
    return None


def _moment(value: Any) -> float:
    """Return the result of `new Date(value).getTime()`: ms since 1970, NaN for no date."""
    if isinstance(value, str | list | dict):
        parsed = _parse_date(to_text(value))
        return math.nan if parsed is None else parsed
    number = to_number(value)
    return math.trunc(number) if abs(number) <= MAX_TIME_MS else math.nan


def _before(now_ms: int, ago: Any) -> tuple[float, str] | None:
    """Return the moment a span before now (NaN if there is no such time) and its unit; None if `ago` is no span."""
    if not isinstance(ago, dict) or ago.get("unit") not in _UNITS:
        return None
    amount, unit = ago.get("amount"), ago["unit"]
    if not is_number(amount) or not amount > 0:
        return None
    moment = _go_back(now_ms, amount, unit) if amount <= MAX_TIME_MS else math.nan
    return (moment if abs(moment) <= MAX_TIME_MS else math.nan), unit


def _go_back(now_ms: int, amount: float, unit: str) -> int:
    """Return the moment as JavaScript's setters do: parts of a unit are cut off, days beyond a month overflow."""
    days, in_day = divmod(now_ms, DAY_MS)
    if unit in ("minutes", "hours"):
        size = _MINUTE_MS if unit == "minutes" else _HOUR_MS
        current = in_day // size % (60 if unit == "minutes" else 24)
        return now_ms + (math.trunc(current - amount) - current) * size
    year, month, day = civil_from_days(days)
    if unit in ("days", "weeks"):
        day = math.trunc(day - amount * (7 if unit == "weeks" else 1))
    elif unit == "months":
        year, month = divmod(year * 12 + math.trunc(month - 1 - amount), 12)
        month += 1
    else:
        year = math.trunc(year - amount)
    return (days_from_civil(year, month, 1) + day - 1) * DAY_MS + in_day


def _of_dates(test: Callable[[float, float, float, str], bool]) -> Operator:
    """Return an operator on now, a date and a span before now; `test` takes the date, that moment, now, the unit."""

    def on_dates(now_ms: int, value: Any, ago: Any) -> bool:
        before, moment = _before(now_ms, ago), _moment(value)
        return before is not None and not math.isnan(moment) and test(moment, before[0], now_ms, before[1])

    return on_dates


PLAIN: dict[str, tuple[Operator, int | None]] = {
    "===": (strictly_equal, 2),
    "!==": (lambda left, right: not strictly_equal(left, right), 2),
    "!!": (is_truthy, 1),
    "!": (lambda value: not is_truthy(value), 1),
    "%": (_of_numbers(javascript.remainder), 2),
    "log": (lambda value: value, 1),
    "in": (_is_in, 2),
    "cat": (_concatenate, None),
    "substr": (_substring, 3),
    "+": (_add, None),
    "*": (_multiply, None),
    "-": (_subtract, 2),
    "/": (_of_numbers(javascript.divide), 2),
    "min": (_extreme(-1), None),
    "max": (_extreme(1), None),
    "merge": (_merge, None),
    "==": (_is_equal, 2),
    "=": (_is_equal_copy, 2),
    "!=": (lambda left, right: not _is_equal(left, right), 2),
    "<": (_compared(operator.lt), 2),
    ">": (_compared(operator.gt), 2),
    "<=": (_is_at_most, 3),
    ">=": (_compared(operator.ge), 2),
    "startsWith": (_of_texts(str.startswith), 2),
    "endsWith": (_of_texts(str.endswith), 2),
    "contains": (_of_texts(str.__contains__), 2),
    "doesNotContain": (_of_texts(str.__contains__, expected=False), 2),
    "doesNotBeginWith": (_of_texts(str.startswith, expected=False), 2),
    "doesNotEndWith": (_of_texts(str.endswith, expected=False), 2),
    "containsAny": (lambda value, candidates: _contains_any(value, candidates) is True, 2),
    "doesNotContainAny": (lambda value, candidates: _contains_any(value, candidates) is False, 2),
    "null": (lambda value: value is None, 1),
    "notNull": (lambda value: value is not None, 1),
    "isEmpty": (_is_empty, 1),
    "isNonEmpty": (lambda value: not _is_empty(value), 1),
    "notIn": (lambda value, items: isinstance(items, list) and not _includes(items, value), 2),
    "between": (lambda value, limits: _is_between(value, limits) is True, 2),
    "notBetween": (lambda value, limits: _is_between(value, limits) is False, 2),
}
"""Operator → its function and the number of operands, None for any number."""

OF_DATES: dict[str, Operator] = {
    "moreThanXAgo": _of_dates(lambda date, ago, _now, _unit: date < ago),
    "lessThanXAgo": _of_dates(lambda date, ago, _now, _unit: date >= ago),
    "withinLast": _of_dates(lambda date, ago, now, _unit: ago <= date <= now),
    "notWithinLast": _of_dates(lambda date, ago, _now, _unit: date < ago),
    "exactlyXAgo": _of_dates(lambda date, ago, _now, unit: abs(date - ago) <= _TOLERANCE_MS.get(unit, DAY_MS)),
}
"""Operators on two operands; their functions also take the present (ms since 1970), first."""
