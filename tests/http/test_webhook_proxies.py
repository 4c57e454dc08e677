"""Where HTTP_PROXY, HTTPS_PROXY and NO_PROXY leave a webhook a direct connection, its host is checked."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from inbox.models.event import WebhookEvent
from inbox.models.webhook import EVENT_TYPES, Webhook
from inbox.service.webhooks.hosts import ReachableHosts
from inbox.service.webhooks.sender import Sent, WebhookSender
from tests.support.receiver import Receiver

SECRET = "whsec_" + "A" * 43 + "="


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with Receiver.running() as receiver:
        yield receiver


@pytest.fixture
async def proxy() -> AsyncIterator[Receiver]:
    async with Receiver.running() as receiver:
        yield receiver


async def send(*urls: str) -> list[Sent]:
    """Send an event to each URL, in order, as if the API had set it; nothing on this machine may be reached."""
    sender = WebhookSender(20, ReachableHosts([]))
    event = WebhookEvent("evt_1", "webhook.test", b'{"id":"evt_1"}')
    try:
        return [
            await sender.send(Webhook(url, EVENT_TYPES, b"", is_host_checked=True), event, [SECRET]) for url in urls
        ]
    finally:
        await sender.close()


@pytest.mark.parametrize(
    "names",
    [
        {"https_proxy": "{proxy}"},
        {"https_proxy": "{proxy}", "http_proxy": ""},
        {"http_proxy": "{proxy}", "https_proxy": "{proxy}", "no_proxy": "127.0.0.1"},
        {"http_proxy": "{proxy}", "no_proxy": "127.0.0.1:{port}"},
        {"all_proxy": "{proxy}", "no_proxy": "*"},
    ],
)
async def test_what_goes_by_no_proxy_is_checked(
    monkeypatch: pytest.MonkeyPatch, receiver: Receiver, proxy: Receiver, names: dict[str, str]
) -> None:
    for name, value in names.items():
        monkeypatch.setenv(name, value.format(proxy=f"http://127.0.0.1:{proxy.port}", port=receiver.port))
    [sent] = await send(receiver.url)
    assert sent.status == 0
    assert "private addresses" in sent.reason
    assert (receiver.connections, proxy.connections) == (0, 0)


@pytest.mark.parametrize(("name", "scheme"), [("http_proxy", "http://"), ("http_proxy", ""), ("all_proxy", "http://")])
async def test_the_proxy_of_the_scheme_connects_unless_the_host_is_excepted(
    monkeypatch: pytest.MonkeyPatch, proxy: Receiver, name: str, scheme: str
) -> None:
    monkeypatch.setenv(name, f"{scheme}127.0.0.1:{proxy.port}")
    monkeypatch.setenv("no_proxy", "127.0.0.0,localhost")
    by_proxy, direct = await send("http://hooks.example/hook", f"http://localhost:{proxy.port}/hook")
    assert (by_proxy.status, direct.status) == (200, 0)
    assert "private addresses" in direct.reason
    assert [one.headers["host"] for one in proxy.received] == ["hooks.example"]
