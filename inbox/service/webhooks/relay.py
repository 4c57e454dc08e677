"""Tells what the outboxes hold: to the environment's event stream, and to its webhook, each bucket in order.

Runs beside the requests of a process, apart from timers and dispatches, so that a slow receiver delays nothing but its
own events. A bucket is taken under a lease. An entry leaves its outbox after all its events were told or given up, so
whoever takes over from a process that died repeats at most one event, with the same id.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from dataclasses import dataclass, replace

from inbox.clock import now_ms
from inbox.errors import StoreUnavailable
from inbox.models.environment import Environment
from inbox.models.event import Event
from inbox.models.webhook import Webhook
from inbox.service.environments.environments import EnvironmentService
from inbox.service.webhooks.sender import Sent, WebhookSender
from inbox.service.webhooks.teller import EventTeller, told_of
from inbox.service.webhooks.webhooks import WebhookService
from inbox.store.alarms import TICK_MS, Place
from inbox.store.event_stream import EventStream
from inbox.store.failed_events import FailedEvent, FailedEvents
from inbox.store.outbox import Entry, Head, Outbox, OutboxStore
from inbox.tasks import end_tasks

log = logging.getLogger(__name__)

LOOK_SECONDS = 0.5
IDLE_SECONDS = 1.0
RETRY_SECONDS = 1.0
GATHER_SECONDS = 0.05
"""Changes of so long share an alarm."""
SWEEP_SECONDS = 60
MOST_BUCKETS = 24
"""So many a process works on at once."""
MOST_STEPS = 100
"""After so many events a bucket is given back, for others to have their turn."""
MOST_ENTRIES = 50
"""So many go to the stream at once."""
FIRST_RETRY_SECONDS, LAST_RETRY_SECONDS = 1.0, 60.0
MOST_REFUSALS = 10
LEASE_MARGIN_SECONDS = 5.0
UNSAID_STATUS = 400
"""As if the receiver had refused it: tried again, and given up after as many attempts."""


@dataclass(frozen=True, slots=True)
class Unsaid:
    """An event that cannot be put into words, and why: an error of this service."""

    reason: str


class EventRelay:
    """Looks twice a second while any environment wants events, and at once when this process has caused some."""

    def __init__(
        self,
        outbox: Outbox,
        store: OutboxStore,
        stream: EventStream,
        failed: FailedEvents,
        teller: EventTeller,
        sender: WebhookSender,
        webhooks: WebhookService,
        environments: EnvironmentService,
        retry_seconds: float,
    ) -> None:
        self._outbox = outbox
        self._store = store
        self._stream = stream
        self._failed = failed
        self._teller = teller
        self._sender = sender
        self._webhooks = webhooks
        self._environments = environments
        self._retry_ms = int(retry_seconds * 1_000)
        self._lease_ms = int((sender.timeout_seconds + LEASE_MARGIN_SECONDS) * 1_000)
        self._leases: dict[Place, int] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._failing: set[int] = set()
        self._dropped: dict[int, int] = {}
        self._running: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begins to tell."""
        self._running = asyncio.create_task(self._run(), name="events")

    async def close(self) -> None:
        """Stops; what it was at is handed on to whoever looks next."""
        if self._running is not None:
            await end_tasks(self._running)  # first: it may just be beginning with more buckets
        await end_tasks(*self._tasks)
        with contextlib.suppress(StoreUnavailable):
            for place, until_ms in self._leases.items():
                await self._store.hold(place, until_ms, 0)
            await self.announce()
        await self._sender.close()

    async def announce(self) -> None:
        """Leaves alarms for the buckets in which this process has caused events. Raises StoreUnavailable."""
        news = self._outbox.take_news()
        try:
            await self._store.ring_all(dict.fromkeys(news, now_ms() - TICK_MS))  # at once
        except StoreUnavailable:
            self._outbox.put_back(news)
            raise

    async def run_until_idle(self) -> float:
        """Tells what can be told by now; in how many seconds to look again. Raises StoreUnavailable."""
        while True:
            wait = await self._turn()
            if not self._tasks:
                return wait
            await asyncio.gather(*self._tasks)

    async def sweep(self) -> None:
        """Leaves alarms for buckets that have none, and tells the log what was dropped, in one process a minute."""
        if not await self._store.claim_sweep(SWEEP_SECONDS):
            return
        for environment in self._environments.all():
            if environment.wanted_events:
                sizes = await self._store.sizes(environment.number)
                now = now_ms() - TICK_MS
                await self._store.ring_all({place: now for place, (waiting, _) in sizes.items() if waiting})
                self._note_dropped(environment, sum(dropped for _, dropped in sizes.values()))

    async def _run(self) -> None:
        while True:
            try:
                wait = await self._turn()
            except Exception as error:
                if not isinstance(error, StoreUnavailable):
                    log.exception("events failed", extra={"action": "events_failed"})
                await asyncio.sleep(RETRY_SECONDS)
                continue
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._outbox.has_news.wait(), wait)
            await asyncio.sleep(GATHER_SECONDS)

    async def _turn(self) -> float:
        """Begins with the buckets that have something to tell; in how many seconds to look again."""
        await self._environments.fresh()
        if not any(environment.wanted_events for environment in self._environments.all()):
            self._outbox.take_news()  # of an environment that wants nothing any more
            return IDLE_SECONDS
        await self.announce()
        await self.sweep()
        room = MOST_BUCKETS - len(self._tasks)
        if room <= 0:
            return LOOK_SECONDS
        claim = await self._store.claim(self._lease_ms, room)
        for place in claim.places:
            if place in self._leases:
                continue  # its task is still at it, and stops when it finds the lease gone
            self._leases[place] = claim.until_ms
            task = asyncio.create_task(self._work_safely(place), name=f"events of {place.name}")
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return LOOK_SECONDS if claim.next_ms is None else min(LOOK_SECONDS, claim.next_ms / 1_000)

    async def _work_safely(self, place: Place) -> None:
        """Whatever fails here, the bucket is looked at again when the lease is over."""
        try:
            await self._work(place)
        except StoreUnavailable:
            log.debug("events put off: the store is away", extra={"action": "events_put_off"})
        except Exception:
            log.exception("the events of a bucket failed", extra={"action": "events_failed"})
        self._leases.pop(place, None)

    async def _work(self, place: Place) -> None:
        """Tells the events of a bucket until there are none, or it is time for others, or the receiver fails."""
        again_ms: int | None = 0
        for _ in range(MOST_STEPS):
            if not await self._hold(place, self._lease_ms):
                return
            again_ms = await self._step(place)
            if again_ms is None or again_ms > 0:
                break
        if again_ms is not None:
            await self._store.ring_at(place, again_ms or now_ms() - TICK_MS)
        await self._hold(place, None)

    async def _hold(self, place: Place, lease_ms: int | None) -> bool:
        """Renews the lease, or gives it back; False when somebody else has the bucket by now."""
        end = await self._store.hold(place, self._leases[place], lease_ms)
        self._leases[place] = end or 0
        return end is not None

    async def _step(self, place: Place) -> int | None:
        """Tells one event: None when nothing is left, 0 when more may be, else when to look again (ms since 1970)."""
        environment = self._environments.find_numbered(place.environment)
        last = await self._publish(environment, place) if environment and environment.event_stream else None
        if environment is None or environment.webhook is None:
            head = await self._store.head(place)
            if head is None:
                return None
            await self._store.remove(place, last or head.entry.id)
            return 0
        head = await self._store.head(place)
        if head is None or head.next_ms > now_ms():
            return head.next_ms if head else None
        return await self._deliver(environment, environment.webhook, place, head)

    async def _publish(self, environment: Environment, place: Place) -> str:
        """Brings the stream up to the outbox; gives the last entry that is in it."""
        cursor = await self._stream.cursor(place)
        while entries := await self._store.after(place, cursor, MOST_ENTRIES):
            told = [(entry, at) for entry in entries for at in range(len(told_of(entry)))]
            worded = [await self._word(environment, place, entry, at) for entry, at in told]
            events = [event for event in worded if isinstance(event, Event)]
            if not await self._stream.append(place, cursor, entries[-1].id, events):
                cursor = await self._stream.cursor(place)
                continue
            cursor = entries[-1].id
            await self._hold(place, self._lease_ms)  # a backlog takes longer than a lease
        return cursor

    async def _deliver(self, environment: Environment, webhook: Webhook, place: Place, head: Head) -> int:
        """One attempt at the next event of the oldest entry that the webhook wants."""
        told = told_of(head.entry)
        at = next((at for at in range(head.told, len(told)) if told[at].type in webhook.events), len(told))
        event = await self._word(environment, place, head.entry, at) if at < len(told) else None
        if event:
            sent = await self._send(environment, webhook, event)
            if not sent.is_delivered:
                if not self._is_given_up(head, sent):
                    return await self._put_off(place, replace(head, told=at))
                await self._give_up(environment, place, replace(head, told=at), event, sent)
        if at + 1 < len(told):
            await self._store.note(place, Head(head.entry, told=at + 1))
        else:
            await self._store.remove(place, head.entry.id)
        return 0

    async def _word(self, environment: Environment, place: Place, entry: Entry, at: int) -> Event | Unsaid | None:
        """An event in words; None when its subscriber is gone."""
        try:
            return await self._teller.tell(environment, place, entry, at)
        except StoreUnavailable:
            raise
        except Exception as error:
            log.exception("an event cannot be told", extra={"action": "event_unsaid", "entry": entry.id})
            return Unsaid(f"{type(error).__name__}: {error}")

    async def _send(self, environment: Environment, webhook: Webhook, event: Event | Unsaid) -> Sent:
        """One attempt; an event that has no words counts as refused, so that it is given up in time."""
        if isinstance(event, Unsaid):
            return Sent(UNSAID_STATUS, event.reason)
        sent = await self._sender.send(webhook.url, event, self._webhooks.secrets_of(webhook))
        self._note_health(environment, sent)
        return sent

    def _is_given_up(self, head: Head, sent: Sent) -> bool:
        is_old = now_ms() - head.entry.at_ms > self._retry_ms
        return sent.is_unwanted or is_old or (sent.is_refused and head.failures + 1 >= MOST_REFUSALS)

    async def _put_off(self, place: Place, head: Head) -> int:
        """Notes a failure; gives when the event is to be tried again."""
        seconds = min(LAST_RETRY_SECONDS, FIRST_RETRY_SECONDS * 2 ** min(head.failures, 10)) * random.uniform(0.8, 1.2)
        next_ms = now_ms() + int(seconds * 1_000)
        await self._store.note(place, replace(head, failures=head.failures + 1, next_ms=next_ms))
        return next_ms

    async def _give_up(
        self, environment: Environment, place: Place, head: Head, event: Event | Unsaid, sent: Sent
    ) -> None:
        """Keeps an event among the failed ones, but for one that has no words, or whose subscriber was erased."""
        if isinstance(event, Unsaid):
            return
        failed = FailedEvent(event, sent.reason, head.failures + 1, now_ms())
        await self._failed.add(environment.number, failed)
        # an erasure that began while the event was on its way may have looked here before this one was kept
        if await self._word(environment, place, head.entry, head.told) is None:
            await self._failed.remove(environment.number, event.id)

    def _note_health(self, environment: Environment, sent: Sent) -> None:
        """A line when a receiver begins to fail, and one when it is well again."""
        if not sent.is_delivered and environment.number not in self._failing:
            self._failing.add(environment.number)
            log.warning(
                "the webhook of %s fails", environment.name, extra={"action": "webhook_failing", "reason": sent.reason}
            )
        elif sent.is_delivered and environment.number in self._failing:
            self._failing.discard(environment.number)
            log.info("the webhook of %s is well again", environment.name, extra={"action": "webhook_recovered"})

    def _note_dropped(self, environment: Environment, dropped: int) -> None:
        if dropped > self._dropped.get(environment.number, 0):
            log.error(
                "events of %s were lost: too many were waiting (%d so far)",
                environment.name,
                dropped,
                extra={"action": "events_dropped"},
            )
        self._dropped[environment.number] = dropped
