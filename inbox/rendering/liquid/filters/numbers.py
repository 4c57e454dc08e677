"""Filters over numbers: JavaScript's doubles. What is no number is 0, and an argument that is missing makes NaN."""

from __future__ import annotations

import math
from typing import Any

from inbox.rendering import javascript as js
from inbox.rendering.javascript import Number
from inbox.rendering.liquid.context import Context
from inbox.rendering.liquid.registry import MISSING, register


def number(context: Context, value: Any) -> float:
    """Return a value as filters take it for a number: 0 for what is none."""
    converted = js.to_float(context.number(value))
    return 0.0 if math.isnan(converted) else converted


def _argument(context: Context, value: Any) -> float:
    return math.nan if value is MISSING else number(context, value)


@register()
def abs(context: Context, value: Any) -> Number:
    return math.fabs(number(context, value))


@register()
def at_least(context: Context, value: Any, *others: Any) -> Number:
    return max([number(context, one) for one in (value, *others)])


@register()
def at_most(context: Context, value: Any, *others: Any) -> Number:
    return min([number(context, one) for one in (value, *others)])


@register()
def ceil(context: Context, value: Any) -> Number:
    return -js.floor(-number(context, value))


@register()
def floor(context: Context, value: Any) -> Number:
    return js.floor(number(context, value))


@register()
def divided_by(context: Context, value: Any, divisor: Any = MISSING, whole: Any = False) -> Number:
    quotient = js.divide(number(context, value), _argument(context, divisor))
    return js.floor(quotient) if number(context, whole) else quotient


@register()
def minus(context: Context, value: Any, other: Any = MISSING) -> Number:
    return number(context, value) - _argument(context, other)


@register()
def plus(context: Context, value: Any, other: Any = MISSING) -> Number:
    return number(context, value) + _argument(context, other)


@register()
def times(context: Context, value: Any, factor: Any = MISSING) -> Number:
    return number(context, value) * _argument(context, factor)


@register()
def modulo(context: Context, value: Any, divisor: Any = MISSING) -> Number:
    """Return the remainder with the sign of the divisor."""
    by = _argument(context, divisor)
    return js.remainder(js.remainder(number(context, value), by) + by, by)


@register("round")
def round_half_up(context: Context, value: Any, digits: Any = 0) -> Number:
    """Round a half away from zero, by shifting the decimal point of what is printed."""
    exact, places = number(context, value), number(context, digits)
    scaled = _shift_point(math.fabs(exact), places)
    if not scaled <= js.MAX_SAFE_INTEGER:
        return exact
    whole = math.floor(scaled)
    rounded = _shift_point(whole + (scaled - whole >= 0.5), -places)
    return -rounded if exact < 0 else rounded


def _shift_point(value: Number, places: Number) -> Number:
    mantissa, _, power = js.number_text(value).partition("e")
    return js.to_number(f"{mantissa}e{js.number_text(js.to_number(power or '0') + places)}")


@register()
def to_integer(context: Context, value: Any) -> Number:
    """Convert to a number, which need not be whole."""
    return context.number(value)
