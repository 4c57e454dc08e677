"""A page asks no more of the store among many than among few, wherever it lies: at a tenth of the full size."""

from __future__ import annotations

import pytest

from .lists import FAMILIES, FEW, Family, page_work

MORE_COMMANDS = 8
MAX_BYTES = 1.5


@pytest.mark.parametrize("family", FAMILIES, ids=[family.name for family in FAMILIES])
async def test_a_page_costs_the_same_among_many(family: Family, valkey_url: str) -> None:
    few, many = await page_work(valkey_url, family, (FEW, family.many // 10))
    for name in few:
        assert 0 < many[name].commands <= few[name].commands + MORE_COMMANDS, (name, few[name], many[name])
        if family.name != "activities":  # whose index of transactions is read a whole block at a time
            assert 0 < many[name].bytes_read <= MAX_BYTES * few[name].bytes_read, (name, few[name], many[name])
