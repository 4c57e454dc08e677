"""Reads every metric of a process at one moment: what it has counted, its gauges, and those of the installation."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from inbox import __version__, metrics
from inbox.errors import ServiceUnavailable
from inbox.metrics import METRICS, Histogram, LabelValues, Metric
from inbox.metrics_snapshot import MetricsSnapshot, Series
from inbox.realtime.canary import Canary
from inbox.realtime.handshake import Sockets
from inbox.realtime.hub import Hub
from inbox.services import Services

STORE_SECONDS = 2.0
"""How long a scrape waits for the store; without its answer the metrics of the installation are missing."""

Values = Mapping[LabelValues, float]
_NONE: Values = {}


@dataclass(eq=False)
class Scrape:
    """The parts of a serving process that have gauges."""

    _services: Services
    _hub: Hub
    _sockets: Sockets
    _canary: Canary

    async def read(self) -> MetricsSnapshot:
        """Return all metrics of this process. Wait for the store for at most STORE_SECONDS."""
        gauges = {**self._own_gauges(), **await self._gauges_of_installation()}
        return {name: _series(metric, gauges) for name, metric in METRICS.items()}

    def _own_gauges(self) -> dict[Metric, Values]:
        return {
            metrics.INFO: {(__version__,): 1},
            metrics.READY: {(): self._canary.is_well},
            metrics.SOCKETS: _open_sockets(),
            metrics.HANDSHAKES_WAITING: {(): self._sockets.handshakes_waiting},
            metrics.QUEUE_BYTES: {(): self._sockets.queue_bytes},
            metrics.CONNECTED_FEEDS: {(): self._hub.size},
            metrics.PRESENT_SUBSCRIBERS: {(): self._services.presence.subscribers},
        }

    async def _gauges_of_installation(self) -> dict[Metric, Values]:
        try:
            async with asyncio.timeout(STORE_SECONDS):
                return {metrics.STORE_UP: {(): 1}, **await self._read_store()}
        except (TimeoutError, ServiceUnavailable):
            return {metrics.STORE_UP: {(): 0}}

    async def _read_store(self) -> dict[Metric, Values]:
        services, environments = self._services, self._services.environments.all()
        names = {environment.number: environment.name for environment in environments}
        with_events = [environment for environment in environments if environment.event_types]
        processes, timers, events, dispatches, backlogs = await asyncio.gather(
            services.presence.count_processes(),
            services.timer_worker.lag_seconds(),
            services.event_relay.lag_seconds(),
            services.dispatches.count_running([*names]),
            asyncio.gather(*map(services.webhooks.backlog, with_events)),
        )
        backlog = {(environment.name,): one for environment, one in zip(with_events, backlogs, strict=True)}
        return {
            metrics.PROCESSES: {(): processes},
            metrics.DUE_LAG_SECONDS: {("timers",): timers, ("events",): events},
            metrics.DISPATCHES_RUNNING: {(names[number],): count for number, count in dispatches.items()},
            metrics.EVENTS_WAITING: {labels: one.waiting for labels, one in backlog.items()},
            metrics.EVENTS_DROPPED: {labels: one.dropped for labels, one in backlog.items()},
            metrics.EVENTS_FAILED: {labels: one.failed for labels, one in backlog.items()},
        }


def _open_sockets() -> Values:
    """Return how many sockets of each flavour were opened and have not closed."""
    count = Counter(metrics.SOCKETS_OPENED.values)
    for (flavour, _), closed in metrics.SOCKETS_CLOSED.values.items():
        count[(flavour,)] -= closed
    return count


def _series(metric: Metric, gauges: Mapping[Metric, Values]) -> list[Series]:
    if isinstance(metric, Histogram):
        return [Series(_texts(labels), sums, counts) for labels, (*counts, sums) in metric.series.items()]
    values = metric.values if isinstance(metric, metrics.Counter) else gauges.get(metric, _NONE)
    return [Series(_texts(labels), float(value)) for labels, value in values.items()]


def _texts(labels: LabelValues) -> list[str]:
    return [str(label) for label in labels]
