"""pytest plugin: a test whose tool is missing is left out, and the run ends with a list of what was left out and why.

    @pytest.mark.needs("strace")     left out without strace; `browser` is short for needs("chromium")
    @pytest.mark.slow                left out unless asked for: -m slow
    @pytest.mark.all_stores          left out unless asked for: --all-stores

With TEST_ALL=1 a missing tool is a failure of each test that needs it, and so is a skip by any other way.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Generator, Iterator
from typing import Any

import pytest

from .tools import TOOLS, Tool, tools_started_by

LEFT_OUT = pytest.StashKey[Counter[str]]()
SLOW = "full-size runs: python -m pytest -m slow"
ALL_STORES = "further kinds of store: python -m pytest --all-stores tests/store"


def pytest_addoption(parser: pytest.Parser) -> None:
    text = "run each test that runs on several kinds of store on all of them: Valkey, Redis, cluster, Sentinel, TLS"
    parser.addoption("--all-stores", action="store_true", help=text)


def pytest_configure(config: pytest.Config) -> None:
    config.stash[LEFT_OUT] = Counter()
    config.addinivalue_line("markers", "needs(tool, ...): left out where a tool is missing (tests/support/tools.py)")
    config.addinivalue_line("markers", "all_stores: runs on a kind of store that only --all-stores takes in")


def everything_wanted() -> bool:
    return os.environ.get("TEST_ALL") == "1"


def missing_tools(item: pytest.Item) -> Iterator[Tool]:
    names = {name for mark in item.iter_markers("needs") for name in mark.args}
    names |= tools_started_by(getattr(item, "fixturenames", ()))
    if item.get_closest_marker("browser"):
        names.add("chromium")
    return (TOOLS[name] for name in sorted(names) if TOOLS[name].missing)


def reasons_to_leave_out(item: pytest.Item) -> Iterator[str]:
    if not everything_wanted():
        yield from (f"{tool.group}: {tool.install}" for tool in missing_tools(item))
    if item.get_closest_marker("slow") and "slow" not in item.config.option.markexpr:
        yield SLOW
    if item.get_closest_marker("all_stores") and not item.config.getoption("all_stores"):
        yield ALL_STORES


@pytest.hookimpl(trylast=True)  # after -k and -m: what they drop was not asked for
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    reasons = {item: list(reasons_to_leave_out(item)) for item in items}
    dropped = [item for item in items if reasons[item]]
    config.stash[LEFT_OUT].update(reason for item in dropped for reason in reasons[item])
    config.hook.pytest_deselected(items=dropped)
    items[:] = [item for item in items if not reasons[item]]


def pytest_runtest_setup(item: pytest.Item) -> None:
    for tool in missing_tools(item):
        pytest.fail(f"{tool.name} is missing: {tool.install}", pytrace=False)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if everything_wanted() and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"skipped, although TEST_ALL=1: {report.longrepr}"
    return report


def pytest_sessionfinish(session: pytest.Session) -> None:
    output: dict[str, Any] | None = getattr(session.config, "workeroutput", None)
    if output is not None:  # a pytest-xdist worker: only the controller writes the summary
        left_out = session.config.stash[LEFT_OUT]
        output["left_out"] = dict(left_out)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Every worker collects all tests, so their lists are equal, not parts to be added."""
    config: pytest.Config = node.config
    left_out: Counter[str] = config.stash[LEFT_OUT]
    left_out |= Counter(getattr(node, "workeroutput", {}).get("left_out", {}))


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    left_out = config.stash[LEFT_OUT]
    if left_out:
        terminalreporter.section("left out")
    for reason, count in sorted(left_out.items()):
        terminalreporter.write_line(f"{count:4} of {reason}")
