"""A workflow as v1 callers send it: a Handlebars text with a call to action for each step."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from inbox.models.workflow import (
    MAX_STEPS,
    Description,
    DisplayName,
    Link,
    LinkTarget,
    StepActor,
    Tags,
    TemplateLine,
    TemplateText,
    Variable,
)

MAX_VARIABLES = 100


class CtaLink(msgspec.Struct, frozen=True):
    """Where a click on the message leads; `url` is a template."""

    url: Link | None = None
    target: LinkTarget | None = None


class CtaButton(msgspec.Struct, frozen=True):
    """A button; `content` is its label, a template."""

    type: Literal["primary", "secondary"]
    content: TemplateLine = ""
    url: Link | None = None
    target: LinkTarget | None = None


class CtaAction(msgspec.Struct, frozen=True):
    """The buttons; status and result belong to messages and are passed over."""

    buttons: Annotated[list[CtaButton], Meta(max_length=2)] | None = None


class Cta(msgspec.Struct, frozen=True):
    """The call to action."""

    type: str | None = None
    data: CtaLink | None = None
    action: CtaAction | None = None


class StepTemplate(msgspec.Struct, frozen=True, rename="camel"):
    """What an in-app step says."""

    type: str
    content: TemplateText = ""
    cta: Cta | None = None
    actor: StepActor | None = None
    feed_id: str | None = None
    variables: Annotated[list[Variable], Meta(max_length=MAX_VARIABLES)] | None = None


class StepV1(msgspec.Struct, frozen=True, rename="camel"):
    """A step; `_id`, `stepId` or `uuid` of an existing one keeps that step's ids."""

    template: StepTemplate
    id: str | None = msgspec.field(default=None, name="_id")
    template_id: str | None = msgspec.field(default=None, name="_templateId")
    step_id: str | None = None
    uuid: str | None = None
    name: str | None = None
    active: bool | None = None
    filters: list[Any] | None = None


class PreferenceSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Channel → whether the workflow delivers there to whoever has chosen nothing."""

    email: bool | None = None
    sms: bool | None = None
    in_app: bool | None = None
    chat: bool | None = None
    push: bool | None = None


class WorkflowV1(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """The body of `POST /v1/workflows` and, where a field that is absent stays as it is, of `PUT`."""

    name: DisplayName | None = None
    steps: Annotated[list[StepV1], Meta(max_length=MAX_STEPS)] | None = None
    notification_group_id: str | None = None
    description: Description | None = None
    tags: Tags | None = None
    active: bool | None = None
    critical: bool | None = None
    preference_settings: PreferenceSettings | None = None
    data: dict[str, Any] | None = None


class WorkflowStatus(msgspec.Struct, frozen=True):
    """The body of `PUT /v1/workflows/{workflowId}/status`."""

    active: bool
