"""`inbox doctor`: green where all is well, and the right advice for each fault that was planted."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from inbox.doctor.examination import check_disk
from inbox.doctor.listeners import LISTENERS
from inbox.doctor.redis import clocks_apart
from inbox.doctor.report import Report
from tests.conftest import RunServer, binary_of, every_store
from tests.support.caddy import running_caddy
from tests.support.certificates import Certificates
from tests.support.forking import Constants
from tests.support.nginx import running_nginx
from tests.support.processes import REPOSITORY, free_port
from tests.support.server import Server
from tests.support.stores import StoreServer, running_store
from tests.support.waiting import until

from .conftest import Service, run_inbox
from .test_cli import read_keys

pytestmark = pytest.mark.needs("valkey")

PREFIX = "/tools/inbox"
PAGE = "https://app.example.com"
OTHER_PAGE = "https://other.example.com"
NO_MORE = "--url takes no user, query or fragment: it is an address and perhaps a path"


class Examined:
    """The result of one `inbox doctor`."""

    def __init__(self, *arguments: str, constants: Constants | None = None, **settings: str) -> None:
        ended = run_inbox("doctor", "--json", *arguments, constants=constants, **settings)
        assert ended.stdout, ended
        result = json.loads(ended.stdout)
        self.exit_code = ended.returncode
        self.findings: list[dict[str, str]] = result["findings"]
        assert result["healthy"] == (ended.returncode == 0)

    @property
    def failed(self) -> dict[str, str]:
        """`part check` → advice of what has failed."""
        return {f"{one['part']} {one['check']}": one["advice"] for one in self.findings if one["level"] == "failed"}

    def passed(self, part: str) -> set[str]:
        return {one["check"] for one in self.findings if one["part"] == part and one["level"] == "ok"}


async def examine(*arguments: str, constants: Constants | None = None, **settings: str) -> Examined:
    return await asyncio.to_thread(Examined, *arguments, constants=constants, **settings)


@pytest.fixture
def own_store() -> Iterator[StoreServer]:
    """A Valkey that a test may spoil."""
    with running_store(binary_of("valkey")) as store:
        yield store


@pytest.fixture
async def served(run_server: RunServer, valkey_url: str, key_prefix: str) -> Server:
    return await run_server(redis_url=valkey_url, INBOX_KEY_PREFIX=key_prefix, INBOX_CORS_ORIGINS=PAGE)


EVERY_CHECK_OF_REDIS = {
    *("connection", "version", "eviction", "memory", "persistence", "latency", "clock", "writes", "publications")
}
PUSHES = set(LISTENERS)
EVERY_CHECK = {"address", "release", "ready", "backend", "large body", *PUSHES, "host", "origin", "widget"}


async def test_a_service_with_its_own_store_is_healthy(make_service: Callable[..., Service]) -> None:
    service = make_service(INBOX_CORS_ORIGINS=PAGE)
    await service.start()
    shown = await asyncio.to_thread(run_inbox, "doctor", INBOX_DATA_DIR=str(service.data), INBOX_CORS_ORIGINS=PAGE)
    assert shown.returncode == 0, shown
    lines = [line.split("\t") for line in shown.stdout.splitlines() if not line.startswith("\t")]
    assert {line[2] for line in lines if line[1] == "service"} == EVERY_CHECK
    assert ["warning", "settings", "secrets"] in [line[:3] for line in lines]
    assert "\t→ set INBOX_SECRET_KEY" in shown.stdout
    key = read_keys(run_inbox("keys", INBOX_DATA_DIR=str(service.data)).stdout)["INBOX_API_KEY"]
    async with httpx.AsyncClient(base_url=service.url, trust_env=False, timeout=60) as client:
        listed = await client.get("/v2/subscribers", headers={"Authorization": f"ApiKey {key}"})
    assert listed.json()["data"] == []


@every_store
async def test_a_redis_of_any_kind_is_healthy(run_server: RunServer, store_url: str, key_prefix: str) -> None:
    server = await run_server(redis_url=store_url, INBOX_KEY_PREFIX=key_prefix)
    found = await examine(**server.settings)
    assert found.failed == {}
    assert {
        one["check"] for one in found.findings if one["part"] not in ("settings", "service")
    } == EVERY_CHECK_OF_REDIS
    page = (REPOSITORY / "docs" / "running.md").read_text()
    named = set(re.split(r" \| |, ", " | ".join(re.findall(r"^\|[^|]*\| (.*?) \|", page, re.MULTILINE))))
    assert {one["check"] for one in found.findings} <= named


@pytest.mark.needs("nginx")
@pytest.mark.needs("openssl")
@pytest.mark.parametrize("strips", [False, True], ids=["passes", "strips"])
async def test_all_is_well_behind_nginx_with_tls_and_a_prefix(
    run_server: RunServer, valkey_url: str, key_prefix: str, tmp_path: Path, strips: bool
) -> None:
    server = await run_server(redis_url=valkey_url, INBOX_KEY_PREFIX=key_prefix, INBOX_BASE_PATH=PREFIX)
    certificates = Certificates(tmp_path)
    with running_nginx(server.port, prefix=PREFIX, strips=strips, certificates=certificates) as port:
        trusted = {**server.settings, "SSL_CERT_FILE": str(certificates.authority)}
        url = f"https://127.0.0.1:{port}{PREFIX}"
        found = await examine("--url", url, **trusted)
        assert found.failed == {}
        assert found.exit_code == 0
        assert found.passed("public") == EVERY_CHECK - {"origin"}
        unknown = await examine("--url", url, **server.settings)
        assert unknown.failed.keys() == {"public address"}
        assert "install a certificate" in unknown.failed["public address"]
        beside = await examine("--url", f"https://127.0.0.1:{port}", **trusted)
        assert beside.failed.keys() == {"public address"}
        assert "INBOX_BASE_PATH" in beside.failed["public address"]


@pytest.mark.needs("caddy")
@pytest.mark.needs("openssl")
async def test_all_is_well_behind_caddy(
    run_server: RunServer, valkey_url: str, key_prefix: str, tmp_path: Path
) -> None:
    server = await run_server(redis_url=valkey_url, INBOX_KEY_PREFIX=key_prefix, INBOX_BASE_PATH=PREFIX)
    certificates = Certificates(tmp_path)
    with running_caddy(server.port, certificates, prefix=PREFIX) as port:
        trusted = {**server.settings, "SSL_CERT_FILE": str(certificates.authority)}
        found = await examine("--url", f"https://127.0.0.1:{port}{PREFIX}", **trusted)
    assert found.failed == {}
    assert found.passed("public") == EVERY_CHECK - {"origin"}


def test_an_invalid_setting() -> None:
    found = Examined(INBOX_COLOUR="red")
    assert found.failed.keys() == {"settings valid"}
    assert "`inbox settings` lists them" in found.failed["settings valid"]


def test_an_unreachable_redis() -> None:
    found = Examined(INBOX_REDIS_URL=f"redis://127.0.0.1:{free_port()}")
    assert "start Redis" in found.failed["redis connection"]


def test_a_wrong_password(own_store: StoreServer) -> None:
    url = own_store.set_user("inbox", "right").replace("right", "wrong")
    found = Examined(INBOX_REDIS_URL=url)
    assert found.failed == {"redis connection": "correct user and password in INBOX_REDIS_URL"}


async def test_a_redis_that_forgets(run_server: RunServer, own_store: StoreServer) -> None:
    server = await run_server(redis_url=own_store.url)
    for name, value in (("maxmemory-policy", "allkeys-lru"), ("appendonly", "no")):
        own_store.call("CONFIG", "SET", name, value)
    found = await examine(**server.settings)
    assert found.failed == {
        "redis eviction": "set maxmemory-policy noeviction",
        "redis persistence": "set appendonly yes",
    }


async def test_a_redis_that_takes_no_changes(run_server: RunServer, own_store: StoreServer) -> None:
    server = await run_server(redis_url=own_store.url)
    own_store.call("CONFIG", "SET", "min-replicas-to-write", "1")
    async with httpx.AsyncClient(base_url=server.url, trust_env=False, timeout=60) as client:

        async def has_noticed() -> bool:
            return bool((await client.get("/ready")).json().get("status") == "read-only")

        await until(has_noticed, 60)
    found = await examine(**server.settings)
    assert found.failed.keys() == {"redis writes", "service ready"}
    assert "start the replicas" in found.failed["redis writes"]


async def test_a_redis_without_publications(run_server: RunServer, own_store: StoreServer) -> None:
    server = await run_server(redis_url=own_store.url)
    url = own_store.set_user("silent", "secret", "~*", "resetchannels", "+@all")
    found = await examine(**{**server.settings, "INBOX_REDIS_URL": url})
    assert "+@pubsub &inbox:*" in found.failed["redis publications"]


async def test_no_service_runs(valkey_url: str, key_prefix: str) -> None:
    port = str(free_port())
    found = await examine(INBOX_REDIS_URL=valkey_url, INBOX_KEY_PREFIX=key_prefix, INBOX_PORT=port)
    assert found.failed.keys() == {"service address"}
    assert "start `inbox serve`" in found.failed["service address"]


async def test_a_service_on_other_data(served: Server, key_prefix: str) -> None:
    found = await examine(**{**served.settings, "INBOX_KEY_PREFIX": f"other-{key_prefix}"})
    assert found.failed.keys() == {"service backend"}
    assert "INBOX_KEY_PREFIX" in found.failed["service backend"]


async def test_a_key_that_was_not_given(served: Server) -> None:
    without = {name: value for name, value in served.settings.items() if name != "INBOX_API_KEY"}
    found = await examine(**without)
    assert found.failed == {}
    assert {"part": "service", "check": "backend", "level": "warning"}.items() <= next(
        one for one in found.findings if one["check"] == "backend"
    ).items()


async def test_a_page_that_may_not_call(served: Server) -> None:
    found = await examine("--origin", PAGE, "--origin", OTHER_PAGE, **served.settings)
    assert found.failed == {"service origin": f"add {OTHER_PAGE} to INBOX_CORS_ORIGINS, and restart the service"}
    assert "origin" in found.passed("service")


SOCKETS = PUSHES - {"event stream"}
COMPRESSED = "proxy_ignore_headers X-Accel-Buffering; gzip on; gzip_proxied any; gzip_types text/event-stream;"
FAULTS: dict[str, tuple[dict[str, str], set[str], str]] = {
    "no upgrade": (
        {"proxy_set_header Upgrade $http_upgrade;": ""},
        SOCKETS,
        "the headers Upgrade and Connection",
    ),
    "a decoded path": ({"proxy_pass http://inbox;": "proxy_pass http://inbox/;"}, {"backend"}, "proxy_pass"),
    "another host": ({"proxy_set_header Host $http_host;": ""}, {"host"}, "proxy_set_header Host $http_host"),
    "small bodies": ({"client_max_body_size 26m;": "client_max_body_size 1m;"}, {"large body"}, "client_max_body_size"),
    "buffers": (
        {"proxy_http_version 1.1;": f"proxy_http_version 1.1; {COMPRESSED}"},
        {"event stream"},
        "no buffering",
    ),
    "headers added": (
        {"proxy_http_version 1.1;": f"proxy_http_version 1.1; add_header Access-Control-Allow-Origin {PAGE} always;"},
        {"origin"},
        "remove the CORS headers",
    ),
    "no authorization": (
        {"proxy_http_version 1.1;": 'proxy_http_version 1.1; proxy_set_header Authorization "";'},
        {"backend"},
        "Authorization",
    ),
    "no widget": (
        {"location / {": "location /static/ { return 404; } location / {"},
        {"widget"},
        "/static/",
    ),
    "nobody behind": ({"proxy_pass http://inbox;": "proxy_pass http://127.0.0.1:1;"}, {"address"}, "INBOX_BASE_PATH"),
}


@pytest.mark.needs("nginx")
@pytest.mark.parametrize("fault", FAULTS)
async def test_a_proxy_with(fault: str, served: Server) -> None:
    faults, failed, advice = FAULTS[fault]
    # what never comes is waited for
    constants = {"inbox.doctor.visit.ANSWER_SECONDS": 30.0} if fault == "buffers" else None
    with running_nginx(served.port, faults=faults) as port:
        found = await examine("--url", f"http://127.0.0.1:{port}", constants=constants, **served.settings)
    assert found.failed.keys() == {f"public {check}" for check in failed}
    assert all(advice in text for text in found.failed.values()), found.failed
    assert found.passed("service") == EVERY_CHECK


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("inbox.example.com", "--url must begin with https:// or http://"),
        ("http://[::1", "--url: Invalid port: ':1'"),
        ("http://exa mple:abc", "--url: Invalid port: 'abc'"),
        ("http://exa mple", "--url needs a host, and a port of at most 65535 if it has one"),
        ("https://", "--url needs a host, and a port of at most 65535 if it has one"),
        ("http://inbox.example.com:99999", "--url needs a host, and a port of at most 65535 if it has one"),
        ("http://ada:secret@inbox.example.com", NO_MORE),
        ("http://inbox.example.com?x=1", NO_MORE),
        ("http://inbox.example.com/#x", NO_MORE),
    ],
)
def test_an_url_that_is_none(url: str, problem: str) -> None:
    ended = run_inbox("doctor", "--url", url)
    assert (ended.returncode, ended.stdout, ended.stderr) == (1, "", f"inbox: {problem}\n")


def test_an_unknown_environment(own_store: StoreServer) -> None:
    found = Examined("--environment", "nowhere", INBOX_REDIS_URL=own_store.url)
    assert found.failed == {"settings environment": "name one of them with --environment"}


async def test_an_address_that_answers_only_at_first(served: Server) -> None:
    """Its other connections end without an answer, as those of a proxy whose service ends."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError):
            head = await reader.readuntil(b"\r\n\r\n")
            if head.startswith(b"GET /health "):
                body = b'{"version":"1"}'
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))
                await reader.readuntil(b"\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        found = await examine("--url", url, **served.settings)
    assert found.failed == {"public address": "look at the log of the proxy and of the service"}
    assert any(f"{url}/ready: " in one["detail"] for one in found.findings)


@pytest.mark.parametrize(("needed", "level"), [(0, "ok"), (1 << 62, "failed")], ids=["enough", "too little"])
def test_space_on_the_disk(needed: int, level: str) -> None:
    report = Report()
    with tempfile.TemporaryDirectory() as directory:
        check_disk(Path(directory), report.part("disk"), needed)
    assert [finding.level for finding in report.findings] == [level]


def test_clocks_differ_by_what_the_question_cannot_explain() -> None:
    def apart(theirs: float) -> Any:
        return clocks_apart(theirs, before=10.0, after=10.5)

    assert [apart(theirs) for theirs in (8.0, 10.2, 15.5)] == [2.0, 0.0, 5.0]
