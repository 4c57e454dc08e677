"""The values of a template: JSON as JavaScript sees it, the literals `nil`, `empty` and `blank`, and `forloop`.

Properties follow JavaScript: lists and texts have a `length` and numbered items, objects their fields; Liquid adds
`size`, `first` and `last`. Text lengths count UTF-16 units, but an item of a text is a whole character.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any

from inbox.rendering import javascript as js
from inbox.rendering.javascript import UNDEFINED

MAX_INDENT = 10


class Drop:
    """The literal `nil`, `empty` or `blank`, with comparisons of its own; everywhere else it acts as its value."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value


NIL = Drop(None)
EMPTY = Drop("")
BLANK = Drop("")


class Loop:
    """The object `forloop`, or with columns `tablerowloop`."""

    __slots__ = ("columns", "length", "name", "position")

    def __init__(self, length: int, name: str, columns: Any = None) -> None:
        self.length = length
        self.name = name
        self.columns = columns
        self.position = 0

    def property(self, key: str) -> Any:
        """Return `index`, `first` and the like; UNDEFINED for an unknown name."""
        read = _LOOP_PROPERTIES.get(key)
        if read is None and self.columns is not None:
            read = _COLUMN_PROPERTIES.get(key)
        return UNDEFINED if read is None else read(self)


_LOOP_PROPERTIES: dict[str, Callable[[Loop], Any]] = {
    "index": lambda loop: loop.position + 1,
    "index0": lambda loop: loop.position,
    "i": lambda loop: loop.position,
    "first": lambda loop: loop.position == 0,
    "last": lambda loop: loop.position == loop.length - 1,
    "rindex": lambda loop: loop.length - loop.position,
    "rindex0": lambda loop: loop.length - loop.position - 1,
    "length": lambda loop: loop.length,
    "name": lambda loop: loop.name,
}
_COLUMN_PROPERTIES: dict[str, Callable[[Loop], Any]] = {
    "row": lambda loop: js.floor(js.divide(loop.position, loop.columns)) + 1,
    "col0": lambda loop: js.remainder(loop.position, loop.columns),
    "col": lambda loop: js.remainder(loop.position, loop.columns) + 1,
    "col_first": lambda loop: js.remainder(loop.position, loop.columns) == 0,
    "col_last": lambda loop: js.remainder(loop.position, loop.columns) + 1 == loop.columns,
}


def to_value(value: Any) -> Any:
    return value.value if isinstance(value, Drop) else value


def is_false(value: Any) -> bool:
    """Return whether a condition fails: only false and nil do."""
    value = to_value(value)
    return value is False or value is None or value is UNDEFINED


def read_property(value: Any, key: Any) -> Any:
    """Return a property of any value, UNDEFINED if it is missing; null and undefined return themselves."""
    if isinstance(value, dict):
        key = key if isinstance(key, str) else property_name(key)
        if key in value:
            return value[key]
        return len(value) if key == "size" else UNDEFINED
    if isinstance(value, list):
        return _read_item(value, key)
    if isinstance(value, str):
        return _read_text(value, key)
    if value is None or value is UNDEFINED:
        return value
    return value.property(property_name(key)) if isinstance(value, Loop) else UNDEFINED


def property_name(key: Any) -> str:
    """Return the property name that JavaScript makes of a key."""
    return key if isinstance(key, str) else js.to_text(to_value(key))


def item_index(key: Any) -> int | None:
    """Return the index that a key names, as a whole number or its plain text."""
    if isinstance(key, str):
        is_plain = key.isascii() and key.isdigit() and (key == "0" or key[0] != "0") and len(key) < 10
        return int(key) if is_plain else None
    if isinstance(key, int) and not isinstance(key, bool):
        return key
    return int(key) if isinstance(key, float) and key.is_integer() else None


def _read_item(items: list[Any], key: Any) -> Any:
    index = item_index(key)
    if index is not None:
        return items[index] if -len(items) <= index < len(items) else UNDEFINED
    if key in ("length", "size"):
        return len(items)
    if key in ("first", "last") and items:
        return items[0 if key == "first" else -1]
    return UNDEFINED


def _read_text(text: str, key: Any) -> Any:
    index = item_index(key)
    if index is not None:
        return text[index] if 0 <= index < len(text) else UNDEFINED
    return js.text_length(text) if key in ("length", "size") else UNDEFINED


