"""JavaScript's `slice` and `+` for values of any type."""

from __future__ import annotations

import math
from typing import Any

from inbox.rendering import javascript as js
from inbox.rendering.javascript import UNDEFINED
from inbox.rendering.liquid.values import to_value


def add(left: Any, right: Any) -> Any:
    """Return `left + right`: the sum of numbers; joined texts if either is a text, a list or an object."""
    left, right = to_value(left), to_value(right)
    if isinstance(left, str | list | dict) or isinstance(right, str | list | dict):
        return js.to_text(left) + js.to_text(right)
    return js.to_number(left) + js.to_number(right)


def slice_list(items: list[Any], start: Any, end: Any = UNDEFINED) -> list[Any]:
    """Return `items.slice(start, end)`."""
    stop = len(items) if end is UNDEFINED else _index(end, len(items))
    return items[_index(start, len(items)) : stop]


def _index(value: Any, length: int) -> int:
    number = js.to_number(to_value(value))
    if math.isnan(number):
        return 0
    index = int(max(min(number, length), -length))
    return index if index >= 0 else length + index


def count_below(number: js.Number) -> int:
    """Return how many whole numbers from 0 are below a number."""
    return 0 if math.isnan(number) or number <= 0 else math.ceil(min(number, js.MAX_SAFE_INTEGER))
