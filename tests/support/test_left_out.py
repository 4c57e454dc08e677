"""A run names what it left out, and with TEST_ALL=1 it leaves nothing out."""

from __future__ import annotations

import pytest

from .processes import REPOSITORY

TESTS = """
    import pytest

    @pytest.mark.needs("strace")
    def test_traced():
        pass

    @pytest.mark.browser
    def test_page():
        pass

    @pytest.fixture
    def redis7_url():
        pass

    def test_on_redis(redis7_url):
        pass

    @pytest.mark.slow
    def test_long():
        pass

    @pytest.mark.all_stores
    def test_elsewhere():
        pass

    def test_skips():
        pytest.skip("no reason at all")

    @pytest.mark.xfail
    def test_known_defect():
        assert False

    def test_plain():
        pass
"""
INI = """
    [pytest]
    markers =
        browser
        slow
"""


@pytest.fixture
def suite(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    pytester.makeini(INI)
    pytester.makepyfile(TESTS)
    monkeypatch.setenv("PYTHONPATH", str(REPOSITORY))
    monkeypatch.setenv("PATH", str(pytester.path))  # where no tool is
    monkeypatch.delenv("TEST_ALL", raising=False)
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")  # seconds of imports in each of these runs
    return pytester


def run(suite: pytest.Pytester, *arguments: str) -> pytest.RunResult:
    plugins = ["tests.support.left_out", "no:cacheprovider", "xdist"]
    return suite.runpytest_subprocess(*(f"-p{name}" for name in plugins), *arguments)


@pytest.mark.parametrize("workers", [[], ["-n2"]], ids=["one process", "xdist"])
def test_run_ends_with_the_list(suite: pytest.Pytester, workers: list[str]) -> None:
    result = run(suite, *workers)
    result.assert_outcomes(passed=1, skipped=1, xfailed=1, deselected=0 if workers else 5)
    result.stdout.fnmatch_lines(
        [
            "*= left out =*",
            "   1 of browser tests: apt-get install chromium",
            "   1 of full-size runs: python -m pytest -m slow",
            "   1 of further kinds of store: python -m pytest --all-stores tests/store",
            "   1 of tests of what reaches the disk first: apt-get install strace",
            "   1 of tests on Redis 7: apt-get install redis-server",
        ]
    )


def test_slow_runs_when_asked_for(suite: pytest.Pytester) -> None:
    result = run(suite, "-mslow")
    result.assert_outcomes(passed=1, deselected=7)
    assert "left out" not in result.stdout.str()


def test_further_stores_run_when_asked_for(suite: pytest.Pytester) -> None:
    run(suite, "--all-stores").assert_outcomes(passed=2, skipped=1, xfailed=1, deselected=4)


def test_nothing_is_left_out_when_all_is_wanted(suite: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEST_ALL", "1")
    result = run(suite)
    result.assert_outcomes(passed=1, errors=3, failed=1, xfailed=1, deselected=2)
    result.stdout.fnmatch_lines(["chromium is missing: apt-get install chromium"])
    result.stdout.fnmatch_lines(["skipped, although TEST_ALL=1: *no reason at all*"])