def has_property(value: Any, key: Any) -> bool:
    """Return whether JavaScript's `key in value` holds."""
    if isinstance(value, dict):
        return property_name(key) in value
    if isinstance(value, list | str):
        index = item_index(key)
        return key == "length" if index is None else 0 <= index < len(value)
    return False


def items_of(value: dict[str, Any]) -> Iterable[tuple[str, Any]]:
    """Return an object's fields in JavaScript's order: names that are whole numbers come first, sorted."""
    numbers = [name for name in value if item_index(name) is not None]
    if not numbers:
        return value.items()
    ordered = [*sorted(numbers, key=int), *[name for name in value if item_index(name) is None]]
    return [(name, value[name]) for name in ordered]


def to_list(value: Any) -> list[Any]:
    """Return a value as most list filters see it: a list itself, nothing for nil, else a list of the value."""
    value = to_value(value)
    if isinstance(value, list):
        return value
    return [] if js.is_nil(value) else [value]


def to_items(value: Any) -> list[Any]:
    """Return a value as a loop sees it: the items of a list, a text as one item, an object's fields as pairs."""
    value = to_value(value)
    if isinstance(value, list):
        return value
    if isinstance(value, str):
        return [value] if value else []
    return [[name, field] for name, field in items_of(value)] if isinstance(value, dict) else []


def to_text(value: Any) -> str:
    """Return the text of a value as filters see it: nil is empty, the items of a list are joined."""
    if isinstance(value, str):
        return value
    if value is None or value is UNDEFINED:
        return ""
    if isinstance(value, list):
        return "".join([to_text(item) for item in value])
    if isinstance(value, Drop):
        return to_text(value.value)
    return to_json(value) if isinstance(value, Loop) else js.to_text(value)


def to_json(value: Any, space: Any = UNDEFINED) -> str:
    """Return `JSON.stringify(value, null, space)`, empty for undefined."""
    return "" if value is UNDEFINED else _Json(_indent(space)).write(value)


def to_output(value: Any) -> str:
    """Return the text of a value in a message: lists and objects as JSON with single quotes and unescaped texts."""
    if isinstance(value, str):
        return value
    if value is None or value is UNDEFINED:
        return ""
    if isinstance(value, list | dict | Loop | Drop):
        return _Output("").write(value)
    return js.to_text(value)


def _indent(space: Any) -> str:
    if js.is_number(space):
        return " " * int(min(max(space, 0), MAX_INDENT))
    return space[:MAX_INDENT] if isinstance(space, str) else ""


class _Json:
    """Writes JSON as JavaScript does: its numbers, its order of fields, without undefined fields."""

    def __init__(self, indent: str) -> None:
        self.indent = indent
        self.colon = ": " if indent else ":"

    def text(self, text: str) -> str:
        return json.dumps(text, ensure_ascii=False)

    def write(self, value: Any, margin: str = "\n") -> str:
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, list):
            return self._within("[", [self.write(item, margin + self.indent) for item in value], "]", margin)
        if isinstance(value, dict):
            return self._object(items_of(value), margin)
        if isinstance(value, Loop):
            fields = (("i", value.position), ("length", value.length), ("name", value.name))
            return self._object(fields, margin)
        if isinstance(value, Drop):
            return "{}"
        is_finite = not isinstance(value, float) or abs(value) < float("inf")
        return js.to_text(value) if value is not UNDEFINED and is_finite else "null"

    def _object(self, fields: Iterable[tuple[str, Any]], margin: str) -> str:
        inner = margin + self.indent
        parts = [
            f"{self.text(name)}{self.colon}{self.write(value, inner)}"
            for name, value in fields
            if value is not UNDEFINED
        ]
        return self._within("{", parts, "}", margin)

    def _within(self, opening: str, parts: list[str], closing: str, margin: str) -> str:
        if not self.indent or not parts:
            return f"{opening}{','.join(parts)}{closing}"
        inner = margin + self.indent
        return f"{opening}{inner}{f',{inner}'.join(parts)}{margin}{closing}"


class _Output(_Json):
    def text(self, text: str) -> str:
        return "'" + text.replace('"', "'") + "'"
