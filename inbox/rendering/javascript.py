"""JavaScript's conversions and comparisons of JSON values, for the templates and conditions that were written for it.

A value is None (null), a bool, an int or a float (both are JavaScript's number), a str, a list, a dict, or UNDEFINED,
the value of a missing property.
"""

from __future__ import annotations

import math
import re
from typing import Any, Final, Literal, TypeGuard

Number = int | float

MAX_SAFE_INTEGER = 2**53 - 1
MAX_PLAIN_EXPONENT = 21
"""JavaScript writes a number with more digits before the point with an exponent."""
MIN_PLAIN_EXPONENT = -6
WHITESPACE = (
    "\t\n\v\f\r \u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000\ufeff"
)
"""The characters that `String.prototype.trim` and `Number()` skip."""


class Undefined:
    __slots__ = ()

    def __bool__(self) -> Literal[False]:
        return False

    def __repr__(self) -> str:
        return "undefined"


UNDEFINED: Final = Undefined()

UNSIGNED_DECIMAL = r"(?:[0-9]++(?:\.[0-9]*+)?|\.[0-9]++)(?:[eE][+-]?[0-9]++)?"
"""Matches a decimal number in linear time: possessive quantifiers try no digit twice."""
_DECIMAL = re.compile(f"[+-]?{UNSIGNED_DECIMAL}")
_PREFIXED = re.compile(r"0(?:[xX][0-9a-fA-F]+|[oO][0-7]+|[bB][01]+)")
_INFINITY = {"Infinity": math.inf, "+Infinity": math.inf, "-Infinity": -math.inf}


def to_number(value: Any) -> Number:
    """Return `Number(value)`; NaN if it is no number."""
    if isinstance(value, bool) or value is None:
        return int(value or 0)
    if isinstance(value, int):
        return value if -MAX_SAFE_INTEGER <= value <= MAX_SAFE_INTEGER else to_float(value)
    if isinstance(value, float):
        return value
    if isinstance(value, str):
        return _text_to_number(value)
    return _text_to_number(to_text(value)) if isinstance(value, list) else math.nan


def floor(number: Number) -> Number:
    """Return `Math.floor`."""
    return math.floor(number) if math.isfinite(number) else number


def divide(left: Number, right: Number) -> float:
    """Return `left / right`: division by zero is infinite, or NaN."""
    left, right = to_float(left), to_float(right)
    if right:
        return left / right
    if not left or math.isnan(left) or math.isnan(right):
        return math.nan
    return math.copysign(math.inf, left) * math.copysign(1, right)


def remainder(left: Number, right: Number) -> Number:
    """Return `left % right`: the sign is that of the left side."""
    left, right = to_float(left), to_float(right)
    return math.fmod(left, right) if right and math.isfinite(left) else math.nan


def to_float(number: Number) -> float:
    """Return the number as a double; an integer beyond its range is infinite."""
    try:
        return float(number)
    except OverflowError:
        return math.inf if number > 0 else -math.inf


def _text_to_number(text: str) -> Number:
    text = text.strip(WHITESPACE)
    if text.isascii() and text.isdigit() and len(text) < 16:
        return int(text)
    if not text:
        return 0
    if _DECIMAL.fullmatch(text):
        return float(text)
    if _PREFIXED.fullmatch(text):
        return to_number(int(text[2:], {"x": 16, "o": 8, "b": 2}[text[1].lower()]))
    return _INFINITY.get(text, math.nan)


def to_text(value: Any) -> str:
    """Return `String(value)`: `null`, `true`, `0.1`, list items joined with commas, `[object Object]`."""
    if isinstance(value, str):
        return value
    if value is None or value is UNDEFINED:
        return "null" if value is None else "undefined"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return number_text(value)
    if isinstance(value, list):
        return ",".join(item_texts(value))
    return "[object Object]"


def item_texts(items: list[Any]) -> list[str]:
    """Return the texts that `Array.prototype.join` puts together: null and undefined are empty."""
    return ["" if item is None or item is UNDEFINED else to_text(item) for item in items]


