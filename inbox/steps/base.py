"""What all step types share, and the results of a step for a feed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, NamedTuple, Protocol, TypeVar

import msgspec

from inbox import clock
from inbox.lazy import lazy
from inbox.models.preference import delivers_by_default
from inbox.models.subscriber import Subscriber
from inbox.models.workflow import CollapseMode, DisplayName, Identifier, Severity, Step, Workflow
from inbox.rendering.budget import working
from inbox.rendering.conditions import Condition
from inbox.rendering.paths import FieldPaths, VariablePath
from inbox.rendering.templates import RenderError, Scope, Template, compile_template
from inbox.store.client import Client
from inbox.store.feed import Feed
from inbox.store.keys import Keys
from inbox.store.messages import Delivery, PreferenceDefault

OUTAGE_SECONDS = 30 * 86_400
"""A step that an outage delays by less than this still sees the messages of the steps before it."""


class Controls(
    msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True, forbid_unknown_fields=True
):
    """The controls of a step; `skip` is its condition.

    An unknown field is refused rather than dropped: a message without its button is worse than a refused workflow.
    """

    skip: dict[str, Any] | None = None


C = TypeVar("C", bound=Controls)


class StepContent(msgspec.Struct, frozen=True, rename="camel", kw_only=True, tag_field="type"):
    """A step as callers send it; `_id` or `stepId` of an existing step keeps that step's ids.

    Each step type adds its tag and the type of `control_values`.
    """

    name: DisplayName
    id: str | None = msgspec.field(default=None, name="_id")
    step_id: Identifier | None = None
    control_values: Controls | None = None


class Failure(msgspec.Struct, frozen=True):
    """A step that produced no message for a feed, and why."""

    feed: Feed
    step_id: str
    reason: str
    kind: Literal["failed", "skipped", "too large"] = "failed"


class Wait(msgspec.Struct, frozen=True):
    """A step at which a trigger waits for a feed, from `now_ms` until `due_ms` (ms since 1970).

    `index` counts the active steps. A digest collects events with the same `key`; if `look_back_ms` is not 0, an event
    waits only if another one came within that time before it.
    """

    feed: Feed
    index: int
    step_id: str
    now_ms: int
    due_ms: int
    key: str | None = None
    look_back_ms: int = 0
    subscriber: Mapping[str, Any] | None = None
    steps: Mapping[str, Any] = {}
    """The earlier steps as templates see them: digests, and messages whose state was read."""
    gate: EventGate | None = None
    """The step, if the store decides at once whether the event passes, instead of waiting."""


StepResult = Delivery | Failure | Wait


class GateDecision(NamedTuple):
    """Whether an event passes a gate, why, and the variables `steps.<stepId>` for later steps."""

    passes: bool
    reason: str
    variables: Mapping[str, Any]


class EventGate(Protocol):
    """A step at which the store decides at once whether an event passes."""

    async def decide(
        self, client: Client, keys: Keys, waits: Sequence[tuple[PlanContent, Wait]]
    ) -> Sequence[GateDecision | None]:
        """Return a decision for each event, in order; None if the feed no longer exists.

        Idempotent per (transaction, step, feed). Raise StoreUnavailable.
        """


class PlanContent(msgspec.Struct, frozen=True):
    """The part of a plan that steps read: what all messages of a trigger share."""

    workflow: Workflow
    payload: dict[str, Any]
    overrides: dict[str, Any]
    transaction_id: str
    severity: Severity | None = None
    actor: Subscriber | None = None
    context_keys: list[str] = []
    surroundings: Mapping[str, Any] = {}
    external_reference: str | None = None
    expires_ms: int = 0
    """When messages are deleted (ms since 1970), 0 for never; a step's own expiry has priority."""
    triggered_ms: int = msgspec.field(default_factory=clock.now_ms)
    """The time of the trigger, from which durations count even if it is carried out later."""
    collapse_key: str | None = None
    collapse_mode: CollapseMode | None = None
    """The key and mode under which messages collapse; a step's own have priority."""
    tenant_channels: Mapping[str, bool] = {}
    """Channel → whether the workflow delivers there by default for the trigger's tenant, where that differs."""
    digests: Mapping[str, Any] = {}
    """For an event that waits in a digest, the variables of the digests before that one."""

    @property
    def preference(self) -> PreferenceDefault:
        """Return whether the workflow delivers to a subscriber who has chosen nothing."""
        workflow = self.workflow
        if workflow.critical:
            return "c"
        delivers = self.tenant_channels.get("in_app") if self.tenant_channels else None
        if delivers is None:
            delivers = delivers_by_default(workflow, "in_app")
        return "1" if delivers else "0"


class StepPreview(NamedTuple):
    """What a step would do: the fields of its `preview` on the wire, why it would be skipped or "", and remarks."""

    content: Mapping[str, Any]
    skip_reason: str = ""
    remarks: Sequence[str] = ()


