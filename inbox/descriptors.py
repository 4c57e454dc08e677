"""How many descriptors this process may have open, and how they are shared out.

A process that runs out of them can neither accept a connection nor reach its store, and the loop says nothing about it.
So the last ones are never given to clients: connections beyond `connections` are refused in words, and sockets, which
stay open, leave room for requests.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass

MAX_SPARE = 128
"""Of a process: the store's pool (64), webhooks, listeners, files."""


@dataclass(frozen=True, slots=True)
class Share:
    """Descriptor numbers below which a connection is served, and below which it gets an answer at all; open sockets.

    A new descriptor has the lowest free number, so the number of a connection tells how many are open.
    """

    connections: int
    answers: int
    sockets: int


def share_out(limit: int) -> Share:
    """Return the shares of so many descriptors."""
    spare = min(limit // 4, MAX_SPARE)
    return Share(connections=limit - spare, answers=limit - spare // 2, sockets=limit - 2 * spare)


def descriptor_limit() -> int | None:
    """Return how many descriptors the system lets this process have; None where there is no limit or no telling."""
    if sys.platform == "win32":
        return None
    import resource

    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return None if soft == resource.RLIM_INFINITY else soft
