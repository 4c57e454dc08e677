"""Recipients → rendered steps → stored messages and waiting runs, and the activity of all of them.

The callers decide on recipients, time and batch sizes: a request (`delivery.py`), a share of a dispatch
(`dispatch_worker.py`), and runs whose wait has ended (`runs.py`).
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from inbox import metrics
from inbox.ids import derived_object_id
from inbox.models.dates import iso
from inbox.models.subscriber import Subscriber
from inbox.service.activity.activity_log import ActivityLog
from inbox.service.trigger.plan import Plan, RenderedSteps
from inbox.service.trigger.stored_plans import PlanEncoder
from inbox.steps.base import EventGate, Failure, Wait
from inbox.steps.digest import digest_view
from inbox.store.activity import ActivityOutcome
from inbox.store.client import Client
from inbox.store.feed import Feed
from inbox.store.feeds import FeedStore
from inbox.store.keys import Keys
from inbox.store.messages import AppendResult, MessageStore
from inbox.store.runs import Begun, RunStore
from inbox.tasks import Turns

log = logging.getLogger(__name__)

MAX_BEGUN_AT_ONCE = 100

_WAIT_OUTCOMES: dict[Begun, ActivityOutcome] = {
    "waits": ActivityOutcome.DELAYED,
    "joined": ActivityOutcome.MERGED,
    "through": ActivityOutcome.ENDED,
}
_WAIT_REASONS: dict[Begun, str] = {
    "joined": "it joined the events that a digest collects already",
    "through": "no event came within the look-back: there is nothing to wait for",
}


@dataclass(frozen=True, slots=True)
class BatchPolicy:
    """The limits of a batch: messages and waits, and bytes of messages. One recipient's steps are never split."""

    max_steps: int
    max_bytes: int

    def batches(self, all_rendered: Iterable[RenderedSteps]) -> Iterator[list[RenderedSteps]]:
        batch: list[RenderedSteps] = []
        steps = size = 0
        for rendered in all_rendered:
            more_steps, more_bytes = len(rendered.deliveries) + len(rendered.waits), 0
            for delivery in rendered.deliveries:
                more_bytes += len(delivery.content)
            if batch and (steps + more_steps > self.max_steps or size + more_bytes > self.max_bytes):
                yield batch
                batch, steps, size = [], 0, 0
            batch.append(rendered)
            steps += more_steps
            size += more_bytes
        if batch:
            yield batch


@dataclass(slots=True)
class BegunWaits:
    """The result of `begin`: the number of runs that wait, the steps after waits that ended at once, lost waits."""

    waiting: int = 0
    rendered: list[RenderedSteps] = field(default_factory=list)
    gone: list[RenderedSteps] = field(default_factory=list)


