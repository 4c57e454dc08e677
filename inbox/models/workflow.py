"""A workflow: what callers send (rest-server.md §11), what the store keeps.

Limits are part of the types: a longer name, a twenty-first step or a fifth target is refused while the body is read.
What takes more than one field to judge (templates, ids used twice) is judged in `service/workflows/rules.py`.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal, get_args

import msgspec
from msgspec import UNSET, Meta, UnsetType, field

Severity = Literal["high", "medium", "low", "none"]
Target = Literal["_self", "_blank", "_parent", "_top", "_unfencedTop"]
StepType = Literal["in_app", "delay", "digest"]
Unit = Literal["seconds", "minutes", "hours", "days", "weeks", "months"]
CollapseMode = Literal["replace", "count"]
"""Whether a message that takes another's place is a new one, or one more of them."""

_STEP_TYPE = re.compile(r"Invalid value .* at `\$(?:.*\.)?steps\[\d+\]\.type`", re.DOTALL)
CHANNELS = ("email", "sms", "in_app", "chat", "push")
MAX_IDENTIFIER_LENGTH = 128
MAX_STEPS = 20
MAX_TAGS = 16
MAX_TEMPLATE_LENGTH = 16_384
MAX_CRON_LENGTH = 256

Name = Annotated[str, Meta(min_length=1, max_length=128)]
Description = Annotated[str, Meta(max_length=1_024)]
Identifier = Annotated[str, Meta(min_length=1, max_length=MAX_IDENTIFIER_LENGTH)]
Tag = Annotated[str, Meta(min_length=1, max_length=64)]
Tags = Annotated[list[Tag], Meta(max_length=MAX_TAGS)]
Body = Annotated[str, Meta(max_length=MAX_TEMPLATE_LENGTH)]
Line = Annotated[str, Meta(max_length=1_024)]
Link = Annotated[str, Meta(max_length=4_096)]
CustomData = Annotated[dict[str, Any], Meta(max_length=100)]
JsonSchema = dict[str, Any]
Amount = Annotated[int, Meta(ge=1)] | Annotated[float, Meta(ge=1)]
"""A whole number; SDKs write it as `5.0`."""
Cron = Annotated[str, Meta(min_length=1, max_length=MAX_CRON_LENGTH)]


class Redirect(msgspec.Struct, frozen=True, omit_defaults=True):
    """Where a click leads; `url` is a template."""

    url: Link
    target: Target | None = None


class Action(msgspec.Struct, frozen=True, omit_defaults=True):
    """A button; `label` is a template. Without a label there is no button."""

    label: Line | None = None
    redirect: Redirect | None = None


