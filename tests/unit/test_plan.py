"""What a trigger makes of a workflow for one recipient."""

from __future__ import annotations

import itertools
import time

import msgspec
import pytest
from msgspec.structs import replace

from inbox.errors import PayloadTooLarge
from inbox.ids import SubscriberId
from inbox.models.message import StoredMessage, decode_stored
from inbox.models.subscriber import Subscriber
from inbox.models.workflow import Step, StepActor, Workflow
from inbox.service.trigger.plan import Plan
from inbox.steps.base import OUTAGE_SECONDS, Failure
from inbox.steps.in_app import EXPIRED, shown_actor
from inbox.steps.in_app_controls import InAppControlsUpsert
from inbox.store.collapses import Collapse
from inbox.store.feed import Feed
from inbox.store.keys import Keys

_revisions = itertools.count(1)
ADA = Subscriber("a" * 24, SubscriberId("ada"), 0, 0, profile={"firstName": "Ada", "avatar": "https://x/ada.png"})
FEED = Feed(1, 0, 1, SubscriberId("bob"), "b" * 24, "", Keys("").bucket(1, 0).feed(1))


def workflow(*controls: InAppControlsUpsert, actor: StepActor | None = None) -> Workflow:
    steps = [
        Step("s" * 24, f"step-{index}", "S", msgspec.to_builtins(one), actor=actor)
        for index, one in enumerate(controls)
    ]
    return Workflow("w" * 24, "w", "W", 0, next(_revisions), steps=steps)


def drafted(plan: Plan) -> list[StoredMessage]:
    """The messages; what became of other steps is passed over."""
    return [decode_stored(one.content) for one in plan.render(FEED, None).deliveries]


def failures(plan: Plan) -> list[Failure]:
    return plan.render(FEED, None).failures


def test_a_message_carries_what_its_trigger_said() -> None:
    plan = Plan(
        workflow(InAppControlsUpsert(body="{{payload.n}} by {{actor.firstName}} for {{tenant.name}}")),
        {"n": 1},
        {"severity": "high"},
        "t",
        severity="high",
        actor=ADA,
        context_keys=["app:web"],
        surroundings={"tenant": {"name": "Acme"}},
        external_reference="order-1",
    )
    [message] = drafted(plan)
    assert (message.content, message.severity, message.actor_id) == ("1 by Ada for Acme", "high", ADA.oid)
    assert (message.context_keys, message.external_reference, message.actor) == (["app:web"], "order-1", None)
    [delivery] = plan.render(FEED, None).deliveries
    assert (delivery.transaction_id, delivery.step_id, delivery.severity) == ("t", "step-0", "high")


def test_a_steps_own_end_stands_over_the_triggers() -> None:
    now = int(time.time() * 1_000)
    steps = workflow(InAppControlsUpsert(body="x", expires_at="{{payload.ends}}"))
    ends = {"ends": "PT2H"}
    [message] = drafted(Plan(steps, ends, {}, "t", expires_ms=now + 5_000, triggered_ms=now - 60_000))
    assert message.expires_ms == now - 60_000 + 7_200_000, "a duration counts from the trigger on"
    plan = Plan(steps, {}, {}, "t", expires_ms=now + 5_000)
    [delivery] = plan.render(FEED, None).deliveries
    assert (delivery.expires_ms, drafted(plan)[0].expires_ms) == (now + 5_000, now + 5_000)


def test_an_end_that_cannot_be_read_or_is_past_gives_no_message() -> None:
    steps = workflow(InAppControlsUpsert(body="x", expires_at="{{payload.ends}}"))
    for ends, kind in (("tomorrow", "failed"), ("2026-01-01T00:00:00", "failed"), ("P9000D", "failed")):
        [failure] = failures(Plan(steps, {"ends": ends}, {}, "t"))
        assert (failure.kind, "expiresAt" in failure.reason, ends in failure.reason) == (kind, True, True)
    [failure] = failures(Plan(steps, {"ends": "2020-01-01T00:00:00Z"}, {}, "t"))
    assert (failure.kind, failure.reason) == ("skipped", EXPIRED)
    [failure] = failures(Plan(steps, {}, {}, "t", expires_ms=1))
    assert failure.kind == "skipped"


def collapse_of(plan: Plan) -> Collapse | None:
    [delivery] = plan.render(FEED, None).deliveries
    return delivery.collapse


