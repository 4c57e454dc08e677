"""Where an environment's events go: its webhook and its event stream, both set by command; and failed events."""

from __future__ import annotations

import base64
import secrets
from collections.abc import AsyncIterator, Collection, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

import msgspec

from inbox.clock import now_ms
from inbox.errors import NotFound, invalid
from inbox.ids import new_object_id
from inbox.models.environment import Environment
from inbox.models.event import WebhookEvent, event_body
from inbox.models.webhook import EVENT_TYPES, Webhook
from inbox.service.environments.environments import EnvironmentService
from inbox.service.webhooks.sender import SECRET_PREFIX, Sent, WebhookSender
from inbox.store.event_stream import EventStream
from inbox.store.failed_events import FailedEvent, FailedEvents
from inbox.store.outbox import OutboxStore
from inbox.store.secrets import SecretStore

SECRET_BYTES = 32
OVERLAP_MS = 86_400_000
"""For which a replaced secret signs as well."""
MAX_URL_LENGTH = 2_048
TEST_EVENT = "webhook.test"


@dataclass(frozen=True, slots=True)
class EventBacklog:
    """Outbox entries (one may be several events) that wait and that were dropped, and failed and streamed events."""

    waiting: int
    dropped: int
    failed: int
    streamed: int


@dataclass(eq=False)
class WebhookService:
    """Sets webhooks and event streams, and reports and replays events."""

    _environments: EnvironmentService
    _secrets: SecretStore
    _outbox: OutboxStore
    _stream: EventStream
    _failed: FailedEvents
    _sender: WebhookSender

    async def set(self, environment: Environment, url: str, events: Sequence[str]) -> str | None:
        """Send events of these types (all if empty) to the URL from now on. Return the signing secret of a new webhook.

        An existing webhook keeps its secret; its waiting events go to the new URL. Raise ValidationFailed.
        """
        _check_url(url)
        unknown = sorted(set(events) - set(EVENT_TYPES))
        if unknown:
            raise invalid("event", f"{unknown[0]} is no event; there are {', '.join(EVENT_TYPES)}", unknown[0])
        types = tuple(one for one in EVENT_TYPES if one in events) if events else EVENT_TYPES
        before, secret = environment.webhook, None
        if before:
            webhook = msgspec.structs.replace(before, url=url, events=types)
        else:
            await self._clear_unless_used(environment)
            secret = _new_secret()
            webhook = Webhook(url, types, self._secrets.seal(secret))
        await self._environments.change(environment, webhook=webhook)
        return secret

    async def remove(self, environment: Environment) -> None:
        """Remove the webhook; waiting events are dropped unless there is an event stream. Raise NotFound."""
        _webhook_of(environment)
        await self._environments.change(environment, webhook=None)
        if not environment.event_stream:
            await self._outbox.clear(environment.number)

    async def rotate_secret(self, environment: Environment) -> str:
        """Return a new signing secret; the former one signs as well for a day. Raise NotFound."""
        before = _webhook_of(environment)
        secret = _new_secret()
        after = msgspec.structs.replace(
            before, sealed=self._secrets.seal(secret), sealed_before=before.sealed, rotated_ms=now_ms()
        )
        await self._environments.change(environment, webhook=after)
        return secret

    async def set_stream(self, environment: Environment, on: bool) -> None:
        if on:
            await self._clear_unless_used(environment)
        await self._environments.change(environment, event_stream=on)
        if not on and environment.webhook is None:
            await self._outbox.clear(environment.number)

    def secrets_of(self, webhook: Webhook) -> list[str]:
        """Return the secrets that sign events, the newest first."""
        former = webhook.sealed_before if now_ms() - webhook.rotated_ms < OVERLAP_MS else None
        return [self._secrets.unseal(sealed) for sealed in (webhook.sealed, former) if sealed]

    async def backlog(self, environment: Environment) -> EventBacklog:
        """Return how many events of an environment there are. Raise ServiceUnavailable."""
        sizes = (await self._outbox.sizes(environment.number)).values()
        return EventBacklog(
            waiting=sum(waiting for waiting, _ in sizes),
            dropped=sum(dropped for _, dropped in sizes),
            failed=await self._failed.count(environment.number),
            streamed=await self._stream.size(environment.number),
        )

    async def failed(self, environment: Environment) -> list[FailedEvent]:
        """Return the failed events, the oldest first."""
        return await self._failed.all(environment.number)

    async def replay(self, environment: Environment, ids: Collection[str]) -> AsyncIterator[tuple[FailedEvent, Sent]]:
        """Send failed events once more, all or those with these ids; yield each with its result.

        Events that are delivered are no longer failed. Raise NotFound for an unknown id.
        """
        webhook = _webhook_of(environment)
        by_id = {failed.event.id: failed for failed in await self._failed.all(environment.number)}
        for missing in (event_id for event_id in ids if event_id not in by_id):
            raise NotFound(f"There is no failed event {missing} in {environment.name}")
        for event_id, failed in by_id.items():
            if not ids or event_id in ids:
                sent = await self._sender.send(webhook.url, failed.event, self.secrets_of(webhook))
                if sent.is_delivered:
                    await self._failed.remove(environment.number, event_id)
                yield failed, sent

    async def test(self, environment: Environment) -> Sent:
        """Send an event without content, once. Raise NotFound."""
        webhook = _webhook_of(environment)
        event_id = f"evt_test_{new_object_id()}"
        event = WebhookEvent(event_id, TEST_EVENT, event_body(event_id, TEST_EVENT, now_ms(), environment.id, {}))
        return await self._sender.send(webhook.url, event, self.secrets_of(webhook))

    async def close(self) -> None:
        await self._sender.close()

    async def _clear_unless_used(self, environment: Environment) -> None:
        """Drop entries from an earlier webhook or stream, unless there is one now."""
        if not environment.event_types:
            await self._outbox.clear(environment.number)


def _webhook_of(environment: Environment) -> Webhook:
    if environment.webhook is None:
        raise NotFound(f"{environment.name} has no webhook: make one with `inbox webhooks set URL`")
    return environment.webhook


def _check_url(url: str) -> None:
    try:
        parts = urlsplit(url)
        is_valid = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_valid = False
    if not is_valid or len(url) > MAX_URL_LENGTH or not (url.isascii() and url.isprintable() and " " not in url):
        raise invalid("url", "the URL must be an http:// or https:// one, of at most 2048 characters", url)
    if parts.fragment:
        raise invalid("url", "the URL must have no fragment (#…)", url)


def _new_secret() -> str:
    return SECRET_PREFIX + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()