class InAppControls(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """The content of an in-app step; every text is a Liquid template, those within `data` too."""

    subject: Line | None = None
    body: Body | None = None
    avatar: Link | None = None
    primary_action: Action | None = None
    secondary_action: Action | None = None
    redirect: Redirect | None = None
    data: CustomData | None = None
    external_reference: Line | None = None
    expires_at: Line | None = None
    collapse_key: Line | None = None
    collapse_mode: Line | None = None
    disable_output_sanitization: bool | None = None
    skip: dict[str, Any] | None = None


class InAppControlsUpsert(InAppControls, frozen=True, rename="camel", omit_defaults=True, forbid_unknown_fields=True):
    """The content as callers send it.

    An unknown field is refused rather than dropped: a message without its button is worse than a refused workflow.
    """


class DelayControls(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """How long a delay waits: `amount` and `unit` (`regular`), to the next time of `cron` in the subscriber's timezone
    (`timed`), or, ours, to the ISO time that the template `until` gives.
    """

    type: Literal["regular", "timed"] = "regular"
    amount: Amount | None = None
    unit: Unit | None = None
    cron: Cron | None = None
    until: Line | None = None
    skip: dict[str, Any] | None = None


class DelayControlsUpsert(DelayControls, frozen=True, rename="camel", omit_defaults=True, forbid_unknown_fields=True):
    """A delay as callers send it."""


class LookBackWindow(msgspec.Struct, frozen=True):
    """How long before an event another one makes it wait for a digest."""

    amount: Amount
    unit: Unit


class DigestControls(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """What a digest collects, for each subscriber and value of the template `digestKey`, and until when: `amount` and
    `unit` after the first event (`regular`), or to the next time of `cron` in the subscriber's timezone (`timed`).
    """

    type: Literal["regular", "timed"] = "regular"
    amount: Amount | None = None
    unit: Unit | None = None
    look_back_window: LookBackWindow | None = None
    cron: Cron | None = None
    digest_key: Line | None = None
    skip: dict[str, Any] | None = None


class DigestControlsUpsert(DigestControls, frozen=True, rename="camel", omit_defaults=True, forbid_unknown_fields=True):
    """A digest as callers send it."""


class StepContent(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """What every step has as callers send it. `_id` or `stepId` of an existing step keeps that step's ids."""

    name: Name
    id: str | None = field(default=None, name="_id")
    step_id: Identifier | None = None


class InAppStepUpsert(StepContent, frozen=True, rename="camel", kw_only=True, tag_field="type", tag="in_app"):
    """A step that gives a message."""

    control_values: InAppControlsUpsert | None = None


class DelayStepUpsert(StepContent, frozen=True, rename="camel", kw_only=True, tag_field="type", tag="delay"):
    """A step that waits."""

    control_values: DelayControlsUpsert | None = None


class DigestStepUpsert(StepContent, frozen=True, rename="camel", kw_only=True, tag_field="type", tag="digest"):
    """A step that collects events."""

    control_values: DigestControlsUpsert | None = None


StepUpsert = InAppStepUpsert | DelayStepUpsert | DigestStepUpsert
Steps = Annotated[list[StepUpsert], Meta(max_length=MAX_STEPS)]


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
        """Whether this level delivers on the channel."""
        chosen = self.channels.get(name)
        return self.all.enabled if chosen is None else chosen.enabled


class PreferencesRequest(msgspec.Struct, frozen=True):
    """Preferences as callers send them: those of the workflow, and what a person set on top of them."""

    user: PreferenceSet | None = None
    workflow: PreferenceSet | None = None

    def __post_init__(self) -> None:
        """Raise ValueError for a channel that does not exist, such as `inApp`: its preference would have no effect."""
        for level in (self.user, self.workflow):
            unknown = [name for name in level.channels if name not in CHANNELS] if level else []
            if unknown:
                raise ValueError(f"{unknown[0]} is no channel; there are {', '.join(CHANNELS)}")


class WorkflowContent(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """What create and update have in common."""

    name: Name
    steps: Steps
    description: Description | None = None
    tags: Tags | None = None
    active: bool | None = None
    severity: Severity | None = None
    validate_payload: bool | None = None
    payload_schema: JsonSchema | None = None
    preferences: PreferencesRequest | None = None
    is_translation_enabled: bool | None = None


class WorkflowCreate(WorkflowContent, frozen=True, rename="camel", kw_only=True):
    """The body of `POST /v2/workflows`."""

    workflow_id: str


class WorkflowUpdate(WorkflowContent, frozen=True, rename="camel", kw_only=True):
    """The body of `PUT /v2/workflows/{workflowId}`: it replaces everything but the ids. What is absent is reset."""

    workflow_id: str | None = None


class WorkflowPatch(msgspec.Struct, frozen=True, rename="camel"):
    """The body of `PATCH /v2/workflows/{workflowId}`: absent leaves a field, null resets it."""

    name: Name | UnsetType = UNSET
    description: Description | UnsetType | None = UNSET
    tags: Tags | UnsetType | None = UNSET
    active: bool | UnsetType | None = UNSET
    validate_payload: bool | UnsetType | None = UNSET
    payload_schema: JsonSchema | UnsetType | None = UNSET
    is_translation_enabled: bool | UnsetType | None = UNSET


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
    """A stored step. `id` is also the `_messageTemplateId` of its messages. One that waits has `delay` or `digest`."""

    id: str = field(name="_id")
    step_id: str
    name: str
    controls: InAppControls = InAppControls()
    type: StepType = "in_app"
    delay: DelayControls | None = None
    digest: DigestControls | None = None
    actor: StepActor | None = None
    language: Literal["liquid", "handlebars"] = "liquid"
    active: bool = True
    feed_id: str | None = None
    variables: list[Variable] = []

    @property
    def values(self) -> InAppControls | DelayControls | DigestControls:
        """The controls of its type."""
        return self.delay or self.digest or self.controls


class Workflow(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True, eq=False):
    """A stored workflow. `identifier` is what triggers call it by; times are ms since 1970.

    Two values are equal when they are the same revision of the same workflow: what is made of one can be kept by it.
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

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Workflow) and (self.id, self.updated_ms) == (other.id, other.updated_ms)

    def __hash__(self) -> int:
        return hash((self.id, self.updated_ms))

    @property
    def revision(self) -> str:
        """What tells this state of the workflow from every other: `updated_ms` grows with each change."""
        return f"{self.id}-{self.updated_ms}"

    @property
    def preferences(self) -> PreferenceSet:
        """The level that counts: what a person set, else the workflow's own."""
        return self.user_preferences or self.default_preferences

    @property
    def critical(self) -> bool:
        """Whether subscribers cannot switch it off."""
        return self.preferences.all.read_only


_decoder = msgspec.json.Decoder(Workflow)
_encoder = msgspec.json.Encoder()


def encode_workflow(workflow: Workflow) -> bytes:
    """The bytes the store keeps."""
    return _encoder.encode(workflow)


def decode_workflow(content: bytes) -> Workflow:
    """A stored workflow from its bytes."""
    return _decoder.decode(content)


def explain_mismatch(error: msgspec.ValidationError) -> str:
    """What does not fit, and of a step of another type which types there are."""
    if not _STEP_TYPE.fullmatch(str(error)):
        return str(error)
    *most, last = get_args(StepType)
    return f"{error}: a step is of type {', '.join(most)} or {last}; other channels are not served here"
