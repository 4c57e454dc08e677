"""Runs: what a trigger does for a recipient beyond a step that waits.

A run goes on when its time has come, in any process: what it gives is stored as a trigger's messages are, once per
transaction, step and feed, and only then it is dropped, so whoever repeats it after a crash changes nothing twice.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import msgspec

from inbox.ids import derived_object_id
from inbox.models.dates import iso
from inbox.models.environment import Environment
from inbox.models.workflow import Workflow, decode_workflow, encode_workflow
from inbox.rendering.digests import digest_view
from inbox.service.trigger.activity_log import ActivityLog
from inbox.service.trigger.drafts import Draft, Failure, Plan, Wait, with_conditions_of_today
from inbox.store.activity import Outcome
from inbox.store.alarms import Place
from inbox.store.feed import Feed
from inbox.store.feeds import FeedStore
from inbox.store.message_states import MessageStates, StepMessages, message_state_view
from inbox.store.messages import Delivery, MessageStore
from inbox.store.runs import Begun, Event, Fired, RunRef, RunStore, Waiting, run_of
from inbox.store.subscribers import SubscriberStore
from inbox.store.timers import Timer
from inbox.tasks import Turns

MOST_APPENDED_AT_ONCE = 50
MOST_BEGUN_AT_ONCE = 100

_encoder = msgspec.msgpack.Encoder()
_plans = msgspec.msgpack.Decoder(Plan)

_NOTED: dict[Begun, Outcome] = {"waits": Outcome.DELAYED, "joined": Outcome.MERGED, "through": Outcome.ENDED}
_REASONS: dict[Begun, str] = {
    "joined": "it joined the events that a digest collects already",
    "through": "no event came within the look-back: there is nothing to wait for",
}


@dataclass(slots=True)
class Begin:
    """What came of letting runs wait: how many do, steps carried out at once, and waits whose feed is gone."""

    waiting: int = 0
    drafts: list[Delivery | Failure] = field(default_factory=list)
    gone: list[Wait] = field(default_factory=list)


class RunService:
    """Lets runs wait, carries them out and cancels them."""

    def __init__(
        self,
        store: RunStore,
        feeds: FeedStore,
        messages: MessageStore,
        states: MessageStates,
        subscribers: SubscriberStore,
        activity: ActivityLog,
    ) -> None:
        self._store = store
        self._states = states
        self._feeds = feeds
        self._messages = messages
        self._subscribers = subscribers
        self._activity = activity

    async def begin(self, plan: Plan, waits: Sequence[Wait], came_from: Fired | None = None) -> Begin:
        """Lets runs wait, each once; safe to repeat. A digest that finds nothing to wait for goes on at once, which
        gives drafts to be stored. Raises StoreUnavailable.
        """
        begin, turns = Begin(), Turns()
        waiting = deque(waits)
        encoded = _Encoded(plan)
        while waiting:
            part = [waiting.popleft() for _ in range(min(MOST_BEGUN_AT_ONCE, len(waiting)))]
            outcomes = await self._store.begin([encoded.waiting(one, came_from) for one in part])
            for wait, outcome in zip(part, outcomes, strict=True):
                self._note(plan, wait, outcome)
                begin.waiting += outcome in ("waits", "joined", "again")
                if outcome == "gone":
                    begin.gone.append(wait)
                elif outcome == "through":
                    steps = {**wait.steps, wait.step_id: _view([(plan, wait.now_ms)], 1)}
                    drafts = plan.draft(wait.feed, wait.subscriber, wait.place + 1, steps)
                    begin.drafts += [one for one in drafts if not isinstance(one, Wait)]
                    waiting += [one for one in drafts if isinstance(one, Wait)]
                    await turns.give()
        return begin

    async def fire(self, place: Place, timers: Sequence[Timer]) -> None:
        """Carries out the runs of these timers. A run whose subscriber is gone ends."""
        await self._carry_out(place, [run_of(timer) for timer in timers])

    async def close(self, place: Place, timers: Sequence[Timer]) -> None:
        """Closes the windows of these timers and carries out what they collected."""
        closed = [await self._store.close_window(place, timer) for timer in timers]
        await self._carry_out(place, [one for one in closed if one])

    async def cancel(self, environment: Environment, transaction_id: str) -> bool:
        """Cancels what of a transaction waits and takes its events out of open windows; whether there was anything.

        What is being carried out is not cancelled, nor is what a dispatch begins at this very moment.
        """
        found = await self._store.cancel(environment.number, transaction_id)
        feeds = await self._feeds.find_numbered(environment.number, [one.feed for one in found])
        plans = {one.plan: _decode_plan(one.plan) for one in found if one.plan}
        for one in found:
            feed = feeds.get(one.feed)
            plan = plans.get(one.plan) if one.event is None else _plan_of(one.event, {})
            if feed and plan:
                self._activity.note_wait(plan, feed, one.step_id, Outcome.CANCELED, later=True)
        return bool(found)

    async def _carry_out(self, place: Place, refs: Sequence[RunRef]) -> None:
        fired = await self._store.fire(place, refs)
        feeds = await self._feeds.find_numbered(place.environment, {(place.bucket, one.ref.number) for one in fired})
        oids = list(dict.fromkeys(feed.subscriber_oid for feed in feeds.values()))
        people = await self._subscribers.get_many(place.environment, oids)
        going_on: list[_GoingOn] = []
        plans: dict[bytes, Plan] = {}
        for one in fired:
            feed = feeds.get((place.bucket, one.ref.number))
            subscriber = people.get(feed.subscriber_oid) if feed else None
            resumed = _resumed(one, plans)
            if feed and subscriber and resumed:
                going_on.append(_GoingOn(one, feed, *resumed, subscriber.variables()))
        drafted: list[tuple[_GoingOn, list[Draft]]] = []
        turns = Turns()
        for run, states in zip(going_on, await self._states_of(going_on), strict=True):
            drafted.append((run, run.drafts(states)))
            await turns.give()
        await self._store_messages([(run.plan, drafts) for run, drafts in drafted])
        for run, drafts in drafted:
            step_id = run.fired.standing.step_id
            self._activity.note_wait(run.plan, run.feed, step_id, Outcome.ENDED, later=True)
            begun = await self.begin(run.plan, [one for one in drafts if isinstance(one, Wait)], run.fired)
            await self._store_messages([(run.plan, begun.drafts)])
        await self._store.end(place, fired)
        ended = [run for run, drafts in drafted if not any(isinstance(one, Wait) for one in drafts)]
        await self._states.release([run.messages_before for run in ended])

    async def _states_of(self, runs: Sequence[_GoingOn]) -> list[Mapping[str, Any]]:
        """What templates see of the messages of each run's earlier steps, as they are now, where they ask for it."""
        asking = {index: run.messages_before for index, run in enumerate(runs) if run.messages_before.step_ids}
        states = dict(zip(asking, await self._states.read(list(asking.values())), strict=True))
        return [
            {step_id: message_state_view(state) for step_id, state in states.get(index, {}).items()}
            for index in range(len(runs))
        ]

    async def _store_messages(self, drafted: Sequence[tuple[Plan, Sequence[Draft]]]) -> None:
        deliveries: list[tuple[Plan, Delivery]] = []
        for plan, drafts in drafted:
            deliveries += [(plan, draft) for draft in drafts if isinstance(draft, Delivery)]
            for draft in drafts:
                if isinstance(draft, Failure):
                    self._activity.note_failure(plan, draft)
        for start in range(0, len(deliveries), MOST_APPENDED_AT_ONCE):
            part = deliveries[start : start + MOST_APPENDED_AT_ONCE]
            outcomes = await self._messages.append([delivery for _, delivery in part])
            for (owner, delivery), appended in zip(part, outcomes, strict=True):
                if appended:
                    self._activity.note_appended(owner, delivery, appended)

    def _note(self, plan: Plan, wait: Wait, outcome: Begun) -> None:
        if noted := _NOTED.get(outcome):
            reason = _REASONS.get(outcome) or f"until {iso(wait.due_ms)}"
            self._activity.note_wait(plan, wait.feed, wait.step_id, noted, reason)


