"""Moments in a time zone, and the format directives of the filter `date`."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from inbox.rendering import javascript as js
from inbox.rendering.date_parser import DAY_MS, civil_from_days
from inbox.rendering.liquid.context import LiquidError, RenderContext, check_length
from inbox.rendering.liquid.values import to_text

UNITS_PER_DIRECTIVE = 40
MINUTE_MS = 60_000

_DIRECTIVE = re.compile(r"%([-_0^#:]+)?([0-9]+)?([EO])?([^\n\r\u2028\u2029])")
_DAYS = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")
_MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip
_WIDTHS = {
    "C": 2, "d": 2, "e": 2, "H": 2, "I": 2, "j": 3, "k": 2, "l": 2, "L": 3, "m": 2, "M": 2, "S": 2, "U": 2, "W": 2,
    "y": 2, "Y": 4,
}  # fmt: skip
_PADDED_WITH_SPACE = frozenset("aAbBceklpP")
_EARLIEST = datetime(1, 1, 2, tzinfo=UTC)
_LATEST = datetime(9999, 12, 30, tzinfo=UTC)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Moment:
    """A moment (ms since 1970), its zone's name and offset (minutes ahead of UTC), and the year and time there.

    `local` has a year from 2000 to 2399 with the same calendar, since JavaScript's years exceed those of datetime.
    """

    ms: int
    offset: int
    zone: str
    year: int
    local: datetime

    @property
    def day_of_year(self) -> int:
        return self.local.timetuple().tm_yday

    @property
    def weekday(self) -> int:
        return self.local.isoweekday() % 7


def zone_moment(ms: int, zone: Any) -> Moment | None:
    """Return a moment in a zone: UTC for nil, an IANA or legacy name, or the minutes behind UTC.

    Return None if the minutes are no number. Raise LiquidError for an unknown name.
    """
    if js.is_nil(zone):
        offset, name = 0, "UTC"
    elif isinstance(zone, str):
        offset, name = _zone_offset(zone, ms), zone
    else:
        minutes = js.to_number(zone)
        if minutes != minutes or abs(minutes) > 1e9:
            return None
        offset, name = -int(minutes), ""
    days, day_ms = divmod(ms + offset * MINUTE_MS, DAY_MS)
    year, month, day = civil_from_days(days)
    local = datetime(2000 + year % 400, month, day) + timedelta(milliseconds=day_ms)
    return Moment(ms, offset, name, year, local)


_PSEUDO_ZONES = frozenset({"Factory", "localtime", "posixrules"})
"""Names of the system's database that are not IANA zones."""
_OLD_NAMES = {
    "ACT": "Australia/Darwin", "AET": "Australia/Sydney", "AGT": "America/Argentina/Buenos_Aires",
    "ART": "Africa/Cairo", "AST": "America/Anchorage", "BET": "America/Sao_Paulo", "BST": "Asia/Dhaka",
    "CAT": "Africa/Maputo", "CNT": "America/St_Johns", "CST": "America/Chicago", "CTT": "Asia/Shanghai",
    "EAT": "Africa/Nairobi", "ECT": "Europe/Paris", "IET": "America/Indiana/Indianapolis", "IST": "Asia/Kolkata",
    "JST": "Asia/Tokyo", "MIT": "Pacific/Apia", "NET": "Asia/Yerevan", "NST": "Pacific/Auckland", "PLT": "Asia/Karachi",
    "PNT": "America/Phoenix", "PRT": "America/Puerto_Rico", "PST": "America/Los_Angeles", "SST": "Pacific/Guadalcanal",
    "US/Pacific-New": "America/Los_Angeles", "VST": "Asia/Ho_Chi_Minh",
}  # fmt: skip
"""Short names that JavaScript knows besides the database's, with JavaScript's meaning."""


@cache
def _zone_names() -> dict[str, str]:
    names = {name.lower(): name for name in available_timezones() - _PSEUDO_ZONES}
    return names | {name.lower(): zone for name, zone in _OLD_NAMES.items()}


