"""Failing sequences are made as short as they can be."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from .shrinking import shrink


@given(st.integers(1, 60), st.data())
async def test_only_what_is_needed_is_left(length: int, data: st.DataObject) -> None:
    needed = data.draw(st.sets(st.integers(0, length - 1)))

    async def fails(steps: list[int]) -> bool:
        return needed <= set(steps)

    assert await shrink(range(length), fails, 1_000) == sorted(needed)


async def test_a_step_that_another_one_held_is_left_out_later() -> None:
    """The first one may only go once the second has gone."""

    async def fails(steps: list[int]) -> bool:
        return 2 in steps and (0 in steps or 1 not in steps)

    assert await shrink(range(3), fails, 100) == [2]


async def test_the_attempts_are_bounded() -> None:
    tried: list[list[int]] = []

    async def fails(steps: list[int]) -> bool:
        tried.append(steps)
        return bool(steps)

    assert await shrink(range(64), fails, 3) == [*range(48, 64)]
    assert len(tried) == 3
