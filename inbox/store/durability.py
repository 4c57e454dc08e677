"""The durability of the user's own Redis, read from its CONFIG at start and logged."""

from __future__ import annotations

import logging

from inbox.errors import StoreUnavailable
from inbox.store.client import Client
from inbox.store.connection.errors import ReplyError

log = logging.getLogger(__name__)

_NAMES = ("maxmemory-policy", "appendonly", "appendfsync", "save")


async def report_durability(client: Client) -> None:
    """Log how the store persists data; warn if it may evict messages or loses them at a restart."""
    try:
        pairs = [await client.config_get(name) for name in _NAMES]
    except (ReplyError, StoreUnavailable):
        log.info("the store does not tell its configuration", extra={"action": "durability_unknown"})
        return
    policy, append_only, fsync, save = pairs
    kept = f"append-only file, fsync {fsync}" if append_only == "yes" else f"snapshots ({save})" if save else "nothing"
    log.info("the store keeps: %s", kept, extra={"action": "durability"})
    if policy != "noeviction":
        log.warning(
            "the store may evict messages: set maxmemory-policy to noeviction (it is %s)",
            policy,
            extra={"action": "durability_warning"},
        )
    if append_only != "yes" and not save:
        log.warning("the store keeps nothing over a restart", extra={"action": "durability_warning"})
