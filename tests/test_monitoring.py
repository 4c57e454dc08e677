"""The dashboard and the alerts of docs/monitoring, by Prometheus's own checker, and the names that they use."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from inbox import metrics
from inbox.metrics import METRICS, Histogram
from inbox.metrics_server import encode
from inbox.metrics_snapshot import Scraped, Series

from .support.processes import REPOSITORY

FOLDER = REPOSITORY / "docs" / "monitoring"
ALERTS, DASHBOARD = FOLDER / "alerts.yaml", FOLDER / "dashboard.json"
ALERT_TESTS = REPOSITORY / "tests" / "monitoring" / "alerts_test.yaml"
OF_PROCESSES = {"process_cpu_seconds_total", "process_resident_memory_bytes", "process_open_fds", "process_max_fds"}
OF_PROCESSES |= {"process_start_time_seconds"}


def promtool(*arguments: str | Path, given: str = "") -> str:
    """Return what promtool says. Raise AssertionError if it finds something wrong."""
    program = shutil.which("promtool")
    assert program is not None
    done = subprocess.run([program, *arguments], input=given, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def dashboard() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(DASHBOARD.read_text())
    return found


def expressions() -> list[str]:
    """Return every expression of the dashboard, with values in place of Grafana's variables."""
    found = [target["expr"] for panel in dashboard()["panels"] for target in panel.get("targets", [])]
    return [one.replace("$__rate_interval", "5m").replace("$instance", ".*") for one in found]


def used_names(text: str) -> set[str]:
    """Return the names of metrics in a text, those of histograms without the endings of their samples."""
    found = set(re.findall(r"\b(?:inbox|process)_\w+", text))
    return {re.sub("_(bucket|sum|count)$", "", name) for name in found}


def every_series() -> list[Scraped]:
    """Return two workers with a series of each metric."""
    snapshot = {
        name: [Series(["x"] * len(metric.labels), 1, [1] * (len(metric.bounds) + 1))]
        if isinstance(metric, Histogram)
        else [Series(["x"] * len(metric.labels), 1)]
        for name, metric in METRICS.items()
    }
    return [Scraped(snapshot, pid=1, worker=1), Scraped(snapshot, pid=1, worker=2)]


@pytest.mark.needs("promtool")
@pytest.mark.parametrize("workers", [1, 2])
def test_the_checker_finds_nothing_in_a_scrape(workers: int) -> None:
    body, _ = encode(every_series()[:workers], "")
    assert promtool("check", "metrics", given=body.decode()) == ""


@pytest.mark.needs("promtool")
def test_the_checker_takes_the_alerts() -> None:
    rules = yaml.safe_load(ALERTS.read_text())["groups"][0]["rules"]
    assert f"SUCCESS: {len(rules)} rules found" in promtool("check", "rules", ALERTS)


@pytest.mark.needs("promtool")
def test_each_alert_fires_in_its_situation_and_none_in_a_healthy_one() -> None:
    promtool("test", "rules", ALERT_TESTS)
    named = set(re.findall(r'alertname="(\w+)"', ALERT_TESTS.read_text()))
    assert named == {rule["alert"] for rule in yaml.safe_load(ALERTS.read_text())["groups"][0]["rules"]}


@pytest.mark.needs("promtool")
def test_the_checker_takes_every_expression_of_the_dashboard(tmp_path: Path) -> None:
    rules = [{"record": f"panel:{number}", "expr": one} for number, one in enumerate(expressions())]
    file = tmp_path / "rules.yaml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "dashboard", "rules": rules}]}))
    assert len(rules) > 40
    promtool("check", "rules", "--lint=none", file)


def test_the_dashboard_shows_every_metric_and_no_other() -> None:
    shown = used_names(" ".join(expressions()))
    hidden = {metrics.INFO.name, "process_max_fds", "process_start_time_seconds"}
    assert shown == (set(METRICS) | OF_PROCESSES) - hidden


def test_the_alerts_name_only_metrics_that_there_are() -> None:
    rules = yaml.safe_load(ALERTS.read_text())["groups"][0]["rules"]
    assert used_names(" ".join(rule["expr"] for rule in rules)) <= set(METRICS) | OF_PROCESSES


def test_the_panels_of_the_dashboard_do_not_overlap() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in dashboard()["panels"]:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert place["x"] + place["w"] <= 24
        assert taken.isdisjoint(cells), panel["title"]
        taken |= cells
    ids = [panel["id"] for panel in dashboard()["panels"]]
    assert len(ids) == len(set(ids))
