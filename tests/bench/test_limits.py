"""The hot path costs what it did: no trigger, page or push costs 30 % more than when its limit was taken.

A ratio to a bare echo of the same run, not a time. After a change that makes a path faster, take the limits anew:
`python -m tests.bench.limits --write`.
"""

from __future__ import annotations

import sys

import pytest

from .limits import ALLOWED, Figures, open_hot_path, read_figures

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="CPU times come from /proc")


@pytest.mark.needs("valkey")
async def test_the_hot_path_costs_what_it_did() -> None:
    figures = read_figures()
    async with open_hot_path() as path:
        ratios = await path.check(figures)
    assert not figures.exceeded(ratios), f"{ratios} times an echo, where {figures.ratios} were measured before"


def test_a_loss_is_found() -> None:
    figures = Figures("2026-11-30", {"trigger": 10.0, "page": 20.0})
    assert figures.exceeded({"trigger": 9.99 * ALLOWED, "page": 19.99 * ALLOWED}) == {}
    assert figures.exceeded({"trigger": 10.0, "page": 26.2}) == {"page": pytest.approx(1.31)}
