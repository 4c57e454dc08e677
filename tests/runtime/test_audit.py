"""`inbox audit`: what it prints, and its exit code."""

from __future__ import annotations

import asyncio
import json

import pytest

from inbox import settings as service_settings
from inbox.ids import SubscriberId
from inbox.services import open_services
from inbox.store.rows import FeedCounts

from ..support.drift import plant
from .conftest import run_inbox
from .test_cli import failure
from .test_personal_data import run_in_terminal

Settings = dict[str, str]


def plant_drift(settings: Settings) -> None:
    """Give ada two feeds without messages; the counts of the second one are wrong."""

    async def run() -> None:
        url, prefix = settings["INBOX_REDIS_URL"], settings["INBOX_KEY_PREFIX"]
        async with open_services(service_settings.Settings(redis_url=url, key_prefix=prefix), url) as services:
            number = services.environments.current.number
            for contexts in ("", "tenant:acme"):
                feed = await services.feed_store.open(number, SubscriberId("ada"), contexts)
            await plant(services.client, feed, FeedCounts(unseen=5, high=1))

    asyncio.run(run())


@pytest.fixture
def settings(valkey_url: str, key_prefix: str) -> Settings:
    """A store with wrong counts."""
    given = {"INBOX_REDIS_URL": valkey_url, "INBOX_KEY_PREFIX": key_prefix}
    plant_drift(given)
    return given


def test_wrong_counts_are_shown_and_are_exit_code_1(settings: Settings) -> None:
    first = run_inbox("audit", **settings)
    rows = ["Production\tada\ttenant:acme\tunseen\t5\t0", "Production\tada\ttenant:acme\thigh\t1\t0"]
    assert first.stdout.splitlines() == [*rows, "2 feeds recounted, 1 corrected now, 1 so far"]
    assert first.returncode == 1
    assert "ENVIRONMENT\tSUBSCRIBER\tCONTEXT\tCOUNT\tSTORED\tCOUNTED\n" in first.stderr
    assert first.stderr.count("action=counts_drift") == 1
    again = run_inbox("audit", **settings)
    assert (again.returncode, again.stderr) == (0, "")
    assert again.stdout == "2 feeds recounted, 0 corrected now, 1 so far\n"


def test_one_environment_as_json(settings: Settings) -> None:
    other = run_inbox("audit", "--environment", "development", "--json", **settings)
    assert (other.returncode, json.loads(other.stdout)) == (0, {"feeds": 0, "drift": [], "corrected": 0})
    shown = run_inbox("audit", "-e", "production", "--json", **settings)
    counted = dict.fromkeys(FeedCounts._fields, 0)
    drift = {
        "environment": "Production",
        "subscriberId": "ada",
        "contextKeys": ["tenant:acme"],
        "stored": {**counted, "unseen": 5, "high": 1},
        "counted": counted,
    }
    assert (shown.returncode, json.loads(shown.stdout)) == (1, {"feeds": 2, "drift": [drift], "corrected": 1})
    assert failure("audit", "-e", "nowhere", **settings).startswith("There is no environment nowhere")


def test_a_terminal_shows_how_far_it_is(settings: Settings) -> None:
    code, output, shown = run_in_terminal("audit", **settings)
    assert code == 1
    assert output.endswith("so far\n")
    assert "recounting" in shown
    assert "100%" in shown
