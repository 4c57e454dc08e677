"""The errors of the store's servers: a reply's code decides what it means, never the rest of its text."""

from __future__ import annotations

from inbox import metrics
from inbox.errors import StoreUnavailable, WriteRefused

WRITE_REFUSED = frozenset({"OOM", "MISCONF", "READONLY", "NOREPLICAS"})
"""The server reads but does not write: full, its disk fails, a replica, too few replicas."""
UNAVAILABLE = frozenset(
    {
        *("LOADING", "BUSY", "MASTERDOWN", "CLUSTERDOWN", "TRYAGAIN", "MOVED", "ASK"),
        *("NOAUTH", "WRONGPASS", "NOPERM"),
        "EXECABORT",
    }
)
"""The server cannot run the command now, or not for this user; nothing has changed.

EXECABORT: the server became full or read-only after it had queued a transaction. A command that it refuses to queue is
raised in its place (`topology.unit_replies`).
"""
NEEDS_LOGIN = frozenset({"NOAUTH", "WRONGPASS"})


_COUNTED = WRITE_REFUSED | UNAVAILABLE | {"NOSCRIPT", "ERR", "WRONGTYPE", "CROSSSLOT"}


class ReplyError(Exception):
    """A server's error reply. `code` is its first word, e.g. `NOSCRIPT`."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.code = text.partition(" ")[0]
        metrics.STORE_ERRORS.add((self.code if self.code in _COUNTED else "other",))


class ConnectionLost(Exception):
    """A server is unreachable, or the connection broke. A command that was sent may have been carried out."""


def as_unavailable(error: Exception) -> StoreUnavailable | None:
    """Return what a caller is to raise for a failure of the store, or None for a reply that shows a defect."""
    if isinstance(error, ReplyError):
        if error.code in WRITE_REFUSED:
            return WriteRefused(error.code)
        return StoreUnavailable() if error.code in UNAVAILABLE else None
    return StoreUnavailable() if isinstance(error, ConnectionLost) else None
