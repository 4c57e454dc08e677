"""The step type `in_app`, which produces a message."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, ClassVar, Literal

import msgspec

from inbox.clock import now_ms
from inbox.errors import PayloadTooLarge, invalid
from inbox.models import wire
from inbox.models.dates import iso_or_none
from inbox.models.expiry import parse_expiry
from inbox.models.message import StoredMessage, encode_stored
from inbox.models.subscriber import Subscriber
from inbox.models.workflow import (
    BodyFormat,
    CollapseMode,
    CustomData,
    Link,
    LinkTarget,
    Severity,
    Step,
    StepActor,
    TemplateLine,
    TemplateText,
    Workflow,
)
from inbox.rendering.budget import working
from inbox.rendering.handlebars import compile_handlebars
from inbox.rendering.markdown import unsafe_links, without_unsafe_links
from inbox.rendering.templates import RenderError, Scope, Template, TemplateError, compile_template
from inbox.rendering.urls import Guard, UnsafeLink, check_link, guard_of
from inbox.steps.base import (
    CompiledStep,
    Controls,
    Failure,
    PlanContent,
    StepContent,
    StepDefinition,
    StepPreview,
    StepRun,
    read_later_seconds,
)
from inbox.store.collapses import Collapse
from inbox.store.keys import collapse_name
from inbox.store.message_states import message_state_view
from inbox.store.messages import Delivery

MAX_DATA_VALUES = 100
MAX_MESSAGE_BYTES = 64 * 1024
MAX_REFERENCE_LENGTH = 255
MAX_SHOWN_TEXT = 100
COLLAPSE_MODES: tuple[CollapseMode, ...] = ("replace", "count")
EXPIRED = "it would have expired already"
UNSAFE = "a link of a body must begin with http:, https: or mailto:, or be a path"
TOO_LARGE = f"A message is larger than {MAX_MESSAGE_BYTES} bytes"
NO_MESSAGE: Mapping[str, Any] = message_state_view(None)
"""The variables of an in-app step that produced no message."""

_AVATAR = re.compile(r"https?://|/|.*\{\{", re.IGNORECASE | re.DOTALL)


class RedirectUpsert(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """The target of a click; `url` is a template."""

    url: Link
    target: LinkTarget | None = None


class ActionUpsert(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """A button; `label` is a template. Without a label there is no button."""

    label: TemplateLine | None = None
    redirect: RedirectUpsert | None = None


class InAppControlsUpsert(Controls, frozen=True, kw_only=True):
    """The content of an in-app step; every text is a Liquid template, including those within `data`."""

    subject: TemplateLine | None = None
    body: TemplateText | None = None
    body_format: BodyFormat | None = None
    avatar: Link | None = None
    primary_action: ActionUpsert | None = None
    secondary_action: ActionUpsert | None = None
    redirect: RedirectUpsert | None = None
    data: CustomData | None = None
    external_reference: TemplateLine | None = None
    expires_at: TemplateLine | None = None
    collapse_key: TemplateLine | None = None
    collapse_mode: TemplateLine | None = None
    disable_output_sanitization: bool | None = None


class InAppStepUpsert(StepContent, frozen=True, kw_only=True, tag="in_app"):
    """A step that produces a message."""

    control_values: InAppControlsUpsert | None = None


RenderPart = Callable[[Scope, list[str]], Any]
"""Renders a part of a message; adds the links that it refuses to the list."""
RenderUrl = Callable[[Scope, list[str]], str]
"""Renders a link; returns "" for one that is refused, and adds the reason to the list."""


class Rendered(msgspec.Struct, frozen=True):
    """The parts of a message that come from the workflow.

    `subject` and `avatar` are None if empty, `data` if the step has none. `refused_links` names each link that was left
    out, and why.
    """

    subject: str | None
    body: str
    avatar: str | None
    data: dict[str, Any] | None
    cta: wire.CtaReply
    tags: list[str]
    severity: Severity
    external_reference: str | None = None
    expires_at: str = ""
    collapse_key: str = ""
    collapse_mode: CollapseMode | None = None
    refused_links: tuple[str, ...] = ()
    body_format: BodyFormat | None = None


class CompiledInApp(CompiledStep):
    """A compiled in-app step; `needs_collapse` says whether its message depends on the number of collapsed ones."""

    default_variables: ClassVar[Mapping[str, Any]] = NO_MESSAGE
    gives_message: ClassVar[bool] = True

    def __init__(self, workflow: Workflow, step: Step, controls: InAppControlsUpsert, prefix: str) -> None:
        super().__init__(step, controls, prefix)
        compiler = _Compiler(self, step.language)
        self._tags = workflow.tags
        self._severity = workflow.severity
        self._subject = compiler.text("subject", controls.subject)
        self._body = compiler.text("body", controls.body)
        self._body_format = body_format_of(controls)
        self._avatar = compiler.url("avatar", controls.avatar)
        self._redirect = compiler.link("redirect", controls.redirect)
        primary = compiler.button("primary", "primaryAction", controls.primary_action)
        secondary = compiler.button("secondary", "secondaryAction", controls.secondary_action)
        self._buttons = [button for button in (primary, secondary) if button]
        self._data = compiler.value("data", controls.data)
        self._external_reference = compiler.text("externalReference", controls.external_reference)
        self._expires_at = compiler.text("expiresAt", controls.expires_at)
        _check_expiry(controls.expires_at or "", f"{self.prefix}expiresAt")
        self._collapse_key = compiler.text("collapseKey", controls.collapse_key)
        self._collapse_mode = compiler.text("collapseMode", controls.collapse_mode)
        _check_mode(controls.collapse_mode or "", f"{self.prefix}collapseMode")
        self.needs_collapse = self.paths.may_read("collapse")
        self._constants, self._refused, self._changing = self._split(controls)

    def render(self, scope: Scope, count: int = 1) -> Rendered:
        """Return the message's parts, for this count of its collapse key.

        Raise RenderError, naming the field, if a template fails or exceeds 64 KiB, or if all together cost too much.
        """
        if self.needs_collapse:
            scope = {**scope, "collapse": {"count": count}}
        parts, refused = {**self._constants}, [*self._refused]
        with working():
            for name, render in self._changing:
                parts[name] = render(scope, refused)
        return Rendered(**parts, refused_links=tuple(refused))

    def _split(
        self, controls: InAppControlsUpsert
    ) -> tuple[Mapping[str, Any], Sequence[str], Sequence[tuple[str, RenderPart]]]:
        """Return the parts that are the same in every message, the links that they refuse, and how to render others."""
        parts: dict[str, tuple[RenderPart, Any]] = {
            "subject": (lambda scope, _: self._subject.render(scope) or None, controls.subject),
            "body": (self._render_body, controls.body),
            "avatar": (lambda scope, refused: self._avatar(scope, refused) or None, controls.avatar),
            "data": (lambda scope, _: self._data(scope), controls.data),
            "cta": (self._cta, [controls.redirect, controls.primary_action, controls.secondary_action]),
            "external_reference": (self._render_reference, controls.external_reference),
            "expires_at": (lambda scope, _: self._expires_at.render(scope).strip(), controls.expires_at),
            "collapse_key": (lambda scope, _: self._collapse_key.render(scope).strip(), controls.collapse_key),
            "collapse_mode": (self._render_mode, controls.collapse_mode),
        }
        refused: list[str] = []
        changing = {name: render for name, (render, source) in parts.items() if _has_template(source)}
        constants = {name: render({}, refused) for name, (render, _) in parts.items() if name not in changing}
        constants |= {"body_format": self._body_format, "tags": self._tags, "severity": self._severity}
        return constants, refused, [*changing.items()]

    def _cta(self, scope: Scope, refused: list[str]) -> wire.CtaReply:
        return {"type": "redirect", "data": self._redirect(scope, refused), "action": self._action(scope, refused)}

    def _render_mode(self, scope: Scope, _: list[str]) -> CollapseMode | None:
        return _mode(self._collapse_mode.render(scope).strip())

    def _render_reference(self, scope: Scope, _: list[str]) -> str | None:
        return self._external_reference.render(scope)[:MAX_REFERENCE_LENGTH] or None

    def _render_body(self, scope: Scope, refused: list[str]) -> str:
        body = self._body.render(scope)
        if self._body_format is None:
            return body
        return without_unsafe_links(body, lambda url: refused.append(f"body: {UNSAFE}: {url[:MAX_SHOWN_TEXT]!r}"))

    def _action(self, scope: Scope, refused: list[str]) -> wire.CtaActionReply:
        rendered = [button(scope, refused) for button in self._buttons]
        buttons = [button for button in rendered if button["content"]]
        return {"status": "pending", "buttons": buttons, "result": {}} if buttons else {"buttons": [], "result": {}}

    def _run(self, run: StepRun) -> Delivery | Failure:
        plan, feed, scope = run.plan, run.feed, run.scope
        rendered = self.render(scope)
        message = self._message(plan, rendered)
        if message.expires_ms and message.expires_ms <= now_ms():
            return Failure(feed, self.step_id, EXPIRED, "skipped")
        content = encode_stored(message)
        if len(content) > MAX_MESSAGE_BYTES:
            return Failure(feed, self.step_id, TOO_LARGE, "too large")
        return Delivery(
            feed,
            content,
            transaction_id=plan.transaction_id,
            step_id=self.step_id,
            workflow_id=plan.workflow.id,
            preference=plan.preference,
            severity=message.severity,
            expires_ms=message.expires_ms,
            collapse=self._collapse(plan, rendered, scope, message.expires_ms),
            remark="; ".join(rendered.refused_links),
            read_later_seconds=read_later_seconds(self.step_id, run.later) if run.later else 0,
        )

    def _preview(self, plan: PlanContent, scope: Scope) -> StepPreview:
        rendered = self.render(scope)
        message = self._message(plan, rendered)
        if len(encode_stored(message)) > MAX_MESSAGE_BYTES:
            raise PayloadTooLarge(TOO_LARGE)
        is_expired = 0 < message.expires_ms <= now_ms()
        return StepPreview(_preview_of(rendered, message), EXPIRED if is_expired else "", rendered.refused_links)

    def _collapse(self, plan: PlanContent, rendered: Rendered, scope: Scope, expires_ms: int) -> Collapse | None:
        """Return how the message collapses; rendering it again for another count keeps its expiry."""
        key = rendered.collapse_key or plan.collapse_key
        if not key:
            return None

        def render(count: int) -> bytes:
            message = self._message(plan, self.render(scope, count))
            message.expires_ms = expires_ms
            content = encode_stored(message)
            if len(content) > MAX_MESSAGE_BYTES:
                raise PayloadTooLarge(TOO_LARGE)
            return content

        name = collapse_name(plan.workflow.id, self.step_id, key)
        counts = (rendered.collapse_mode or plan.collapse_mode) == "count"
        return Collapse(name, counts, render if self.needs_collapse else None)

    def _message(self, plan: PlanContent, rendered: Rendered) -> StoredMessage:
        return StoredMessage(
            transaction_id=plan.transaction_id,
            template_id=plan.workflow.id,
            template_identifier=plan.workflow.identifier,
            message_template_id=self.step.id,
            step_id=self.step_id,
            content=rendered.body,
            body_format=rendered.body_format,
            subject=rendered.subject,
            avatar=rendered.avatar,
            cta=dict(rendered.cta),
            payload=plan.payload,
            overrides=plan.overrides,
            data=rendered.data,
            tags=rendered.tags,
            severity=plan.severity or rendered.severity,
            actor=shown_actor(self.step.actor, plan.actor),
            actor_id=plan.actor.oid if plan.actor else None,
            external_reference=rendered.external_reference or plan.external_reference,
            context_keys=plan.context_keys,
            feed_id=self.step.feed_id,
            expires_ms=_expiry(rendered.expires_at, plan.triggered_ms) or plan.expires_ms,
        )


@wire.without_nulls
def _preview_of(rendered: Rendered, message: StoredMessage) -> wire.InAppPreview:
    actions = {button["type"]: _action_of(button) for button in rendered.cta["action"]["buttons"]}
    return {
        "subject": rendered.subject,
        "body": rendered.body,
        "bodyFormat": rendered.body_format,
        "avatar": rendered.avatar,
        "primaryAction": actions.get("primary"),
        "secondaryAction": actions.get("secondary"),
        "redirect": rendered.cta["data"] or None,
        "data": rendered.data,
        "externalReference": rendered.external_reference,
        "expiresAt": iso_or_none(message.expires_ms),
        "collapseKey": rendered.collapse_key or None,
        "collapseMode": rendered.collapse_mode,
    }


def _action_of(button: wire.ButtonReply) -> wire.ActionPreview:
    redirect: wire.LinkReply = {}
    if "url" in button:
        redirect["url"] = button["url"]
    if "target" in button:
        redirect["target"] = button["target"]
    return {"label": button["content"], "redirect": redirect} if redirect else {"label": button["content"]}


def shown_actor(actor_of_step: StepActor | None, actor: Subscriber | None) -> dict[str, Any] | None:
    """Return the `actor` of a message: for type `user` the actor's avatar; None if the step shows none."""
    if actor_of_step is None or actor_of_step.type == "none":
        return None
    if actor_of_step.type == "user":
        return {"type": "user", "data": actor.profile.get("avatar") if actor else None}
    return {"type": actor_of_step.type, "data": actor_of_step.data}


