"""A moment in a zone, and the format directives of `date`."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from inbox.rendering import javascript as js
from inbox.rendering.date_parser import DAY_MS, days_from_civil
from inbox.rendering.liquid.context import Context, LiquidError, check_length
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
    """A moment (ms since 1970), its zone's minutes ahead of UTC and name, and the day and time there."""

    ms: int
    offset: int
    zone: str
    year: int
    month: int
    day: int
    weekday: int
    day_ms: int

    @property
    def hour(self) -> int:
        return self.day_ms // 3_600_000

    @property
    def minute(self) -> int:
        return self.day_ms // MINUTE_MS % 60

    @property
    def second(self) -> int:
        return self.day_ms // 1_000 % 60

    @property
    def day_of_year(self) -> int:
        return days_from_civil(self.year, self.month, self.day) - days_from_civil(self.year, 1, 1) + 1


def zone_moment(ms: int, zone: Any) -> Moment | None:
    """Return a moment in a zone: UTC for none, a name of the IANA's or an old one, or minutes behind UTC.

    None when the minutes are no number. Raise LiquidError for a name that there is not.
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
    return Moment(ms, offset, name, *_civil(days), (days + 4) % 7, day_ms)


_NO_ZONES = frozenset({"Factory", "localtime", "posixrules"})
"""Names of the machine's database that stand for no place."""
_OLD_NAMES = {
    "ACT": "Australia/Darwin", "AET": "Australia/Sydney", "AGT": "America/Argentina/Buenos_Aires",
    "ART": "Africa/Cairo", "AST": "America/Anchorage", "BET": "America/Sao_Paulo", "BST": "Asia/Dhaka",
    "CAT": "Africa/Maputo", "CNT": "America/St_Johns", "CST": "America/Chicago", "CTT": "Asia/Shanghai",
    "EAT": "Africa/Nairobi", "ECT": "Europe/Paris", "IET": "America/Indiana/Indianapolis", "IST": "Asia/Kolkata",
    "JST": "Asia/Tokyo", "MIT": "Pacific/Apia", "NET": "Asia/Yerevan", "NST": "Pacific/Auckland", "PLT": "Asia/Karachi",
    "PNT": "America/Phoenix", "PRT": "America/Puerto_Rico", "PST": "America/Los_Angeles", "SST": "Pacific/Guadalcanal",
    "US/Pacific-New": "America/Los_Angeles", "VST": "Asia/Ho_Chi_Minh",
}  # fmt: skip
"""Short names that JavaScript knows besides the database's; what they mean is what JavaScript takes them for."""


@cache
def _zone_names() -> dict[str, str]:
    names = {name.lower(): name for name in available_timezones() - _NO_ZONES}
    return names | {name.lower(): zone for name, zone in _OLD_NAMES.items()}