class StepRun(msgspec.Struct, frozen=True):
    """The input of a step for a feed; `index` counts the active steps, `later` are the steps after it."""

    plan: PlanContent
    feed: Feed
    index: int
    scope: Scope
    later: Sequence[CompiledStep]


class CompiledStep:
    """A compiled step; `paths` are the variables that each field reads, those of the condition under `skip`."""

    default_variables: ClassVar[Mapping[str, Any] | None] = None
    """The variables `steps.<stepId>` that later steps see if this one produced none; None if it has no variables."""
    gives_message: ClassVar[bool] = False
    collects_events: ClassVar[bool] = False
    ends_on_failure: ClassVar[bool] = False
    """Whether no further step runs if this one fails."""

    def __init__(self, step: Step, controls: Controls, prefix: str) -> None:
        """Compile what all types share; errors name fields behind `prefix`, e.g. `steps.0.`. Raise TemplateError."""
        self.step = step
        self.step_id = step.step_id
        self.prefix = f"{prefix}controlValues."
        self.condition = Condition(controls.skip, f"{self.prefix}skip")
        self.paths = FieldPaths(skip=self.condition.paths)

    @lazy
    def subscriber_paths(self) -> frozenset[VariablePath]:
        """Return what the fields read of the subscriber; the empty path stands for all of it."""
        return self.paths.within("subscriber")

    @property
    def needs_subscriber(self) -> bool:
        """Return whether a field reads the subscriber, who need not be loaded otherwise."""
        return bool(self.subscriber_paths)

    @lazy
    def needs_actor(self) -> bool:
        return self.paths.may_read("actor")

    def template(
        self, field: str, source: str | None, compile_source: Callable[[str, str], Template] = compile_template
    ) -> Template:
        """Compile a field's template and add its paths to the step. Raise TemplateError."""
        template = compile_source(source or "", self.prefix + field)
        self.paths[field] = template.paths
        return template

    @property
    def longest_ms(self) -> int:
        """Return the longest time that the step may wait."""
        return 0

    def run(self, run: StepRun) -> StepResult:
        """Carry out the step for a feed; return its message, the wait it starts, or why there is neither."""
        try:
            if self.condition.rule and not self.condition.holds(run.scope, clock.now_ms()):
                return Failure(run.feed, self.step_id, self.condition.explain(run.scope), "skipped")
            return self._run(run)
        except RenderError as error:
            return Failure(run.feed, self.step_id, error.message)

    def _run(self, run: StepRun) -> StepResult:
        """Carry out the step, whose condition holds. Raise RenderError."""
        raise NotImplementedError

    def preview(self, plan: PlanContent, scope: Scope) -> StepPreview:
        """Return what the step would do, whether its condition holds or not.

        Raise RenderError, and PayloadTooLarge for a message over 64 KiB.
        """
        with working():
            skips = bool(self.condition.rule) and not self.condition.holds(scope, clock.now_ms())
            preview = self._preview(plan, scope)
            return preview._replace(skip_reason=self.condition.explain(scope)) if skips else preview

    def _preview(self, plan: PlanContent, scope: Scope) -> StepPreview:
        """Return what the step would do if its condition held. Raise as `preview`."""
        raise NotImplementedError

    def shown_controls(self) -> dict[str, Any]:
        """Return the controls as stored, without the condition."""
        return {name: value for name, value in self.step.controls.items() if name != "skip"}


def read_controls(values: Mapping[str, Any], kind: type[C]) -> C:
    """Return a stored step's controls without the fields of other types or later releases.

    Raise msgspec.ValidationError.
    """
    return msgspec.convert({name: values[name] for name in kind.__struct_encode_fields__ if name in values}, kind)


def read_later_seconds(step_id: str, later: Sequence[CompiledStep]) -> int:
    """Return for how long later steps may read the state of a step's message; 0 if none reads it."""
    waits_ms, longest_ms = 0, 0
    for step in later:
        if waits_ms and step.paths.may_read("steps", step_id):
            longest_ms = waits_ms
        waits_ms += step.longest_ms
    return longest_ms // 1_000 + OUTAGE_SECONDS if longest_ms else 0


@dataclass(frozen=True, slots=True)
class StepDefinition:
    """A step type, complete."""

    body: type[StepContent]
    """The step as callers send it; its tag is the name of the type."""
    controls: type[Controls]
    check: Callable[[Any, str], None]
    """Raises ValidationFailed for unusable controls, naming the field behind the given path."""
    compile: Callable[[Workflow, Step, Any, str], CompiledStep]
    """Raises TemplateError."""
    example: Mapping[str, Any]
    """Valid controls, as on the wire."""
    variables: tuple[str, ...] = ()
    """The names that later steps may read as `steps.<stepId>.<name>`."""

    @property
    def name(self) -> str:
        return str(self.body.__struct_config__.tag)

    @property
    def control_names(self) -> Sequence[str]:
        """Return the names of the controls on the wire."""
        return self.controls.__struct_encode_fields__