def test_a_key_is_a_steps_own_or_the_triggers() -> None:
    keyed = workflow(InAppControlsUpsert(body="x", collapse_key="{{payload.key}}", collapse_mode="{{payload.mode}}"))
    assert collapse_of(Plan(keyed, {}, {}, "t")) is None
    own = collapse_of(Plan(keyed, {"key": "a", "mode": "count"}, {}, "t", collapse_key="b", collapse_mode="replace"))
    triggers = collapse_of(Plan(keyed, {}, {}, "t", collapse_key="b"))
    same = collapse_of(Plan(keyed, {"key": " b "}, {}, "t", collapse_mode="count"))
    assert own is not None
    assert triggers is not None
    assert same is not None
    assert own.name != triggers.name == same.name
    assert (own.counts, triggers.counts, same.counts) == (True, False, True)
    assert own.render is None, "no template asks for the count"
    [failure] = failures(Plan(keyed, {"key": "a", "mode": "sum"}, {}, "t"))
    assert (failure.kind, "collapseMode" in failure.reason) == ("failed", True)


def test_a_constant_that_is_no_mode_fails_its_step_alone() -> None:
    plan = Plan(workflow(InAppControlsUpsert(body="x", collapse_mode="{x"), InAppControlsUpsert(body="y")), {}, {}, "t")
    [failure] = failures(plan)
    assert (failure.kind, failure.step_id, "collapseMode" in failure.reason) == ("failed", "step-0", True)
    assert [message.content for message in drafted(plan)] == ["y"]


def test_steps_of_a_workflow_do_not_share_a_key() -> None:
    steps = workflow(InAppControlsUpsert(body="x"), InAppControlsUpsert(body="y"))
    deliveries = Plan(steps, {}, {}, "t", collapse_key="k").render(FEED, None).deliveries
    assert len({one.collapse.name for one in deliveries if one.collapse}) == 2


def test_content_is_made_again_for_another_count() -> None:
    body = "{{collapse.count}} new{% if collapse.count > 2 %}: {{payload.text}}{% endif %}"
    steps = workflow(InAppControlsUpsert(body=body, expires_at="PT{{collapse.count}}H"))
    plan = Plan(steps, {"text": "x" * 60_000}, {}, "t", collapse_key="k")
    [message] = drafted(plan)
    assert message.content == "1 new"
    collapse = collapse_of(plan)
    assert collapse is not None
    assert collapse.render is not None
    again = decode_stored(collapse.render(2))
    assert (again.content, again.expires_ms) == ("2 new", message.expires_ms), "its timer was set before"
    with pytest.raises(PayloadTooLarge):
        collapse.render(3)


def test_without_a_key_the_count_is_one() -> None:
    assert drafted(Plan(workflow(InAppControlsUpsert(body="{{collapse.count}}")), {}, {}, "t"))[0].content == "1"


def test_a_steps_own_reference_stands_over_the_triggers() -> None:
    controls = InAppControlsUpsert(body="x", external_reference="{{payload.order}}")
    assert drafted(Plan(workflow(controls), {"order": "A1"}, {}, "t"))[0].external_reference == "A1"
    assert drafted(Plan(workflow(controls), {}, {}, "t", external_reference="B2"))[0].external_reference == "B2"


def test_a_step_that_cannot_be_rendered_gives_no_message_and_stops_no_other() -> None:
    broken = InAppControlsUpsert(body="{% for n in (1..payload.n) %}{{n}}{% endfor %}")
    plan = Plan(workflow(broken, InAppControlsUpsert(body="fine")), {"n": 10**9}, {}, "t")
    assert [message.content for message in drafted(plan)] == ["fine"]
    [failure] = failures(plan)
    assert (failure.step_id, failure.kind, "body" in failure.reason) == ("step-0", "failed", True)


def test_a_message_over_64_kib_is_refused() -> None:
    [failure] = failures(Plan(workflow(InAppControlsUpsert(body="x")), {"text": "x" * 70_000}, {}, "t"))
    assert failure.kind == "too large"


def test_a_step_runs_when_its_condition_is_true() -> None:
    rule = {"and": [{"==": [{"var": "payload.plan"}, "pro"]}, {"!": {"var": "subscriber.phone"}}]}
    steps = workflow(InAppControlsUpsert(body="only pro", skip=rule), InAppControlsUpsert(body="always"))
    assert [one.content for one in drafted(Plan(steps, {"plan": "pro"}, {}, "t"))] == ["only pro", "always"]
    free = Plan(steps, {"plan": "free"}, {}, "t")
    assert free.needs_subscriber
    assert [one.content for one in drafted(free)] == ["always"]
    [skipped] = failures(free)
    assert (skipped.step_id, skipped.kind) == ("step-0", "skipped")
    assert 'condition is not true: {"and":[{"==":[{"var":"payload.plan"},"pro"]},' in skipped.reason
    assert skipped.reason.endswith(' (payload.plan = "free", subscriber.phone = null)')


