"""Formats that the validator's library lacks in draft 7, or checks differently from ajv-formats."""

from __future__ import annotations

import re
from collections.abc import Callable

from jsonschema_rs import Draft201909Validator

Format = Callable[[str], bool]


def _of_library(name: str) -> Format:
    return Draft201909Validator({"format": name}, validate_formats=True).is_valid


def _full(pattern: str) -> Format:
    compiled = re.compile(pattern, re.ASCII)
    return lambda text: compiled.fullmatch(text) is not None


_date, _time, _date_time, _uri, _uuid = map(_of_library, ("date", "time", "date-time", "uri", "uuid"))
_ISO_ZONE = re.compile(r"(?<=[0-9:])([+-][0-9]{2}):?([0-9]{2})?$")


def _spelled_out(time: str) -> str:
    """Return a time with its offset as `+hh:mm`: ajv-formats also takes `+hhmm` and `+hh`."""
    return _ISO_ZONE.sub(lambda match: f"{match[1]}:{match[2] or '00'}", time)


def _ajv_time(text: str) -> bool:
    return _time(_spelled_out(text))


def _ajv_date_time(text: str) -> bool:
    date, time = text[:10], text[11:]
    return text[10:11] in ("T", "t", " ") and _date(date) and _ajv_time(time)


def _url(text: str) -> bool:
    return re.match(r"(?:https?|ftp)://[^/?#]*\.", text, re.IGNORECASE) is not None and _uri(text)


FORMATS: dict[str, Format] = {
    **dict.fromkeys(("idn-email", "idn-hostname", "iri", "iri-reference"), lambda _: True),  # unknown to ajv-formats
    "time": _ajv_time,
    "date-time": _ajv_date_time,
    "iso-time": lambda text: _ajv_time(text) or _time(f"{text}Z"),
    "iso-date-time": lambda text: _ajv_date_time(text) or _ajv_date_time(f"{text}Z"),
    "duration": _of_library("duration"),
    "uuid": lambda text: _uuid(text.removeprefix("urn:uuid:")),
    "url": _url,
    "byte": _full("(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?"),
    "json-pointer-uri-fragment": _full(r"#(?:/(?:[A-Za-z0-9_.!$&'()*+,;:=@-]|%[0-9A-Fa-f]{2}|~[01])*)*"),
}
