"""Everything below a path of a proxy, tried with nginx: one that passes the path on, one that takes the prefix off."""

from __future__ import annotations

import asyncio
import json
import re
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import httpx
import pytest
import socketio
from websockets.asyncio.client import connect

from inbox.app import check_base_path
from inbox.errors import StartupError
from inbox.openapi.pages import PAGES
from inbox.routes import all_routes
from tests.conftest import RunServer
from tests.support.certificates import Certificates
from tests.support.client import Api, create_session
from tests.support.nginx import running_nginx
from tests.support.server import Server

pytestmark = [pytest.mark.needs("nginx"), pytest.mark.needs("valkey"), pytest.mark.needs("openssl")]
PREFIX = "/tools/inbox"
SLASHED = "team/ada"


@dataclass(frozen=True)
class Site:
    """What a browser sees: the service below a path of a host."""

    server: Server
    port: int
    prefix: str
    certificates: Certificates | None

    @property
    def origin(self) -> str:
        return f"{'https' if self.certificates else 'http'}://127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        return self.origin + self.prefix

    @property
    def tls(self) -> ssl.SSLContext | None:
        return ssl.create_default_context(cafile=str(self.certificates.authority)) if self.certificates else None

    def client(self, **options: Any) -> httpx.AsyncClient:
        return httpx.AsyncClient(base_url=self.url, verify=self.tls or False, trust_env=False, **options)


@pytest.fixture(params=["root", "passes", "strips", "tls"])
async def site(
    request: pytest.FixtureRequest, run_server: RunServer, valkey_url: str, key_prefix: str, tmp_path: Path
) -> AsyncIterator[Site]:
    prefix = "" if request.param == "root" else PREFIX
    certificates = Certificates(tmp_path) if request.param == "tls" else None
    server = await run_server(redis_url=valkey_url, demo=True, INBOX_KEY_PREFIX=key_prefix, INBOX_BASE_PATH=prefix)
    strips = request.param == "strips"
    with running_nginx(server.port, prefix=prefix, strips=strips, certificates=certificates) as port:
        yield Site(server, port, prefix, certificates)


async def test_the_api_and_ids_with_a_slash(site: Site) -> None:
    headers = {"Authorization": f"ApiKey {site.server.api_key}"}
    async with site.client(headers=headers) as client:
        body = {"subscriberId": SLASHED, "firstName": "Ada"}
        assert (await client.post("/v2/subscribers", json=body)).status_code == 201
        answer = await client.get("/v2/subscribers/team%2Fada")
        assert (answer.status_code, answer.json()["data"]["subscriberId"]) == (200, SLASHED)
        unknown = await client.get("/v2/subscribers/team%2Fnobody")
        assert unknown.status_code == 404
        assert unknown.json()["externalSubscriberId"] == "team/nobody"
        for path in ("/health", "/ready"):
            assert (await client.get(path)).status_code == 200
        preflight = {"Origin": "https://shop.example", "Access-Control-Request-Method": "PATCH"}
        assert (await client.options("/v1/inbox/session", headers=preflight)).status_code == 200
        wrong = await client.post("/v2/workflows/a")
        assert (wrong.status_code, wrong.headers["allow"]) == (405, "DELETE, GET, HEAD, PATCH, PUT")


async def test_pages_and_what_they_load(site: Site) -> None:
    async with site.client(follow_redirects=True) as client:
        for page in ("/", "/playground", "/console", "/docs"):
            answer = await client.get(site.url + page)
            assert answer.status_code == 200
            addresses = re.findall(r'(?:src|href)="([^"#?]+)"', answer.text)
            assert addresses
            for address in addresses:
                url = urljoin(str(answer.url), address)
                assert url.startswith(f"{site.url}/")
                assert (await client.get(url)).status_code == 200, url
        assert (await client.get(f"{site.url}/demo/config")).status_code == 200
        document = (await client.get(f"{site.url}/openapi.json")).json()
        assert document["servers"] == [{"url": site.prefix or "/"}]
        module = await client.get(f"{site.url}/static/inbox.js")
        assert module.headers["content-type"].startswith("text/javascript")


