"""Limits and conversion of JSON values in requests and files."""

from __future__ import annotations

import datetime
import math
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from inbox.errors import BadRequest

MAX_JSON_DEPTH = 64
MAX_JSON_ITEMS = 10_000
MAX_NAMED_PARTS = 4
"""How much of a path that is too deep is named, as in `steps.0.controlValues.data`."""

_INTEGERS = range(-(2**63), 2**64)
"""The integers of the API's parser, which reads any other as a double."""

JsonObject = dict[str, Any]
"""An object with fields that the caller defines."""

JsonPath = Sequence[str | int]


class NotJson(Exception):
    """Raised for a value that JSON cannot represent. `field` is its dotted path, empty for the whole value."""

    def __init__(self, path: JsonPath, message: str) -> None:
        super().__init__(message)
        self.field = ".".join(map(str, path))
        self.message = message


def check_shape(value: Any) -> None:
    """Raise BadRequest for parsed JSON that is too deep or has too many items in a list or object."""
    level = _containers([value])
    for _ in range(MAX_JSON_DEPTH):
        if any(len(item) > MAX_JSON_ITEMS for item in level):
            raise BadRequest(f"A list or object has more than {MAX_JSON_ITEMS} items")
        level = [inner for item in level for inner in _containers(item.values() if isinstance(item, dict) else item)]
        if not level:
            return
    raise BadRequest(f"A list or object is nested deeper than {MAX_JSON_DEPTH} levels")


def _containers(values: Iterable[Any]) -> list[JsonObject | list[Any]]:
    return [value for value in values if isinstance(value, dict | list)]


class JsonValues:
    """Converts values of other formats to what the API reads from the same value in JSON.

    All values of one instance hold at most `max_bytes` of JSON text: a few YAML aliases, each a list of the one before,
    can expand to a text of any length.
    """

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._left = max_bytes

    def read(self, value: Any, path: JsonPath = ()) -> Any:
        """Return a copy of a value; dates become texts. Raise NotJson for what JSON or the API does not allow."""
        self._spend(1, path)
        if isinstance(value, str):
            return self._text(value, path)
        if isinstance(value, dict | list):
            return self._container(value, path)
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, int | float):
            return _number(value, path)
        if isinstance(value, datetime.date | datetime.time):
            return msgspec.to_builtins(value)
        raise NotJson(path, f"JSON holds no `{type(value).__name__}`")

    def _container(self, value: dict[Any, Any] | list[Any], path: JsonPath) -> JsonObject | list[Any]:
        if len(path) >= MAX_JSON_DEPTH:
            raise NotJson(path[:MAX_NAMED_PARTS], f"is nested deeper than {MAX_JSON_DEPTH} levels, or contains itself")
        if len(value) > MAX_JSON_ITEMS:
            raise NotJson(path, f"has more than {MAX_JSON_ITEMS} items")
        if isinstance(value, list):
            return [self.read(item, (*path, index)) for index, item in enumerate(value)]
        named_items = [(self._key(key, path), item) for key, item in value.items()]
        return {name: self.read(item, (*path, name)) for name, item in named_items}

    def _key(self, key: Any, path: JsonPath) -> str:
        if not isinstance(key, str):
            raise NotJson(path, f"the key {key} must be a string: put it in quotes")
        return self._text(key, path)

    def _text(self, text: str, path: JsonPath) -> str:
        self._spend(len(text), path)
        if text.isascii():
            return text
        try:
            return text.encode("utf-16", "surrogatepass").decode("utf-16")  # joins escaped pairs
        except UnicodeDecodeError:
            raise NotJson(path, "holds half of a surrogate pair, which is no character") from None

    def _spend(self, count: int, path: JsonPath) -> None:
        self._left -= count
        if self._left < 0:
            raise NotJson(path, f"with this, aliases written out, the file is larger than {self._max_bytes} bytes")


def _number(value: float, path: JsonPath) -> float:
    """Return an integer of 64 bits or a finite double."""
    if isinstance(value, int) and value in _INTEGERS:
        return value
    try:
        double = float(value)
    except OverflowError:
        double = math.inf
    if not math.isfinite(double):
        raise NotJson(path, "is not a JSON number: infinite, too large or NaN")
    return double
