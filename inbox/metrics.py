"""Every metric of the service, in one list: name, meaning, labels. `docs/monitoring.md` has the same list.

Code counts into these objects where something happens. They are plain numbers of this process, since a metric of
`prometheus_client` takes a lock for each addition and three to ten times as long. `inbox/scrape.py` reads them.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from typing import Any, Literal

MetricKind = Literal["counter", "gauge", "histogram"]
LabelValues = tuple[str | int, ...]
"""The values of a series' labels, in the order of their names; few in all: never an id."""

FAST = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
SLOW = (0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0)


class Metric:
    """A name and its series by the values of its labels."""

    kind: MetricKind

    def __init__(self, name: str, meaning: str, *labels: str, of_installation: bool = False) -> None:
        """`of_installation`: every process of the installation has the same value, read from the store."""
        self.name = name
        self.meaning = meaning
        self.labels = labels
        self.of_installation = of_installation
        METRICS[name] = self


METRICS: dict[str, Metric] = {}
"""All metrics by name."""


class Counter(Metric):
    """A number that only grows; its name ends with `_total`."""

    kind = "counter"

    def __init__(self, name: str, meaning: str, *labels: str, known: Sequence[str] = ()) -> None:
        """`known`: values of the label whose series begin at 0, so that an alert sees the first one."""
        super().__init__(name, meaning, *labels)
        self.values: dict[LabelValues, int] = {(one,): 0 for one in known} if labels else {(): 0}

    def add(self, labels: LabelValues = (), number: int = 1) -> None:
        try:
            self.values[labels] += number
        except KeyError:
            self.values[labels] = number


class Gauge(Metric):
    """A number that rises and falls; `inbox/scrape.py` reads it."""

    kind = "gauge"


class Histogram(Metric):
    """Seconds that something took."""

    kind = "histogram"

    def __init__(self, name: str, meaning: str, *labels: str, bounds: tuple[float, ...] = FAST) -> None:
        super().__init__(name, meaning, *labels)
        self.bounds = bounds
        self.series: dict[LabelValues, list[Any]] = {} if labels else {(): self._empty()}
        """How many values each bucket has, those beyond the last bound, and the sum of all values."""

    def observe(self, seconds: float, labels: LabelValues = ()) -> None:
        try:
            series = self.series[labels]
        except KeyError:
            series = self.series[labels] = self._empty()
        series[bisect_left(self.bounds, seconds)] += 1
        series[-1] += seconds

    def _empty(self) -> list[Any]:
        return [0] * (len(self.bounds) + 1) + [0.0]


INFO = Gauge("inbox_info", "Always 1; the label has the version", "version")

# sockets
SOCKETS = Gauge("inbox_sockets", "Open sockets and streams", "flavour")
SOCKETS_OPENED = Counter("inbox_sockets_opened_total", "Sockets and streams that were opened", "flavour")
SOCKETS_CLOSED = Counter("inbox_sockets_closed_total", "Sockets and streams that have closed", "flavour", "reason")
SOCKETS_REFUSED = Counter("inbox_sockets_refused_total", "Handshakes that were refused", "status")
HANDSHAKES_WAITING = Gauge("inbox_handshakes_waiting", "Handshakes that wait for their turn")
SLOW_CONSUMERS = Counter(
    "inbox_slow_consumers_total",
    "Sockets that were cut off, by the limit that they passed",
    "limit",
    known=("events", "bytes", "bytes of all sockets", "time"),
)
QUEUE_BYTES = Gauge("inbox_socket_queue_bytes", "What waits for slow sockets")
SOCKET_REQUESTS = Counter("inbox_socket_requests_total", "Requests over native sockets", "verb", "status")
SOCKET_REQUEST_SECONDS = Histogram("inbox_socket_request_seconds", "Time to answer a request over a socket", "verb")

# deliveries
PUBLICATIONS = Counter("inbox_publications_total", "Changes of connected feeds that came from the store")
DELIVERIES = Counter("inbox_deliveries_total", "Changes that were written to a socket, or queued for a slow one")
DELIVERY_SECONDS = Histogram("inbox_delivery_seconds", "From the change in the store to the write to the sockets")
CONNECTED_FEEDS = Gauge("inbox_connected_feeds", "Feeds with sockets")
FEED_GAPS = Counter(
    "inbox_feed_gaps_total", "Feeds that missed publications", "cause", known=("break", "lost", "too many")
)
FEED_REPAIRS = Counter("inbox_feed_repairs_total", "Feeds that were repaired from their change log")

