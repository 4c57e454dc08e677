"""Read several keys as of one moment without MULTI, which a full Redis refuses even for reads."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from inbox.errors import Contention
from inbox.store.client import Client, Command
from inbox.store.retry import Attempts


async def read_consistently(client: Client, version: Command, reads: Sequence[Command]) -> tuple[Any, list[Any]]:
    """Return the replies to `version` and to the reads, all of one moment.

    `version` must read a small value that every change of the others sets to one that it never had before. One batch
    reads it first and last, and is repeated if the two differ. Raise Contention, after too many repetitions, and
    StoreUnavailable.
    """
    async for _ in Attempts():
        before, *replies, after = await client.read([version, *reads, version])
        if before == after:
            return before, replies
    raise Contention
