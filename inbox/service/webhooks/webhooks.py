"""Where an environment's events go: its webhook and its event stream, set by command; and events that were given up."""

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
from inbox.models.event import Event, event_body
from inbox.models.webhook import EVENT_TYPES, Webhook
from inbox.service.environments.environments import EnvironmentService
from inbox.service.webhooks.sender import SECRET_PREFIX, Sent, WebhookSender
from inbox.store.event_stream import EventStream
from inbox.store.failed_events import FailedEvent, FailedEvents
from inbox.store.outbox import OutboxStore
from inbox.store.secrets import SecretStore

SECRET_BYTES = 32
OVERLAP_MS = 86_400_000
"""So long a replaced secret signs as well."""
MOST_URL_LENGTH = 2_048
TEST_EVENT = "webhook.test"


@dataclass(frozen=True, slots=True)
class Waiting:
    """Events that are still to be told, those lost because there were too many, those given up, those in the stream."""

    waiting: int
    dropped: int
    failed: int
    streamed: int


class WebhookService:
    """Settings of webhooks, and what is behind them."""

    def __init__(
        self,
        environments: EnvironmentService,
        secret_store: SecretStore,
        outbox: OutboxStore,
        stream: EventStream,
        failed: FailedEvents,
        sender: WebhookSender,
    ) -> None:
        self._environments = environments
        self._secrets = secret_store
        self._outbox = outbox
        self._stream = stream
        self._failed = failed
        self._sender = sender

    async def set(self, environment: Environment, url: str, events: Sequence[str]) -> str | None:
        """Sends events of these types (none given: all) to the URL from now on; the signing secret of a new webhook.

        Raises ValidationFailed. An existing webhook keeps its secret, and what is waiting goes to the new URL.
        """
        _check_url(url)
        unknown = sorted(set(events) - set(EVENT_TYPES))
        if unknown:
            raise invalid("event", f"{unknown[0]} is no event; there are {', '.join(EVENT_TYPES)}", unknown[0])
        wanted = tuple(one for one in EVENT_TYPES if one in events) if events else EVENT_TYPES
        before = environment.webhook
        if before:
            after = msgspec.structs.replace(before, url=url, events=wanted)
            await self._environments.change(environment, webhook=after)
            return None
        await self._begin(environment)
        secret = _new_secret()
        webhook = Webhook(url, wanted, self._secrets.seal(secret))
        await self._environments.change(environment, webhook=webhook)
        return secret

    async def remove(self, environment: Environment) -> None:
        """Sends nothing any more; what was waiting is forgotten. Raises NotFound."""
        _webhook_of(environment)
        await self._environments.change(environment, webhook=None)
        if not environment.event_stream:
            await self._outbox.clear(environment.number)

    async def rotate_secret(self, environment: Environment) -> str:
        """A new signing secret; the former one signs as well for a day. Raises NotFound."""
        before = _webhook_of(environment)
        secret = _new_secret()
        after = msgspec.structs.replace(
            before, sealed=self._secrets.seal(secret), sealed_before=before.sealed, rotated_ms=now_ms()
        )
        await self._environments.change(environment, webhook=after)
        return secret

    async def set_stream(self, environment: Environment, on: bool) -> None:
        """Whether events go to the environment's stream as well."""
        if on and not environment.event_stream:
            await self._begin(environment)
        await self._environments.change(environment, event_stream=on)
        if not on and environment.webhook is None:
            await self._outbox.clear(environment.number)

    def secrets_of(self, webhook: Webhook) -> list[str]:
        """The secrets that events are signed with, the newest first."""
        overlaps = webhook.sealed_before is not None and now_ms() - webhook.rotated_ms < OVERLAP_MS
        sealed = [webhook.sealed, *([webhook.sealed_before] if overlaps and webhook.sealed_before else [])]
        return [self._secrets.unseal(one) for one in sealed]

    async def waiting(self, environment: Environment) -> Waiting:
        """How many events are where; of those in outboxes, how many entries, of which one may be several events."""
        sizes = (await self._outbox.sizes(environment.number)).values()
        return Waiting(
            waiting=sum(waiting for waiting, _ in sizes),
            dropped=sum(dropped for _, dropped in sizes),
            failed=await self._failed.count(environment.number),
            streamed=await self._stream.size(environment.number),
        )

    async def failed(self, environment: Environment) -> list[FailedEvent]:
        """Events that were given up, the first one first."""
        return await self._failed.all(environment.number)

    async def replay(self, environment: Environment, ids: Collection[str]) -> AsyncIterator[tuple[FailedEvent, Sent]]:
        """Sends events that were given up once more, all or these, and drops those that arrive.

        Gives each with what became of it. Raises NotFound for an id that is not among them.
        """
        webhook = _webhook_of(environment)
        known = {one.event.id: one for one in await self._failed.all(environment.number)}
        for missing in (one for one in ids if one not in known):
            raise NotFound(f"There is no failed event {missing} in {environment.name}")
        for event_id, failed in known.items():
            if not ids or event_id in ids:
                sent = await self._sender.send(webhook.url, failed.event, self.secrets_of(webhook))
                if sent.is_delivered:
                    await self._failed.remove(environment.number, event_id)
                yield failed, sent

    async def test(self, environment: Environment) -> Sent:
        """Sends an event that says nothing, once. Raises NotFound."""
        webhook = _webhook_of(environment)
        event_id = f"evt_test_{new_object_id()}"
        event = Event(event_id, TEST_EVENT, event_body(event_id, TEST_EVENT, now_ms(), environment.id, {}))
        return await self._sender.send(webhook.url, event, self.secrets_of(webhook))

    async def close(self) -> None:
        """Closes its connections."""
        await self._sender.close()

    async def _begin(self, environment: Environment) -> None:
        """What another time has left is not told."""
        if not environment.wanted_events:
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
    if not is_valid or len(url) > MOST_URL_LENGTH or not (url.isascii() and url.isprintable() and " " not in url):
        raise invalid("url", "the URL must be an http:// or https:// one, of at most 2048 characters", url)
    if parts.fragment:
        raise invalid("url", "the URL must have no fragment (#…)", url)


def _new_secret() -> str:
    return SECRET_PREFIX + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()
