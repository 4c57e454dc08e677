"""The checks of single settings. Each returns the value in the form that is used, or raises what is wrong with it."""

from __future__ import annotations

import ipaddress
import re
from typing import Any
from urllib.parse import SplitResult, urlsplit

from pydantic import SecretStr
from pydantic_core import PydanticCustomError

from inbox.origins import parse_setting

REDIS_SCHEMES = ("redis", "rediss", "unix", "redis+sentinel", "rediss+sentinel", "redis+cluster", "rediss+cluster")
SECRET_KEY_LENGTH = 32
KEYLESS = "pk_keyless_"
BASE_PATH = re.compile(r"(/(?!\.{1,2}(/|$))[A-Za-z0-9._~-]+)+")
RATE = re.compile(r"[1-9][0-9]{0,8}/(second|minute|hour)")


def problem(message: str) -> PydanticCustomError:
    """Return the error of a value; the message has no value, which may be a secret."""
    return PydanticCustomError("setting", "{message}", {"message": message})


def lower_case(value: Any) -> Any:
    return value.lower() if isinstance(value, str) else value


def origins(value: Any) -> Any:
    return tuple(map(_origin, _items(value)))


def networks(value: Any) -> Any:
    return None if value is None else tuple(map(_network, _items(value)))


def base_path(value: str) -> str:
    path = value.rstrip("/")
    if path and not BASE_PATH.fullmatch(path):
        raise problem("must be a path like /inbox, of letters, digits, -, _, . and ~")
    return path


def redis_url(value: str | None) -> str | None:
    if value is None:
        return None
    parts = _split_url(value)
    if parts.scheme not in REDIS_SCHEMES:
        raise problem("must begin with one of " + ", ".join(f"{scheme}://" for scheme in REDIS_SCHEMES))
    if parts.scheme == "unix":
        if not parts.path:
            raise problem("must name a socket: unix:///path/to/redis.sock")
        return value
    for host in parts.netloc.rpartition("@")[2].split(","):
        try:
            _ = _split_url(f"//{host}").port
        except ValueError as error:
            raise problem("holds a port that is no number from 0 to 65535") from error
    return value


def rate(value: str | None) -> str | None:
    if value is not None and not RATE.fullmatch(value):
        raise problem("must be a number per second, minute or hour, like 100/second")
    return value


def key_prefix(value: str) -> str:
    if any(char in "{}" or char.isspace() or not char.isprintable() for char in value):
        raise problem("may not hold {, }, spaces or control characters")
    return value


def credential(value: SecretStr | str | None) -> SecretStr | str | None:
    text = value.get_secret_value() if isinstance(value, SecretStr) else value
    if text is not None and not (text and text.isascii() and text.isprintable() and " " not in text):
        raise problem("must be of printable ASCII characters without spaces")
    return value


def application_identifier(value: str | None) -> str | None:
    if value is not None and value.startswith(KEYLESS):
        raise problem(f"may not begin with {KEYLESS}: clients of the original take it for a trial session")
    return value


def secret_key(value: SecretStr | None) -> SecretStr | None:
    if value is not None and len(value.get_secret_value()) < SECRET_KEY_LENGTH:
        raise problem(f"must be at least {SECRET_KEY_LENGTH} characters long")
    return value


def _items(value: Any) -> list[str]:
    """Return the items of a list in a variable, which commas separate, or of a sequence."""
    items = value.split(",") if isinstance(value, str) else value
    return [item.strip() for item in items if item.strip()]


def _origin(text: str) -> str:
    try:
        return parse_setting(text)
    except ValueError as error:
        raise problem(str(error)) from error


def _network(text: str) -> str:
    try:
        return str(ipaddress.ip_network(text))
    except ValueError:
        raise problem(f"{text} is no address and no network, like 10.0.0.0/8") from None


def _split_url(text: str) -> SplitResult:
    try:
        return urlsplit(text)
    except ValueError as error:
        raise problem("is no valid URL") from error