def check(controls: InAppControlsUpsert, field: str) -> None:
    """Raise ValidationFailed, naming the field, for a step without content or with unusable links."""
    if not (controls.subject or "").strip() and not (controls.body or "").strip():
        raise invalid(f"{field}.body", "a step needs a subject or a body", controls.body)
    if controls.avatar and not _AVATAR.match(controls.avatar):
        raise invalid(f"{field}.avatar", "avatar must be an http(s) URL, a path or a {{variable}}", controls.avatar)
    check_body(controls.body or "", body_format_of(controls), f"{field}.body")
    check_data(controls.data, f"{field}.data")
    for name, redirect in _redirects(controls):
        check_stored_link(redirect.url, f"{field}.{name}.url")


def body_format_of(controls: InAppControlsUpsert) -> BodyFormat | None:
    """Return the format of the body; None for plain text, the default."""
    return None if controls.body_format == "text" else controls.body_format


def check_body(body: str, body_format: BodyFormat | None, field: str) -> None:
    """Raise ValidationFailed, naming the field, for Markdown with a link that no value can make safe."""
    if body_format and (unsafe := unsafe_links(body)):
        raise invalid(field, UNSAFE, unsafe[0])


def check_data(data: CustomData | None, field: str) -> None:
    """Raise ValidationFailed, naming the field, for data with too many values."""
    if _count_values(data) > MAX_DATA_VALUES:
        raise invalid(field, f"data must not have more than {MAX_DATA_VALUES} values")


