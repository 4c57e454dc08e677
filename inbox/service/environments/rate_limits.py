"""Rate limits of requests a second, minute or hour for each API key and each subscriber; off unless configured.

Windows are fixed and begin with each whole second, minute or hour, so a caller may use the limits of two windows around
such a moment. A refused request counts too.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import ceil
from typing import Literal, Self

from inbox.clock import now_seconds
from inbox.errors import TooManyRequests, WriteRefused
from inbox.store.request_counts import RequestCounts

CallerKind = Literal["key", "subscriber"]

SECONDS = {"second": 1, "minute": 60, "hour": 3600}


@dataclass(frozen=True, slots=True)
class RateLimit:
    """At most `requests` in every window of `seconds`."""

    requests: int
    seconds: int

    @classmethod
    def parse(cls, text: str | None) -> Self | None:
        """Parse `100/second`; None stands for no limit. The settings have checked the form."""
        if text is None:
            return None
        requests, _, unit = text.partition("/")
        return cls(int(requests), SECONDS[unit])


@dataclass(frozen=True, slots=True)
class Allowance:
    """A caller's use of its limit in the current window."""

    limit: RateLimit
    used: int
    reset_seconds: int

    def check(self) -> None:
        """Raise TooManyRequests if the limit is exceeded."""
        if self.used > self.limit.requests:
            raise TooManyRequests(
                f"More than {self.limit.requests} requests in {self.limit.seconds} s", self.reset_seconds
            )

    def headers(self) -> list[tuple[bytes, bytes]]:
        """Return the `RateLimit-…` headers that Novu's clients read."""
        values = {
            b"ratelimit-limit": self.limit.requests,
            b"ratelimit-remaining": max(0, self.limit.requests - self.used),
            b"ratelimit-reset": self.reset_seconds,
            b"ratelimit-policy": f"{self.limit.requests};w={self.limit.seconds}",
        }
        return [(name, str(value).encode()) for name, value in values.items()]


class RateLimiter:
    """Counts requests against the limits."""

    def __init__(
        self,
        counts: RequestCounts,
        per_key: RateLimit | None,
        per_subscriber: RateLimit | None,
        clock: Callable[[], float] = now_seconds,
    ) -> None:
        self._counts = counts
        self._limits: dict[CallerKind, RateLimit | None] = {"key": per_key, "subscriber": per_subscriber}
        self._clock = clock

    def limits(self, kind: CallerKind) -> bool:
        """Return whether callers of this kind have a limit."""
        return self._limits[kind] is not None

    async def take(self, kind: CallerKind, environment: int, caller: str) -> Allowance | None:
        """Count one request of a caller: an API key's digest (`key`) or a subscriber's `_id` (`subscriber`).

        Return None when there is no limit for its kind, or when the store takes no changes: requests that only read
        go on then, uncounted.
        """
        limit = self._limits[kind]
        if limit is None:
            return None
        now = self._clock()
        window = int(now // limit.seconds)
        name = f"{window}/{limit.seconds}"
        try:
            count = await self._counts.add(environment, f"{kind}:{caller}", name, limit.seconds + 1)
        except WriteRefused:
            return None
        reset = max(1, ceil((window + 1) * limit.seconds - now))
        return Allowance(limit, count, reset)
