"""One line per request, where the setting asks for it."""

from __future__ import annotations

import json
from typing import Any

from tests.conftest import RunServer
from tests.support.client import Api
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
