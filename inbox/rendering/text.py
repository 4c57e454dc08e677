"""How a value reads in a message."""

from __future__ import annotations

import json

from liquid import Undefined

_JS_EXPONENT = 1e21  # from here on a number is written with an exponent, in JavaScript too


def to_text(value: object) -> str:
    """A template variable's value as text, the same for direct lookups and for Liquid.

    None and missing are empty, flags are `true` and `false`, whole floats have no `.0`, and lists and objects are JSON
    with single quotes: what Novu's templates give.
    """
    if isinstance(value, str):
        return value
    if value is None or isinstance(value, Undefined):
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return _number_text(value)
    if isinstance(value, dict | list | tuple):
        return to_quoted_json(value)
    return str(value)


def to_quoted_json(value: object, indent: int | None = None) -> str:
    """A list or object as JSON with single quotes, line breaks as `\\n`. `indent` is in spaces."""
    separators = (",", ":") if indent is None else (",", ": ")
    text = json.dumps(value, ensure_ascii=False, separators=separators, indent=indent, default=to_text)
    return text.replace('"', "'").replace("\n", "\\n")


def _number_text(number: float) -> str:
    return str(int(number)) if number.is_integer() and abs(number) < _JS_EXPONENT else str(number)
