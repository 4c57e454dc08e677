"""A Socket.IO socket and a push to it cost at most 1.3 times what a plain one does, in the same run, at a fifth."""

from __future__ import annotations

from .flavours import measure

MOST = 1.3


async def test_a_flavour_is_a_codec_and_little_more() -> None:
    costs = await measure(sockets=200, rounds=7, pushes=5)
    plain, other = costs["plain"], costs["Socket.IO"]
    assert other.memory_bytes <= MOST * plain.memory_bytes, costs
    assert other.push_us <= MOST * plain.push_us, costs
