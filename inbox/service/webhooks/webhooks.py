"""Where an environment's events go: its webhook and its event stream; and failed events."""

from __future__ import annotations

import base64
import re
import secrets
from collections.abc import AsyncGenerator, Collection, Sequence
from contextlib import aclosing
from dataclasses import dataclass

import msgspec

from inbox.clock import now_ms
from inbox.errors import NotFound, invalid
from inbox.ids import new_object_id
from inbox.masking import mask_url
from inbox.models import wire
from inbox.models.environment import Environment
from inbox.models.event import FailedEvent, WebhookEvent, event_body
from inbox.models.webhook import EVENT_TYPES, MAX_REPLAYED, MAX_URL_LENGTH, Webhook
from inbox.service.environments.environments import EnvironmentService
from inbox.service.webhooks.sender import SECRET_PREFIX, Sent, WebhookSender
from inbox.store.event_stream import EventStream
from inbox.store.failed_events import MAX_FAILED, FailedEvents
from inbox.store.outbox import OutboxStore
from inbox.store.secrets import SecretStore

SECRET_BYTES = 32
OVERLAP_MS = 86_400_000
"""For which a replaced secret signs as well."""
PORTS = {"http": 80, "https": 443}
MAX_PORT = 65_535
HOST = re.compile(r"[a-z0-9._:-]{1,253}")
TEST_EVENT = "webhook.test"


@dataclass(frozen=True, slots=True)
class EventBacklog:
    """Outbox entries (one may be several events) that wait and that were dropped, and failed and streamed events."""

    waiting: int
    dropped: int
    failed: int
    streamed: int


@dataclass(frozen=True, slots=True)
class Replay:
    """The failed events that were sent again, and from where to go on; None when there is no more, or no answer."""

    results: list[tuple[FailedEvent, Sent]]
    next_offset: int | None


@dataclass(eq=False)
class WebhookService:
    """Sets webhooks and event streams, and reports and replays events."""

    _environments: EnvironmentService
    _secrets: SecretStore
    _outbox: OutboxStore
    _stream: EventStream
    _failed: FailedEvents
    _sender: WebhookSender

    async def show(self, environment: Environment) -> wire.WebhookReply:
        """Return where events go, and how many there are. Raise ServiceUnavailable."""
        environment = await self._newest(environment)
        webhook, size = environment.webhook, await self.backlog(environment)
        return {
            "url": mask_url(webhook.url) if webhook else None,
            "events": list(webhook.events) if webhook else [],
            "stream": self._stream.key(environment.number) if environment.event_stream else None,
            "waiting": size.waiting,
            "dropped": size.dropped,
            "failed": size.failed,
            "streamed": size.streamed,
        }

    async def set(
        self, environment: Environment, url: str, events: Sequence[str], *, is_host_checked: bool = False
    ) -> str | None:
        """Send events of these types (all if empty) to the URL from now on. Return the signing secret of a new webhook.

        An existing webhook keeps its secret; its waiting events go to the new URL. The URL as `show` returns it stands
        for the stored one, whose password is masked there. With `is_host_checked` a new URL must lead to a public host
        or an allowed one, now and whenever an event is sent. Raise ValidationFailed.
        """
        before = (await self._newest(environment)).webhook
        if before and url == mask_url(before.url):
            url = before.url
        host, port = _host_of(url)
        unknown = sorted(set(events) - set(EVENT_TYPES))
        if unknown:
            raise invalid("events", f"{unknown[0]} is no event; there are {', '.join(EVENT_TYPES)}", unknown[0])
        types = tuple(one for one in EVENT_TYPES if one in events) if events else EVENT_TYPES
        if is_host_checked and not _is_unchecked(before, url):
            await self._sender.hosts.check(mask_url(url), host, port, self._sender.timeout_seconds)
        await self._clear_unless_used(await self._newest(environment))
        secret = _new_secret()
        new = Webhook(url, types, self._secrets.seal(secret), is_host_checked=is_host_checked)
        after = await self._environments.update(environment, lambda stored: _with_webhook(stored, new))
        return secret if after.webhook and after.webhook.sealed == new.sealed else None

    async def remove(self, environment: Environment) -> None:
        """Remove the webhook; waiting events are dropped unless there is an event stream. Raise NotFound."""

        def change(stored: Environment) -> Environment:
            _webhook_of(stored)
            return msgspec.structs.replace(stored, webhook=None)

        await self._clear_unless_used(await self._environments.update(environment, change))

    async def rotate_secret(self, environment: Environment) -> str:
        """Return a new signing secret; the former one signs as well for a day. Raise NotFound."""
        secret = _new_secret()
        sealed, rotated_ms = self._secrets.seal(secret), now_ms()

        def change(stored: Environment) -> Environment:
            before = _webhook_of(stored)
            after = msgspec.structs.replace(before, sealed=sealed, sealed_before=before.sealed, rotated_ms=rotated_ms)
            return msgspec.structs.replace(stored, webhook=after)

        await self._environments.update(environment, change)
        return secret

    async def set_stream(self, environment: Environment, on: bool) -> None:
        if on:
            await self._clear_unless_used(environment)
        changed = await self._environments.change(environment, event_stream=on)
        if not on:
            await self._clear_unless_used(changed)

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

    async def failed(self, environment: Environment, offset: int = 0, limit: int = MAX_FAILED) -> list[FailedEvent]:
        """Return failed events after the first `offset`, the oldest first."""
        return await self._failed.read(environment.number, offset, limit)

    async def replay(
        self, environment: Environment, ids: Collection[str] = (), offset: int = 0, limit: int = MAX_FAILED
    ) -> AsyncGenerator[tuple[FailedEvent, Sent]]:
        """Send failed events once more, those with these ids or the ones after the first `offset`, oldest first.

        Yield each with its result. Events that are delivered are no longer failed. Raise NotFound for an unknown id.
        """
        webhook = _webhook_of(await self._newest(environment))
        for failed in await self._named(environment, ids) if ids else await self.failed(environment, offset, limit):
            sent = await self._sender.send(webhook, failed.event, self.secrets_of(webhook))
            if sent.is_delivered:
                await self._failed.remove(environment.number, failed.event.id)
            yield failed, sent

    async def _named(self, environment: Environment, ids: Collection[str]) -> list[FailedEvent]:
        found = await self._failed.find(environment.number, list(dict.fromkeys(ids)))
        if missing := set(ids) - {failed.event.id for failed in found}:
            raise NotFound(f"There is no failed event {min(missing)} in {environment.name}")
        return sorted(found, key=lambda failed: failed.failed_ms)

    async def replay_some(self, environment: Environment, ids: Collection[str], offset: int) -> Replay:
        """Send failed events as `replay` does, at most ten, and none after one that gets no answer."""
        results: list[tuple[FailedEvent, Sent]] = []
        async with aclosing(self.replay(environment, ids, offset, MAX_REPLAYED)) as replayed:
            async for failed, sent in replayed:
                results.append((failed, sent))
                if not sent.status:
                    return Replay(results, None)
        next_offset = offset + sum(not sent.is_delivered for _, sent in results)
        has_more = not ids and await self._failed.count(environment.number) > next_offset
        return Replay(results, next_offset if has_more else None)

    async def test(self, environment: Environment) -> Sent:
        """Send an event without content, once. Raise NotFound."""
        webhook = _webhook_of(await self._newest(environment))
        event_id = f"evt_test_{new_object_id()}"
        event = WebhookEvent(event_id, TEST_EVENT, event_body(event_id, TEST_EVENT, now_ms(), environment.id, {}))
        return await self._sender.send(webhook, event, self.secrets_of(webhook))

    async def close(self) -> None:
        await self._sender.close()

    async def _newest(self, environment: Environment) -> Environment:
        """Return the environment as it is now: a caller's may be a second old. Raise ServiceUnavailable."""
        environments = await self._environments.fresh(at_once=True)
        return next(one for one in environments if one.number == environment.number)

    async def _clear_unless_used(self, environment: Environment) -> None:
        """Drop entries from an earlier webhook or stream, unless there is one now."""
        if not environment.event_types:
            await self._outbox.clear(environment.number)


