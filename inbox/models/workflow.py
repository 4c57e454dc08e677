"""The stored workflow and the types of its fields, whose limits are checked while a body is read.

The bodies of requests are in `service/workflows/bodies.py`, the types of steps in `inbox/steps`.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, get_args

import msgspec
from msgspec import Meta, field

Severity = Literal["high", "medium", "low", "none"]
LinkTarget = Literal["_self", "_blank", "_parent", "_top", "_unfencedTop"]
StepType = Annotated[str, Meta(title="StepType")]
"""The name of a type of step (`inbox/steps`)."""
BodyFormat = Literal["text", "markdown"]
ChannelType = Literal["email", "sms", "in_app", "chat", "push"]
Unit = Literal["seconds", "minutes", "hours", "days", "weeks", "months"]
CollapseMode = Literal["replace", "count"]
"""Whether a message that replaces another starts anew, or counts as one more of the same."""

CHANNELS: tuple[ChannelType, ...] = get_args(ChannelType)
MAX_IDENTIFIER_LENGTH = 128
MAX_STEPS = 20
MAX_TAGS = 16
MAX_TEMPLATE_LENGTH = 16_384
MAX_CRON_LENGTH = 256

DisplayName = Annotated[str, Meta(min_length=1, max_length=128)]
Description = Annotated[str, Meta(max_length=1_024)]
Identifier = Annotated[str, Meta(min_length=1, max_length=MAX_IDENTIFIER_LENGTH)]
Tag = Annotated[str, Meta(min_length=1, max_length=64)]
Tags = Annotated[list[Tag], Meta(max_length=MAX_TAGS)]
TemplateText = Annotated[str, Meta(max_length=MAX_TEMPLATE_LENGTH)]
TemplateLine = Annotated[str, Meta(max_length=1_024)]
Link = Annotated[str, Meta(max_length=4_096)]
CustomData = Annotated[dict[str, Any], Meta(max_length=100)]
JsonSchema = dict[str, Any]
Amount = Annotated[int, Meta(ge=1)] | Annotated[float, Meta(ge=1)]
"""A whole number; SDKs write it as `5.0`."""
Cron = Annotated[str, Meta(min_length=1, max_length=MAX_CRON_LENGTH)]


class ChannelPreference(msgspec.Struct, frozen=True):
    """Whether a channel delivers."""

    enabled: bool = True


class WorkflowPreference(msgspec.Struct, frozen=True, rename="camel"):
    """What holds for every channel that has no preference of its own. `readOnly`: subscribers cannot change it."""

    enabled: bool = True
    read_only: bool = False


class PreferenceSet(msgspec.Struct, frozen=True):
    """One level of preferences."""

    all: WorkflowPreference = WorkflowPreference()
    channels: dict[str, ChannelPreference] = {}

    def channel(self, name: str) -> bool:
        """Return whether this level delivers on the channel."""
        preference = self.channels.get(name)
        return self.all.enabled if preference is None else preference.enabled


class StepActor(msgspec.Struct, frozen=True):
    """Whose picture a message shows: its actor's (`user`), one of the page's icons, or an image of its own."""

    type: Literal["none", "user", "system_icon", "system_custom"]
    data: str | None = None


class Variable(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """A payload key of a v1 template: `name` may be a path; a missing one takes its default."""

    name: Annotated[str, Meta(min_length=1, max_length=256)]
    type: Literal["String", "Array", "Boolean"] = "String"
    required: bool = False
    default_value: str | bool | None = None


class Step(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """A stored step. `id` is also the `_messageTemplateId` of its messages; its type defines `controls`."""

    id: str = field(name="_id")
    step_id: str
    name: str
    controls: dict[str, Any] = {}
    type: StepType = "in_app"
    delay: dict[str, Any] | None = None
    digest: dict[str, Any] | None = None
    """The controls of steps that were stored before all types used `controls`."""
    actor: StepActor | None = None
    language: Literal["liquid", "handlebars"] = "liquid"
    active: bool = True
    feed_id: str | None = None
    variables: list[Variable] = []

    def __post_init__(self) -> None:
        """Move controls from `delay` and `digest` to `controls`."""
        if earlier := self.delay or self.digest:
            for name, value in (("controls", earlier), ("delay", None), ("digest", None)):
                msgspec.structs.force_setattr(self, name, value)


class Workflow(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True, eq=False):
    """A stored workflow. Triggers name it by `identifier`; times are ms since 1970.

    Two values are equal if they are the same revision of the same workflow, so that a workflow can be a cache key.
    """

    id: str = field(name="_id")
    identifier: str
    name: str
    created_ms: int
    updated_ms: int
    steps: list[Step] = []
    description: str | None = None
    tags: list[str] = []
    active: bool = True
    severity: Severity = "none"
    validate_payload: bool = False
    payload_schema: JsonSchema | None = None
    default_preferences: PreferenceSet = PreferenceSet()
    user_preferences: PreferenceSet | None = None
    is_translation_enabled: bool = False
    is_v1: bool = False
    notification_group_id: str | None = None
    data: dict[str, Any] | None = None
    conditions: Literal["skip", "negated", "run"] = "skip"
    """The meaning of the rules in `skip`: when a step is skipped (only in workflows stored without this field, which
    are converted when they are read), the same negated, so that they say when it runs, or when it runs as written.
    """

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Workflow) and (self.id, self.updated_ms) == (other.id, other.updated_ms)

    def __hash__(self) -> int:
        return hash((self.id, self.updated_ms))

    @property
    def revision(self) -> str:
        """A text that no other state of a workflow has: `updated_ms` grows with each change."""
        return f"{self.id}-{self.updated_ms}"

    @property
    def preferences(self) -> PreferenceSet:
        """The effective level: that of the user if set, else the workflow's default."""
        return self.user_preferences or self.default_preferences

    @property
    def critical(self) -> bool:
        """Whether subscribers cannot switch it off."""
        return self.preferences.all.read_only


_decoder = msgspec.json.Decoder(Workflow)
_encoder = msgspec.json.Encoder()


def encode_workflow(workflow: Workflow) -> bytes:
    if workflow.conditions == "skip":  # made by this version, whose conditions say when a step runs
        workflow = msgspec.structs.replace(workflow, conditions="run")
    return _encoder.encode(workflow)


def decode_workflow(content: bytes) -> Workflow:
    return negate_old_conditions(_decoder.decode(content))


def negate_old_conditions(workflow: Workflow) -> Workflow:
    """Return the workflow with conditions that say when a step runs; old ones say when it is skipped."""
    if workflow.conditions != "skip":
        return workflow
    if not any(step.controls.get("skip") for step in workflow.steps):
        return msgspec.structs.replace(workflow, conditions="run")
    steps = [_negated(step) for step in workflow.steps]
    return msgspec.structs.replace(workflow, steps=steps, conditions="negated")


def _negated(step: Step) -> Step:
    if not (rule := step.controls.get("skip")):
        return step
    return msgspec.structs.replace(step, controls={**step.controls, "skip": {"!": [rule]}})