class _Encoded:
    """A plan as it is kept: encoded once for all its waits, and only as it is needed."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._whole = self._workflow = self._rest = b""

    def waiting(self, wait: Wait, came_from: Fired | None) -> Waiting:
        plan = self._plan
        waiting = Waiting(
            wait.feed,
            plan.transaction_id,
            wait.step_id,
            wait.due_ms,
            workflow_id=plan.workflow.id,
            key=wait.key,
            look_back_ms=wait.look_back_ms,
            came_from=came_from,
        )
        if wait.key is None:
            self._whole = self._whole or _encoder.encode(plan)
            return replace(waiting, plan=self._whole)
        digests = {name: wait.steps[name] for name in plan.digest_ids if name in wait.steps}
        if not self._rest or digests:
            self._workflow = encode_workflow(plan.workflow)
            self._rest = _encoder.encode(replace(plan, workflow=_stub(plan.workflow), digests=digests))
        return replace(waiting, workflow=self._workflow, event=self._rest)


@dataclass(frozen=True, slots=True)
class _GoingOn:
    """A run that goes on, with what it knows anew of its subscriber."""

    fired: Fired
    feed: Feed
    plan: Plan
    steps: Mapping[str, Any]
    subscriber: Mapping[str, Any]

    @property
    def messages_before(self) -> StepMessages:
        """The messages of earlier steps that the steps to come ask for."""
        place = self.plan.place_of(self.fired.standing.step_id)
        names = [] if place is None else self.plan.messages_read_later(place + 1)
        return StepMessages(self.feed, self.plan.transaction_id, names)

    def drafts(self, messages: Mapping[str, Any]) -> list[Draft]:
        """What becomes of the steps after the one at which it waited; nothing when that step is not to be found.

        `messages` is what templates see of in-app steps before it.
        """
        place = self.plan.place_of(self.fired.standing.step_id)
        if place is None:
            return []
        return self.plan.draft(self.feed, self.subscriber, place + 1, {**messages, **self.steps})


def _resumed(fired: Fired, plans: dict[bytes, Plan]) -> tuple[Plan, Mapping[str, Any]] | None:
    """The plan that a run goes on with and what its templates see of digests before; None when every event left.

    After a digest that is the last event's, under the transaction of the first. `plans` keeps what was decoded: runs of
    one dispatch share their plan.
    """
    if fired.plan:
        if fired.plan not in plans:
            plans[fired.plan] = _decode_plan(fired.plan)
        return plans[fired.plan], {}
    if not fired.events:
        return None
    workflows: dict[bytes, Workflow] = {}
    events = [(_plan_of(one, workflows), one.ms) for one in fired.events]
    plan = replace(events[-1][0], transaction_id=events[0][0].transaction_id)
    return plan, {**plan.digests, fired.standing.digest_step_id: _view(events, fired.event_count)}


def _plan_of(event: Event, workflows: dict[bytes, Workflow]) -> Plan:
    if event.workflow not in workflows:
        workflows[event.workflow] = decode_workflow(event.workflow)
    return replace(_plans.decode(event.plan), workflow=workflows[event.workflow])


def _decode_plan(raw: bytes) -> Plan:
    return with_conditions_of_today(_plans.decode(raw))


def _stub(workflow: Workflow) -> Workflow:
    """A workflow without what a window keeps once for all events."""
    return Workflow(workflow.id, workflow.identifier, "", workflow.created_ms, workflow.updated_ms)


def _view(events: Sequence[tuple[Plan, int]], count: int) -> dict[str, Any]:
    """What templates see as `steps.<stepId>`."""
    shown = [
        {"id": derived_object_id("event", plan.transaction_id), "time": iso(ms), "payload": plan.payload}
        for plan, ms in events
    ]
    return digest_view(shown, count)
