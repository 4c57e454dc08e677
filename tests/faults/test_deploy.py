"""A deployment at a tenth of its size. `python -m tests.faults.deploy` is one at full size."""

from __future__ import annotations

import pytest

from .deploy import deploy

SOCKETS, RATE, DRAIN_SECONDS = 200, 50.0, 1.0
# see test_scenarios.py
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@pytest.mark.needs("valkey")
@pytest.mark.needs("nginx")
async def test_nobody_notices_more_than_a_reconnect() -> None:
    report = await deploy(SOCKETS, RATE, DRAIN_SECONDS)
    print(report.table())
    assert report.findings == []
    assert report.load.requests >= 4 * SOCKETS
    assert report.told > 0
    assert report.reconnects > 0
