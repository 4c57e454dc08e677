"""The state of messages of earlier steps of a run; later steps read it as `steps.<stepId>`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from inbox.models.dates import iso_or_none
from inbox.store import rows, snoozes
from inbox.store.base import BaseStore
from inbox.store.client import Command
from inbox.store.feed import Feed
from inbox.store.feeds import FeedStore
from inbox.store.keys import IDEMPOTENCY_TTL_SECONDS
from inbox.store.rows import ARCHIVED, SNOOZED, UNREAD, UNSEEN, FeedState, SideRecord
from inbox.store.scripts import load


@dataclass(frozen=True, slots=True)
class StepMessages:
    """The messages in a feed from steps of a transaction."""

    feed: Feed
    transaction_id: str
    step_ids: Sequence[str]


@dataclass(frozen=True, slots=True)
class MessageState:
    """A message's flags, their dates and the pressed button."""

    flags: int
    side: SideRecord


class _StatesReply(NamedTuple):
    """A feed, and of each message its step (from 1), first row, present row, that row's bytes and side record."""

    state: FeedState
    stamps: list[rows.Stamp]
    messages: list[tuple[int, int, int, bytes, bytes]]


def _states_reply(raw: list[Any]) -> _StatesReply | None:
    if not raw:
        return None
    packed, wake, stamps, messages = raw
    return _StatesReply(rows.parse_state(packed, wake), [rows.parse_stamp(stamp) for stamp in stamps], messages)


_MESSAGE_STATES = load("message_states", _states_reply)


@dataclass(eq=False)
class MessageStates(BaseStore):
    """Reads the states of messages by their steps."""

    _feeds: FeedStore

    async def read(self, targets: Sequence[StepMessages]) -> list[dict[str, MessageState]]:
        """Return, for each target, the states of its messages by step, in one round trip.

        A step without a message, or whose message was deleted, is left out.
        """
        replies = await self._run(targets)
        due = [index for index, reply in enumerate(replies) if reply and snoozes.is_due(reply.state)]
        if due:
            for index in due:
                await self._feeds.wake(targets[index].feed)
            again = await self._run([targets[index] for index in due])
            for index, reply in zip(due, again, strict=True):
                replies[index] = reply
        return [_states(one, reply) if reply else {} for one, reply in zip(targets, replies, strict=True)]

    async def release(self, targets: Sequence[StepMessages]) -> None:
        """Reduce the lifetime of the keys of these steps to that of other transactions."""
        commands: list[Command] = [
            ("EXPIRE", key, IDEMPOTENCY_TTL_SECONDS, "LT") for one in targets for key in self._delivered(one)
        ]
        await self._client.batch(commands)

    async def _run(self, targets: Sequence[StepMessages]) -> list[_StatesReply | None]:
        calls = [(self._keys_of(one), [one.feed.subscriber_oid]) for one in targets]
        return await self._client.run_many(_MESSAGE_STATES, calls)

    def _keys_of(self, one: StepMessages) -> list[str]:
        keys = one.feed.keys
        return [keys.state, keys.rows, keys.side, keys.stamps, *self._delivered(one)]

    def _delivered(self, one: StepMessages) -> list[str]:
        bucket = self._bucket(one.feed)
        return [bucket.delivered(one.transaction_id, step_id, one.feed.number) for step_id in one.step_ids]


def message_state_view(state: MessageState | None) -> Mapping[str, Any]:
    """Return the variables of an in-app step for conditions and templates. A step without a message has defaults."""
    flags, side = (state.flags, state.side) if state else (UNSEEN | UNREAD, rows.UNTOUCHED)
    press = rows.parse_press(side.action)
    return {
        "seen": not flags & UNSEEN,
        "read": not flags & UNREAD,
        "archived": bool(flags & ARCHIVED),
        "snoozed": bool(flags & SNOOZED),
        "lastSeenDate": iso_or_none(side.dates.last_seen),
        "lastReadDate": iso_or_none(side.dates.last_read),
        "action": {"status": press and press.status, "type": press and press.type},
    }


def _states(one: StepMessages, reply: _StatesReply) -> dict[str, MessageState]:
    states: dict[str, MessageState] = {}
    for step, stored_row, row, cell, packed_side in reply.messages:
        side = rows.resolve_side(row, packed_side or None, reply.stamps)
        # the row may belong to another message now
        if stored_row in (row, side.moved_from):
            states[one.step_ids[step - 1]] = MessageState(cell[0], side)
    return states
