"""Replies that several scripts share: the results of appends and of changes of a feed."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from typing import Any, Literal, NamedTuple, get_args

import msgspec

from inbox.store.rows import Position
from inbox.store.scripts import load

_Outcome = Literal["gone", "stored", "again", "suppressed", "count"]
_OUTCOMES: tuple[_Outcome, ...] = get_args(_Outcome)
"""By the numbers in the replies of `message_append.lua` and `dispatch_append.lua`."""
_WAKE, _TRIM = 1, 2
"""Bits of an append's reply: the maintenance that its feed needs."""


class AppendReply(msgspec.Struct, frozen=True, gc=False):
    """The result of `message_append.lua` or `dispatch_append.lua` for a message, or of `message_collapse.lua`.

    `again`: the message had been stored before, in `row`. `suppressed`: by the subscriber's preference. `count`: its
    collapse key has another `key_count` than the content was rendered with. `gone`: the feed does not exist.
    A stored message may have taken over the id of an earlier one: `id_row` and `id_check` (0 and empty: its own).
    """

    outcome: _Outcome
    row: int = 0
    created_ms: int = 0
    has_due_snooze: bool = False
    is_too_long: bool = False
    id_row: int = 0
    id_check: bytes = b""
    key_count: int = 0

    @property
    def needs_maintenance(self) -> bool:
        """Return whether its feed is to be woken or trimmed."""
        return self.has_due_snooze or self.is_too_long


_SUPPRESSED, _GONE = AppendReply("suppressed"), AppendReply("gone")


def append_replies(raw: Sequence[int]) -> list[AppendReply]:
    """Decode the four numbers of each message."""
    numbers = iter(raw)
    return [
        AppendReply(_OUTCOMES[status], row, created_ms, needs & _WAKE > 0, needs & _TRIM > 0)
        for status, row, created_ms, needs in zip(numbers, numbers, numbers, numbers, strict=True)
    ]


def _collapse_reply(raw: list[Any]) -> AppendReply:
    status = raw[0]
    if status == 1:
        position, row, needs = raw[1:4]
        created_ms = int(position.partition(b"-")[0])
        return AppendReply("stored", row, created_ms, needs & _WAKE > 0, needs & _TRIM > 0, *raw[4:])
    if status < 0:
        return _GONE
    if raw[1] == b"again":
        return AppendReply("again", raw[2])
    return AppendReply("count", key_count=raw[2]) if raw[1] == b"count" else _SUPPRESSED


MESSAGE_APPEND = load("message_append", append_replies)
MESSAGE_COLLAPSE = load("message_collapse", _collapse_reply)


class ChangeStatus(Enum):
    """The status of a change of a feed."""

    DONE = 1
    GONE = 2
    """The feed does not exist."""
    DUE = 3
    """Nothing was changed: a snooze has ended and has to take effect first."""
    MOVED_ON = 4
    """Nothing was changed: the feed has changed since the caller read it."""


class ChangeReply(NamedTuple):
    """The result of a change: its position (None if it changed nothing), `number` of stamps, and the changed rows.

    The number of a wake is that of woken messages.

    A mark of named messages also has the rows' flags now, a byte each, their side records, each after its row, and the
    check bytes of their messages' ids.
    """

    status: ChangeStatus
    position: Position | None = None
    number: int = 0
    rows: Sequence[int] = ()
    flags: bytes = b""
    sides: Sequence[bytes] = ()
    checks: bytes = b""


_REFUSALS = {b"due": ChangeReply(ChangeStatus.DUE), b"retry": ChangeReply(ChangeStatus.MOVED_ON)}
_NO_FEED = ChangeReply(ChangeStatus.GONE)


def change_reply(raw: list[Any]) -> ChangeReply:
    """Decode {1, position, number, rows, flags, sides, checks} (the last five may be missing) | {0, why} | {0}."""
    if raw[0]:
        return ChangeReply(ChangeStatus.DONE, Position.parse(raw[1]) if raw[1] else None, *raw[2:])
    return _REFUSALS[raw[1]] if len(raw) > 1 else _NO_FEED
