"""The fewest steps of a sequence with which something still fails."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

T = TypeVar("T")


async def shrink(steps: Sequence[T], fails: Callable[[list[T]], Awaitable[bool]], attempts: int) -> list[T]:
    """Return steps that fail, in their order: halves of the others are left out, then quarters, at last single ones.

    With enough attempts none of them alone could be left out.
    """
    left, size = list(steps), max(1, len(steps) // 2)
    while size:
        start, before = 0, len(left)
        while start < len(left):
            if not attempts:
                return left
            attempts -= 1
            rest = left[:start] + left[start + size :]
            if await fails(rest):
                left = rest
            else:
                start += size
        if size > 1 or len(left) == before:  # single steps are tried until each of them is needed
            size //= 2
    return left
