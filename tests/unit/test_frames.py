"""The frames that a server sends, at the lengths where their heads change."""

from __future__ import annotations

import pytest

from inbox.realtime.frames import text_frame


@pytest.mark.parametrize(
    ("length", "head"),
    [
        (0, "8100"),
        (125, "817d"),
        (126, "817e007e"),
        (65_535, "817effff"),
        (65_536, "817f0000000000010000"),
    ],
)
def test_the_head_has_the_length_in_the_shortest_form(length: int, head: str) -> None:
    payload = b"x" * length
    assert text_frame(payload) == bytes.fromhex(head) + payload
