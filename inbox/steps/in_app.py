"""The step type `in_app`, which produces a message."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, ClassVar

import msgspec

from inbox.clock import now_ms
from inbox.errors import PayloadTooLarge, invalid
from inbox.models import wire
from inbox.models.dates import iso_or_none
from inbox.models.expiry import parse_expiry
from inbox.models.message import StoredMessage, encode_stored
from inbox.models.subscriber import Subscriber
from inbox.models.workflow import BodyFormat, CollapseMode, Severity, Step, StepActor, Workflow
from inbox.rendering.budget import working
from inbox.rendering.markdown import without_unsafe_links
from inbox.rendering.templates import RenderError, Scope
from inbox.steps.base import (
    CompiledStep,
    Failure,
    PlanContent,
    StepDefinition,
    StepPreview,
    StepRun,
    read_later_seconds,
)
from inbox.steps.in_app_controls import UNSAFE, InAppControlsUpsert, InAppStepUpsert, body_format_of, check
from inbox.steps.part_compiler import MAX_SHOWN_TEXT, PartCompiler, RenderPart, has_template
from inbox.store.collapses import Collapse
from inbox.store.keys import collapse_name
from inbox.store.message_states import message_state_view
from inbox.store.messages import Delivery

MAX_MESSAGE_BYTES = 64 * 1024
MAX_REFERENCE_LENGTH = 255
COLLAPSE_MODES: tuple[CollapseMode, ...] = ("replace", "count")
EXPIRED = "it would have expired already"
TOO_LARGE = f"A message is larger than {MAX_MESSAGE_BYTES} bytes"
NO_MESSAGE: Mapping[str, Any] = message_state_view(None)
"""The variables of an in-app step that produced no message."""


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
        compiler = PartCompiler(self, step.language)
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
        self._collapse_key = compiler.text("collapseKey", controls.collapse_key)
        self._collapse_mode = compiler.text("collapseMode", controls.collapse_mode)
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
        """Return the parts that are the same in every message, the links that they refuse, and how to render others.

        A part that no template changes and that fails is among the others, so that only its step fails.
        """
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
        constants: dict[str, Any] = {"body_format": self._body_format, "tags": self._tags, "severity": self._severity}
        refused: list[str] = []
        for name, (render, source) in parts.items():
            with suppress(RenderError):
                if not has_template(source):
                    constants[name] = render({}, refused)
        return constants, refused, [(name, render) for name, (render, _) in parts.items() if name not in constants]

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


def _expiry(rendered: str, triggered_ms: int) -> int:
    try:
        return parse_expiry(rendered, triggered_ms) if rendered else 0
    except ValueError as error:
        raise RenderError("expiresAt", f"{rendered[:MAX_SHOWN_TEXT]!r} {error}") from None


def _check(controls: InAppControlsUpsert, field: str) -> None:
    """Raise ValidationFailed, naming the field, for what `check` refuses, and for a constant that is never valid."""
    check(controls, field)
    _check_expiry(controls.expires_at or "", f"{field}.expiresAt")
    _check_mode(controls.collapse_mode or "", f"{field}.collapseMode")


def _check_expiry(source: str, field: str) -> None:
    try:
        if source.strip() and not has_template(source):
            parse_expiry(source.strip(), now_ms())
    except ValueError as error:
        raise invalid(field, f"{field} {error}", source) from None


def _check_mode(source: str, field: str) -> None:
    if source.strip() and not has_template(source) and source.strip() not in COLLAPSE_MODES:
        raise invalid(field, f"{field} must be one of the following values: {', '.join(COLLAPSE_MODES)}", source)


def _mode(text: str) -> CollapseMode | None:
    if text and text not in COLLAPSE_MODES:
        raise RenderError("collapseMode", f"it must be one of {', '.join(COLLAPSE_MODES)}")
    return text or None


TYPE = StepDefinition(
    InAppStepUpsert, InAppControlsUpsert, _check, CompiledInApp, example={"body": "x"}, variables=tuple(NO_MESSAGE)
)
