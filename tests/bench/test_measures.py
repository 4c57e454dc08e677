"""The measures at a tenth of their size: they run, and nothing is far beyond its Must."""

from __future__ import annotations

import sys

import pytest

from . import goals
from .measures import QUICK, Measures, measure
from .report import render
from .rig import CONTENT_BYTES

ROOM = 1.5
"""How far beyond its Must a ratio may be while other tests run beside it."""

STORES = [
    pytest.param("valkey", marks=pytest.mark.needs("valkey")),
    pytest.param("redis7", marks=pytest.mark.needs("redis-server")),
]
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="CPU times come from /proc")


@pytest.mark.parametrize("server", STORES)
async def test_nothing_is_far_beyond_its_must(server: str) -> None:
    found = await measure(server, QUICK)
    print(render(found))
    _check_cpu(found)
    for how in ("read in bulk", "read by name"):
        assert 1 < found.memory[how].ratio < goals.LONG_FEED[server].must
    assert 0 < found.memory["one message"].fixed < goals.SMALL_FEED_BYTES.must
    assert 1 < found.file_bytes / CONTENT_BYTES < goals.FILE.must
    assert all(times.median < goals.SCRIPT_US.must for times in found.times.values())


def _check_cpu(found: Measures) -> None:
    for name, bound in goals.CPU.items():
        assert 0 < min(found.cpu[size][name].ratio for size in (100, 1_000)) < ROOM * bound.must, name
    growing = [name for name in goals.CPU if name != "mark all"]
    for name in growing:
        assert found.cpu[10_000][name].ratio / found.cpu[100][name].ratio < ROOM * goals.GROWTH.must, name
