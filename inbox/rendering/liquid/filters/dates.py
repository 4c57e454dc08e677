"""Filters that format a moment."""

from __future__ import annotations

from typing import Any

from inbox import clock
from inbox.rendering import javascript as js
from inbox.rendering.date_parser import MAX_TIME_MS, parse_date, units_to_parse
from inbox.rendering.javascript import UNDEFINED
from inbox.rendering.liquid.context import RenderContext
from inbox.rendering.liquid.registry import register
from inbox.rendering.liquid.strftime import Moment, format_moment, zone_moment
from inbox.rendering.liquid.values import to_value

DEFAULT_FORMAT = "%A, %B %-e, %Y at %-l:%M %P %z"
UNITS_PER_MOMENT = 100
UNITS_PER_ZONE = 500


def _moment(context: RenderContext, value: Any, zone: Any = UNDEFINED) -> Moment | None:
    """Return the moment that a value names, in a zone; None if it names none.

    A number or a text of digits counts seconds since 1970. Raise LiquidError for an unknown zone.
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


def _milliseconds(context: RenderContext, value: Any) -> int | None:
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
def date(context: RenderContext, value: Any, form: Any = UNDEFINED, zone: Any = UNDEFINED) -> Any:
    """Format a moment; return a value that names none unchanged."""
    moment = _moment(context, value, zone)
    if moment is None:
        return value
    form = to_value(form)
    return format_moment(context, moment, DEFAULT_FORMAT if js.is_nil(form) else context.text(form))


def _register_format(name: str, form: str) -> None:
    @register(name)
    def apply(context: RenderContext, value: Any) -> Any:
        moment = _moment(context, value)
        return value if moment is None else format_moment(context, moment, form)


def _register_date(name: str, month: str) -> None:
    """Register a filter that writes day, month and year, of kind `ordinal` as `5th Mar 2024` (US: `Mar 5th, 2024`)."""

    @register(name)
    def apply(context: RenderContext, value: Any, kind: Any = UNDEFINED, style: Any = UNDEFINED) -> Any:
        form = f"%d {month} %Y"
        if kind == "ordinal":
            form = f"{month} %-d%q, %Y" if style == "US" else f"%-d%q {month} %Y"
        moment = _moment(context, value)
        return value if moment is None else format_moment(context, moment, form)


_register_format("date_to_xmlschema", "%Y-%m-%dT%H:%M:%S%:z")
_register_format("date_to_rfc822", "%a, %d %b %Y %H:%M:%S %z")
_register_date("date_to_string", "%b")
_register_date("date_to_long_string", "%B")
