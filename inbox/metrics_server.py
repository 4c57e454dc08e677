"""Serves `/metrics` on a port of its own, in the format of Prometheus. `prometheus_client` is loaded only then."""

from __future__ import annotations

import asyncio
import hmac
import logging
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from itertools import accumulate

import uvicorn
from prometheus_client import Metric as Family
from prometheus_client import ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send
from uvicorn.server import ServerState

from inbox.errors import Unauthorized
from inbox.http.protocol import InboxHttpProtocol
from inbox.http.responses import reply_to
from inbox.http.route_index import RouteIndex
from inbox.listening import bind, service_url
from inbox.metrics import METRICS, Histogram, Metric
from inbox.metrics_snapshot import ReadAll, Scraped, Series
from inbox.settings import Settings

log = logging.getLogger(__name__)

PATH = "/metrics"
STOP_SECONDS = 1.0


@asynccontextmanager
async def serve_metrics(settings: Settings, read_all: ReadAll) -> AsyncIterator[None]:
    """Answer scrapes while the context is open. Raise StartupError if the port is in use."""
    listeners = bind(settings.metrics_host, settings.metrics_port or 0, settings="INBOX_METRICS_")
    token = settings.metrics_token.get_secret_value() if settings.metrics_token else None
    config = uvicorn.Config(
        MetricsApp(read_all, token),
        http=InboxHttpProtocol,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=False,
        proxy_headers=False,
    )
    config.load()
    state, loop = ServerState(), asyncio.get_running_loop()
    servers = [
        await loop.create_server(lambda: InboxHttpProtocol(config, state, {}), sock=listener) for listener in listeners
    ]
    url = service_url(settings.metrics_host, listeners[0].getsockname()[1])
    log.info("metrics at %s%s", url, PATH, extra={"action": "serve_metrics"})
    try:
        yield
    finally:
        for server in servers:
            server.close()
        for connection in list(state.connections):
            connection.shutdown()
        if state.tasks:
            await asyncio.wait(state.tasks, timeout=STOP_SECONDS)


class MetricsApp:
    """The ASGI app that answers scrapes; errors have the body of all others."""

    def __init__(self, read_all: ReadAll, token: str | None) -> None:
        self._read_all = read_all
        self._token = None if token is None else f"Bearer {token}".encode()
        self._answer = RouteIndex([Route(PATH, self._metrics, methods=["GET"])]).answer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        try:
            response = await self._answer(request)
        except Exception as error:
            response = reply_to(request, error)
        await response(scope, receive, send)

    async def _metrics(self, request: Request) -> Response:
        given = request.headers.get("authorization", "").encode("latin-1")
        if self._token is not None and not hmac.compare_digest(given, self._token):
            raise Unauthorized("Scrapes need the token of INBOX_METRICS_TOKEN")
        body, content_type = encode(await self._read_all(), request.headers.get("accept", ""))
        return Response(body, headers={"content-type": content_type})


def encode(all_scraped: Sequence[Scraped], accept: str) -> tuple[bytes, str]:
    """Return the answer to a scrape and its type: OpenMetrics if that is accepted, else the text format."""
    encoder, content_type = choose_encoder(accept)
    return encoder(Exposition(all_scraped)), content_type


class Exposition(Collector):
    """The metrics of all processes, as the library's families."""

    def __init__(self, all_scraped: Sequence[Scraped]) -> None:
        self._all = all_scraped

    def collect(self) -> Iterator[Family]:
        for metric in METRICS.values():
            yield self._family(metric)
        yield from self._process_families()

    def _family(self, metric: Metric) -> Family:
        if metric.of_installation:
            return _family(metric, metric.labels, [((), one) for one in self._first_series(metric)])
        names = (*self._worker_names, *metric.labels)
        own = [
            (self._worker_of(scraped), one) for scraped in self._all for one in scraped.snapshot.get(metric.name, ())
        ]
        return _family(metric, names, own)

    def _first_series(self, metric: Metric) -> Sequence[Series]:
        found = (scraped.snapshot.get(metric.name) for scraped in self._all)
        return next(filter(None, found), ())

    @property
    def _worker_names(self) -> tuple[str, ...]:
        return ("worker",) if any(scraped.worker is not None for scraped in self._all) else ()

    def _worker_of(self, scraped: Scraped) -> tuple[str, ...]:
        return () if scraped.worker is None else (str(scraped.worker),)

    def _process_families(self) -> Iterator[Family]:
        """Yield CPU, memory and descriptors of each process, on Linux."""
        families: dict[str, Family] = {}
        for scraped in self._all:
            labels = dict(zip(self._worker_names, self._worker_of(scraped), strict=True))
            for family in ProcessCollector(pid=partial(int, scraped.pid), registry=None).collect():
                kept = families.setdefault(family.name, Family(family.name, family.documentation, family.type))
                for sample in family.samples:
                    kept.add_sample(sample.name, labels, sample.value)
        yield from families.values()


def _family(metric: Metric, names: Sequence[str], all_series: Sequence[tuple[tuple[str, ...], Series]]) -> Family:
    if isinstance(metric, Histogram):
        histogram = HistogramMetricFamily(metric.name, metric.meaning, labels=names)
        for worker, series in all_series:
            bounds = [*map(str, metric.bounds), "+Inf"]
            buckets = list(zip(bounds, accumulate(series.buckets), strict=True))
            histogram.add_metric([*worker, *series.labels], buckets, series.value)
        return histogram
    kind = CounterMetricFamily if metric.kind == "counter" else GaugeMetricFamily
    family = kind(metric.name, metric.meaning, labels=names)
    for worker, series in all_series:
        family.add_metric([*worker, *series.labels], series.value)
    return family
