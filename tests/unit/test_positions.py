"""Positions: as clients hold them, and as a task notes those of its changes."""

from __future__ import annotations

import asyncio

import pytest

from inbox.store.positions import note_position, noting_positions
from inbox.store.rows import Position

from .fake_feed import feed_named

POSITION = Position(1_764_431_234_567, 42)


def test_a_position_names_its_feed() -> None:
    feed = feed_named(0x3F2A91)
    assert feed.position_text(POSITION) == "1764431234567.3f2a91-42"
    assert feed.parse_position("1764431234567.3f2a91-42") == POSITION
    assert feed_named(7).parse_position("1764431234567.3f2a91-42") is None


@pytest.mark.parametrize(
    "text",
    [
        *("", "-", "1-1", "1.1", ".1-1", "1.-1", "1.1-", "1.1-1-1", " 1.1-1", "1.1-1\n", "1.1--1", "1.01-1", "1.1-1x"),
        *("x.1-1", "1.1-" + "9" * 20, "9" * 20 + ".1-1", "\u0661.1-1", "1.1-\u0661"),
    ],
)
def test_any_other_text_is_no_position(text: str) -> None:
    assert feed_named(1).parse_position(text) is None


async def test_a_task_notes_the_changes_of_one_feed() -> None:
    async def change(counter: int) -> list[Position]:
        with noting_positions(7) as positions:
            await asyncio.sleep(0)
            note_position(7, Position(1, counter))
            note_position(8, Position(1, 99))
            note_position(7, None)
            await asyncio.sleep(0)
        note_position(7, Position(1, 100))
        return positions

    assert await asyncio.gather(change(1), change(2)) == [[Position(1, 1)], [Position(1, 2)]]
