"""Filters that show a moment."""

from __future__ import annotations

from typing import Any

from inbox import clock
from inbox.rendering import javascript as js
from inbox.rendering.date_parser import MAX_TIME_MS, parse_date, units_to_parse
from inbox.rendering.javascript import UNDEFINED
from inbox.rendering.liquid.context import Context
from inbox.rendering.liquid.registry import register
from inbox.rendering.liquid.strftime import Moment, format_moment, zone_moment
from inbox.rendering.liquid.values import to_value

DEFAULT_FORMAT = "%A, %B %-e, %Y at %-l:%M %P %z"
UNITS_PER_MOMENT = 100
UNITS_PER_ZONE = 500


def _moment(context: Context, value: Any, zone: Any = UNDEFINED) -> Moment | None:
    """Return the moment that a value names, in a zone; None when it names none.

    A number, and a text of digits, is in seconds since 1970. Raise LiquidError for a moment in an unknown zone.
    """
    value = to_value(value)
    if js.is_nil(value):
        return None
    ms, zone = _milliseconds(context, value), to_value(zone)
    if ms is None:
        return None
    context.weigh(zone)
    context.spend(UNITS_PER_MOMENT if js.is_nil(zone) else UNITS_PER_ZONE)
    return zone_moment(ms, zone)


def _milliseconds(context: Context, value: Any) -> int | None:
    if isinstance(value, bool):
        return int(value)
    if js.is_number(value):
        return _clipped(js.to_float(value) * 1_000)
    if value in ("now", "today"):
        return clock.now_ms()
    if isinstance(value, str) and value.isascii() and value.isdigit():
        return _clipped(js.to_float(context.number(value)) * 1_000)
    if isinstance(value, list):
        context.weigh(value)
        value = js.to_text(value)
    if not isinstance(value, str):
        return None
    context.spend(units_to_parse(value))
    return parse_date(value)


def _clipped(ms: float) -> int | None:
    return int(ms) if abs(ms) <= MAX_TIME_MS else None


@register()
def date(context: Context, value: Any, form: Any = UNDEFINED, zone: Any = UNDEFINED) -> Any:
    """Format a moment; a value that names none is left as it is."""
    moment = _moment(context, value, zone)
    if moment is None:
        return value
    form = to_value(form)
    return format_moment(context, moment, DEFAULT_FORMAT if js.is_nil(form) else context.text(form))


def _formatted(context: Context, value: Any, form: str) -> Any:
    moment = _moment(context, value)
    return value if moment is None else format_moment(context, moment, form)


@register()
def date_to_xmlschema(context: Context, value: Any) -> Any:
    return _formatted(context, value, "%Y-%m-%dT%H:%M:%S%:z")


@register()
def date_to_rfc822(context: Context, value: Any) -> Any:
    return _formatted(context, value, "%a, %d %b %Y %H:%M:%S %z")


@register()
def date_to_string(context: Context, value: Any, kind: Any = UNDEFINED, style: Any = UNDEFINED) -> Any:
    return _formatted(context, value, _written("%b", kind, style))


@register()
def date_to_long_string(context: Context, value: Any, kind: Any = UNDEFINED, style: Any = UNDEFINED) -> Any:
    return _formatted(context, value, _written("%B", kind, style))


def _written(month: str, kind: Any, style: Any) -> str:
    if kind != "ordinal":
        return f"%d {month} %Y"
    return f"{month} %-d%q, %Y" if style == "US" else f"%-d%q {month} %Y"
