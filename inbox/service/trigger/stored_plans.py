"""Plans as runs, digest windows and dispatches store them."""

from __future__ import annotations

from dataclasses import dataclass, field
from dataclasses import replace as replace_wait

import msgspec
from msgspec.structs import replace

from inbox.models.workflow import Workflow, decode_workflow, encode_workflow
from inbox.service.trigger.plan import Plan, with_conditions_of_today
from inbox.steps.base import Wait
from inbox.store.runs import DigestEvent, Fired, RunWait

_encoder = msgspec.msgpack.Encoder()
_plans = msgspec.msgpack.Decoder(Plan)


class PlanEncoder:
    """Encodes a plan for its waits: lazily, and once for all of them."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._whole = self._workflow = self._rest = b""

    def run_wait(self, wait: Wait, resumed: Fired | None) -> RunWait:
        """Return a wait as the store keeps it; `resumed` is the run that reaches it, None for a new run."""
        plan = self._plan
        run_wait = RunWait(
            wait.feed,
            plan.transaction_id,
            wait.step_id,
            wait.due_ms,
            workflow_id=plan.workflow.id,
            key=wait.key,
            look_back_ms=wait.look_back_ms,
            earlier=resumed,
        )
        if wait.key is None:
            self._whole = self._whole or _encoder.encode(plan)
            return replace_wait(run_wait, plan=self._whole)
        digest_ids = [step.step_id for step in plan.steps if step.collects_events]
        digests = {step_id: wait.steps[step_id] for step_id in digest_ids if step_id in wait.steps}
        if not self._rest or digests:
            workflow = plan.workflow
            self._workflow = encode_workflow(workflow)  # a window stores it once for all its events
            stub = Workflow(workflow.id, workflow.identifier, "", workflow.created_ms, workflow.updated_ms)
            self._rest = _encoder.encode(replace(plan, workflow=stub, digests=digests))
        return replace_wait(run_wait, workflow=self._workflow, event=self._rest)


@dataclass(eq=False)
class PlanDecoder:
    """Decodes stored plans; equal ones once, since the runs of one dispatch share their plan."""

    _decoded: dict[bytes, Plan] = field(init=False, default_factory=dict)
    _workflows: dict[bytes, Workflow] = field(init=False, default_factory=dict)

    def plan(self, raw: bytes) -> Plan:
        if raw not in self._decoded:
            self._decoded[raw] = with_conditions_of_today(_plans.decode(raw))
        return self._decoded[raw]

    def event(self, event: DigestEvent) -> Plan:
        if event.workflow not in self._workflows:
            self._workflows[event.workflow] = decode_workflow(event.workflow)
        return replace(_plans.decode(event.plan), workflow=self._workflows[event.workflow])
