"""What a template sees and does while it is rendered once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from inbox.rendering.budget import CHARACTERS_PER_UNIT, COUNTED_PER_UNIT, MAX_ITEMS, MAX_TEXT_LENGTH, UNITS_PER_ITEM
from inbox.rendering.javascript import UNDEFINED, Number, to_number
from inbox.rendering.liquid.values import has_property, read_property, to_items, to_text, to_value
from inbox.work import Work

UNITS_PER_PART = 8
"""For each scalar, list and object within a value that is made a text."""
SCANNED_PER_UNIT = 2


class LiquidError(Exception):
    """The original's engine throws here too, or a result is larger than it may be."""


class Context:
    """The variables of one rendering, and the work that is left for it.

    `environment` is what the template was given, `scopes` what it assigned itself and, above that, a dict for each loop
    it is in. `interrupt` is `break` or `continue` until the loop that it ends has seen it.
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
        """Return a variable by its name; UNDEFINED when there is none."""
        for scope in reversed(self.scopes):
            if name in scope:
                return scope[name]
        environment = self.environment
        if isinstance(environment, Mapping) and name in environment:
            return environment[name]
        if not isinstance(environment, Mapping) and has_property(environment, name):
            return self.property(environment, name)
        return 0 if name == "size" else UNDEFINED  # the size of the empty object that is asked last

    def property(self, value: Any, key: Any) -> Any:
        """Return a property of any value, paid for where a text is counted."""
        if isinstance(value, str):
            self.spend(len(value) // COUNTED_PER_UNIT)
        return read_property(value, key)

    def charge(self, value: Any) -> None:
        """Pay for going once over a text's characters, a list's items or an object's fields, not into them."""
        if isinstance(value, str):
            self.spend(len(value) // CHARACTERS_PER_UNIT)
        elif isinstance(value, list | dict):
            self.spend(len(value))

    def text(self, value: Any) -> str:
        """Return a value as a text, paid for by all that is in it."""
        if isinstance(value, str):
            return value
        if isinstance(value, list | dict):
            self.weigh(value)
        return to_text(value)

    def weigh(self, value: Any) -> None:
        """Pay for going over everything that is in a value, e.g. for its conversion to a number or a text."""
        if isinstance(value, str):
            self.spend(len(value) // CHARACTERS_PER_UNIT)
        elif isinstance(value, list | dict):
            self.work.weigh(value, UNITS_PER_PART)

    def items(self, value: Any) -> list[Any]:
        """Return what a loop goes over, paid for: the fields of an object are put in order first."""
        if isinstance(value, dict):
            self.spend(UNITS_PER_ITEM * len(value))
        items = to_items(value)
        self.charge(items)
        return items

    def number(self, value: Any) -> Number:
        """Return a value as JavaScript takes it for a number, paid for by all that is in it."""
        self.weigh(value)
        return to_number(to_value(value))

    def scan(self, text: str) -> None:
        """Pay for work on each character of a text: a regular expression, or an encoding."""
        self.spend(len(text) // SCANNED_PER_UNIT)


def check_length(length: int) -> None:
    """Raise LiquidError for a text that is longer than one may become on the way."""
    if length > MAX_TEXT_LENGTH:
        raise LiquidError(f"a text would be longer than {MAX_TEXT_LENGTH} characters")


def check_count(count: int) -> None:
    """Raise LiquidError for a list that is longer than one may become."""
    if count > MAX_ITEMS:
        raise LiquidError(f"a list would have more than {MAX_ITEMS} items")


def join_texts(separator: str, texts: list[str]) -> str:
    """Join texts after checking how long the result gets. Raise LiquidError when it is too long."""
    check_length(len(separator) * max(len(texts) - 1, 0) + sum(map(len, texts)))
    return separator.join(texts)
