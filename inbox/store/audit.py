"""The audit of counts: what each feed's state counts, beside what is in its rows."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import NamedTuple

from inbox.errors import Contention
from inbox.store import rows
from inbox.store.base import BaseStore
from inbox.store.client import Command
from inbox.store.feed import Feed
from inbox.store.keys import BUCKETS
from inbox.store.moment import read_consistently
from inbox.store.retry import Attempts
from inbox.store.rows import FeedCounts
from inbox.store.scripts import load

_FEED_RECOUNT = load("feed_recount", int)
_BUCKET, _DRIFT = "bucket", "drift"


class Drift(NamedTuple):
    """Counts of a feed that differed from its rows, at one moment, and those of the rows."""

    feed: Feed
    stored: FeedCounts
    counted: FeedCounts


class AuditStore(BaseStore):
    """Recounts feeds, and keeps where the audit is and how many feeds it has corrected so far."""

    async def next_bucket(self) -> int:
        """Return the bucket that is to be audited next; each call takes one, in turn."""
        return (int(await self._client.execute("HINCRBY", self._keys.audit, _BUCKET, 1)) - 1) % BUCKETS

    async def corrected(self) -> int:
        """Return how many feeds were ever corrected."""
        return int(await self._client.execute("HGET", self._keys.audit, _DRIFT) or 0)

    async def check(self, feeds: Sequence[Feed]) -> list[Drift]:
        """Recount feeds of one bucket, read together, and correct the counts that differ from the rows.

        A change meanwhile is no difference: what is compared is of one moment. A feed that keeps changing is left out.
        """
        commands: list[Command] = []
        for feed in feeds:
            commands += [("HGET", feed.keys.state, "p"), ("GET", feed.keys.rows)]
        replies = await self._client.read(commands) if commands else []
        read = zip(feeds, replies[::2], replies[1::2], strict=True)
        # a feed that has changed between its two commands may seem to differ: it is read again
        suspects = [feed for feed, packed, cells in read if packed is not None and _differ(packed, cells)]
        found = [await self._correct(feed) for feed in suspects]
        drifts = [drift for drift in found if drift]
        if drifts:
            await self._client.execute("HINCRBY", self._keys.audit, _DRIFT, len(drifts))
        return drifts

    async def _correct(self, feed: Feed) -> Drift | None:
        """Correct the counts of a feed if they are wrong at one moment; None if they are right, or the feed is gone."""
        keys = feed.keys
        state: Command = ("HGET", keys.state, "p")
        with suppress(Contention):  # the next audit looks at it again
            async for _ in Attempts():
                packed, [cells] = await read_consistently(self._client, state, [("GET", keys.rows)])
                if packed is None or not _differ(packed, cells):
                    return None
                counted = _counted(cells)
                if await self._client.run(_FEED_RECOUNT, [keys.state, keys.log], [packed, *counted]):
                    return Drift(feed, rows.parse_state(packed).counts, counted)
        return None


def _counted(cells: bytes | None) -> FeedCounts:
    return rows.count_flags(rows.flags_of(cells or b""))


def _differ(packed: bytes, cells: bytes | None) -> bool:
    return rows.parse_state(packed).counts != _counted(cells)
