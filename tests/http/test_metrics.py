"""`/metrics`: where it is, and who may read it."""

from __future__ import annotations

import re

import httpx

from inbox.metrics import METRICS
from tests.conftest import RunServer
from tests.support.server import Server

from .hostile import check_error

TOKEN = "token-of-the-scraper"


def metrics_url(server: Server) -> str:
    """Return the address that the service has logged."""
    [url] = re.findall(r"metrics at (\S+/metrics)", server.log())
    return str(url)


async def test_without_a_port_there_are_none(fresh_server: Server) -> None:
    assert "serve_metrics" not in fresh_server.log()
    async with httpx.AsyncClient(base_url=fresh_server.url, trust_env=False, timeout=60) as client:
        assert (await client.get("/metrics")).status_code == 404


async def test_every_metric_has_its_type_and_its_meaning(
    run_server: RunServer, valkey_url: str, key_prefix: str
) -> None:
    server = await run_server(redis_url=valkey_url, INBOX_KEY_PREFIX=key_prefix, INBOX_METRICS_PORT="0")
    async with httpx.AsyncClient(trust_env=False, timeout=60) as client:
        answer = await client.get(metrics_url(server))
        assert answer.status_code == 200
        assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
        for metric in METRICS.values():
            assert f"# HELP {metric.name} {metric.meaning}\n# TYPE {metric.name} {metric.kind}\n" in answer.text
        modern = await client.get(metrics_url(server), headers={"Accept": "application/openmetrics-text;version=1.0.0"})
        assert modern.headers["content-type"].startswith("application/openmetrics-text")
        assert modern.text.endswith("# EOF\n")
        check_error((await client.get(metrics_url(server) + "/x")), 404)
        check_error((await client.post(metrics_url(server))), 405)


async def test_a_token_is_asked_for(run_server: RunServer, valkey_url: str, key_prefix: str) -> None:
    settings = {"INBOX_METRICS_PORT": "0", "INBOX_METRICS_TOKEN": TOKEN}
    server = await run_server(redis_url=valkey_url, INBOX_KEY_PREFIX=key_prefix, **settings)
    async with httpx.AsyncClient(trust_env=False, timeout=60) as client:
        for header in ("", "Bearer other", TOKEN, "Bearer é"):
            check_error(await client.get(metrics_url(server), headers={"Authorization": header.encode()}), 401)
        answer = await client.get(metrics_url(server), headers={"Authorization": f"Bearer {TOKEN}"})
        assert answer.status_code == 200
    assert TOKEN not in server.log()