def _zone_offset(name: str, ms: int) -> int:
    known = _zone_names().get(name.lower())
    if known is None:
        raise LiquidError(f"unknown time zone: {name[:50]}")
    try:
        moment = min(max(_EPOCH + timedelta(milliseconds=ms), _EARLIEST), _LATEST)
    except OverflowError:
        moment = _LATEST if ms > 0 else _EARLIEST
    offset = moment.astimezone(ZoneInfo(known)).utcoffset()
    return int(offset.total_seconds() // 60) if offset else 0


def _civil(days: int) -> tuple[int, int, int]:
    """Return year, month and day of a count of days since 1970-01-01."""
    era, day_of_era = divmod(days + 719_468, 146_097)
    year_of_era = (day_of_era - day_of_era // 1_460 + day_of_era // 36_524 - day_of_era // 146_096) // 365
    day_of_year = day_of_era - (365 * year_of_era + year_of_era // 4 - year_of_era // 100)
    shifted = (5 * day_of_year + 2) // 153
    month = shifted + 3 if shifted < 10 else shifted - 9
    return year_of_era + era * 400 + (month <= 2), month, day_of_year - (153 * shifted + 2) // 5 + 1


def format_moment(context: Context, moment: Moment, form: str) -> str:
    """Return a moment by a format, e.g. `%-d %B %Y`; unknown directives stay as they are."""
    parts: list[str] = []
    position = length = 0
    for found in _DIRECTIVE.finditer(form):
        context.spend(UNITS_PER_DIRECTIVE)
        parts += (form[position : found.start()], _directive(moment, found))
        context.charge(parts[-1])
        length += len(parts[-1])
        check_length(length)
        position = found.end()
    return "".join(parts) + form[position:]


def _directive(moment: Moment, found: re.Match[str]) -> str:
    flags, width, conversion = found[1] or "", found[2] or "", found[4]
    convert = _CONVERSIONS.get(conversion)
    if convert is None:
        return found[0]
    least = int(width[:10] or 0)
    check_length(least)
    text = convert(moment, flags, least)
    if "^" in flags:
        text = text.upper()
    elif "#" in flags:
        text = text.upper() if any("a" <= letter <= "z" for letter in text) else text.lower()
    return _padded(text, conversion, flags, least)


def _padded(text: str, conversion: str, flags: str, least: int) -> str:
    width = 0 if "-" in flags else least or _WIDTHS.get(conversion, 0)
    pad = " " if conversion in _PADDED_WITH_SPACE else "0"
    if "_" in flags:
        pad = " "
    elif "0" in flags:
        pad = "0"
    if pad == "0" and text.startswith("-"):
        return "-" + text[1:].rjust(width - 1, pad)
    return text.rjust(width, pad)


def _offset(moment: Moment, flags: str, _: int) -> str:
    hours, minutes = divmod(abs(moment.offset), 60)
    return f"{'-' if moment.offset < 0 else '+'}{hours:02}{':' if ':' in flags else ''}{minutes:02}"


def _week(moment: Moment, first_day: int) -> str:
    since = (moment.weekday - first_day) % 7
    return str((moment.day_of_year - 1 - since + 7) // 7)


def _ordinal(moment: Moment) -> str:
    if moment.day in (11, 12, 13):
        return "th"
    return {1: "st", 2: "nd", 3: "rd"}.get(moment.day % 10, "th")


def _half_day(moment: Moment) -> str:
    return "AM" if moment.hour < 12 else "PM"


def _clock(moment: Moment) -> str:
    return f"{moment.hour % 12 or 12}:{moment.minute:02}:{moment.second:02} {_half_day(moment)}"


def _short_date(moment: Moment) -> str:
    return f"{moment.month}/{moment.day}/{moment.year}"


def _fraction(moment: Moment, _: str, width: int) -> str:
    width = width or 9
    return f"{moment.day_ms % 1_000:03}"[:width].ljust(width, "0")


def _plain(convert: Callable[[Moment], object]) -> Callable[[Moment, str, int], str]:
    return lambda moment, _, __: to_text(convert(moment))


_CONVERSIONS: dict[str, Callable[[Moment, str, int], str]] = {
    "a": _plain(lambda moment: _DAYS[moment.weekday][:3]),
    "A": _plain(lambda moment: _DAYS[moment.weekday]),
    "b": _plain(lambda moment: _MONTHS[moment.month - 1][:3]),
    "B": _plain(lambda moment: _MONTHS[moment.month - 1]),
    "h": _plain(lambda moment: _MONTHS[moment.month - 1][:3]),
    "c": _plain(lambda moment: f"{_short_date(moment)}, {_clock(moment)}"),
    "C": _plain(lambda moment: moment.year // 100),
    "d": _plain(lambda moment: moment.day),
    "e": _plain(lambda moment: moment.day),
    "H": _plain(lambda moment: moment.hour),
    "I": _plain(lambda moment: moment.hour % 12 or 12),
    "j": _plain(lambda moment: moment.day_of_year),
    "k": _plain(lambda moment: moment.hour),
    "l": _plain(lambda moment: moment.hour % 12 or 12),
    "L": _plain(lambda moment: moment.day_ms % 1_000),
    "m": _plain(lambda moment: moment.month),
    "M": _plain(lambda moment: moment.minute),
    "N": _fraction,
    "p": _plain(_half_day),
    "P": _plain(lambda moment: _half_day(moment).lower()),
    "q": _plain(_ordinal),
    "s": _plain(lambda moment: moment.ms // 1_000),
    "S": _plain(lambda moment: moment.second),
    "u": _plain(lambda moment: moment.weekday or 7),
    "U": _plain(lambda moment: _week(moment, 0)),
    "w": _plain(lambda moment: moment.weekday),
    "W": _plain(lambda moment: _week(moment, 1)),
    "x": _plain(_short_date),
    "X": _plain(_clock),
    "y": _plain(lambda moment: moment.year % 100),
    "Y": _plain(lambda moment: moment.year),
    "z": _offset,
    "Z": lambda moment, flags, width: moment.zone or _offset(moment, flags, width),
    "t": _plain(lambda _: "\t"),
    "n": _plain(lambda _: "\n"),
    "%": _plain(lambda _: "%"),
}
