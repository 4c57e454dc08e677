"""Sends an event to a webhook: one signed POST, by the scheme of Standard Webhooks (docs/webhooks.md)."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import hmac
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from inbox import __version__
from inbox.clock import now_seconds
from inbox.models.event import Event

if TYPE_CHECKING:
    import httpx

SECRET_PREFIX = "whsec_"  # noqa: S105 (the scheme's marker)
MOST_READ_BYTES = 16 * 1024
"""So much of an answer is read, and thrown away, so that its connection can be used again."""
READ_SECONDS = 1.0
CONNECTIONS = 64


@dataclass(frozen=True, slots=True)
class Sent:
    """What became of a sending: the receiver's status (0: there was none), and in words what went wrong."""

    status: int
    reason: str = ""

    @property
    def is_delivered(self) -> bool:
        return 200 <= self.status < 300

    @property
    def is_unwanted(self) -> bool:
        """The receiver says that it never wants this again."""
        return self.status == 410

    @property
    def is_refused(self) -> bool:
        """The receiver is well and does not take this event."""
        return 400 <= self.status < 500 and self.status not in (408, 425, 429)


def sign(event_id: str, timestamp: int, body: bytes, secret: str) -> str:
    """The signature of one secret (`whsec_` and base64): `v1,` and base64 of the HMAC-SHA256."""
    key = base64.b64decode(secret.removeprefix(SECRET_PREFIX))
    digest = hmac.new(key, f"{event_id}.{timestamp}.".encode() + body, hashlib.sha256).digest()
    return f"v1,{base64.b64encode(digest).decode()}"


class WebhookSender:
    """Sends over connections that it keeps. What the receiver does cannot hold it longer than its time-out."""

    def __init__(self, timeout_seconds: float) -> None:
        self.timeout_seconds = timeout_seconds
        self._client: httpx.AsyncClient | None = None

    async def send(self, url: str, event: Event, secrets: Sequence[str]) -> Sent:
        """One attempt, signed with each of the secrets. Never raises for what the receiver does."""
        import httpx  # only a process that sends needs it, and it is slow to load

        try:
            return await self._post(url, event, secrets)
        except TimeoutError:
            return Sent(0, f"no answer within {self.timeout_seconds:g} s")
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            return Sent(0, _failure(url, error))

    async def close(self) -> None:
        """Closes every connection."""
        if self._client is not None:
            await self._client.aclose()
            self._client = None

    async def _post(self, url: str, event: Event, secrets: Sequence[str]) -> Sent:
        timestamp = int(now_seconds())
        headers = {
            "content-type": "application/json",
            "webhook-id": event.id,
            "webhook-timestamp": str(timestamp),
            "webhook-signature": " ".join(sign(event.id, timestamp, event.body, secret) for secret in secrets),
        }
        client = self._open()
        async with asyncio.timeout(self.timeout_seconds):
            request = client.build_request("POST", url, content=event.body, headers=headers)
            response = await client.send(request, stream=True)
        await _finish(response)
        status = response.status_code
        return Sent(status, "" if 200 <= status < 300 else f"the receiver answered {status}")

    def _open(self) -> httpx.AsyncClient:
        import httpx

        if self._client is None:
            self._client = httpx.AsyncClient(
                timeout=self.timeout_seconds,
                follow_redirects=False,  # it would lead to where nobody has said events may go
                limits=httpx.Limits(max_connections=CONNECTIONS, max_keepalive_connections=CONNECTIONS),
                headers={"user-agent": f"inbox/{__version__}"},
            )
        return self._client


def _failure(url: str, error: Exception) -> str:
    """Which host it was, and what went wrong, without the number that the system has for it."""
    words = re.sub(r"^\[Errno -?\d+\] ", "", str(error)) or type(error).__name__
    return f"{urlsplit(url).netloc.rpartition('@')[2]}: {words}"


async def _finish(response: httpx.Response) -> None:
    """Reads a little, so that the connection can be used again; the status has decided, whatever comes now."""
    size = 0
    with contextlib.suppress(Exception):
        async with asyncio.timeout(READ_SECONDS):
            async for part in response.aiter_raw():
                size += len(part)
                if size > MOST_READ_BYTES:
                    break
    await response.aclose()
