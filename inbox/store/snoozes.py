"""Snoozes that have ended. Each feed's state has the end of its next one, so that readers see whether one is due."""

from __future__ import annotations

from inbox.clock import now_ms
from inbox.store import rows
from inbox.store.client import Client
from inbox.store.keys import BucketKeys, FeedKeys
from inbox.store.replies import ChangeStatus, change_reply
from inbox.store.rows import SNOOZED, FeedState, Select, Stamp
from inbox.store.scripts import load

MAX_WOKEN_AT_ONCE = 20
_SIDES_AT_ONCE = 500
_SNOOZED = Select(SNOOZED, SNOOZED)
_FEED_WAKE = load("feed_wake", change_reply)


def is_due(state: FeedState) -> bool:
    """Return whether a snooze of the feed may have ended by this process's clock; the store's clock decides."""
    return 0 < state.wake_ms <= now_ms()


async def wake(
    client: Client, bucket: BucketKeys, number: int, state: FeedState, flags: bytes, stamps: list[Stamp]
) -> int | None:
    """Move messages whose snooze has ended to the top, the earliest first, at most 20, and return their number.

    State, flags and stamps must be of one moment; None if the feed has moved on since.
    """
    keys = bucket.feed(number)
    ends = sorted((end, row) for row, end in (await _ends(client, keys, state, flags, stamps)).items())
    named, later = ends[:MAX_WOKEN_AT_ONCE], ends[MAX_WOKEN_AT_ONCE:]
    reply = await client.run(
        _FEED_WAKE,
        [keys.state, keys.rows, keys.side, keys.log, keys.stamps, keys.stream, bucket.timers, bucket.times],
        [state.position.counter, later[0][0] if later else 0, number, *(row for _, row in named)],
    )
    return None if reply.status is ChangeStatus.MOVED_ON else reply.number


async def _ends(client: Client, keys: FeedKeys, state: FeedState, flags: bytes, stamps: list[Stamp]) -> dict[int, int]:
    """Return the end of each row's snooze (ms since 1970)."""
    snoozed = rows.newest_rows(flags, state.base, _SNOOZED, len(flags), None)
    ends: dict[int, int] = {}
    for start in range(0, len(snoozed), _SIDES_AT_ONCE):
        part = snoozed[start : start + _SIDES_AT_ONCE]
        for row, raw in zip(part, await client.execute("HMGET", keys.side, *part), strict=True):
            ends[row] = rows.resolve_side(row, raw, stamps).dates.snoozed_until
    return ends
