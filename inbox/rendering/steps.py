"""A workflow's step, compiled once, and the messages it renders."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, Literal, NotRequired, TypedDict

import msgspec

from inbox.clock import now_ms
from inbox.models.expiry import parse_expiry
from inbox.models.workflow import Action, CollapseMode, Redirect, Severity, Step, Target, Workflow
from inbox.rendering.budget import working
from inbox.rendering.conditions import Condition
from inbox.rendering.handlebars import compile_handlebars
from inbox.rendering.templates import RenderError, Scope, Template, TemplateError, compile_template
from inbox.rendering.urls import safe_url
from inbox.rendering.waits import CompiledDelay, CompiledDigest

CACHED_WORKFLOWS = 1_024
MAX_REFERENCE_LENGTH = 255
COLLAPSE_MODES: tuple[CollapseMode, ...] = ("replace", "count")

Variables = Mapping[str, Any]


class Link(TypedDict, total=False):
    """Where a click leads."""

    url: str
    target: Target


class Button(Link):
    """A rendered action; `content` is its label."""

    type: Literal["primary", "secondary"]
    content: str


class CtaAction(TypedDict):
    """The buttons, and once one is pressed its status and result."""

    status: NotRequired[Literal["pending", "done"]]
    buttons: list[Button]
    result: dict[str, Any]


class Cta(TypedDict):
    """A message's call to action (rest-server.md §2.3)."""

    type: Literal["redirect"]
    data: Link
    action: CtaAction


class Rendered(msgspec.Struct, frozen=True):
    """What a step makes of a trigger: everything of a message that comes from the workflow.

    `subject` and `avatar` are None when they are empty; `data` is None when the step has none.
    """

    subject: str | None
    body: str
    avatar: str | None
    data: dict[str, Any] | None
    cta: Cta
    tags: list[str]
    severity: Severity
    external_reference: str | None = None
    expires_at: str = ""
    collapse_key: str = ""
    collapse_mode: CollapseMode | None = None


class CompiledStep:
    """A step ready to render.

    `needs_subscriber` and `needs_actor` tell whether a template names them; if not, nothing has to be read for it.
    `needs_collapse`: whether what it renders depends on how many messages collapse.
    """

    def __init__(self, workflow: Workflow, step: Step, place: str) -> None:
        """`place` is put before the names of fields in errors, e.g. `steps.0.`. Raises TemplateError."""
        compiler = _Compiler(f"{place}controlValues.", step.language)
        controls = step.controls
        self.step = step
        self._tags = workflow.tags
        self._severity = workflow.severity
        self._subject = compiler.text("subject", controls.subject)
        self._body = compiler.text("body", controls.body)
        self._avatar = compiler.text("avatar", controls.avatar)
        self._redirect = compiler.link("redirect", controls.redirect)
        primary = compiler.button("primary", "primaryAction", controls.primary_action)
        secondary = compiler.button("secondary", "secondaryAction", controls.secondary_action)
        self._buttons = [button for button in (primary, secondary) if button]
        self._data = compiler.value("data", controls.data)
        self._external_reference = compiler.text("externalReference", controls.external_reference)
        self._expires_at = compiler.text("expiresAt", controls.expires_at)
        _check_expiry(controls.expires_at, self._expires_at, f"{place}controlValues.expiresAt")
        self._collapse_key = compiler.text("collapseKey", controls.collapse_key)
        self._collapse_mode = compiler.text("collapseMode", controls.collapse_mode)
        _check_mode(controls.collapse_mode, self._collapse_mode, f"{place}controlValues.collapseMode")
        self._skip = Condition(controls.skip, f"{place}controlValues.skip")
        compiler.variables |= self._skip.variables
        self.needs_subscriber = "subscriber" in compiler.variables
        self.needs_actor = "actor" in compiler.variables
        self.needs_collapse = "collapse" in compiler.variables

    def is_skipped(
        self, payload: Variables, subscriber: Variables | None, surroundings: Variables | None = None
    ) -> bool:
        """Whether the step's condition skips it. Raises RenderError when that cannot be told."""
        return self._skip.holds({**(surroundings or {}), "payload": payload, "subscriber": subscriber})

    def render(
        self,
        payload: Variables,
        subscriber: Variables | None,
        actor: Variables | None,
        surroundings: Variables | None = None,
    ) -> Rendered:
        """The message's parts. `surroundings` are further variables: `context`, `tenant`, `steps`, `collapse`.

        Raises RenderError, naming the field, when a template fails or gives more than 64 KiB, or when all of them
        together take too much work.
        """
        scope = {**(surroundings or {}), "payload": payload, "subscriber": subscriber, "actor": actor}
        with working():
            return self._render(scope)

    def _render(self, scope: Scope) -> Rendered:
        return Rendered(
            subject=self._subject.render(scope) or None,
            body=self._body.render(scope),
            avatar=safe_url(self._avatar.render(scope)) or None,
            data=self._data(scope),
            cta={"type": "redirect", "data": self._redirect(scope), "action": self._action(scope)},
            tags=self._tags,
            severity=self._severity,
            external_reference=self._external_reference.render(scope)[:MAX_REFERENCE_LENGTH] or None,
            expires_at=self._expires_at.render(scope).strip(),
            collapse_key=self._collapse_key.render(scope).strip(),
            collapse_mode=_mode(self._collapse_mode.render(scope).strip()),
        )

    def _action(self, scope: Scope) -> CtaAction:
        rendered = [button(scope) for button in self._buttons]
        buttons = [button for button in rendered if button["content"]]
        return {"status": "pending", "buttons": buttons, "result": {}} if buttons else {"buttons": [], "result": {}}


