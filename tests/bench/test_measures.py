"""The measures at a tenth of their size: they run, and memory and files are within their Must."""

from __future__ import annotations

import sys

import pytest

from . import goals
from .measures import QUICK, measure
from .report import render
from .rig import CONTENT_BYTES

STORES = [
    pytest.param("valkey", marks=pytest.mark.needs("valkey")),
    pytest.param("redis7", marks=pytest.mark.needs("redis-server")),
]
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="CPU times come from /proc")


@pytest.mark.parametrize("server", STORES)
async def test_memory_and_files_are_within_their_must(server: str) -> None:
    found = await measure(server, QUICK)
    print(render(found))
    assert all(costs[name].ratio > 0 for costs in found.cpu.values() for name in goals.CPU)
    for how in ("read in bulk", "read by name"):
        assert 1 < found.memory[how].ratio < goals.LONG_FEED[server].must
    assert 0 < found.memory["one message"].fixed < goals.SMALL_FEED_BYTES.must
    assert 1 < found.file_bytes / CONTENT_BYTES < goals.FILE.must
