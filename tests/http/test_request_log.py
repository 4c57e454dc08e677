"""One line per request, where the setting asks for it."""

from __future__ import annotations

import json
import os
import signal
from typing import Any

from tests.conftest import RunServer
from tests.support.client import Api, InboxApi
from tests.support.waiting import until


async def test_each_request_has_a_line_with_its_caller_and_no_query(run_server: RunServer, valkey_url: str) -> None:
    settings = {"INBOX_LOG_REQUESTS": "true", "INBOX_LOG_FORMAT": "json", "INBOX_KEY_PREFIX": "request-log:"}
    server = await run_server(redis_url=valkey_url, **settings)
    async with Api.open(server) as api:
        await api.client.get("/v2/subscribers/nobody?secret=hidden")
        await api.client.get("/v1/inbox/notifications", headers={"Authorization": "Bearer no-token"})
    requests: list[dict[str, Any]] = []

    async def are_logged() -> bool:  # a line is written once its answer has left
        lines = [json.loads(line) for line in server.log().splitlines() if line.startswith("{")]
        logged = [line for line in lines if line["logger"] == "inbox.http.request_log"]
        requests[:] = [line for line in logged if line["path"] != "/ready"]
        return len(requests) == 2

    await until(are_logged)
    assert [known(line) for line in requests] == [
        ("GET", "/v2/subscribers/nobody", 404, "Production"),
        ("GET", "/v1/inbox/notifications", 401, None),
    ]
    assert all(line["duration_ms"] > 0 for line in requests)
    assert "hidden" not in server.log()


def known(line: dict[str, Any]) -> tuple[str, str, int, str | None]:
    return line["method"], line["path"], line["status"], line.get("environment")


async def test_a_poll_that_comes_again_has_a_line_each_time(
    run_server: RunServer, valkey_url: str, key_prefix: str
) -> None:
    settings = {"INBOX_LOG_REQUESTS": "true", "INBOX_KEY_PREFIX": key_prefix}
    server = await run_server(redis_url=valkey_url, **settings)
    async with InboxApi.open(server, "ada") as inbox:
        path = "/v1/inbox/notifications"
        known = {"If-None-Match": (await inbox.client.get(path)).headers["etag"]}
        for _ in range(4):
            assert (await inbox.client.get(path, headers=known)).status_code == 304

    async def are_logged() -> bool:
        return server.log().count("status=304") == 4

    await until(are_logged)


async def test_each_line_of_a_request_has_its_ids_and_the_answer_has_one(
    run_server: RunServer, valkey_url: str, key_prefix: str
) -> None:
    settings = {"INBOX_LOG_FORMAT": "json", "INBOX_LOG_LEVEL": "debug", "INBOX_LOG_SLOW_SECONDS": "0.000001"}
    server = await run_server(redis_url=valkey_url, INBOX_KEY_PREFIX=key_prefix, **settings)
    trace = "0af7651916cd43dd8448eb211c80319c"
    given = {"X-Request-Id": "given-1", "traceparent": f"00-{trace}-b7ad6b7169203331-01"}
    body = {"name": "bench", "to": "ada", "payload": {}}
    async with Api.open(server) as api:
        await api.create_workflow()
        first = await api.client.post("/v1/events/trigger", json=body, headers=given)
        second = await api.client.post("/v1/events/trigger", json=body, headers={"X-Request-Id": "no id"})
        refused = await api.client.get("/v2/subscribers/nobody")
    assert first.headers["x-request-id"] == "given-1"
    made = second.headers["x-request-id"]
    assert len({made, refused.headers["x-request-id"], "no id"}) == 3
    lines = [json.loads(line) for line in server.log().splitlines() if line.startswith("{")]
    triggered = [(line["request_id"], line.get("trace_id")) for line in lines if line.get("action") == "trigger"]
    assert triggered == [("given-1", trace), (made, None)]
    slow = [line for line in lines if line.get("action") == "slow_request"]
    assert slow, "all are, and one a second has a line"
    assert all(line["duration_ms"] >= 0 and line["level"] == "warning" and line["request_id"] for line in slow)


async def test_a_signal_turns_debug_lines_on_and_off(run_server: RunServer, valkey_url: str, key_prefix: str) -> None:
    server = await run_server(redis_url=valkey_url, INBOX_KEY_PREFIX=key_prefix)
    async with Api.open(server) as api:
        await api.create_workflow()
        for number, switched in enumerate(("on", "off")):
            assert server.log().count("action=trigger") == number
            os.kill(server.pid, signal.SIGUSR1)

            async def is_switched(line: str = f"debug lines are {switched}") -> bool:
                return line in server.log()

            await until(is_switched, 60)
            await api.trigger("ada", {"n": 1})
        await api.trigger("ada", {"n": 2})
    assert server.log().count("action=trigger") == 1


async def test_a_line_has_the_address_that_trusted_proxies_name(
    run_server: RunServer, valkey_url: str, key_prefix: str
) -> None:
    settings = {"INBOX_LOG_REQUESTS": "true", "INBOX_TRUSTED_PROXIES": "127.0.0.1"}
    server = await run_server(redis_url=valkey_url, INBOX_KEY_PREFIX=key_prefix, **settings)
    async with Api.open(server) as api:
        await api.client.get("/v2/subscribers/nobody", headers={"X-Forwarded-For": "192.0.2.1, 203.0.113.9"})

    async def is_logged() -> bool:
        return "path=/v2/subscribers/nobody" in server.log()

    await until(is_logged)
    [line] = [line for line in server.log().splitlines() if "/v2/subscribers/nobody" in line]
    assert "client=203.0.113.9" in line
    assert "192.0.2.1" not in line