# requests
REQUESTS = Counter("inbox_http_requests_total", "Requests that were answered", "method", "route", "status")
REQUEST_SECONDS = Histogram("inbox_http_request_seconds", "Time until the answer of a request", "method", "route")
HEADS_REFUSED = Counter(
    "inbox_http_heads_refused_total", "Requests that were refused before they had a route", "status"
)

# triggers
TRIGGERS = Counter(
    "inbox_triggers_total",
    "Triggers by their outcome: the status of their answer, or why they had none",
    "outcome",
    known=("processed", "refused", "repeated", "unavailable"),
)
MESSAGES = Counter("inbox_messages_total", "Messages of triggers by their outcome", "outcome")
DISPATCH_LAG_SECONDS = Histogram(
    "inbox_dispatch_lag_seconds", "From a trigger to many until a batch of its messages was stored", bounds=SLOW
)

# the store
STORE_UP = Gauge("inbox_store_up", "1 if the store has answered this scrape, else 0")
STORE_COMMANDS = Counter("inbox_store_commands_total", "Commands that were sent to the store")
STORE_SECONDS = Histogram("inbox_store_round_trip_seconds", "Time until the reply to commands that were sent together")
STORE_ERRORS = Counter("inbox_store_errors_total", "Error replies of the store", "code")
STORE_TIMEOUTS = Counter(
    "inbox_store_timeouts_total",
    "Replies that did not come in time, by the limit that was passed",
    "limit",
    known=("connect", "reply", "request"),
)
STORE_BREAKS = Counter(
    "inbox_store_breaks_total", "Connections to the store that were lost", "use", known=("commands", "subscriptions")
)

CANARY_SECONDS = Histogram("inbox_canary_seconds", "Time until a probe was stored, published and heard again")
CANARY_FAILURES = Counter(
    "inbox_canary_failures_total",
    "Probes that came late, or that the store has refused",
    "outcome",
    known=("late", "refused"),
)
READY = Gauge("inbox_ready", "1 while `/ready` is green, drains aside, else 0")

# background work
JOB_RUNS = Counter("inbox_job_runs_total", "Runs of background jobs", "background_job")
JOB_FAILURES = Counter(
    "inbox_job_failures_total", "Runs that failed, an outage of the store included", "background_job"
)
TIMERS_FIRED = Counter("inbox_timers_fired_total", "Timers that have taken effect", "kind")
TIMER_LAG_SECONDS = Histogram("inbox_timer_lag_seconds", "How late timers took effect", "kind", bounds=SLOW)
FEEDS_AUDITED = Counter("inbox_feeds_audited_total", "Feeds that were recounted")
COUNTS_CORRECTED = Counter("inbox_counts_corrected_total", "Feeds whose counts were wrong; each one is a defect")
PRESENT_SUBSCRIBERS = Gauge("inbox_present_subscribers", "Subscribers with sockets")

# events
WEBHOOK_REQUESTS = Counter(
    "inbox_webhook_requests_total",
    "Attempts to send an event to a webhook; `refused` is an answer, `failed` is none",
    "outcome",
    known=("delivered", "refused", "failed"),
)
WEBHOOK_SECONDS = Histogram("inbox_webhook_request_seconds", "How long webhooks took to answer", bounds=SLOW)
EVENTS_GIVEN_UP = Counter("inbox_events_given_up_total", "Events that will not be tried again by themselves")
EVENTS_STREAMED = Counter("inbox_events_streamed_total", "Events that were added to an event stream")

# the whole installation
PROCESSES = Gauge("inbox_processes", "Processes with a valid lease", of_installation=True)
DUE_LAG_SECONDS = Gauge(
    "inbox_due_lag_seconds", "How long the oldest due bucket has waited for a process", "work", of_installation=True
)
DISPATCHES_RUNNING = Gauge(
    "inbox_dispatches_running", "Triggers to many that are carried out", "environment", of_installation=True
)
EVENTS_WAITING = Gauge(
    "inbox_events_waiting", "Entries of outboxes whose events are to be sent", "environment", of_installation=True
)
EVENTS_DROPPED = Gauge(
    "inbox_events_dropped", "Entries of outboxes that were lost: too many waited", "environment", of_installation=True
)
EVENTS_FAILED = Gauge(
    "inbox_events_failed", "Events that were given up and can be replayed", "environment", of_installation=True
)
