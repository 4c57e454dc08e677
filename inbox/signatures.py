"""HMAC-SHA-256, for tokens of sessions and the hashes by which backends vouch for a page."""

from __future__ import annotations

import hmac
from functools import lru_cache

KEYS = 256


def sign(key: str, text: str) -> bytes:
    """Return the HMAC-SHA-256 of a text: 32 bytes."""
    signature = _keyed(key).copy()
    signature.update(text.encode())
    return signature.digest()


@lru_cache(KEYS)
def _keyed(key: str) -> hmac.HMAC:
    """Return the beginning of all signatures with a key, which is half of the work."""
    return hmac.new(key.encode(), digestmod="sha256")
