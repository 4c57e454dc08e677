"""The hashes by which a backend vouches for what a page says: who it is, and in which context (rest-inbox.md §3).

- plain, as the original has it: hex HMAC-SHA256 of the text under an API key; it is valid as long as the key;
- bound, ours: `v2.<expiry>.<hex>`, the same HMAC of `inbox.v2 <kind> <application identifier> <expiry> <text>`, the
  expiry in seconds since 1970, the kind `subscriber` or `context`. It opens nothing in another environment or after its
  time, and one of the one kind is none of the other. No part before the text can hold a space: no two texts collide.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Sequence
from typing import Literal

Kind = Literal["subscriber", "context"]

_BOUND = re.compile(r"v2\.([0-9]{1,12})\.[0-9a-f]{64}")


def plain_hash(api_key: str, text: str) -> str:
    """The plain form: 64 hex characters."""
    return hmac.new(api_key.encode(), text.encode(), hashlib.sha256).hexdigest()


def bound_hash(api_key: str, kind: Kind, identifier: str, expiry: int, text: str) -> str:
    """The bound form, for the environment with this application identifier and until `expiry` (seconds since 1970)."""
    return f"v2.{expiry}.{plain_hash(api_key, f'inbox.v2 {kind} {identifier} {expiry} {text}')}"


def is_valid_hash(
    given: str, api_keys: Sequence[str], kind: Kind, identifier: str, text: str, now: float, *, bound_only: bool
) -> bool:
    """Whether `given`, in any case, is a hash of the text under one of these keys and has not expired.

    Compared in constant time, with the hash of every key.
    """
    given = given.lower()
    bound = _BOUND.fullmatch(given)
    if bound:
        expiry = int(bound[1])
        expected = [bound_hash(key, kind, identifier, expiry, text) for key in api_keys]
        is_in_time = now < expiry
    else:
        expected = [plain_hash(key, text) for key in api_keys]
        is_in_time = not bound_only
    matches = [hmac.compare_digest(one.encode(), given.encode()) for one in expected]
    return is_in_time and any(matches)
