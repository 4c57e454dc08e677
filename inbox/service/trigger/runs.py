"""Runs: the rest of a trigger for a recipient, after a step that waits.

Any process resumes a run when its wait has ended. Messages are stored once per transaction, step and feed, and then the
run is dropped, so a process that repeats it after a crash changes nothing twice.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from msgspec.structs import replace

from inbox.models.environment import Environment
from inbox.models.subscriber import Subscriber
from inbox.service.activity.activity_log import ActivityLog
from inbox.service.trigger.pipeline import BatchPolicy, Pipeline, digest_variables
from inbox.service.trigger.plan import Plan, RenderedSteps
from inbox.service.trigger.stored_plans import PlanDecoder
from inbox.store.activity import ActivityOutcome
from inbox.store.due_buckets import BucketKey
from inbox.store.feed import Feed
from inbox.store.feeds import FeedStore
from inbox.store.message_states import MessageStates, StepMessages, message_state_view
from inbox.store.runs import Fired, RunRef, RunStore, run_of
from inbox.store.subscribers import SubscriberStore
from inbox.store.timers import Timer
from inbox.tasks import Turns

RUN_BATCHES = BatchPolicy(max_steps=50, max_bytes=4 * 1024 * 1024)


@dataclass(eq=False)
class RunService:
    """Carries out runs whose wait has ended, and cancels those that wait."""

    _store: RunStore
    _feeds: FeedStore
    _states: MessageStates
    _subscribers: SubscriberStore
    _activity: ActivityLog
    _pipeline: Pipeline

    async def fire(self, bucket: BucketKey, timers: Sequence[Timer]) -> None:
        """Resume the runs of timers. A run ends if its subscriber is gone."""
        await self._carry_out(bucket, [run_of(timer) for timer in timers])

    async def close(self, bucket: BucketKey, timers: Sequence[Timer]) -> None:
        """Close the windows of timers and resume the runs of the events that they collected."""
        closed = [await self._store.close_window(bucket, timer) for timer in timers]
        await self._carry_out(bucket, [ref for ref in closed if ref])

    async def cancel(self, environment: Environment, transaction_id: str) -> bool:
        """Cancel a transaction's waiting runs and its events in open windows; return whether there were any.

        A run that is being carried out is not cancelled, nor one that a dispatch begins at the same moment.
        """
        cancelled = await self._store.cancel(environment.number, transaction_id)
        feeds = await self._feeds.find_numbered(environment.number, [one.feed for one in cancelled])
        plans = PlanDecoder()
        for one in cancelled:
            feed = feeds.get(one.feed)
            if feed and (one.event or one.plan):
                plan = plans.event(one.event) if one.event else plans.plan(one.plan)
                self._activity.note_step(plan.activity_ref, feed, one.step_id, ActivityOutcome.CANCELED, later=True)
        return bool(cancelled)

    async def _carry_out(self, bucket: BucketKey, refs: Sequence[RunRef]) -> None:
        fired = await self._store.fire(bucket, refs)
        runs = await self._resume(bucket, fired)
        rendered: list[RenderedSteps] = []
        turns = Turns()
        for run, states in zip(runs, await self._states_of(runs), strict=True):
            rendered.append(run.render(states))
            await turns.give()
        await self._pipeline.store(rendered, RUN_BATCHES)
        await self._store.end(bucket, fired)
        finished = [run for run, steps in zip(runs, rendered, strict=True) if not steps.waits]
        await self._states.release([run.messages_before for run in finished])

    async def _resume(self, bucket: BucketKey, fired: Sequence[Fired]) -> list[_ResumedRun]:
        """Return the runs whose subscriber still exists and whose digest, if any, still has an event."""
        feed_refs = [(bucket.bucket, one.ref.number) for one in fired]
        feeds = await self._feeds.find_numbered(bucket.environment, feed_refs)
        oids = list(dict.fromkeys(feed.subscriber_oid for feed in feeds.values()))
        subscribers = await self._subscribers.get_many(bucket.environment, oids)
        plans = PlanDecoder()
        runs: list[_ResumedRun] = []
        for one, feed_ref in zip(fired, feed_refs, strict=True):
            feed = feeds.get(feed_ref)
            subscriber = subscribers.get(feed.subscriber_oid) if feed else None
            plan_and_digests = _plan_and_digests(one, plans)
            if feed and subscriber and plan_and_digests:
                runs.append(_ResumedRun(one, feed, *plan_and_digests, subscriber))
        return runs

    async def _states_of(self, runs: Sequence[_ResumedRun]) -> list[Mapping[str, Any]]:
        """Return the template variables of each run for the present state of its earlier steps' messages."""
        reading = {index: run.messages_before for index, run in enumerate(runs) if run.messages_before.step_ids}
        states = dict(zip(reading, await self._states.read(list(reading.values())), strict=True))
        return [
            {step_id: message_state_view(state) for step_id, state in states.get(index, {}).items()}
            for index in range(len(runs))
        ]


@dataclass(frozen=True, slots=True)
class _ResumedRun:
    """A run to resume, with its subscriber's present profile."""

    fired: Fired
    feed: Feed
    plan: Plan
    digests: Mapping[str, Any]
    subscriber: Subscriber

    @property
    def messages_before(self) -> StepMessages:
        """The messages of earlier steps whose state is read by later steps."""
        index = self.plan.index_of(self.fired.standing.step_id)
        step_ids = [] if index is None else self.plan.messages_read_later(index + 1)
        return StepMessages(self.feed, self.plan.transaction_id, step_ids)

    def render(self, messages: Mapping[str, Any]) -> RenderedSteps:
        """Render the steps after the one that waited, none if the workflow lacks it; `messages` as of `_states_of`."""
        index = self.plan.index_of(self.fired.standing.step_id)
        rendered = RenderedSteps(self.plan, self.feed)
        if index is not None:
            steps = {**messages, **self.digests}
            rendered = self.plan.render(self.feed, self.subscriber.variables(), index + 1, steps)
        rendered.resumed = self.fired
        return rendered


def _plan_and_digests(fired: Fired, plans: PlanDecoder) -> tuple[Plan, Mapping[str, Any]] | None:
    """Return a run's plan and its digests' variables; None if its digest has no event any more."""
    if fired.plan:
        return plans.plan(fired.plan), {}
    if not fired.events:
        return None
    events = [(plans.event(one), one.ms) for one in fired.events]
    plan = replace(events[-1][0], transaction_id=events[0][0].transaction_id)  # the last event's, as the first's
    return plan, {**plan.digests, fired.standing.digest_step_id: digest_variables(events, fired.event_count)}
