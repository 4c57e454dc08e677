"""Sends an event to a webhook: one signed POST, by the scheme of Standard Webhooks (docs/webhooks.md)."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import hmac
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from inbox import __version__, metrics
from inbox.clock import now_seconds
from inbox.models.event import WebhookEvent
from inbox.models.webhook import Webhook
from inbox.service.webhooks.hosts import ReachableHosts

if TYPE_CHECKING:
    import httpx

SECRET_PREFIX = "whsec_"  # noqa: S105 (the scheme's marker)
MAX_READ_BYTES = 16 * 1024
"""Of a response, which is read and discarded, so that its connection can be used again."""
READ_SECONDS = 1.0
MAX_CONNECTIONS = 64


@dataclass(frozen=True, slots=True)
class Sent:
    """The result of sending an event: the receiver's status, 0 without a response, and the reason of a failure."""

    status: int
    reason: str = ""

    @property
    def is_delivered(self) -> bool:
        return 200 <= self.status < 300

    @property
    def is_unwanted(self) -> bool:
        """Whether the receiver says that it never wants this event."""
        return self.status == 410

    @property
    def is_refused(self) -> bool:
        """Whether the receiver works and does not accept this event."""
        return 400 <= self.status < 500 and self.status not in (408, 425, 429)


def sign(event_id: str, timestamp: int, body: bytes, secret: str) -> str:
    """Return `v1,` and the base64 of the HMAC-SHA256 under a secret (`whsec_` and base64)."""
    key = base64.b64decode(secret.removeprefix(SECRET_PREFIX))
    digest = hmac.new(key, f"{event_id}.{timestamp}.".encode() + body, hashlib.sha256).digest()
    return f"v1,{base64.b64encode(digest).decode()}"


class WebhookSender:
    """Sends events over connections that it keeps. No receiver can delay it for longer than its timeout."""

    def __init__(self, timeout_seconds: float, hosts: ReachableHosts) -> None:
        self.timeout_seconds = timeout_seconds
        self.hosts = hosts
        self._clients: dict[tuple[bool, str | None], httpx.AsyncClient] = {}

    async def send(self, webhook: Webhook, event: WebhookEvent, secrets: Sequence[str], traceparent: str = "") -> Sent:
        """Send an event once, signed with each of the secrets, with the trace of its cause if there is one.

        Return every failure of the receiver as a result.
        """
        began = time.monotonic()
        sent = await self._try(webhook, event, secrets, traceparent)
        metrics.WEBHOOK_SECONDS.observe(time.monotonic() - began)
        metrics.WEBHOOK_REQUESTS.add(("delivered" if sent.is_delivered else "refused" if sent.status else "failed",))
        return sent

    async def _try(self, webhook: Webhook, event: WebhookEvent, secrets: Sequence[str], traceparent: str) -> Sent:
        import httpx  # only a process that sends needs it, and it is slow to load

        try:
            return await self._post(webhook, event, secrets, traceparent)
        except TimeoutError:
            return Sent(0, f"no answer within {self.timeout_seconds:g} s")
        except (httpx.HTTPError, httpx.InvalidURL, OSError, UnicodeError) as error:
            return Sent(0, _failure(webhook.url, error))

    async def close(self) -> None:
        while self._clients:
            _, client = self._clients.popitem()
            await client.aclose()

    async def _post(self, webhook: Webhook, event: WebhookEvent, secrets: Sequence[str], traceparent: str) -> Sent:
        timestamp = int(now_seconds())
        headers = {
            "content-type": "application/json",
            "webhook-id": event.id,
            "webhook-timestamp": str(timestamp),
            "webhook-signature": " ".join(sign(event.id, timestamp, event.body, secret) for secret in secrets),
            **({"traceparent": traceparent} if traceparent else {}),
        }
        client = self._open(webhook)
        async with asyncio.timeout(self.timeout_seconds):
            request = client.build_request("POST", webhook.url, content=event.body, headers=headers)
            response = await client.send(request, stream=True)
        await _finish(response)
        status = response.status_code
        return Sent(status, "" if 200 <= status < 300 else f"the receiver answered {status}")

    def _open(self, webhook: Webhook) -> httpx.AsyncClient:
        """Return the client of a webhook. A proxy connects for it and decides itself, else a checked host is checked.

        httpx is not left to choose between a proxy and a direct connection, which it would not check.
        """
        import httpx

        proxy = _proxy_of(httpx.URL(webhook.url)) if webhook.is_host_checked else None
        key = (webhook.is_host_checked, proxy)
        if key not in self._clients:
            limits = httpx.Limits(max_connections=MAX_CONNECTIONS, max_keepalive_connections=MAX_CONNECTIONS)
            self._clients[key] = httpx.AsyncClient(
                timeout=self.timeout_seconds,
                follow_redirects=False,  # the target is no URL that anybody has set or checked
                limits=limits,
                proxy=proxy,
                transport=self._transport(limits) if webhook.is_host_checked and proxy is None else None,
                headers={"user-agent": f"inbox/{__version__}"},
            )
        return self._clients[key]

    def _transport(self, limits: httpx.Limits) -> httpx.AsyncBaseTransport:
        from inbox.service.webhooks.transport import CheckedTransport

        return CheckedTransport(self.hosts, limits)


def _proxy_of(url: httpx.URL) -> str | None:
    """Return the proxy that the environment names for a URL, or None if it is reached directly."""
    proxies = getproxies()
    proxy = proxies.get(url.scheme) or proxies.get("all")
    if not proxy or proxy_bypass(url.netloc.decode()):
        return None
    return proxy if "://" in proxy else f"http://{proxy}"


def _failure(url: str, error: Exception) -> str:
    """Return the host and the error's message without its errno."""
    message = re.sub(r"^\[Errno -?\d+\] ", "", str(error)) or type(error).__name__
    return f"{urlsplit(url).netloc.rpartition('@')[2]}: {message}"


async def _finish(response: httpx.Response) -> None:
    """Read some of the body, so that the connection can be used again; failures do not matter after the status."""
    size = 0
    with contextlib.suppress(Exception):
        async with asyncio.timeout(READ_SECONDS):
            async for part in response.aiter_raw():
                size += len(part)
                if size > MAX_READ_BYTES:
                    break
    await response.aclose()
