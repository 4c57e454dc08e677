"""A page costs the same among many as among few, wherever it lies: at a tenth of the full size."""

from __future__ import annotations

import pytest

from .lists import FAMILIES, FEW, Family, page_times

MOST = 3.0


@pytest.mark.parametrize("family", FAMILIES, ids=[family.name for family in FAMILIES])
async def test_a_page_costs_the_same_among_many(family: Family, valkey_url: str) -> None:
    few, many = await page_times(valkey_url, family, (FEW, family.many // 10), rounds=60)
    for name in few:
        assert many[name] < MOST * few[name], f"{name}: {many[name]:.0f} us among many, {few[name]:.0f} us among few"
