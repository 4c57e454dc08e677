"""The limit of open descriptors of this process, and its shares.

A process without free descriptors can neither accept a connection nor reach its store, and the event loop does not
report it. So clients never get the last ones: connections beyond `connections` are refused with an answer, and sockets,
which stay open, leave room for requests.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass

MAX_RESERVED = 128
"""Descriptors that a process needs itself: the store's connections, webhooks, listeners, files."""


@dataclass(frozen=True, slots=True)
class DescriptorLimits:
    """The numbers of descriptors below which a connection is served or at least answered, and the most open sockets.

    A new descriptor has the lowest free number, so the number of a connection shows how many are open.
    """

    connections: int
    answers: int
    sockets: int


def share_out(limit: int) -> DescriptorLimits:
    """Return the shares of this many descriptors."""
    reserved = min(limit // 4, MAX_RESERVED)
    return DescriptorLimits(connections=limit - reserved, answers=limit - reserved // 2, sockets=limit - 2 * reserved)


def descriptor_limit() -> int | None:
    """Return how many descriptors this process may have open; None without a limit, or if it cannot be read."""
    if sys.platform == "win32":
        return None
    import resource

    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return None if soft == resource.RLIM_INFINITY else soft
