"""Every background job of a process: name, purpose, period. `docs/architecture.md` has the same table."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from inbox.errors import WriteRefused
from inbox.services import Services
from inbox.store.clock import measure
from inbox.store.keys import BUCKETS
from inbox.workers import Run, Worker

GATHER_SECONDS = 0.05
MINUTE, HOUR, DAY = 60, 3_600, 86_400


def background_jobs(services: Services, end_sessions: Run | None = None, probe: Run | None = None) -> dict[str, Worker]:
    """Return the jobs by name, in the order in which they start; they stop in the reverse order.

    `end_sessions` closes sockets whose session has ended, and `probe` is the canary's; only a service has them.
    """
    keys, presence, activity, relay = services.keys, services.presence, services.activity_log, services.event_relay
    timers, dispatches = services.timer_worker, services.dispatch_worker
    lease_seconds = services.settings.presence_lease_seconds

    def once(seconds: int, key: str) -> Callable[[], Awaitable[bool]]:
        """Let only one process of the installation run a job within these seconds, but every one in a full store:
        retention frees its memory.
        """

        async def claim() -> bool:
            try:
                return await services.client.claim(key, seconds)
            except WriteRefused:
                return True

        return claim

    async def measure_clock() -> None:
        await measure(services.client)

    jobs = [
        Worker("clock", "measures the store's time, which changes with a failover", measure_clock, 5),
        Worker(
            "presence lease",
            "renews this process's lease, corrects its presence in the store, sweeps lapsed processes",
            presence.keep_lease,
            lease_seconds / 3,
            finish=presence.close,
        ),
        Worker("subscriber lists", "adds what a list lacks, each list once a day", services.subscriber_sweep.run, 600),
        Worker(
            "activity rows",
            "writes what was noted of triggers, 50 ms after the first note",
            activity.flush,
            1,
            wake=activity.has_rows,
            gather_seconds=GATHER_SECONDS,
            finish=activity.close,
        ),
        Worker("activity repair", "adds rows that a killed process had not written", activity.repair_all, 600),
        Worker(
            "dispatches",
            "carries out dispatches of any process, its own at once",
            dispatches.run_until_idle,
            1,
            wake=dispatches.has_work,
        ),
        Worker("timers", "fires timers, also when the next one is due", timers.fire_due, 0.5),
        Worker(
            "timer sweep",
            "finds timers whose bucket is not scheduled, once a minute",
            timers.sweep,
            10,
            claim=once(MINUTE, keys.due_timers_swept),
        ),
        Worker(
            "retention",
            "removes messages older than their environment keeps them, once an hour",
            services.retention_sweep.run,
            600,
            claim=once(HOUR, keys.retention_swept),
        ),
        Worker(
            "counts audit",
            "recounts the feeds of one of 256 buckets, and corrects counts that differ",
            services.counts_audit.run,
            MINUTE,
            claim=once(DAY // BUCKETS, keys.audited),
        ),
        Worker(
            "events",
            "sends events to streams and webhooks, 50 ms after this process caused some",
            relay.send_due,
            0.5,
            wake=relay.has_news,
            gather_seconds=GATHER_SECONDS,
            finish=relay.close,
        ),
        Worker(
            "event sweep",
            "finds outboxes that are not scheduled and logs dropped events, once a minute",
            relay.sweep,
            10,
            claim=once(MINUTE, keys.due_outboxes_swept),
        ),
    ]
    if end_sessions is not None:
        jobs.append(Worker("session watch", "closes sockets whose token expired or key was revoked", end_sessions, 2))
    if probe is not None:
        purpose = "stores, publishes and hears a probe, which decides `/ready`; again at once when one is late"
        jobs.append(Worker("canary", purpose, probe, 1))
    return {job.name: job for job in jobs}
