"""Which links may reach a browser."""

from __future__ import annotations

import re

BLOCKED_SCHEMES = frozenset({"javascript", "data", "vbscript", "blob", "file", "filesystem", "view-source", "about"})
"""What runs code or carries its own document; an app's own scheme (`myapp:`) is let through."""

_SCHEME = re.compile(r"([a-z][a-z0-9+.-]*):", re.IGNORECASE)
_INVISIBLE = re.compile(r"[\s\x00-\x20\x7f-\xa0\u200b-\u200f\u2028\u2029\u2060\ufeff]+")
_OTHER_SITE = re.compile(r"[\\/][\\/]")


class UnsafeLink(ValueError):
    """A link that may not reach a browser; the message says why."""


def is_path(template: str) -> bool:
    """Return whether a link's template begins as a path of the same site: with one `/`."""
    return template.lstrip()[:1] == "/" and not template.lstrip().startswith("//")


def check_link(url: str, *, is_path: bool = False) -> str:
    """Return the link without space around it.

    Raise UnsafeLink when its scheme is blocked, or when it should be a path (`is_path`) and a value made it lead to
    another site: to browsers a backslash is a slash, and two of them at the beginning name a host. The link is judged
    without the characters that a browser, or a program that trims the link later, removes from it.
    """
    visible = _INVISIBLE.sub("", url)
    scheme = _SCHEME.match(visible)
    if scheme and scheme[1].lower() in BLOCKED_SCHEMES:
        raise UnsafeLink(f"a link must not be of the kind {scheme[1].lower()}:")
    if is_path and visible and (visible[0] != "/" or _OTHER_SITE.match(visible)):
        raise UnsafeLink("its template is a path of the same site, this leads to another one")
    return url.strip()