def _webhook_of(environment: Environment) -> Webhook:
    if environment.webhook is None:
        raise NotFound(f"{environment.name} has no webhook: make one with `inbox webhooks set URL` or PUT /v2/webhook")
    return environment.webhook


def _with_webhook(stored: Environment, new: Webhook) -> Environment:
    """Return the environment with a new webhook, or with its own one changed, which keeps its secret."""
    before = stored.webhook
    if before:
        is_host_checked = new.is_host_checked and not _is_unchecked(before, new.url)
        new = msgspec.structs.replace(before, url=new.url, events=new.events, is_host_checked=is_host_checked)
    return msgspec.structs.replace(stored, webhook=new)


def _is_unchecked(webhook: Webhook | None, url: str) -> bool:
    """Return whether the webhook has this URL by a command, which may name any host."""
    return webhook is not None and webhook.url == url and not webhook.is_host_checked


def _host_of(url: str) -> tuple[str, int]:
    """Return host and port of the URL as events are sent to them. Raise ValidationFailed."""
    import httpx  # slow to load

    wrong = invalid("url", "the URL must be an http:// or https:// one, of at most 2048 characters", mask_url(url))
    if len(url) > MAX_URL_LENGTH or not url.isascii() or not url.isprintable() or {" ", "\\"} & set(url):
        raise wrong
    if "#" in url:
        raise invalid("url", "the URL must have no fragment (#…)", mask_url(url))
    try:
        parts = httpx.URL(url)
        host = parts.raw_host.decode()
        _ = parts.host  # httpx sends nothing to a name that it cannot decode
        host.encode("idna")  # and the resolver takes no empty or long labels
    except (httpx.InvalidURL, UnicodeError):
        raise wrong from None
    port = PORTS.get(parts.scheme, 0) if parts.port is None else parts.port
    if parts.scheme not in PORTS or not 0 < port <= MAX_PORT or not HOST.fullmatch(host):
        raise wrong
    return host, port


def _new_secret() -> str:
    return SECRET_PREFIX + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()
