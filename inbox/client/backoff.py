"""How long a client waits between two attempts."""

from __future__ import annotations

import random
from dataclasses import dataclass


@dataclass(frozen=True)
class Backoff:
    """Full jitter: a random time up to `base_seconds` doubled with each failure, and up to `cap_seconds`.

    Clients that were cut off together must not come back together.
    """

    base_seconds: float
    cap_seconds: float

    def seconds(self, failures: int) -> float:
        """Return how long to wait after so many failures before the last one."""
        return random.random() * min(self.cap_seconds, self.base_seconds * 2.0 ** min(failures, 32))