def check_stored_link(template: str, field: str) -> None:
    """Raise ValidationFailed, naming the field, for a link that no value can make safe."""
    try:
        check_link(template, Guard.NONE if guard_of(template) is Guard.NONE else Guard.HOST)
    except UnsafeLink as error:
        raise invalid(field, f"this link is not allowed: {error}", template) from None


TYPE = StepDefinition(
    InAppStepUpsert, InAppControlsUpsert, check, CompiledInApp, example={"body": "x"}, variables=tuple(NO_MESSAGE)
)


def _redirects(controls: InAppControlsUpsert) -> Iterator[tuple[str, RedirectUpsert]]:
    if controls.redirect:
        yield "redirect", controls.redirect
    for name, action in (("primaryAction", controls.primary_action), ("secondaryAction", controls.secondary_action)):
        if action and action.redirect:
            yield f"{name}.redirect", action.redirect


def _count_values(value: Any) -> int:
    if isinstance(value, dict):
        return sum(map(_count_values, value.values()))
    if isinstance(value, list):
        return sum(map(_count_values, value))
    return 1


def _expiry(rendered: str, triggered_ms: int) -> int:
    try:
        return parse_expiry(rendered, triggered_ms) if rendered else 0
    except ValueError as error:
        raise RenderError("expiresAt", f"{rendered[:MAX_SHOWN_TEXT]!r} {error}") from None


