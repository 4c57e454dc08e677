"""The variables and the work of one rendering."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from inbox.rendering.budget import CHARACTERS_PER_UNIT, COUNTED_PER_UNIT, MAX_ITEMS, MAX_TEXT_LENGTH, UNITS_PER_ITEM
from inbox.rendering.javascript import UNDEFINED, Number, to_number
from inbox.rendering.liquid.values import has_property, read_property, to_items, to_text, to_value
from inbox.work import Work

UNITS_PER_PART = 8
"""The price of each scalar, list and object within a value that is converted to text."""
SCANNED_PER_UNIT = 2


class LiquidError(Exception):
    """An error for which LiquidJS throws too, or a result that is too large."""


class RenderContext:
    """The variables of one rendering, and its remaining work.

    `environment` holds the template's input, `scopes` its own assignments and then a dict for each enclosing loop.
    `interrupt` is `break` or `continue` until the loop has handled it.
    """

    __slots__ = ("environment", "interrupt", "registers", "scopes", "spend", "work")

    def __init__(self, work: Work, environment: Any) -> None:
        self.work = work
        self.spend = work.spend
        self.environment = environment
        self.scopes: list[dict[str, Any]] = [{}]
        self.registers: dict[str, Any] = {}
        self.interrupt = ""

    def find(self, name: str) -> Any:
        for scope in reversed(self.scopes):
            if name in scope:
                return scope[name]
        environment = self.environment
        if isinstance(environment, Mapping) and name in environment:
            return environment[name]
        if not isinstance(environment, Mapping) and has_property(environment, name):
            return self.property(environment, name)
        return 0 if name == "size" else UNDEFINED  # LiquidJS asks an empty object last

    def property(self, value: Any, key: Any) -> Any:
        """Return a property of any value; pay for counting the characters of a text."""
        if isinstance(value, str):
            self.spend(len(value) // COUNTED_PER_UNIT)
        return read_property(value, key)

    def charge(self, value: Any) -> None:
        """Pay for one pass over a text's characters, a list's items or an object's fields, but not into them."""
        if isinstance(value, str):
            self.spend(len(value) // CHARACTERS_PER_UNIT)
        elif isinstance(value, list | dict):
            self.spend(len(value))

    def text(self, value: Any) -> str:
        """Return a value as text; pay for everything in it."""
        if isinstance(value, str):
            return value
        if isinstance(value, list | dict):
            self.weigh(value)
        return to_text(value)

    def weigh(self, value: Any) -> None:
        """Pay for a pass over everything in a value, e.g. for its conversion to a number or a text."""
        if isinstance(value, str):
            self.spend(len(value) // CHARACTERS_PER_UNIT)
        elif isinstance(value, list | dict):
            self.work.weigh(value, UNITS_PER_PART)

    def items(self, value: Any) -> list[Any]:
        """Return the items that a loop runs over; pay for them, and for sorting the fields of an object."""
        if isinstance(value, dict):
            self.spend(UNITS_PER_ITEM * len(value))
        items = to_items(value)
        self.charge(items)
        return items

    def number(self, value: Any) -> Number:
        """Return the result of JavaScript's `Number(value)`; pay for everything in the value."""
        self.weigh(value)
        return to_number(to_value(value))

    def scan(self, text: str) -> None:
        """Pay for work on each character of a text, e.g. by a regular expression."""
        self.spend(len(text) // SCANNED_PER_UNIT)


def check_length(length: int) -> None:
    if length > MAX_TEXT_LENGTH:
        raise LiquidError(f"a text would be longer than {MAX_TEXT_LENGTH} characters")


def check_count(count: int) -> None:
    if count > MAX_ITEMS:
        raise LiquidError(f"a list would have more than {MAX_ITEMS} items")


def join_texts(separator: str, texts: list[str]) -> str:
    """Join texts. Raise LiquidError, before joining, if the result would be too long."""
    check_length(len(separator) * max(len(texts) - 1, 0) + sum(map(len, texts)))
    return separator.join(texts)