def test_a_condition_sees_the_workflow_the_actor_and_the_context() -> None:
    rule = {
        "and": [
            {"==": [{"var": "workflow.severity"}, "high"]},
            {"in": ["news", {"var": "workflow.tags"}]},
            {"==": [{"var": "workflow.workflowId"}, "w"]},
            {"==": [{"var": "actor.firstName"}, "Ada"]},
            {"==": [{"var": "context.app.id"}, "web"]},
        ]
    }
    steps = replace(workflow(InAppControlsUpsert(body="{{workflow.name}}", skip=rule)), severity="high", tags=["news"])
    surroundings = {"context": {"app": {"id": "web"}}}
    assert [one.content for one in drafted(Plan(steps, {}, {}, "t", actor=ADA, surroundings=surroundings))] == ["W"]
    assert drafted(Plan(steps, {}, {}, "t", surroundings=surroundings)) == []


def test_a_condition_that_cannot_be_evaluated_fails_its_step() -> None:
    steps = workflow(InAppControlsUpsert(body="x", skip={"*": []}), InAppControlsUpsert(body="always"))
    plan = Plan(steps, {}, {}, "t")
    assert [one.content for one in drafted(plan)] == ["always"]
    [failure] = failures(plan)
    assert (failure.kind, "needs an operand" in failure.reason) == ("failed", True)


def test_no_step_has_been_read_before_the_trigger_has_delivered_it() -> None:
    unread = {"==": [{"var": "steps.step-0.read"}, False]}
    steps = workflow(
        InAppControlsUpsert(body="first"), InAppControlsUpsert(body="{{steps.step-0.lastReadDate}}!", skip=unread)
    )
    assert [one.content for one in drafted(Plan(steps, {}, {}, "t"))] == ["first", "!"]


def test_how_long_a_steps_message_is_asked_for() -> None:
    later = InAppControlsUpsert(body="x", skip={"var": "steps.step-0.seen"})
    day = 86_400
    delay = Step("d" * 24, "wait", "Wait", type="delay", controls={"amount": 3, "unit": "days"})
    first, reminder = workflow(InAppControlsUpsert(body="x"), later).steps

    def kept(*steps: Step) -> int:
        made = Workflow("w" * 24, "w", "W", 0, next(_revisions), steps=list(steps))
        return Plan(made, {}, {}, "t").render(FEED, None).deliveries[0].read_later_seconds

    assert kept(first, reminder) == kept(first, delay) == kept(first, delay, first) == 0
    assert kept(first, delay, reminder) == 4 * day + OUTAGE_SECONDS
    assert kept(first, delay, delay, reminder) == 8 * day + OUTAGE_SECONDS
    assert kept(first, delay, reminder, delay) == 4 * day + OUTAGE_SECONDS


@pytest.mark.parametrize(
    ("wanted", "actor", "shown"),
    [
        (None, ADA, None),
        (StepActor("none"), ADA, None),
        (StepActor("user"), ADA, {"type": "user", "data": "https://x/ada.png"}),
        (StepActor("user"), None, {"type": "user", "data": None}),
        (StepActor("system_custom", "https://x/y.png"), ADA, {"type": "system_custom", "data": "https://x/y.png"}),
    ],
)
def test_the_actor_that_a_message_shows(
    wanted: StepActor | None, actor: Subscriber | None, shown: dict[str, str] | None
) -> None:
    assert shown_actor(wanted, actor) == shown
    [message] = drafted(Plan(workflow(InAppControlsUpsert(body="x"), actor=wanted), {}, {}, "t", actor=actor))
    assert message.actor == shown


def test_all_steps_of_a_recipient_share_one_budget() -> None:
    heavy = "{% for i in (1..999) %}{% for j in (1..6) %}{{payload.n}}{% endfor %}{% endfor %}"
    assert len(drafted(Plan(workflow(InAppControlsUpsert(body=heavy)), {"n": 1}, {}, "t"))) == 1
    plan = Plan(workflow(*[InAppControlsUpsert(body=heavy)] * 20), {"n": 1}, {}, "t")
    for _ in range(2):  # each recipient has its own
        messages, failed = drafted(plan), failures(plan)
        assert messages
        assert len(messages) + len(failed) == 20
        assert "too much work" in failed[-1].reason
