"""How events travel to a URL that was set by the API: to checked addresses, under the host's name, or by a proxy."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import cast

import pytest

from inbox import metrics
from inbox.models.event import WebhookEvent
from inbox.models.webhook import EVENT_TYPES, Webhook
from inbox.service.webhooks.hosts import ReachableHosts
from inbox.service.webhooks.sender import Sent, WebhookSender
from tests.support.certificates import Certificates
from tests.support.processes import free_port

EVENT = WebhookEvent("evt_1", "webhook.test", b"{}")
SECRET = "whsec_" + "A" * 43 + "="
PROXIES = [f"{name}_proxy" for name in ("http", "https", "all", "no")]


class KnownHosts(ReachableHosts):
    """Every name has the given addresses."""

    def __init__(self, *addresses: str) -> None:
        super().__init__(["127.0.0.0/8"])
        self._addresses = addresses
        self.asked: list[tuple[str, int]] = []

    async def resolve(self, host: str, port: int) -> list[str]:
        self.asked.append((host, port))
        return [*self._addresses]


@pytest.fixture(autouse=True)
def without_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in PROXIES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@asynccontextmanager
async def answering(port: int, heads: list[str], tls: ssl.SSLContext | None = None) -> AsyncIterator[None]:
    """A server that notes the head of each request and answers 200."""

    handlers = set[asyncio.Task[None]]()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        handlers.add(cast("asyncio.Task[None]", asyncio.current_task()))
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while head := (await reader.readuntil(b"\r\n\r\n")).decode():
                heads.append(head)
                await reader.readexactly(len(EVENT.body))
                writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
        writer.close()
        with contextlib.suppress(ConnectionError, ssl.SSLError):
            await writer.wait_closed()

    async with await asyncio.start_server(answer, "127.0.0.1", port, ssl=tls):
        yield
    await asyncio.gather(*handlers)


async def send(hosts: ReachableHosts, url: str, times: int = 1) -> list[Sent]:
    sender = WebhookSender(20, hosts)
    webhook = Webhook(url, EVENT_TYPES, b"", is_host_checked=True)
    try:
        return [await sender.send(webhook, EVENT, [SECRET]) for _ in range(times)]
    finally:
        await sender.close()


async def test_the_next_address_is_tried_and_the_connection_stays_in_use() -> None:
    port, heads, hosts = free_port(), list[str](), KnownHosts("127.0.0.2", "127.0.0.1")
    before = metrics.WEBHOOK_REQUESTS.values[("delivered",)]
    async with answering(port, heads):
        sent = await send(hosts, f"http://hooks.example:{port}/in", times=2)
    assert [one.status for one in sent] == [200, 200]
    assert all(head.startswith("POST /in HTTP/1.1\r\n") for head in heads)
    assert all(f"Host: hooks.example:{port}\r\n" in head for head in heads)
    assert hosts.asked == [("hooks.example", port)], "one connection, one look"
    assert metrics.WEBHOOK_REQUESTS.values[("delivered",)] == before + 2


async def test_a_host_whose_addresses_all_refuse_is_a_failure() -> None:
    [sent] = await send(KnownHosts("127.0.0.2", "127.0.0.1"), f"http://hooks.example:{free_port()}/")
    assert (sent.status, sent.reason.partition(":")[0]) == (0, "hooks.example")


async def test_tls_knows_the_host_by_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    certificates = Certificates(tmp_path)  # for localhost, for no other name
    monkeypatch.setenv("SSL_CERT_FILE", str(certificates.authority))
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(certificates.certificate, certificates.key)
    port, heads = free_port(), list[str]()
    async with answering(port, heads, tls):
        [named] = await send(KnownHosts("127.0.0.1"), f"https://localhost:{port}/")
        [other] = await send(KnownHosts("127.0.0.1"), f"https://hooks.example:{port}/")
    assert (named.status, len(heads)) == (200, 1)
    assert other.status == 0
    assert "certificate" in other.reason


async def test_a_proxy_of_the_environment_connects_and_decides(monkeypatch: pytest.MonkeyPatch) -> None:
    port, heads = free_port(), list[str]()
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{port}")
    async with answering(port, heads):
        [sent] = await send(ReachableHosts([]), "http://hooks.example/in")
    assert sent.status == 200
    assert heads[0].startswith("POST http://hooks.example/in HTTP/1.1\r\n")


async def test_a_private_host_is_refused_before_anything_is_sent() -> None:
    port, heads = free_port(), list[str]()
    async with answering(port, heads):
        [sent] = await send(ReachableHosts([]), f"http://localhost:{port}/")
    assert (sent.status, heads) == (0, [])
    assert sent.reason.startswith(f"localhost:{port}: The host has private addresses only")
