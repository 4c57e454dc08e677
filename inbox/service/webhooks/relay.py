"""Sends the events of outbox entries to the environment's event stream and to its webhook, each bucket in order.

It runs apart from timers and dispatches, so that a slow receiver delays only its own events. An entry leaves its outbox
after all its events were sent or given up: a process that takes over a bucket repeats at most one event, with its id.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from dataclasses import dataclass, field, replace

from inbox import metrics
from inbox.clock import now_ms
from inbox.errors import ServiceUnavailable
from inbox.models.environment import Environment
from inbox.models.event import FailedEvent, WebhookEvent
from inbox.models.webhook import Webhook
from inbox.service.environments.environments import EnvironmentService
from inbox.service.webhooks.event_builder import EventBuilder, planned_events
from inbox.service.webhooks.sender import Sent, WebhookSender
from inbox.service.webhooks.webhooks import WebhookService
from inbox.store.due_buckets import TICK_MS, BucketKey
from inbox.store.event_stream import EventStream
from inbox.store.failed_events import FailedEvents
from inbox.store.outbox import Head, Outbox, OutboxEntry, OutboxStore
from inbox.store.transactions import TransactionStore
from inbox.tasks import end_tasks

log = logging.getLogger(__name__)

MAX_BUCKETS = 24
"""Of one process at once."""
MAX_STEPS = 100
"""Events of a bucket, until it is the turn of others."""
MAX_ENTRIES = 50
"""Of one write to the stream."""
FIRST_RETRY_SECONDS, LAST_RETRY_SECONDS = 1.0, 60.0
MAX_REFUSALS = 10
LEASE_MARGIN_SECONDS = 5.0
UNRENDERABLE_STATUS = 400
"""As if the receiver had refused it: tried again, and given up after as many attempts."""


@dataclass(eq=False)
class EventRelay:
    """Sends the events of due buckets, each under a lease of its bucket; `has_news` is set by this process's own."""

    _outbox: Outbox
    _store: OutboxStore
    _stream: EventStream
    _failed: FailedEvents
    _event_builder: EventBuilder
    _sender: WebhookSender
    _webhooks: WebhookService
    _environments: EnvironmentService
    _transactions: TransactionStore
    _retry_seconds: float
    _leases: dict[BucketKey, int] = field(init=False, default_factory=dict)
    _tasks: set[asyncio.Task[None]] = field(init=False, default_factory=set)
    _failing: set[int] = field(init=False, default_factory=set)
    _dropped: dict[int, int] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        self._lease_ms = int((self._sender.timeout_seconds + LEASE_MARGIN_SECONDS) * 1_000)
        self.has_news = self._outbox.has_news

    async def close(self) -> None:
        """Stop all work and release the buckets. Call it after the last `send_due`, which may begin more work."""
        await end_tasks(*self._tasks)
        with contextlib.suppress(ServiceUnavailable):
            for bucket, until_ms in self._leases.items():
                await self._store.renew(bucket, until_ms, 0)
            await self.announce()
        await self._sender.close()

    async def announce(self) -> None:
        """Schedule the buckets of this process's new events. Raise ServiceUnavailable."""
        news = self._outbox.take_news()
        try:
            await self._store.schedule_all(dict.fromkeys(news, now_ms() - TICK_MS))  # at once
        except ServiceUnavailable:
            self._outbox.put_back(news)
            raise

    async def lag_seconds(self) -> float:
        """Return how long the oldest due bucket of the installation has waited. Raise ServiceUnavailable."""
        return await self._store.lag_seconds()

    async def run_until_idle(self) -> None:
        """Send all due events. Raise ServiceUnavailable."""
        await self.send_due()
        while self._tasks:
            await asyncio.gather(*self._tasks)
            await self.send_due()

    async def sweep(self) -> None:
        """Schedule every bucket that has entries, and log how many were dropped. Raise ServiceUnavailable."""
        for environment in self._environments.all():
            if environment.event_types:
                sizes = await self._store.sizes(environment.number)
                now = now_ms() - TICK_MS
                await self._store.schedule_all({bucket: now for bucket, (waiting, _) in sizes.items() if waiting})
                self._note_dropped(environment, sum(dropped for _, dropped in sizes.values()))

    async def send_due(self) -> float | None:
        """Begin with the buckets that have events to send. Return in how many seconds the next one is due, if any."""
        await self._environments.fresh()
        if not any(environment.event_types for environment in self._environments.all()):
            self._outbox.take_news()  # of an environment whose events go nowhere any more
            return None
        await self.announce()
        room = MAX_BUCKETS - len(self._tasks)
        if room <= 0:
            return None
        acquired = await self._store.acquire(self._lease_ms, room)
        for bucket in acquired.buckets:
            if bucket in self._leases:
                continue  # its task still works on it, and stops when it finds that the lease is lost
            self._leases[bucket] = acquired.until_ms
            task = asyncio.create_task(self._work_safely(bucket), name=f"events of {bucket.name}")
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return acquired.next_seconds

    async def _work_safely(self, bucket: BucketKey) -> None:
        """Work on a bucket. After a failure it is due again when its lease ends."""
        try:
            await self._work(bucket)
        except ServiceUnavailable:
            log.debug("events put off: the store is away", extra={"action": "events_put_off"})
        except Exception:
            log.exception("the events of a bucket failed", extra={"action": "events_failed"})
        self._leases.pop(bucket, None)

    async def _work(self, bucket: BucketKey) -> None:
        """Send the events of a bucket until there are none, or it is the turn of others, or the receiver fails."""
        next_ms: int | None = 0
        for _ in range(MAX_STEPS):
            if not await self._renew(bucket):
                return
            next_ms = await self._step(bucket)
            if next_ms is None or next_ms > 0:
                break
        if next_ms is not None:
            await self._store.schedule(bucket, next_ms or now_ms() - TICK_MS)
        await self._store.release(bucket, self._leases[bucket])

    async def _renew(self, bucket: BucketKey) -> bool:
        """Renew the lease. Return False if another process has acquired the bucket."""
        end = await self._store.renew(bucket, self._leases[bucket], self._lease_ms)
        self._leases[bucket] = end or 0
        return end is not None

    async def _step(self, bucket: BucketKey) -> int | None:
        """Send one event. Return None if there are no more, 0 if there may be, else when to retry (ms since 1970)."""
        environment = self._environments.find_numbered(bucket.environment)
        last = await self._publish(environment, bucket) if environment and environment.event_stream else None
        if environment is None or environment.webhook is None:
            head = await self._store.head(bucket)
            if head is None:
                return None
            await self._store.remove(bucket, last or head.entry.id)
            return 0
        head = await self._store.head(bucket)
        if head is None or head.next_ms > now_ms():
            return head.next_ms if head else None
        return await self._deliver(environment, environment.webhook, bucket, head)

    async def _publish(self, environment: Environment, bucket: BucketKey) -> str:
        """Add the outbox's new entries to the stream. Return the id of the stream's last entry."""
        cursor = await self._stream.cursor(bucket)
        while entries := await self._store.after(bucket, cursor, MAX_ENTRIES):
            planned = [(entry, index) for entry in entries for index in range(len(planned_events(entry)))]
            built = [await self._build(environment, bucket, entry, index) for entry, index in planned]
            events = [event for event in built if isinstance(event, WebhookEvent)]
            if not await self._stream.append(bucket, cursor, entries[-1].id, events):
                cursor = await self._stream.cursor(bucket)
                continue
            metrics.EVENTS_STREAMED.add(number=len(events))
            cursor = entries[-1].id
            await self._renew(bucket)  # a backlog takes longer than a lease
        return cursor

    async def _deliver(self, environment: Environment, webhook: Webhook, bucket: BucketKey, head: Head) -> int:
        """Try once to send the oldest entry's next event that the webhook subscribes to. Return as `_step`."""
        planned = planned_events(head.entry)
        indexes = range(head.sent, len(planned))
        index = next((index for index in indexes if planned[index].type in webhook.events), len(planned))
        event = await self._build(environment, bucket, head.entry, index) if index < len(planned) else None
        if event:
            sent = event if isinstance(event, Sent) else await self._send(environment, webhook, event)
            if not sent.is_delivered:
                if not self._is_given_up(head, sent):
                    return await self._postpone(bucket, replace(head, sent=index))
                if isinstance(event, WebhookEvent):
                    await self._give_up(environment, bucket, replace(head, sent=index), event, sent)
        if index + 1 < len(planned):
            await self._store.note(bucket, Head(head.entry, sent=index + 1))
        else:
            await self._store.remove(bucket, head.entry.id)
        return 0

    async def _build(
        self, environment: Environment, bucket: BucketKey, entry: OutboxEntry, index: int
    ) -> WebhookEvent | Sent | None:
        """Return an event; None when its subscriber is gone; for one that cannot be built its result, a refusal."""
        try:
            return await self._event_builder.build(environment, bucket, entry, index)
        except ServiceUnavailable:
            raise
        except Exception as error:
            log.exception("an event cannot be built", extra={"action": "event_unrenderable", "entry": entry.id})
            return Sent(UNRENDERABLE_STATUS, f"{type(error).__name__}: {error}")

    async def _send(self, environment: Environment, webhook: Webhook, event: WebhookEvent) -> Sent:
        cause = event.transaction_id
        parent = await self._transactions.trace_of(environment.number, cause) if cause else ""
        sent = await self._sender.send(webhook, event, self._webhooks.secrets_of(webhook), parent)
        self._note_health(environment, sent)
        return sent

    def _is_given_up(self, head: Head, sent: Sent) -> bool:
        is_old = now_ms() - head.entry.at_ms > self._retry_seconds * 1_000
        return sent.is_unwanted or is_old or (sent.is_refused and head.failures + 1 >= MAX_REFUSALS)

    async def _postpone(self, bucket: BucketKey, head: Head) -> int:
        """Note a failure. Return when to try the event again (ms since 1970)."""
        seconds = min(LAST_RETRY_SECONDS, FIRST_RETRY_SECONDS * 2 ** min(head.failures, 10)) * random.uniform(0.8, 1.2)
        next_ms = now_ms() + int(seconds * 1_000)
        await self._store.note(bucket, replace(head, failures=head.failures + 1, next_ms=next_ms))
        return next_ms

    async def _give_up(
        self, environment: Environment, bucket: BucketKey, head: Head, event: WebhookEvent, sent: Sent
    ) -> None:
        """Keep an event among the failed ones, unless its subscriber was erased."""
        metrics.EVENTS_GIVEN_UP.add()
        failed = FailedEvent(event, sent.reason, head.failures + 1, now_ms())
        await self._failed.add(environment.number, failed)
        # an erasure that began while the event was sent may have read the failed ones before this one was added
        if await self._build(environment, bucket, head.entry, head.sent) is None:
            await self._failed.remove(environment.number, event.id)

    def _note_health(self, environment: Environment, sent: Sent) -> None:
        """Log when a receiver begins to fail, and when it has recovered."""
        if not sent.is_delivered and environment.number not in self._failing:
            self._failing.add(environment.number)
            extra = {"action": "webhook_failing", "reason": sent.reason}
            log.warning("the webhook of %s fails", environment.name, extra=extra)
        elif sent.is_delivered and environment.number in self._failing:
            self._failing.discard(environment.number)
            log.info("the webhook of %s is well again", environment.name, extra={"action": "webhook_recovered"})

    def _note_dropped(self, environment: Environment, dropped: int) -> None:
        if dropped > self._dropped.get(environment.number, 0):
            message = "events of %s were lost: too many were waiting (%d so far)"
            log.error(message, environment.name, dropped, extra={"action": "events_dropped"})
        self._dropped[environment.number] = dropped
