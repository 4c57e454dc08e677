"""A Socket.IO socket takes at most 1.3 times the memory of a plain one, and both are told of each push. At a fifth."""

from __future__ import annotations

from .flavours import measure

MOST = 1.3


async def test_a_flavour_is_a_codec_and_little_more() -> None:
    costs = await measure(sockets=200, rounds=1, pushes=5)
    plain, other = costs["plain"], costs["Socket.IO"]
    assert other.memory_bytes <= MOST * plain.memory_bytes, costs
