"""What is stored at once, and what is rendered once."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any, cast

import pytest

from inbox.ids import SubscriberId
from inbox.models.subscriber import Subscriber
from inbox.models.wire import SubscriberProfile
from inbox.models.workflow import Step, Workflow
from inbox.service.activity.activity_log import ActivityLog, TriggerRef
from inbox.service.trigger.pipeline import BatchPolicy, Pipeline
from inbox.service.trigger.plan import Plan, RenderedSteps
from inbox.store.activity import ActivityOutcome
from inbox.store.client import Client
from inbox.store.feed import Feed
from inbox.store.feeds import FeedStore
from inbox.store.keys import Keys
from inbox.store.messages import AppendResult, Delivery, MessageStore
from inbox.store.runs import RunStore

_revisions = itertools.count(10_000)
POLICY = BatchPolicy(max_steps=2, max_bytes=100)


def feed(number: int) -> Feed:
    return Feed(1, 0, number, SubscriberId(f"p{number}"), f"{number:024x}", "", Keys("").bucket(1, 0).feed(number))


FEEDS = [feed(number) for number in range(1, 4)]


def plan(*controls: dict[str, Any]) -> Plan:
    steps = [Step("c" * 24, f"step-{index}", "S", controls=one) for index, one in enumerate(controls)]
    return Plan(Workflow("a" * 24, "w", "W", 0, next(_revisions), steps=steps), {}, {}, "t")


def steps(number: int, *sizes: int) -> RenderedSteps:
    deliveries = [Delivery(feed(number), b"x" * size, "t", "s", "w") for size in sizes]
    return RenderedSteps(plan(), feed(number), deliveries)


@pytest.mark.parametrize(
    ("sizes", "batches"),
    [
        ([[1], [1], [1]], [2, 1]),
        ([[1], [1, 1], [1]], [1, 1, 1]),
        ([[1, 1, 1], [1]], [1, 1]),
        ([[60], [40], [1]], [2, 1]),
        ([[60], [41]], [1, 1]),
        ([[500], [1]], [1, 1]),
        ([[], [1], [], [1], []], [5]),
        ([], []),
    ],
)
def test_the_steps_of_a_recipient_stay_together(sizes: Sequence[Sequence[int]], batches: Sequence[int]) -> None:
    rendered = [steps(number, *some) for number, some in enumerate(sizes, 1)]
    split = list(POLICY.batches(rendered))
    assert [len(batch) for batch in split] == batches
    assert [one for batch in split for one in batch] == rendered


class FakeFeeds:
    def __init__(self) -> None:
        self.forgotten: list[Feed] = []

    def forget(self, one: Feed) -> None:
        self.forgotten.append(one)


class FakeMessages:
    """Stores everything but what is for a gone feed."""

    def __init__(self, gone: Feed) -> None:
        self.gone = gone
        self.batches: list[int] = []

    async def append(self, deliveries: Sequence[Delivery]) -> list[AppendResult | None]:
        self.batches.append(len(deliveries))
        return [None if one.feed == self.gone else AppendResult("stored", 1, 5) for one in deliveries]


class FakeActivity:
    def __init__(self) -> None:
        self.appended: list[tuple[TriggerRef, SubscriberId]] = []
        self.steps: list[tuple[str, ActivityOutcome]] = []

    def note_appended(self, trigger: TriggerRef, delivery: Delivery, _: AppendResult) -> None:
        self.appended.append((trigger, delivery.feed.subscriber_id))

    def note_step(self, _: TriggerRef, to: Feed, __: str, outcome: ActivityOutcome, *___: Any) -> None:
        self.steps.append((to.subscriber_id, outcome))


def pipeline(gone: Feed) -> tuple[Pipeline, FakeFeeds, FakeMessages, FakeActivity]:
    feeds, messages, activity = FakeFeeds(), FakeMessages(gone), FakeActivity()
    made = Pipeline(
        cast(Client, None),
        Keys(""),
        cast(FeedStore, feeds),
        cast(MessageStore, messages),
        cast(RunStore, None),
        cast(ActivityLog, activity),
    )
    return made, feeds, messages, activity


def person(to: Feed, **profile: Any) -> tuple[Feed, Subscriber]:
    return to, Subscriber(to.subscriber_oid, to.subscriber_id, 0, 0, profile=cast(SubscriberProfile, profile))


@pytest.mark.parametrize(
    ("controls", "count"),
    [
        ({"body": "hello"}, 1),
        ({"body": "hello {{subscriber.firstName}}"}, 3),
        ({"body": "hello {{subscriber.locale}} {{subscriber.data.team.name}}"}, 2),
        ({"body": "hello {{subscriber.data.team}}"}, 2),
        ({"body": "hello {{subscriber.data.team.name.size}} {{subscriber.size}}"}, 3),
        ({"body": "hello {{subscriber.data.team.size}}"}, 2),
        ({"body": "hello {{subscriber.data.team.name.x | json}}"}, 2),
        ({"body": "hello {{subscriber.phone.x}}", "skip": {"missing": ["subscriber.phone"]}}, 1),
        ({"body": "hello {{subscriber.firstName[0]}}{{subscriber.locale.first}}"}, 3),
        ({"body": "{% for x in subscriber.data.team.list %}{{x}}{% endfor %}"}, 1),
        ({"body": "hello", "skip": {"==": [{"var": "subscriber.locale"}, "de"]}}, 1),
        ({"body": "hello", "skip": {"==": [{"var": "subscriber.firstName"}, "Bo"]}}, 3),
        ({"body": "hello {{subscriber}}"}, 3),
        ({"body": "{% assign p = subscriber %}{{ p.locale }}"}, 3),
        ({"body": "{{ subscriber[payload.name] }}"}, 3),
    ],
)
async def test_people_share_a_rendering_only_if_it_is_the_same(
    controls: dict[str, Any], count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[Feed] = []
    render = Plan.render

    def counted(self: Plan, to: Feed, *rest: Any) -> RenderedSteps:
        calls.append(to)
        return render(self, to, *rest)

    monkeypatch.setattr(Plan, "render", counted)
    made, *_ = pipeline(FEEDS[0])
    people = [
        person(FEEDS[0], firstName="Ada", locale="de", data={"team": {"name": "x"}}),
        person(FEEDS[1], firstName="Bo", locale="de", data={"team": {"name": None}}),
        person(FEEDS[2], locale="de", data={"team": {"name": None}}),
    ]
    shared = plan(controls)
    rendered = await made.render(shared, people)
    assert len(calls) == count
    assert rendered == [render(shared, to, one.variables()) for to, one in people]


async def test_what_names_nobody_is_rendered_once(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[Feed] = []
    render = Plan.render

    def counted(self: Plan, to: Feed, *rest: Any) -> RenderedSteps:
        calls.append(to)
        return render(self, to, *rest)

    monkeypatch.setattr(Plan, "render", counted)
    made, *_ = pipeline(FEEDS[0])
    people = [(one, Subscriber(one.subscriber_oid, one.subscriber_id, 0, 0)) for one in FEEDS]
    for body, count in (("hello", 1), ("hello {{subscriber.subscriberId}}", 3)):
        calls.clear()
        rendered = await made.render(plan({"body": body}), people)
        assert len(calls) == count
        assert [(one.feed, one.deliveries[0].feed) for one in rendered] == [(one, one) for one in FEEDS]


async def test_gone_feeds_are_returned_and_forgotten_and_the_rest_is_noted() -> None:
    made, feeds, messages, activity = pipeline(FEEDS[1])
    shared = plan({"body": "x"}, {"body": "{{ payload.n | times: 'a' }}", "skip": {"==": [1, 2]}})
    rendered = await made.render(shared, [(one, None) for one in FEEDS])
    gone = await made.store(rendered, BatchPolicy(max_steps=2, max_bytes=10_000))
    assert messages.batches == [2, 1]
    assert [(one.feed, len(one.deliveries), one.failures) for one in gone] == [(FEEDS[1], 1, [])]
    assert feeds.forgotten == [FEEDS[1]]
    assert activity.appended == [(shared.activity_ref, "p1"), (shared.activity_ref, "p3")]
    assert activity.steps == [(f"p{number}", ActivityOutcome.SKIPPED) for number in (1, 2, 3)]