def _zone_offset(name: str, ms: int) -> int:
    zone_name = _zone_names().get(name.lower())
    if zone_name is None:
        raise LiquidError(f"unknown time zone: {name[:50]}")
    try:
        moment = min(max(_EPOCH + timedelta(milliseconds=ms), _EARLIEST), _LATEST)
    except OverflowError:
        moment = _LATEST if ms > 0 else _EARLIEST
    offset = moment.astimezone(ZoneInfo(zone_name)).utcoffset()
    return int(offset.total_seconds() // 60) if offset else 0


def format_moment(context: RenderContext, moment: Moment, form: str) -> str:
    """Format a moment, e.g. by `%-d %B %Y`; unknown directives stay unchanged."""
    parts: list[str] = []
    position = length = 0
    for directive in _DIRECTIVE.finditer(form):
        context.spend(UNITS_PER_DIRECTIVE)
        parts += (form[position : directive.start()], _format(moment, directive))
        context.charge(parts[-1])
        length += len(parts[-1])
        check_length(length)
        position = directive.end()
    return "".join(parts) + form[position:]


def _format(moment: Moment, directive: re.Match[str]) -> str:
    flags, width, conversion = directive[1] or "", directive[2] or "", directive[4]
    if conversion not in _CONVERSIONS and conversion not in "NzZ":
        return directive[0]
    min_width = int(width[:10] or 0)
    check_length(min_width)
    if conversion == "N":
        text = _fraction(moment, min_width)
    elif conversion in "zZ":
        text = (conversion == "Z" and moment.zone) or _offset(moment, flags)
    else:
        text = to_text(_CONVERSIONS[conversion](moment))
    if "^" in flags:
        text = text.upper()
    elif "#" in flags:
        text = text.upper() if any("a" <= letter <= "z" for letter in text) else text.lower()
    return _padded(text, conversion, flags, min_width)


def _padded(text: str, conversion: str, flags: str, min_width: int) -> str:
    width = 0 if "-" in flags else min_width or _WIDTHS.get(conversion, 0)
    pad = " " if conversion in _PADDED_WITH_SPACE else "0"
    if "_" in flags:
        pad = " "
    elif "0" in flags:
        pad = "0"
    if pad == "0" and text.startswith("-"):
        return "-" + text[1:].rjust(width - 1, pad)
    return text.rjust(width, pad)


def _offset(moment: Moment, flags: str) -> str:
    hours, minutes = divmod(abs(moment.offset), 60)
    return f"{'-' if moment.offset < 0 else '+'}{hours:02}{':' if ':' in flags else ''}{minutes:02}"


def _week(moment: Moment, first_day: int) -> str:
    weekday = (moment.weekday - first_day) % 7
    return str((moment.day_of_year - 1 - weekday + 7) // 7)


def _ordinal(moment: Moment) -> str:
    if moment.local.day in (11, 12, 13):
        return "th"
    return {1: "st", 2: "nd", 3: "rd"}.get(moment.local.day % 10, "th")


def _half_day(moment: Moment) -> str:
    return "AM" if moment.local.hour < 12 else "PM"


def _clock(moment: Moment) -> str:
    return f"{moment.local.hour % 12 or 12}:{moment.local.minute:02}:{moment.local.second:02} {_half_day(moment)}"


def _short_date(moment: Moment) -> str:
    return f"{moment.local.month}/{moment.local.day}/{moment.year}"


def _fraction(moment: Moment, width: int) -> str:
    width = width or 9
    return f"{moment.local.microsecond // 1_000:03}"[:width].ljust(width, "0")


_CONVERSIONS: dict[str, Callable[[Moment], object]] = {
    "a": lambda moment: _DAYS[moment.weekday][:3],
    "A": lambda moment: _DAYS[moment.weekday],
    "b": lambda moment: _MONTHS[moment.local.month - 1][:3],
    "B": lambda moment: _MONTHS[moment.local.month - 1],
    "h": lambda moment: _MONTHS[moment.local.month - 1][:3],
    "c": lambda moment: f"{_short_date(moment)}, {_clock(moment)}",
    "C": lambda moment: moment.year // 100,
    "d": lambda moment: moment.local.day,
    "e": lambda moment: moment.local.day,
    "H": lambda moment: moment.local.hour,
    "I": lambda moment: moment.local.hour % 12 or 12,
    "j": lambda moment: moment.day_of_year,
    "k": lambda moment: moment.local.hour,
    "l": lambda moment: moment.local.hour % 12 or 12,
    "L": lambda moment: moment.local.microsecond // 1_000,
    "m": lambda moment: moment.local.month,
    "M": lambda moment: moment.local.minute,
    "p": _half_day,
    "P": lambda moment: _half_day(moment).lower(),
    "q": _ordinal,
    "s": lambda moment: moment.ms // 1_000,
    "S": lambda moment: moment.local.second,
    "u": lambda moment: moment.weekday or 7,
    "U": lambda moment: _week(moment, 0),
    "w": lambda moment: moment.weekday,
    "W": lambda moment: _week(moment, 1),
    "x": _short_date,
    "X": _clock,
    "y": lambda moment: moment.year % 100,
    "Y": lambda moment: moment.year,
    "t": lambda _: "\t",
    "n": lambda _: "\n",
    "%": lambda _: "%",
}
