"""Which links may reach a browser."""

from __future__ import annotations

import re

BLOCKED_SCHEMES = frozenset({"javascript", "data", "vbscript", "blob", "file", "filesystem", "view-source", "about"})
"""What runs code or carries its own document; an app's own scheme (`myapp:`) is let through."""

_SCHEME = re.compile(r"([a-z][a-z0-9+.-]*):", re.IGNORECASE)
_INVISIBLE = re.compile(r"[\s\x00-\x20\x7f-\xa0\u200b-\u200f\u2028\u2029\u2060\ufeff]+")


def safe_url(url: str) -> str:
    """The link without space around it; empty when its scheme is a blocked one.

    A link without a scheme is relative and stays. The scheme is judged without what a browser, or whoever trims the
    link later, would skip within it.
    """
    found = _SCHEME.match(_INVISIBLE.sub("", url))
    return url.strip() if found is None or found[1].lower() not in BLOCKED_SCHEMES else ""
