"""Snoozes that have ended. Each feed's state names the end of its next one, so that a reading knows what is due."""

from __future__ import annotations

from inbox.clock import now_ms
from inbox.store import rows, scripts
from inbox.store.client import Client
from inbox.store.keys import BucketKeys, FeedKeys
from inbox.store.rows import SNOOZED, Select, Stamp, State

MOST_WOKEN_AT_ONCE = 20
_SIDES_AT_ONCE = 500
_SNOOZED = Select(SNOOZED, SNOOZED)


def is_due(state: State) -> bool:
    """Whether a snooze of the feed may have ended by this process's clock; the store's decides."""
    return 0 < state.wake_ms <= now_ms()


async def wake(
    client: Client, bucket: BucketKeys, number: int, state: State, flags: bytes, stamps: list[Stamp]
) -> int | None:
    """Moves messages whose snooze has ended to the top, the earliest first, at most 20; gives how many.

    State, flags and stamps are those of one moment; None when the feed has moved on since.
    """
    keys = bucket.feed(number)
    ends = sorted((end, row) for row, end in (await _ends(client, keys, state, flags, stamps)).items())
    named, later = ends[:MOST_WOKEN_AT_ONCE], ends[MOST_WOKEN_AT_ONCE:]
    status, *rest = await client.run(
        scripts.FEED_WAKE,
        [keys.state, keys.rows, keys.side, keys.log, keys.stamps, keys.stream, bucket.timers, bucket.times],
        [state.position.counter, later[0][0] if later else 0, number, *(row for _, row in named)],
    )
    if status:
        return int(rest[0])
    return None if rest else 0


async def _ends(client: Client, keys: FeedKeys, state: State, flags: bytes, stamps: list[Stamp]) -> dict[int, int]:
    """When each snoozed row's snooze ends."""
    snoozed = rows.newest_rows(flags, state.base, _SNOOZED, len(flags), None)
    ends: dict[int, int] = {}
    for start in range(0, len(snoozed), _SIDES_AT_ONCE):
        part = snoozed[start : start + _SIDES_AT_ONCE]
        for row, raw in zip(part, await client.execute("HMGET", keys.side, *part), strict=True):
            ends[row] = rows.resolve_side(row, raw, stamps).dates.snoozed_until
    return ends
