"""Parses dates as `Date.parse` of V8 does: ISO 8601, else the loose forms of people and mail programs.

Loose forms are e.g. `Tue, 5 Mar 2024 10:00:00 GMT`, `March 5, 2024 3pm`, `3/5/2024`, `2024-03-05 10:00 +0200`. A time
without an offset is UTC.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

MAX_DATE_LENGTH = 200
UNITS_PER_DATE = 200
UNITS_PER_DATE_CHARACTER = 5
MAX_TIME_MS = 8_640_000_000_000_000
"""The last moment that JavaScript can represent."""
DAY_MS = 86_400_000

_ISO = re.compile(
    r"(?P<year>[+-][0-9]{6}|[0-9]{4})(?:-(?P<month>[0-9]{2})(?:-(?P<day>[0-9]{2}))?)?"
    r"(?P<time>[Tt](?P<hour>[0-9]{2}):(?P<minute>[0-9]{2})(?::(?P<second>[0-9]{2})(?:\.(?P<fraction>[0-9]+))?)?"
    r"(?:(?P<zulu>[Zz])|(?P<sign>[+-])(?P<zone_hour>[0-9]{2}):?(?P<zone_minute>[0-9]{2}))?)?"
)
_ISO_DATE_AND_T = re.compile(r"(?:[+-][0-9]{6}|[0-9]{4})(?:-[0-9]{2}){0,2}[Tt](?![A-Za-z])")
_TOKEN = re.compile(r"(?P<number>[0-9]+)|(?P<word>[^\x00-@\s]+)|(?P<space>\s)|(?P<other>.)", re.DOTALL)
_PARENTHESES = re.compile(r"\([^()]*\)?")
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_ZONES = {
    "z": 0, "ut": 0, "utc": 0, "gmt": 0,
    "cdt": -5, "cst": -6, "edt": -4, "est": -5, "mdt": -6, "mst": -7, "pdt": -7, "pst": -8,
}  # fmt: skip
_HALVES = {"am": 0, "pm": 12}


def units_to_parse(text: str) -> int:
    """Return the units of work that parsing a text as a date takes."""
    return UNITS_PER_DATE + (UNITS_PER_DATE_CHARACTER * len(text) if len(text) <= MAX_DATE_LENGTH else 0)


def parse_date(text: str) -> int | None:
    """Return the moment (ms since 1970) that a text names, None if it names none."""
    if len(text) > MAX_DATE_LENGTH:
        return None
    iso = _ISO.fullmatch(text)
    if iso and iso["year"] != "-000000":
        return _iso_moment(iso)
    if _ISO_DATE_AND_T.match(text):
        return None  # V8 does not try the loose forms on a text that is ISO up to the time
    reading = _LooseReading(_tokens(text))
    return reading.moment() if reading.read() else None


def days_from_civil(year: int, month: int, day: int) -> int:
    """Return the days from 1970-01-01 to a day of the Gregorian calendar, in any year."""
    year -= month <= 2
    era, year_of_era = divmod(year, 400)
    day_of_year = (153 * ((month + 9) % 12) + 2) // 5 + day - 1
    return era * 146_097 + year_of_era * 365 + year_of_era // 4 - year_of_era // 100 + day_of_year - 719_468


def civil_from_days(days: int) -> tuple[int, int, int]:
    """Return year, month and day of a day since 1970-01-01, the inverse of `days_from_civil`."""
    era, day_of_era = divmod(days + 719_468, 146_097)
    year_of_era = (day_of_era - day_of_era // 1_460 + day_of_era // 36_524 - day_of_era // 146_096) // 365
    day_of_year = day_of_era - (365 * year_of_era + year_of_era // 4 - year_of_era // 100)
    shifted = (5 * day_of_year + 2) // 153
    month = shifted + 3 if shifted < 10 else shifted - 9
    return year_of_era + era * 400 + (month <= 2), month, day_of_year - (153 * shifted + 2) // 5 + 1


def _iso_moment(iso: re.Match[str]) -> int | None:
    year, month, day = int(iso["year"]), int(iso["month"] or 1), int(iso["day"] or 1)
    clock = [int(iso[name] or 0) for name in ("hour", "minute", "second")]
    clock.append(_milliseconds(iso["fraction"] or ""))
    zone_hour, zone_minute = int(iso["zone_hour"] or 0), int(iso["zone_minute"] or 0)
    if zone_hour > 23 or zone_minute > 59:
        return None
    offset = (zone_hour * 60 + zone_minute) * (-1 if iso["sign"] == "-" else 1)
    return _moment(year, month, day, clock, offset)


def _milliseconds(fraction: str) -> int:
    return int(fraction[:3].ljust(3, "0"))


def _moment(year: int, month: int, day: int, clock: list[int], offset_minutes: int) -> int | None:
    hour, minute, second, ms = clock
    is_midnight = clock == [24, 0, 0, 0]
    if not (1 <= month <= 12 and 1 <= day <= 31) or minute > 59 or second > 59 or (hour > 23 and not is_midnight):
        return None
    minutes = hour * 60 + minute - offset_minutes
    moment = days_from_civil(year, month, day) * DAY_MS + minutes * 60_000 + second * 1_000 + ms
    return moment if -MAX_TIME_MS <= moment <= MAX_TIME_MS else None


DateToken = tuple[str, str]
_END: DateToken = ("end", "")


def _tokens(text: str) -> list[DateToken]:
    """Return the numbers, words, spaces and signs of a text, without remarks in parentheses."""
    while text != (text := _PARENTHESES.sub("", text)):
        pass
    return [(str(token.lastgroup), token[0].lower()) for token in _TOKEN.finditer(text)]


@dataclass(slots=True)
class _LooseReading:
    """The parts of a date that were read so far, in the order of the text."""

    tokens: list[DateToken]
    position: int = 0
    days: list[int] = field(default_factory=list)
    clock: list[int] = field(default_factory=list)
    named_month: int = 0
    half_day: int | None = None
    zone_sign: int = 0
    zone_hour: int | None = None
    zone_minute: int | None = None
    has_number: bool = False

    def read(self) -> bool:
        """Read all tokens. Return False if they are no date."""
        while self.position < len(self.tokens):
            kind, text = self.tokens[self.position]
            self.position += 1
            if kind == "number":
                accepted = self._number(text)
            elif kind == "word":
                accepted = self._word(text)
            elif text in "+-" and (self.clock or self._is_utc()):
                accepted = self._offset(text)
            else:
                accepted = not (text in "+-)" and self.has_number)
            if not accepted:
                return False
        return True

    def moment(self) -> int | None:
        """Return the moment that was read, None if there is no such day or time."""
        if not self.days:
            return None
        year, month, day = self._date()
        if 0 <= year <= 99:
            year += 2000 if year <= 49 else 1900
        clock = self.clock + [0] * (4 - len(self.clock))
        if self.half_day is not None:
            if clock[0] > 12:
                return None
            clock[0] = clock[0] % 12 + self.half_day
        minutes = (self.zone_hour or 0) * 60 + (self.zone_minute or 0)
        return _moment(year, month, day, clock, minutes * (self.zone_sign or 1))

    def _date(self) -> tuple[int, int, int]:
        first, second, third = (*self.days, 1, 1)[:3] if len(self.days) < 3 else self.days
        is_day = 1 <= first <= 31
        if not self.named_month:
            return (third, first, second) if is_day else (first, second, third)
        return (second, self.named_month, first) if is_day else (first, self.named_month, second)

    def _peek(self) -> DateToken:
        return self.tokens[self.position] if self.position < len(self.tokens) else _END

    def _skip(self, sign: str) -> bool:
        if self._peek()[1] != sign:
            return False
        self.position += 1
        return True

    def _is_utc(self) -> bool:
        return self.zone_hour == 0 and self.zone_minute == 0

    def _number(self, text: str) -> bool:
        self.has_number = True
        number = int(text.lstrip("0")[:9] or 0)
        if self._skip(":"):
            self.clock.append(number)
            if self._skip(":"):
                self.clock.append(0)
            return len(self.clock) <= 4
        if self._skip(".") and self._expects_time(number):
            return self._fraction(number)
        if self.zone_hour is not None and self.zone_minute is None and number <= 59:
            self.zone_minute = number
            return True
        if self._expects_time(number):
            self.clock += [number, 0, 0, 0][: 4 - len(self.clock)]
            kind, follows = self._peek()
            return kind in ("end", "space") or follows in ("z", "+", "-")
        self.days.append(number)
        self._skip("-")
        return len(self.days) <= 3

    def _expects_time(self, number: int) -> bool:
        count = len(self.clock)
        return (count in (1, 2) and number <= 59) or (count == 3 and number <= 999)

    def _fraction(self, number: int) -> bool:
        kind, digits = self._peek()
        if kind != "number":
            return False
        self.position += 1
        self.clock.append(number)
        self.clock += [0] * (3 - len(self.clock))
        self.clock = [*self.clock[:3], _milliseconds(digits)]
        return True

    def _word(self, text: str) -> bool:
        if text in _HALVES and self.clock:
            self.half_day = _HALVES[text]
        elif text[:3] in _MONTHS:
            self.named_month = _MONTHS.index(text[:3]) + 1
            self._skip("-")
        elif text in _ZONES and self.has_number:
            self.zone_hour, self.zone_minute = abs(_ZONES[text]), 0
            self.zone_sign = -1 if _ZONES[text] < 0 else 1
        else:
            return not self.has_number and self._peek()[0] != "number"
        return True

    def _offset(self, sign: str) -> bool:
        self.zone_sign = -1 if sign == "-" else 1
        self.has_number = True
        kind, digits = self._peek()
        digits = digits if kind == "number" else ""
        self.position += bool(digits)
        number = int(digits[:9] or 0)
        if self._peek()[1] == ":":
            self.zone_hour, self.zone_minute = number, None
        elif len(digits) in (1, 2):
            self.zone_hour, self.zone_minute = number, 0
        elif len(digits) in (3, 4):
            self.zone_hour, self.zone_minute = divmod(number, 100)
        else:
            return False
        return True
