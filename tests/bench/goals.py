"""What the store may cost at most (Must) and should cost (Goal)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Bound:
    """Upper limits of a figure, in the figure's own unit."""

    must: float
    goal: float

    def verdict(self, figure: float) -> str:
        if figure <= self.goal:
            return "Goal met"
        return "Must met" if figure <= self.must else "missed"


CPU = {
    "append": Bound(2.8, 2.4),
    "mark one": Bound(2.4, 2.0),
    "mark all": Bound(2.4, 2.0),
    "unseen count": Bound(0.2, 0.15),
    "newest 10": Bound(2.2, 1.9),
    "newest 10 unread, scattered": Bound(4.2, 3.5),
}
"""Redis CPU as times the bare script, at the usual length of a feed."""

GROWTH = Bound(2.0, 1.3)
"""The ratio to the bare script at 10,000 messages over that at 100."""

LONG_FEED = {"valkey": Bound(1.7, 1.4), "redis7": Bound(1.7, 1.55)}
"""Memory of a feed of 100 messages, as times the payload, idempotency keys apart."""

SMALL_FEED_BYTES = Bound(2048, 1228)
"""Memory of a subscriber with one message, without the payload and the idempotency key."""

FILE = Bound(2.2, 1.8)
"""Bytes that an append adds to the append-only file, as times the payload."""

SCRIPT_US = Bound(1000, 1000)
MARK_ALL_US = Bound(100, 100)
"""How long a script may hold the server, and mark all at 10,000 messages."""
