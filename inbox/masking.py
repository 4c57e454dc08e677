"""Settings as text, without their secrets."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import unquote

from pydantic import SecretStr

MASK = "********"
_PASSWORD = re.compile(r"(//[^:/?#]*:)[^/?#]*@")
_PARAMETER = re.compile(r"([?&][^=&#]*)=[^&#]*")


def mask_url(url: str) -> str:
    """Return the URL with the password masked, also in its query."""
    return _PARAMETER.sub(_masked, _PASSWORD.sub(rf"\1{MASK}@", url, count=1))


def _masked(parameter: re.Match[str]) -> str:
    return f"{parameter[1]}={MASK}" if "pass" in unquote(parameter[1]).lower() else parameter[0]


def show_value(value: Any) -> str:
    """Return a setting's value as its variable would have it, a secret masked."""
    if value is None:
        return ""
    if isinstance(value, SecretStr):
        return MASK
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:g}"
    return ",".join(value) if isinstance(value, tuple) else str(value)
