"""A trigger's plan, and the steps that are rendered from it for each recipient."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec.structs import replace

from inbox.lazy import lazy
from inbox.models.json_values import JsonObject
from inbox.models.workflow import Workflow, negate_old_conditions
from inbox.rendering.budget import working
from inbox.rendering.paths import EVERYTHING, reached
from inbox.rendering.templates import Scope
from inbox.service.activity.activity_log import TriggerRef
from inbox.steps import CompiledSteps, compile_steps
from inbox.steps.base import CompiledStep, Failure, PlanContent, StepResult, StepRun, Wait
from inbox.store.feed import Feed
from inbox.store.messages import Delivery
from inbox.store.runs import Fired

_encode_key = msgspec.json.Encoder().encode


class RenderedSteps(msgspec.Struct, gc=False):
    """The steps of a plan as rendered for one feed, grouped by what is to be done with them."""

    plan: Plan
    feed: Feed
    deliveries: list[Delivery] = []
    waits: list[Wait] = []
    """At most one: the steps after it are rendered once it has ended."""
    failures: list[Failure] = []
    resumed: Fired | None = None
    """The run whose wait has ended and that goes on with these steps."""

    def add(self, step: CompiledStep, result: StepResult) -> bool:
        """Add the result of a step; return False if no further step is carried out now."""
        if isinstance(result, Delivery):
            self.deliveries.append(result)
        elif isinstance(result, Wait):
            self.waits.append(result)
            return False
        else:
            self.failures.append(result)
            return not (step.ends_on_failure and result.kind == "failed")
        return True

    def copy_for(self, feed: Feed) -> RenderedSteps:
        return RenderedSteps(
            self.plan,
            feed,
            [replace(one, feed=feed) for one in self.deliveries],
            [replace(one, feed=feed) for one in self.waits],
            [replace(one, feed=feed) for one in self.failures],
            self.resumed,
        )


class Plan(PlanContent, frozen=True, dict=True):
    """What all messages of a trigger share, and how its steps are carried out."""

    @property
    def log_fields(self) -> dict[str, str]:
        return {"workflow_id": self.workflow.identifier, "transaction_id": self.transaction_id}

    @lazy
    def activity_ref(self) -> TriggerRef:
        workflow, steps = self.workflow, self.steps
        first = steps[0].step_id if steps else ""
        return TriggerRef(self.transaction_id, workflow.id, workflow.identifier, workflow.severity, first)

    @lazy
    def steps(self) -> CompiledSteps:
        return compile_steps(self.workflow)

    def index_of(self, step_id: str) -> int | None:
        return next((index for index, one in enumerate(self.steps) if one.step_id == step_id), None)

    @property
    def needs_subscriber(self) -> bool:
        return bool(self.steps.subscriber_paths)

    def subscriber_key(self, subscriber: Mapping[str, Any] | None) -> bytes | None:
        """Return a key that is the same for all subscribers for whom the steps render the same.

        None if the steps may read all of a subscriber, who is unlike any other then.
        """
        paths = self.steps.subscriber_paths
        if EVERYTHING in paths:
            return None
        return _encode_key([reached(subscriber, path) for path in paths]) if paths else b""

    def messages_read_later(self, start: int) -> list[str]:
        """Return the in-app steps before `start` whose messages' state is read by a step from `start` on."""
        before = [step.step_id for step in self.steps[:start] if step.gives_message]
        return [one for one in before if any(step.paths.may_read("steps", one) for step in self.steps[start:])]

    def render(
        self,
        feed: Feed,
        subscriber: Mapping[str, Any] | None,
        start: int = 0,
        steps: Mapping[str, Any] | None = None,
    ) -> RenderedSteps:
        """Render the steps for one feed, in their order, from the index `start` up to the first one that waits.

        `subscriber` and `steps` are template variables: the subscriber's, and those of steps before `start` (digests,
        states of messages). A step that cannot compute its wait is the last one. All steps share one budget.
        """
        variables = dict(steps or {})
        rendered = RenderedSteps(self, feed)
        with working():
            for index, step in enumerate(self.steps):
                if index >= start:
                    scope = self.scope(step, subscriber, variables)
                    result = step.run(StepRun(self, feed, index, scope, self.steps[index + 1 :]))
                    if not rendered.add(step, result):
                        break
                if step.default_variables is not None:
                    variables.setdefault(step.step_id, step.default_variables)
        return rendered

    def scope(self, step: CompiledStep, subscriber: Mapping[str, Any] | None, steps: Mapping[str, Any]) -> Scope:
        """Return the variables of the step's condition and templates; `collapse` is added later."""
        return {
            **self.surroundings,
            "workflow": workflow_variables(self.workflow),
            "steps": dict(steps),
            "payload": self.payload,
            "subscriber": subscriber,
            "actor": self.actor.variables() if self.actor and step.needs_actor else None,
        }


def workflow_variables(workflow: Workflow) -> JsonObject:
    """Return the variable `workflow` of conditions and templates."""
    return {
        "workflowId": workflow.identifier,
        "name": workflow.name,
        "description": workflow.description,
        "tags": workflow.tags,
        "severity": workflow.severity,
    }


def with_conditions_of_today(plan: Plan) -> Plan:
    """Return the plan with conditions that say when a step runs; older versions stored when it is skipped."""
    return replace(plan, workflow=negate_old_conditions(plan.workflow))
