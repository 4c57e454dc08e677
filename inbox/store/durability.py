"""What a Redis of the user's own really keeps: read from its CONFIG at start and told in the log."""

from __future__ import annotations

import logging

from redis.exceptions import RedisError

from inbox.errors import StoreUnavailable
from inbox.store.client import Client

log = logging.getLogger(__name__)

_NAMES = ("maxmemory-policy", "appendonly", "appendfsync", "save")


async def report_durability(client: Client) -> None:
    """Logs what the store keeps; warns when it may evict messages or keeps nothing over a restart."""
    try:
        pairs = [await client.config_get(name) for name in _NAMES]
    except (RedisError, StoreUnavailable):
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
