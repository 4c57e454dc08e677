"""Which links may reach a browser."""

from __future__ import annotations

import re

_DANGEROUS = ("javascript:", "data:", "vbscript:")
_IGNORED = re.compile(r"[\x00-\x20\x7f-\xa0\u200b-\u200f\u2028\u2029\ufeff]+")  # browsers skip these within a scheme


def is_dangerous(url: str) -> bool:
    """Whether the link runs code or carries its own document: `javascript:`, `data:` and `vbscript:`."""
    return _IGNORED.sub("", url).lower().startswith(_DANGEROUS)


def safe_url(url: str) -> str:
    """The link without space around it; empty when it is dangerous."""
    return "" if is_dangerous(url) else url.strip()
