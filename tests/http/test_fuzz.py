"""A stateful fuzz of the API's own document against a running service.

What is made up is sent to every operation: no 5xx, no status or shape that the document does not name, and nothing for
whoever brings no credentials. The full size is `python -m pytest -m slow tests/http/test_fuzz.py`.
"""

from __future__ import annotations

import asyncio
import sys
from dataclasses import dataclass
from pathlib import Path

import orjson
import pytest

from tests.conftest import RunServer
from tests.support.client import Api, create_session
from tests.support.server import Server

CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
    "ignored_auth",
)
EXAMPLES, FULL_EXAMPLES = 3, 100
SECONDS, FULL_SECONDS = 1_800, 5_400
"""Only to end a run that hangs."""
PAGES = "^/v1/(inbox|widgets)/(?!session)"


@dataclass(frozen=True)
class Target:
    """A service with something in it: path parameter → what names it there, and a session of a page."""

    server: Server
    known: dict[str, str]
    token: str

    def configuration(self, *, known: bool) -> str:
        """The fuzzer's: who calls what, and which names to use if they are to be known ones."""
        authorization = f"ApiKey {self.server.api_key}"
        lines = [f"headers = {{ Authorization = {_toml(authorization)} }}"]
        if known:
            lines += ["[parameters]", *(f'"path.{name}" = {_toml(value)}' for name, value in self.known.items())]
        page = _toml(f"Bearer {self.token}")
        lines += ["[[operations]]", f"include-path-regex = {_toml(PAGES)}", f"headers = {{ Authorization = {page} }}"]
        return "\n".join(lines)


def _toml(text: str) -> str:
    return orjson.dumps(text).decode()


@pytest.fixture
async def target(run_server: RunServer, valkey_url: str, key_prefix: str) -> Target:
    server = await run_server(redis_url=valkey_url, INBOX_KEY_PREFIX=key_prefix, INBOX_LOG_LEVEL="error")
    async with Api.open(server) as api:
        made = await api.create_workflow("fuzzed", body="Hi {{payload.n}}", primaryAction={"label": "Yes"})
        await api.create_subscriber("ada", firstName="Ada")
        await api.trigger("ada", {"n": 1}, workflow="fuzzed", transactionId="known", externalReference="order-1")
        [message] = await api.feed("ada")
        topic = await api.data("POST", "/v2/topics", 201, {"key": "news"})
        await api.call("POST", "/v2/topics/news/subscriptions", 201, {"subscriberIds": ["ada"]})
        tenant = await api.data("POST", "/v1/tenants", 201, {"identifier": "acme"})
        pair = {"workflowId": made["_id"], "tenantId": tenant["_id"]}
        override = await api.data("POST", "/v1/workflow-overrides", 201, pair)
        group = await api.data("POST", "/v1/notification-groups", 201, {"name": "group"})
        environment = await api.data("GET", "/v1/environments/me", 200)
        [integration] = await api.data("GET", "/v1/integrations", 200)
        await api.data("POST", "/v2/contexts", 201, {"type": "app", "id": "web"})
        token = (await create_session(server, "ada"))["token"]
    known = {
        "subscriberId": "ada",
        "externalSubscriberId": "ada",
        "workflowId": made["_id"],
        "messageId": message["_id"],
        "notificationId": message["_id"],
        "topicKey": topic["key"],
        "identifier": "tk_news:si_ada",
        "tenantId": tenant["_id"],
        "overrideId": override["_id"],
        "groupId": group["_id"],
        "environmentId": environment["_id"],
        "integrationId": integration["_id"],
        "transactionId": "known",
        "externalReference": "order-1",
        "actionType": "primary",
        "subscriptionId": "tk_news:si_ada",
        "parameter": "global",
    }
    return Target(server, known, token)


async def fuzz(target: Target, folder: Path, options: list[str], *, known: bool, full: bool) -> None:
    """Runs the fuzzer as a process of its own; what it found is the failure's text."""
    configuration = folder / "fuzz.toml"
    configuration.write_text(target.configuration(known=known))
    command = [
        *(sys.executable, "-m", "schemathesis.cli", "--config-file", str(configuration)),
        *("run", f"{target.server.url}/openapi.json", "--checks", ",".join(CHECKS)),
        *("--phases", "coverage,fuzzing,stateful", "--max-examples", str(FULL_EXAMPLES if full else EXAMPLES)),
        *("--generation-deterministic", "--continue-on-failure", "--no-shrink", "--no-color", "--warnings", "off"),
        # how fast this machine makes values up or answers is not the question
        *("--suppress-health-check", "too_slow", "--request-timeout", "60"),
        *options,
    ]
    process = await asyncio.create_subprocess_exec(
        *command, cwd=folder, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    try:
        async with asyncio.timeout(FULL_SECONDS if full else SECONDS):
            told, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
    report = told.decode()
    assert process.returncode == 0, report[-20_000:]
    assert " passed in " in report or "No issues found" in report, report[-2_000:]


RUNS = {
    "backends": ["--exclude-path-regex", PAGES],
    "pages": ["--include-path-regex", PAGES],
    "known": ["--include-path-regex", r"\{", "--exclude-method", "DELETE"],
}
"""Every operation once, with names that are made up; then those whose path takes a name, with one that exists."""


@pytest.mark.parametrize("run", RUNS)
async def test_nothing_breaks_and_nothing_is_untold(target: Target, tmp_path: Path, run: str) -> None:
    await fuzz(target, tmp_path, RUNS[run], known=run == "known", full=False)


@pytest.mark.slow
@pytest.mark.parametrize("run", RUNS)
async def test_nothing_breaks_at_full_size(target: Target, tmp_path: Path, run: str) -> None:
    await fuzz(target, tmp_path, RUNS[run], known=run == "known", full=True)
