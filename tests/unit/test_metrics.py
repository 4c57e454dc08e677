"""The metrics: their names, what counting does, and how they are written for Prometheus."""

from __future__ import annotations

import os
import re

import pytest
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from inbox import metrics
from inbox.metrics import METRICS, Counter, Histogram, Metric
from inbox.metrics_server import Exposition
from inbox.metrics_snapshot import MetricsSnapshot, Scraped, Series

ENDINGS = {"counter": "_total", "histogram": "_seconds"}


@pytest.fixture(autouse=True)
def own_metrics(monkeypatch: pytest.MonkeyPatch) -> None:
    """Metrics that a test makes are not among those of the service."""
    monkeypatch.setattr(metrics, "METRICS", {**METRICS})


def snapshot(**series: list[Series]) -> MetricsSnapshot:
    """Return a snapshot in which all metrics but these have no series."""
    return {name: series.get(name, []) for name in METRICS}


def samples(*scraped: Scraped) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    """Return the value of each sample by its name and labels, as Prometheus reads them."""
    families = text_string_to_metric_families(generate_latest(Exposition(scraped)).decode())
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in families
        for sample in family.samples
    }


@pytest.mark.parametrize("metric", METRICS.values(), ids=lambda metric: metric.name)
def test_names_follow_the_rules_of_prometheus(metric: Metric) -> None:
    assert re.fullmatch(r"inbox_[a-z_]+", metric.name)
    assert metric.name.endswith(ENDINGS.get(metric.kind, "")) or metric is metrics.STORE_SECONDS
    assert metric.kind == "counter" or not metric.name.endswith("_total")
    assert all(re.fullmatch("[a-z_]+", label) and label not in ("job", "instance") for label in metric.labels)


def test_a_counter_counts_each_combination_of_labels() -> None:
    counter = Counter("a_total", "", "one", "two")
    counter.add(("x", 1))
    counter.add(("x", 1), 2)
    counter.add(("y", 1))
    assert counter.values == {("x", 1): 3, ("y", 1): 1}


def test_known_series_and_those_without_labels_begin_at_zero() -> None:
    assert Counter("b_total", "").values == {(): 0}
    assert Counter("c_total", "", "one", known=("x", "y")).values == {("x",): 0, ("y",): 0}
    assert Counter("d_total", "", "one").values == {}


def test_a_histogram_puts_a_value_into_the_first_bucket_that_holds_it() -> None:
    histogram = Histogram("e_seconds", "", bounds=(0.5, 1.0))
    for seconds in (0.25, 0.5, 0.75, 8.0):
        histogram.observe(seconds)
    assert histogram.series == {(): [2, 1, 1, 9.5]}


def test_buckets_are_cumulative() -> None:
    counts = [1, 2, *[0] * (len(metrics.FAST) - 2), 4]
    read = samples(Scraped(snapshot(inbox_delivery_seconds=[Series([], 9.5, counts)]), os.getpid()))
    name = "inbox_delivery_seconds"
    assert read[f"{name}_bucket", (("le", "0.0005"),)] == 1
    assert read[f"{name}_bucket", (("le", "10.0"),)] == 3
    assert read[f"{name}_bucket", (("le", "+Inf"),)] == read[f"{name}_count", ()] == 7
    assert read[f"{name}_sum", ()] == 9.5


def test_a_single_process_has_no_label_of_a_worker() -> None:
    read = samples(Scraped(snapshot(inbox_sockets=[Series(["plain"], 3)]), os.getpid()))
    assert read["inbox_sockets", (("flavour", "plain"),)] == 3
    assert read["process_start_time_seconds", ()] > 0


def test_workers_have_their_numbers_and_the_installation_has_none() -> None:
    first = snapshot(inbox_sockets=[Series(["plain"], 3)])
    second = snapshot(inbox_sockets=[Series(["plain"], 4)], inbox_processes=[Series([], 2)])
    third = snapshot(inbox_processes=[Series([], 5)])
    read = samples(*(Scraped(one, os.getpid(), number) for number, one in enumerate((first, second, third), 1)))
    assert read["inbox_sockets", (("flavour", "plain"), ("worker", "1"))] == 3
    assert read["inbox_sockets", (("flavour", "plain"), ("worker", "2"))] == 4
    assert read["inbox_processes", ()] == 2, "the first worker that has heard of the store"
    assert {labels for name, labels in read if name == "process_open_fds"} == {
        (("worker", number),) for number in "123"
    }
