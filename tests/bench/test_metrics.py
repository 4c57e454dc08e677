"""The measurement of metrics at a small fraction of its size: a trigger and its push count a few things."""

from __future__ import annotations

from .metrics import count_load, open_inbox_with_metrics
from .performance.comparison import crowd_of

SOCKETS, TRIGGERS = 10, 100


async def test_a_trigger_counts_a_few_things() -> None:
    async with open_inbox_with_metrics() as (server, inbox), crowd_of(inbox, range(SOCKETS)) as crowd:
        await count_load(server, crowd, SOCKETS, TRIGGERS, 1)  # the first messages of feeds
        each = await count_load(server, crowd, SOCKETS, TRIGGERS, 1)
    assert 5 <= each.additions <= 50, "with those of background jobs, which count while the machine is slow"
    assert 2 <= each.observations <= 20
    assert each.cpu_us > 0
