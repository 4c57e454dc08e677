"""Filters over numbers (JavaScript's doubles): what is not a number counts as 0, a missing argument as NaN."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import Any

from inbox.rendering import javascript as js
from inbox.rendering.javascript import Number
from inbox.rendering.liquid.context import RenderContext
from inbox.rendering.liquid.registry import MISSING, register


def number(context: RenderContext, value: Any) -> float:
    """Return a value as a number, 0 if it is not a number."""
    converted = js.to_float(context.number(value))
    return 0.0 if math.isnan(converted) else converted


def _argument(context: RenderContext, value: Any) -> float:
    return math.nan if value is MISSING else number(context, value)


def _register_conversion(name: str, convert: Callable[[float], Number]) -> None:
    @register(name)
    def apply(context: RenderContext, value: Any) -> Number:
        return convert(number(context, value))


def _register_choice(name: str, choose: Callable[[list[float]], Number]) -> None:
    @register(name)
    def apply(context: RenderContext, value: Any, *others: Any) -> Number:
        return choose([number(context, item) for item in (value, *others)])


def _register_operation(name: str, operate: Callable[[float, float], Number]) -> None:
    @register(name)
    def apply(context: RenderContext, value: Any, other: Any = MISSING) -> Number:
        return operate(number(context, value), _argument(context, other))


_register_conversion("abs", math.fabs)
_register_conversion("ceil", lambda value: -js.floor(-value))
_register_conversion("floor", js.floor)
_register_choice("at_least", max)
_register_choice("at_most", min)
_register_operation("minus", operator.sub)
_register_operation("plus", operator.add)
_register_operation("times", operator.mul)
# the remainder has the sign of the divisor
_register_operation("modulo", lambda value, divisor: js.remainder(js.remainder(value, divisor) + divisor, divisor))


@register()
def divided_by(context: RenderContext, value: Any, divisor: Any = MISSING, whole: Any = False) -> Number:
    quotient = js.divide(number(context, value), _argument(context, divisor))
    return js.floor(quotient) if number(context, whole) else quotient


@register("round")
def round_half_away_from_zero(context: RenderContext, value: Any, digits: Any = 0) -> Number:
    """Round half away from zero, by shifting the decimal point of the printed number."""
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
def to_integer(context: RenderContext, value: Any) -> Number:
    """Return a number, which need not be whole."""
    return context.number(value)
