"""Settings as text, without their secrets."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from pydantic import SecretStr

MASK = "********"


def mask_url(url: str) -> str:
    """Return the URL with the password masked, also in its query."""
    parts = urlsplit(url)
    credentials, at, host = parts.netloc.rpartition("@")
    user, colon, _ = credentials.partition(":")
    masked = f"{parts.scheme}://{user}{colon}{MASK if colon else ''}{at}{host}{parts.path}"
    query = [(key, MASK if "pass" in key.lower() else value) for key, value in parse_qsl(parts.query)]
    return f"{masked}?{urlencode(query, safe='*/')}" if query else masked


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
