"""The canary: a change that is stored, published and heard again, every second. It decides whether `/ready` is green.

A probe that is late says little: the machine may have stood still. Two in a row that are late mean that the way is
broken, so a break is seen within the period of the job and MAX_LATE times ANSWER_SECONDS. A failure that the store
itself tells counts at once, and so does an error that nobody expects: requests fail in the same way.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from time import monotonic

from inbox import metrics
from inbox.errors import ServiceUnavailable, StoreUnavailable
from inbox.realtime.listener import Listener
from inbox.services import Services
from inbox.tasks import end_tasks, start_detached

ANSWER_SECONDS = 2.0
MAX_LATE = 2

OnBreak = Callable[[ServiceUnavailable], None]


class Canary:
    """Probes the store, and keeps what the last probe has found. `on_break` is called when probes come too late."""

    def __init__(self, round_trip: Callable[[], Awaitable[None]], on_break: OnBreak) -> None:
        self._round_trip = round_trip
        self._on_break = on_break
        self._failure: ServiceUnavailable | None = None
        self._is_suspect = True
        self._late = 0
        self._probing: asyncio.Task[None] | None = None

    @property
    def is_well(self) -> bool:
        """Whether the last probes have come back."""
        return self._failure is None

    async def run(self) -> float | None:
        """Probe once. Return 0 if the probe was late: then the next one follows at once. Raise an unexpected error."""
        await self._probe()
        return 0.0 if self._late else None

    async def check(self) -> None:
        """Return if all works, by what is known. Probe first if something has failed since.

        Raise WriteRefused if the store takes no changes, StoreUnavailable if it or what it publishes cannot be reached
        or used.
        """
        if self._is_suspect or self._failure:
            with contextlib.suppress(Exception):  # it is kept as the failure, and logged by the job
                await self._probe()
        if self._failure:
            raise self._failure.with_traceback(None)  # else each raise adds to that of the last one

    def note_failure(self, _: Exception) -> None:
        """Note that a command or a subscription has failed."""
        self._is_suspect = True

    async def close(self) -> None:
        if self._probing is not None:
            await end_tasks(self._probing)

    async def _probe(self) -> None:
        """Probe, or wait for the probe that is on its way. It takes ANSWER_SECONDS at most."""
        if self._probing is None or self._probing.done():
            self._probing = start_detached(self._fly(), "canary")
        await asyncio.shield(self._probing)

    async def _fly(self) -> None:
        self._is_suspect, began = False, monotonic()
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                await self._round_trip()
        except TimeoutError:
            self._note_late()
        except ServiceUnavailable as error:
            self._note_refused(error)
        except Exception:
            self._note_refused(StoreUnavailable("What is stored cannot be used"))
            raise
        else:
            metrics.CANARY_SECONDS.observe(monotonic() - began)
            self._failure, self._late = None, 0

    def _note_refused(self, failure: ServiceUnavailable) -> None:
        metrics.CANARY_FAILURES.add(("refused",))
        self._failure, self._late = failure, 0

    def _note_late(self) -> None:
        metrics.CANARY_FAILURES.add(("late",))
        self._late += 1
        if self._late == MAX_LATE:
            self._failure = StoreUnavailable("What is stored or published does not come back in time")
            self._on_break(self._failure)


def open_canary(services: Services, listener: Listener, on_break: OnBreak) -> Canary:
    """Return the canary of a serving process. A store that was emptied is noticed by it at the latest."""

    async def round_trip() -> None:
        await services.environments.fresh(at_once=True)
        await listener.probe(None)
        await services.client.execute("SET", services.keys.write_probe(services.presence.process), "", "PX", 1000)

    return Canary(round_trip, on_break)
