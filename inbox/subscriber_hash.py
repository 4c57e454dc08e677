"""The hashes by which a backend vouches for a page's subscriberId or context.

- plain, as in Novu: hex HMAC-SHA256 of the text under an API key, valid as long as the key;
- bound: `v2.<expiry>.<hex>`, the same HMAC of `inbox.v2 <kind> <application identifier> <expiry> <text>`, valid for one
  kind and environment until `expiry`. No part before the text contains a space, so no two texts collide.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Sequence
from typing import Literal

from inbox.signatures import sign

HashKind = Literal["subscriber", "context"]

_BOUND = re.compile(r"v2\.([0-9]{1,12})\.[0-9a-f]{64}")


def plain_hash(api_key: str, text: str) -> str:
    """Return the plain form: 64 hex characters."""
    return sign(api_key, text).hex()


def bound_hash(api_key: str, kind: HashKind, identifier: str, expiry: int, text: str) -> str:
    """Return the bound form for the environment with this application identifier; `expiry` is in seconds since 1970."""
    return f"v2.{expiry}.{plain_hash(api_key, f'inbox.v2 {kind} {identifier} {expiry} {text}')}"


def is_valid_hash(
    hashed: str, api_keys: Sequence[str], kind: HashKind, identifier: str, text: str, now: float, *, bound_only: bool
) -> bool:
    """Return whether `hashed`, in any case, is an unexpired hash of the text under one of these keys.

    Compare in constant time, with the hash of every key.
    """
    hashed = hashed.lower()
    bound = _BOUND.fullmatch(hashed)
    if bound:
        expiry = int(bound[1])
        expected = [bound_hash(key, kind, identifier, expiry, text) for key in api_keys]
        is_in_time = now < expiry
    else:
        expected = [plain_hash(key, text) for key in api_keys]
        is_in_time = not bound_only
    matches = [hmac.compare_digest(candidate.encode(), hashed.encode()) for candidate in expected]
    return is_in_time and any(matches)
