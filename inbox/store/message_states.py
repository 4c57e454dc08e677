"""The state of messages that earlier steps of a run gave: what its later steps ask for as `steps.<stepId>`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from inbox.models.dates import iso
from inbox.models.message import ACTION_STATUS, ACTION_TYPE
from inbox.store import rows, scripts, snoozes
from inbox.store.client import Client, Command
from inbox.store.feed import Feed
from inbox.store.feeds import FeedStore
from inbox.store.keys import IDEMPOTENCY_TTL_SECONDS, Keys
from inbox.store.rows import ARCHIVED, SNOOZED, UNREAD, UNSEEN, Side


@dataclass(frozen=True, slots=True)
class StepMessages:
    """The messages that steps of a transaction gave a feed."""

    feed: Feed
    transaction_id: str
    step_ids: Sequence[str]


@dataclass(frozen=True, slots=True)
class MessageState:
    """A message's flags, and when they changed and what was pressed."""

    flags: int
    side: Side


class MessageStates:
    """Reads the states of messages by the steps that gave them."""

    def __init__(self, client: Client, keys: Keys, feeds: FeedStore) -> None:
        self._client = client
        self._keys = keys
        self._feeds = feeds

    async def read(self, wanted: Sequence[StepMessages]) -> list[dict[str, MessageState]]:
        """Return by step the messages that are there, for each of the wanted, in one round trip.

        A step that gave none, or whose message was deleted, is left out.
        """
        replies = await self._run(wanted)
        due = [index for index, reply in enumerate(replies) if reply and _is_due(reply)]
        if due:
            for index in due:
                await self._feeds.wake(wanted[index].feed)
            again = await self._run([wanted[index] for index in due])
            for index, reply in zip(due, again, strict=True):
                replies[index] = reply
        return [_states(one, reply) if reply else {} for one, reply in zip(wanted, replies, strict=True)]

    async def release(self, wanted: Sequence[StepMessages]) -> None:
        """Keep no longer than any other transaction's what leads from these steps to their messages."""
        commands: list[Command] = [
            ("EXPIRE", key, IDEMPOTENCY_TTL_SECONDS, "LT") for one in wanted for key in self._delivered(one)
        ]
        if commands:
            await self._client.batch(commands)

    async def _run(self, wanted: Sequence[StepMessages]) -> list[list[Any]]:
        calls = [(self._keys_of(one), [one.feed.subscriber_oid]) for one in wanted]
        return list(await self._client.run_many(scripts.MESSAGE_STATES, calls)) if calls else []

    def _keys_of(self, one: StepMessages) -> list[str]:
        keys = one.feed.keys
        return [keys.state, keys.rows, keys.side, keys.stamps, *self._delivered(one)]

    def _delivered(self, one: StepMessages) -> list[str]:
        bucket = self._keys.bucket(one.feed.environment, one.feed.bucket)
        return [bucket.delivered(one.transaction_id, step_id, one.feed.number) for step_id in one.step_ids]


def message_state_view(state: MessageState | None) -> Mapping[str, Any]:
    """Return what conditions and templates see of an in-app step; None: it has no message."""
    flags, side = (state.flags, state.side) if state else (UNSEEN | UNREAD, rows.UNTOUCHED)
    status, kind = side.action[:1].decode(), side.action[1:2].decode()
    return {
        "seen": not flags & UNSEEN,
        "read": not flags & UNREAD,
        "archived": bool(flags & ARCHIVED),
        "snoozed": bool(flags & SNOOZED),
        "lastSeenDate": iso(side.dates.last_seen) if side.dates.last_seen else None,
        "lastReadDate": iso(side.dates.last_read) if side.dates.last_read else None,
        "action": {"status": ACTION_STATUS.get(status), "type": ACTION_TYPE.get(kind)},
    }


def _is_due(reply: list[Any]) -> bool:
    return snoozes.is_due(rows.parse_state(reply[0], reply[1]))


def _states(one: StepMessages, reply: list[Any]) -> dict[str, MessageState]:
    stamps = [rows.parse_stamp(raw) for raw in reply[2]]
    states: dict[str, MessageState] = {}
    for step, stored, row, cell, raw_side in reply[3]:
        side = rows.resolve_side(row, raw_side or None, stamps)
        if row == stored or side.moved_from == stored:  # the row may have been given to another since
            states[one.step_ids[step - 1]] = MessageState(cell[0], side)
    return states