@dataclass(eq=False)
class Pipeline:
    """Carries out plans for recipients. Messages and waits are stored once: all calls are safe to repeat and cancel."""

    _client: Client
    _keys: Keys
    _feeds: FeedStore
    _messages: MessageStore
    _runs: RunStore
    _activity: ActivityLog

    async def render(self, plan: Plan, recipients: Iterable[tuple[Feed, Subscriber | None]]) -> list[RenderedSteps]:
        """Render a plan for each recipient, in their order; once for all whose values in its templates are the same."""
        rendered: list[RenderedSteps] = []
        by_key: dict[bytes | None, RenderedSteps] = {}
        needs_subscriber, turns = plan.needs_subscriber, Turns()
        for feed, subscriber in recipients:
            variables = subscriber.variables() if needs_subscriber and subscriber else None
            key = plan.subscriber_key(variables)
            same = by_key.get(key)
            if same is not None:
                rendered.append(same.copy_for(feed))
                continue  # copies take microseconds
            if turns.is_over():
                await turns.give()
            one = plan.render(feed, variables)
            rendered.append(one)
            if key is not None:
                by_key[key] = one
        return rendered

    async def store(self, all_rendered: Sequence[RenderedSteps], policy: BatchPolicy) -> list[RenderedSteps]:
        """Append messages, then begin waits; return the deliveries and waits whose feed is gone.

        Messages come first: a run that has reached its next wait is not repeated after a crash, so its messages would
        be lost. Raise ServiceUnavailable.
        """
        gone: list[RenderedSteps] = []
        for batch in policy.batches(all_rendered):
            gone += await self._append(batch)
        for rendered in all_rendered:
            if rendered.resumed:
                step_id = rendered.resumed.standing.step_id
                self._activity.note_step(
                    rendered.plan.activity_ref, rendered.feed, step_id, ActivityOutcome.ENDED, later=True
                )
        waiting = [rendered for rendered in all_rendered if rendered.waits]
        while waiting:  # messages before each wait: the steps after a gate may hold both
            begun = await self.begin(waiting, is_recursive=False)
            for batch in policy.batches(begun.rendered):
                gone += await self._append(batch)
            gone += begun.gone
            waiting = [rendered for rendered in begun.rendered if rendered.waits]
        return gone

    async def begin(self, all_rendered: Iterable[RenderedSteps], *, is_recursive: bool = True) -> BegunWaits:
        """Begin waits, each once, and ask gates. Raise ServiceUnavailable.

        The steps after a digest that need not wait, or a gate that was passed, are rendered at once. Their messages are
        for the caller to store; their waits have begun as well, unless `is_recursive` is False.
        """
        begun, turns = BegunWaits(), Turns()
        encoders: dict[int, PlanEncoder] = {}
        queue = deque((rendered, wait) for rendered in all_rendered for wait in rendered.waits)
        while queue:
            part = [queue.popleft() for _ in range(min(MAX_BEGUN_AT_ONCE, len(queue)))]
            through = await self._wait(
                [(rendered, wait) for rendered, wait in part if wait.gate is None], encoders, begun
            )
            for gate in {wait.gate for _, wait in part if wait.gate}:
                through += await self._ask(
                    gate, [(rendered, wait) for rendered, wait in part if wait.gate is gate], begun
                )
            for rendered, wait, variables in through:
                steps = {**wait.steps, wait.step_id: variables}
                further = rendered.plan.render(wait.feed, wait.subscriber, wait.index + 1, steps)
                further.resumed = rendered.resumed
                begun.rendered.append(further)
                if is_recursive:
                    queue += ((further, wait) for wait in further.waits)
                await turns.give()
        return begun

    async def _wait(
        self, waits: Sequence[tuple[RenderedSteps, Wait]], encoders: dict[int, PlanEncoder], begun: BegunWaits
    ) -> list[tuple[RenderedSteps, Wait, Mapping[str, Any]]]:
        """Begin waits; return those that ended at once, with the step's variables for later steps."""
        through: list[tuple[RenderedSteps, Wait, Mapping[str, Any]]] = []
        run_waits = [
            encoders.setdefault(id(rendered.plan), PlanEncoder(rendered.plan)).run_wait(wait, rendered.resumed)
            for rendered, wait in waits
        ]
        for (rendered, wait), outcome in zip(waits, await self._runs.begin(run_waits), strict=True):
            self._note_wait(rendered.plan, wait, outcome)
            begun.waiting += outcome in ("waits", "joined", "again")
            if outcome == "gone":
                self._add_gone(begun, rendered, wait)
            elif outcome == "through":
                through.append((rendered, wait, digest_variables([(rendered.plan, wait.now_ms)], 1)))
        return through

    async def _ask(
        self, gate: EventGate, waits: Sequence[tuple[RenderedSteps, Wait]], begun: BegunWaits
    ) -> list[tuple[RenderedSteps, Wait, Mapping[str, Any]]]:
        """Ask a gate; return the waits that it passes, with the step's variables for later steps."""
        through: list[tuple[RenderedSteps, Wait, Mapping[str, Any]]] = []
        decisions = await gate.decide(self._client, self._keys, [(rendered.plan, wait) for rendered, wait in waits])
        for (rendered, wait), decision in zip(waits, decisions, strict=True):
            if decision is None:
                self._add_gone(begun, rendered, wait)
            elif decision.passes:
                reference, outcome = rendered.plan.activity_ref, ActivityOutcome.ENDED
                self._activity.note_step(reference, wait.feed, wait.step_id, outcome, decision.reason)
                through.append((rendered, wait, decision.variables))
            else:
                stopped = Failure(wait.feed, wait.step_id, decision.reason, "skipped")
                begun.rendered.append(RenderedSteps(rendered.plan, rendered.feed, failures=[stopped]))
        return through

    def _add_gone(self, begun: BegunWaits, rendered: RenderedSteps, wait: Wait) -> None:
        self._feeds.forget(rendered.feed)
        begun.gone.append(RenderedSteps(rendered.plan, rendered.feed, waits=[wait], resumed=rendered.resumed))

    async def note(
        self, batch: Sequence[RenderedSteps], results: Iterable[AppendResult | None], *, repeats: bool = True
    ) -> list[RenderedSteps]:
        """Note the outcome of a batch, of repeated appends if `repeats`; return the deliveries whose feed is gone."""
        gone: list[RenderedSteps] = []
        next_results, turns = iter(results), Turns()
        for rendered in batch:
            trigger = rendered.plan.activity_ref
            for failure in rendered.failures:
                outcome = ActivityOutcome.SKIPPED if failure.kind == "skipped" else ActivityOutcome.FAILED
                self._activity.note_step(trigger, failure.feed, failure.step_id, outcome, failure.reason)
            lost = []
            for delivery in rendered.deliveries:
                result = next(next_results)
                if result is None:
                    lost.append(delivery)
                    continue
                metrics.MESSAGES.add((result.outcome,))
                if repeats or result.outcome != "again":
                    self._activity.note_appended(trigger, delivery, result)
            if lost:
                self._feeds.forget(rendered.feed)
                gone.append(RenderedSteps(rendered.plan, rendered.feed, lost))
            if rendered.failures and turns.is_over():  # a batch has few messages, but any number of failures
                await turns.give()
        return gone

    async def _append(self, batch: Sequence[RenderedSteps]) -> list[RenderedSteps]:
        for rendered in batch:
            for failure in rendered.failures:
                if failure.kind != "skipped":
                    where = {"step_id": failure.step_id, "subscriber_id": failure.feed.subscriber_id}
                    extra = {"action": "step_failed", **rendered.plan.log_fields, **where}
                    log.warning("no message is stored: %s", failure.reason, extra=extra)
        deliveries = [delivery for rendered in batch for delivery in rendered.deliveries]
        return await self.note(batch, await self._messages.append(deliveries) if deliveries else ())

    def _note_wait(self, plan: Plan, wait: Wait, outcome: Begun) -> None:
        if activity_outcome := _WAIT_OUTCOMES.get(outcome):
            reason = _WAIT_REASONS.get(outcome) or f"until {iso(wait.due_ms)}"
            self._activity.note_step(plan.activity_ref, wait.feed, wait.step_id, activity_outcome, reason)


def digest_variables(events: Sequence[tuple[Plan, int]], count: int) -> dict[str, Any]:
    """Return a digest's variable `steps.<stepId>`: its events with their times (ms), and their number."""
    shown = [
        {"id": derived_object_id("event", plan.transaction_id), "time": iso(ms), "payload": plan.payload}
        for plan, ms in events
    ]
    return digest_view(shown, count)