AnyStep = CompiledStep | CompiledDelay | CompiledDigest


@lru_cache(maxsize=CACHED_WORKFLOWS)
def compile_steps(workflow: Workflow) -> tuple[AnyStep, ...]:
    """The workflow's active steps in order, compiled once for each revision of the workflow. Raises TemplateError."""
    return tuple(step for step in _compile(workflow) if step.step.active)


def check_templates(workflow: Workflow) -> None:
    """Raises TemplateError, naming the field, when a step does not compile.

    For a workflow that is yet to be stored: nothing is kept of it, since another may get its revision.
    """
    _compile(workflow)


def _compile(workflow: Workflow) -> tuple[AnyStep, ...]:
    return tuple(_compile_step(workflow, step, f"steps.{place}.") for place, step in enumerate(workflow.steps))


def _compile_step(workflow: Workflow, step: Step, place: str) -> AnyStep:
    if step.delay:
        return CompiledDelay(step, step.delay, place)
    if step.digest:
        return CompiledDigest(step, step.digest, place)
    return CompiledStep(workflow, step, place)


def _check_expiry(source: str | None, template: Template, field: str) -> None:
    """Raises TemplateError for an `expiresAt` that names no moment, where that can be told without rendering it."""
    text = (source or "").strip()
    if not text or template.variables or "{" in text:
        return
    try:
        parse_expiry(text, now_ms())
    except ValueError as error:
        raise TemplateError(field, f"{field} {error}", source) from None


def _check_mode(source: str | None, template: Template, field: str) -> None:
    """Raises TemplateError for a `collapseMode` that is none, where that can be told without rendering it."""
    text = (source or "").strip()
    if text and "{" not in text and not template.variables and text not in COLLAPSE_MODES:
        raise TemplateError(field, f"{field} must be one of the following values: {', '.join(COLLAPSE_MODES)}", source)


def _mode(text: str) -> CollapseMode | None:
    if not text:
        return None
    for mode in COLLAPSE_MODES:
        if text == mode:
            return mode
    raise RenderError("collapseMode", f"it must be one of {', '.join(COLLAPSE_MODES)}")


class _Compiler:
    """Compiles the templates of one step and collects the variables they name."""

    def __init__(self, prefix: str, language: str) -> None:
        self.prefix = prefix
        self.compile = compile_handlebars if language == "handlebars" else compile_template
        self.variables: set[str] = set()

    def text(self, field: str, source: str | None) -> Template:
        template = self.compile(source or "", self.prefix + field)
        self.variables |= template.variables
        return template

    def link(self, field: str, redirect: Redirect | None) -> Callable[[Scope], Link]:
        if redirect is None:
            return lambda _: {}
        url, target = self.text(f"{field}.url", redirect.url), redirect.target

        def render(scope: Scope) -> Link:
            safe = safe_url(url.render(scope))
            if not safe:
                return {}
            return {"url": safe, "target": target} if target else {"url": safe}

        return render

    def button(
        self, kind: Literal["primary", "secondary"], field: str, action: Action | None
    ) -> Callable[[Scope], Button] | None:
        if action is None:
            return None
        label = self.text(f"{field}.label", action.label)
        link = self.link(f"{field}.redirect", action.redirect)
        return lambda scope: {"type": kind, "content": label.render(scope), **link(scope)}

    def value(self, field: str, value: Any) -> Callable[[Scope], Any]:
        """A JSON value whose texts are templates."""
        if isinstance(value, str):
            return self.text(field, value).render
        if isinstance(value, dict):
            return self._object(field, value)
        if isinstance(value, list):
            return self._list(field, value)
        return lambda _: value

    def _object(self, field: str, value: dict[str, Any]) -> Callable[[Scope], Any]:
        parts = {name: self.value(f"{field}.{name}", item) for name, item in value.items()}
        return lambda scope: {name: part(scope) for name, part in parts.items()}

    def _list(self, field: str, value: list[Any]) -> Callable[[Scope], Any]:
        parts = [self.value(f"{field}.{place}", item) for place, item in enumerate(value)]
        return lambda scope: [part(scope) for part in parts]
