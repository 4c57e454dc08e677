"""Rate limits: so many requests a second, minute or hour for each API key and each subscriber; off unless configured.

Windows are fixed, beginning with each whole second, minute or hour: around such a moment a caller may use the limits of
two windows at once. A refused request counts too.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import ceil
from typing import Literal, Self

from inbox.clock import now_seconds
from inbox.errors import TooManyRequests
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
        """`100/second` as a limit; None for none. The settings have checked the form."""
        if text is None:
            return None
        requests, _, unit = text.partition("/")
        return cls(int(requests), SECONDS[unit])


@dataclass(frozen=True, slots=True)
class Allowance:
    """What a caller has used of its limit in the current window."""

    limit: RateLimit
    used: int
    reset_seconds: int

    def check(self) -> None:
        """Raises TooManyRequests for the request that is one too many."""
        if self.used > self.limit.requests:
            raise TooManyRequests(
                f"More than {self.limit.requests} requests in {self.limit.seconds} s", self.reset_seconds
            )

    def headers(self) -> list[tuple[bytes, bytes]]:
        """As the contract names them (rest-server.md §1.1)."""
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

    async def take(self, kind: CallerKind, environment: int, caller: str) -> Allowance | None:
        """Counts one request of a caller: an API key's digest (`key`) or a subscriber's `_id` (`subscriber`).

        None when there is no limit for its kind.
        """
        limit = self._limits[kind]
        if limit is None:
            return None
        now = self._clock()
        window = int(now // limit.seconds)
        name = f"{window}/{limit.seconds}"
        count = await self._counts.add(environment, f"{kind}:{caller}", name, limit.seconds + 1)
        reset = max(1, ceil((window + 1) * limit.seconds - now))
        return Allowance(limit, count, reset)