async def test_every_socket_and_the_stream(site: Site) -> None:
    token = (await create_session(site.server, SLASHED))["token"]
    heard: asyncio.Queue[str] = asyncio.Queue()
    client = socketio.AsyncClient(reconnection=False, ssl_verify=False)
    client.on("notification_received", lambda data: heard.put_nowait(data["message"]["content"]))
    socket_url, tls = site.url.replace("http", "ws", 1), {"ssl": site.tls} if site.tls else {}
    async with (
        Api.open(site.server) as api,
        connect(f"{socket_url}/ws?token={token}", origin=site.origin, proxy=None, **tls) as plain,  # type: ignore[arg-type]
        connect(f"{socket_url}/v1/socket", origin=site.origin, proxy=None, **tls) as native,  # type: ignore[arg-type]
        site.client() as http,
        http.stream("GET", "/v1/inbox/events", params={"token": token}) as stream,
        asyncio.timeout(60),
    ):
        await api.create_workflow("order", body="Order {{payload.n}}")
        await native.send(json.dumps({"id": 1, "connect": {"token": token}}))
        assert json.loads(await native.recv())["result"]["subscriberId"] == SLASHED
        lines = stream.aiter_lines()
        while await anext(lines) != "event: connected":
            pass
        await client.connect(
            site.origin, auth={"token": token}, transports=["websocket"], socketio_path=f"{site.prefix}/socket.io"
        )
        await api.trigger(SLASHED, {"n": 1}, workflow="order")
        while "Order 1" not in str(await plain.recv()):
            pass
        while "Order 1" not in str(await native.recv()):
            pass
        while "Order 1" not in await anext(lines):
            pass
        assert await heard.get() == "Order 1"
        await client.disconnect()


@pytest.mark.needs("curl")
@pytest.mark.parametrize("site", ["tls"], indirect=True)
async def test_http_2(site: Site) -> None:
    """What browsers use for everything but sockets."""
    assert site.certificates is not None
    ask = [
        "curl",
        "--silent",
        "--http2",
        "--cacert",
        str(site.certificates.authority),
        "--write-out",
        "%{http_version}",
    ]
    command = [*ask, "--output", "/dev/null", f"{site.url}/health"]
    curl = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    assert (await curl.communicate())[0] == b"2"


async def test_the_prefix_itself_leads_to_its_page(run_server: RunServer, valkey_url: str, key_prefix: str) -> None:
    """Relative links of the page would lead beside it otherwise; the service itself takes both kinds of paths."""
    server = await run_server(redis_url=valkey_url, demo=True, INBOX_KEY_PREFIX=key_prefix, INBOX_BASE_PATH=PREFIX)
    async with httpx.AsyncClient(base_url=server.url, trust_env=False) as client:
        answer = await client.get(f"{PREFIX}?subscriber=ada")
        assert (answer.status_code, answer.headers["location"]) == (308, f"{PREFIX}/?subscriber=ada")
        for path in ("/health", f"{PREFIX}/health", "/", f"{PREFIX}/"):
            assert (await client.get(path)).status_code == 200
        for path in (f"{PREFIX}x/health", f"{PREFIX}{PREFIX}/health", "/tools/health", f"{PREFIX}%2Fhealth"):
            assert (await client.get(path)).status_code == 404
    assert f"serving at {server.url}{PREFIX}" in server.log()


@pytest.mark.parametrize("path", ["/v1", "/v2/inbox", "/static", "/ws", "/socket.io", "/docs/inbox", "/health"])
def test_a_prefix_like_a_path_of_ours_is_refused(path: str) -> None:
    with pytest.raises(StartupError, match=f"INBOX_BASE_PATH: {path} begins"):
        check_base_path(path, [*all_routes(with_demo=True, with_console=True), *PAGES])


@pytest.mark.parametrize("path", ["", "/inbox", "/v1x", "/tools/v1"])
def test_other_prefixes_are_not(path: str) -> None:
    check_base_path(path, [*all_routes(with_demo=True, with_console=True), *PAGES])