def number_text(number: Number) -> str:
    """Return a number as JavaScript prints it: the shortest digits that read back as the same double."""
    if isinstance(number, int):
        if -MAX_SAFE_INTEGER <= number <= MAX_SAFE_INTEGER:
            return str(number)
        number = to_float(number)
    if math.isnan(number):
        return "NaN"
    if math.isinf(number):
        return "Infinity" if number > 0 else "-Infinity"
    if number == 0:
        return "0"  # -0 as well
    return ("-" if number < 0 else "") + _digits_text(*_shortest_digits(abs(number)))


def _shortest_digits(number: float) -> tuple[str, int]:
    """Return the significant digits and the position of the decimal point, which may lie outside them."""
    mantissa, _, exponent = repr(number).partition("e")
    whole, _, fraction = mantissa.partition(".")
    digits = (whole + fraction).lstrip("0")
    point = len(whole) + int(exponent or 0) - (len(whole + fraction) - len(digits))
    return digits.rstrip("0"), point


def _digits_text(digits: str, point: int) -> str:
    if len(digits) <= point <= MAX_PLAIN_EXPONENT:
        return digits.ljust(point, "0")
    if 0 < point <= MAX_PLAIN_EXPONENT:
        return f"{digits[:point]}.{digits[point:]}"
    if MIN_PLAIN_EXPONENT < point <= 0:
        return f"0.{'0' * -point}{digits}"
    mantissa = digits if len(digits) == 1 else f"{digits[0]}.{digits[1:]}"
    return f"{mantissa}e{point - 1:+d}"


def is_nil(value: Any) -> bool:
    return value is None or value is UNDEFINED


def is_number(value: Any) -> TypeGuard[Number]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def is_truthy(value: Any) -> bool:
    """Return `Boolean(value)`: empty lists and objects are true, NaN is false."""
    if isinstance(value, list | dict):
        return True
    return bool(value) and value == value  # NaN differs from itself


def strictly_equal(left: Any, right: Any) -> bool:
    """Return `left === right`: lists and objects are equal to themselves only."""
    if isinstance(left, list | dict) or left is None or left is UNDEFINED:
        return left is right
    if isinstance(left, str):
        return isinstance(right, str) and left == right
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    return is_number(right) and to_number(left) == to_number(right)


def less_than(left: Any, right: Any) -> bool:
    """Return `left < right`: two texts by their UTF-16 units, all else as numbers."""
    left, right = _primitive(left), _primitive(right)
    if isinstance(left, str) and isinstance(right, str):
        return text_less_than(left, right)
    return to_number(left) < to_number(right)


def at_most(left: Any, right: Any) -> bool:
    """Return `left <= right`, which for NaN is not `!(right < left)`."""
    left, right = _primitive(left), _primitive(right)
    if isinstance(left, str) and isinstance(right, str):
        return not text_less_than(right, left)
    return to_number(left) <= to_number(right)


def text_less_than(left: str, right: str) -> bool:
    """Return whether `left` is before `right` by UTF-16 units, which order emoji before some rarer letters."""
    return left < right if left.isascii() or right.isascii() else utf16(left) < utf16(right)


def utf16(text: str) -> bytes:
    """Return the UTF-16 units, two bytes each, which compare as JavaScript compares texts."""
    return text.encode("utf-16-be", "surrogatepass")


def text_length(text: str) -> int:
    """Return a text's `length`, which counts UTF-16 units."""
    return len(text) if text.isascii() else len(utf16(text)) // 2


def slice_text(text: str, start: int, end: int) -> str:
    """Return the UTF-16 units `[start, end)`; half of a pair stays a lone surrogate."""
    if text.isascii():
        return text[start:end]
    return utf16(text)[2 * start : 2 * end].decode("utf-16-be", "surrogatepass")


def _primitive(value: Any) -> Any:
    return to_text(value) if isinstance(value, list | dict) else value
