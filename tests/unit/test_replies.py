"""Replies of scripts as the store reads them."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest

from inbox.store.client import Client, PendingReplies, pairs
from inbox.store.replies import MESSAGE_APPEND, MESSAGE_COLLAPSE, AppendReply, ChangeReply, ChangeStatus, change_reply
from inbox.store.rows import Position


@pytest.mark.parametrize(
    ("raw", "reply"),
    [
        ([1, b"1700000000123-7", 5, 0], AppendReply("stored", 5, 1_700_000_000_123)),
        ([1, b"1700000000123-7", 5, 1], AppendReply("stored", 5, 1_700_000_000_123, has_due_snooze=True)),
        ([1, b"1700000000123-7", 5, 2, 3, b"abc"], AppendReply("stored", 5, 1_700_000_000_123, False, True, 3, b"abc")),
        ([0, b"again", 4], AppendReply("again", 4)),
        ([0, b"suppressed"], AppendReply("suppressed")),
        ([0, b"count", 2], AppendReply("count", key_count=2)),
        ([-1], AppendReply("gone")),
    ],
)
def test_a_collapsing_append_has_named_results(raw: list[Any], reply: AppendReply) -> None:
    assert MESSAGE_COLLAPSE.decode(raw) == reply


def test_appends_have_named_results_in_order() -> None:
    raw = [1, 5, 1_700_000_000_123, 3, 2, 4, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0]
    assert MESSAGE_APPEND.decode(raw) == [
        AppendReply("stored", 5, 1_700_000_000_123, has_due_snooze=True, is_too_long=True),
        AppendReply("again", 4),
        AppendReply("suppressed"),
        AppendReply("gone"),
    ]


@pytest.mark.parametrize(
    ("raw", "reply"),
    [
        ([1, b""], ChangeReply(ChangeStatus.DONE)),
        ([1, b"5-2", 3, [7, 9]], ChangeReply(ChangeStatus.DONE, Position(5, 2), 3, [7, 9])),
        ([0], ChangeReply(ChangeStatus.GONE)),
        ([0, b"due"], ChangeReply(ChangeStatus.DUE)),
        ([0, b"retry"], ChangeReply(ChangeStatus.MOVED_ON)),
    ],
)
def test_a_change_has_named_results(raw: list[Any], reply: ChangeReply) -> None:
    assert change_reply(raw) == reply


def test_fields_and_values_are_paired() -> None:
    assert pairs([b"a", b"1", b"b", b"2"]) == {b"a": b"1", b"b": b"2"}
    assert pairs([]) == {}


@pytest.mark.parametrize("is_dropped", [False, True])
async def test_replies_that_are_dropped_call_nobody_back_even_if_they_have_come(is_dropped: bool) -> None:
    loop = asyncio.get_running_loop()
    future: asyncio.Future[Any] = loop.create_future()
    pending, taken, passed = PendingReplies(cast(Client, None), [], future), list[Any](), asyncio.Event()
    pending.call_back(taken.append)
    future.add_done_callback(lambda _: passed.set())
    future.set_result([b"a", b"b"])
    if is_dropped:
        pending.drop()
    await passed.wait()
    assert taken == ([] if is_dropped else [[b"a", b"b"]])