def _check_expiry(source: str, field: str) -> None:
    """Raise TemplateError for a constant `expiresAt` that names no moment."""
    try:
        if source.strip() and "{" not in source:
            parse_expiry(source.strip(), now_ms())
    except ValueError as error:
        raise TemplateError(field, f"{field} {error}", source) from None


def _check_mode(source: str, field: str) -> None:
    """Raise TemplateError for a constant `collapseMode` that is none."""
    if source.strip() and "{" not in source and source.strip() not in COLLAPSE_MODES:
        raise TemplateError(field, f"{field} must be one of the following values: {', '.join(COLLAPSE_MODES)}", source)


def _has_template(source: object) -> bool:
    """Return whether a control, or a text in it, is a template; JSON has two braces together only in a text."""
    encoded = msgspec.json.encode(source)
    return b"{{" in encoded or b"{%" in encoded


def _mode(text: str) -> CollapseMode | None:
    if text and text not in COLLAPSE_MODES:
        raise RenderError("collapseMode", f"it must be one of {', '.join(COLLAPSE_MODES)}")
    return text or None


class _Compiler:
    """Compiles the fields of a step and adds their paths to it."""

    def __init__(self, step: CompiledStep, language: str) -> None:
        self.step = step
        self.compile = compile_handlebars if language == "handlebars" else compile_template

    def text(self, field: str, source: str | None) -> Template:
        return self.step.template(field, source, self.compile)

    def url(self, field: str, source: str | None) -> RenderUrl:
        template, guard = self.text(field, source), guard_of(source or "")

        def render(scope: Scope, refused: list[str]) -> str:
            url = template.render(scope)
            try:
                return check_link(url, guard)
            except UnsafeLink as error:
                refused.append(f"{field}: {error}: {url[:MAX_SHOWN_TEXT]!r}")
                return ""

        return render

    def link(self, field: str, redirect: RedirectUpsert | None) -> Callable[[Scope, list[str]], wire.LinkReply]:
        if redirect is None:
            return lambda _scope, _refused: {}
        render_url, target = self.url(f"{field}.url", redirect.url), redirect.target

        def render(scope: Scope, refused: list[str]) -> wire.LinkReply:
            url = render_url(scope, refused)
            if not url:
                return {}
            return {"url": url, "target": target} if target else {"url": url}

        return render

    def button(
        self, kind: Literal["primary", "secondary"], field: str, action: ActionUpsert | None
    ) -> Callable[[Scope, list[str]], wire.ButtonReply] | None:
        if action is None:
            return None
        label = self.text(f"{field}.label", action.label)
        link = self.link(f"{field}.redirect", action.redirect)
        return lambda scope, refused: {"type": kind, "content": label.render(scope), **link(scope, refused)}

    def value(self, field: str, value: Any) -> Callable[[Scope], Any]:
        """Compile a JSON value whose texts are templates."""
        if isinstance(value, str):
            return self.text(field, value).render
        if isinstance(value, dict):
            fields = {name: self.value(f"{field}.{name}", item) for name, item in value.items()}
            return lambda scope: {name: render(scope) for name, render in fields.items()}
        if isinstance(value, list):
            items = [self.value(f"{field}.{index}", item) for index, item in enumerate(value)]
            return lambda scope: [render(scope) for render in items]
        return lambda _: value
