"""The metrics of a process at one moment, as they go to the process that serves `/metrics`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import msgspec


class Series(msgspec.Struct, array_like=True):
    """One series of a metric: its labels and its value, or of a histogram its buckets and the sum in `value`."""

    labels: list[str]
    value: float
    buckets: list[int] = []


MetricsSnapshot = dict[str, list[Series]]
"""The series of each metric, by its name."""


@dataclass(frozen=True)
class Scraped:
    """What one process has answered. `worker` is its number among several, and a label of all that is its own."""

    snapshot: MetricsSnapshot
    pid: int
    worker: int | None = None


ReadAll = Callable[[], Awaitable[Sequence[Scraped]]]
"""Returns the metrics of every process that answers in time."""
