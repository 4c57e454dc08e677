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
from inbox.rendering.paths import FieldPaths
from inbox.rendering.templates import RenderError, Scope, Template, TemplateError, compile_template
from inbox.rendering.urls import UnsafeLink, check_link, guard_of
from inbox.rendering.waits import CompiledDelay, CompiledDigest

CACHED_WORKFLOWS = 1_024
MAX_REFERENCE_LENGTH = 255
COLLAPSE_MODES: tuple[CollapseMode, ...] = ("replace", "count")

MAX_SHOWN_LINK = 100

Variables = Mapping[str, Any]
RenderUrl = Callable[[Scope, list[str]], str]


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

    `subject` and `avatar` are None when they are empty; `data` is None when the step has none. `refused_links` says of
    each link that was left out which one it is and why.
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
    refused_links: tuple[str, ...] = ()


class CompiledStep:
    """A step ready to render.

    `condition` says whether it runs. `paths` are the variables that each field names, the condition's under `skip`.
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
        self._avatar = compiler.url("avatar", controls.avatar)
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
        self.condition = Condition(controls.skip, f"{place}controlValues.skip")
        self.paths = FieldPaths(compiler.paths, skip=self.condition.paths)
        self.needs_subscriber = self.paths.may_read("subscriber")
        self.needs_actor = self.paths.may_read("actor")
        self.needs_collapse = self.paths.may_read("collapse")

    def render(
        self,
        payload: Variables,
        subscriber: Variables | None,
        actor: Variables | None,
        surroundings: Variables | None = None,
    ) -> Rendered:
        """Return the message's parts. `surroundings` are further variables: `context`, `workflow`, `tenant`, `steps` …

        Raise RenderError, naming the field, when a template fails or gives more than 64 KiB, or when all of them
        together take too much work.
        """
        scope = {**(surroundings or {}), "payload": payload, "subscriber": subscriber, "actor": actor}
        with working():
            return self._render(scope)

    def _render(self, scope: Scope) -> Rendered:
        refused: list[str] = []
        return Rendered(
            subject=self._subject.render(scope) or None,
            body=self._body.render(scope),
            avatar=self._avatar(scope, refused) or None,
            data=self._data(scope),
            cta={"type": "redirect", "data": self._redirect(scope, refused), "action": self._action(scope, refused)},
            tags=self._tags,
            severity=self._severity,
            external_reference=self._external_reference.render(scope)[:MAX_REFERENCE_LENGTH] or None,
            expires_at=self._expires_at.render(scope).strip(),
            collapse_key=self._collapse_key.render(scope).strip(),
            collapse_mode=_mode(self._collapse_mode.render(scope).strip()),
            refused_links=tuple(refused),
        )

    def _action(self, scope: Scope, refused: list[str]) -> CtaAction:
        rendered = [button(scope, refused) for button in self._buttons]
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
    return tuple(compile_step(workflow, step, f"steps.{place}.") for place, step in enumerate(workflow.steps))


def compile_step(workflow: Workflow, step: Step, place: str) -> AnyStep:
    """Return a step that is compiled; `place` as CompiledStep takes it. Raise TemplateError."""
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
    """Compiles the templates of one step and collects the variables that each names."""

    def __init__(self, prefix: str, language: str) -> None:
        self.prefix = prefix
        self.compile = compile_handlebars if language == "handlebars" else compile_template
        self.paths = FieldPaths()

    def text(self, field: str, source: str | None) -> Template:
        template = self.compile(source or "", self.prefix + field)
        self.paths[field] = template.paths
        return template

    def url(self, field: str, source: str | None) -> RenderUrl:
        """A link's renderer; it gives an empty text for a link that is refused, and adds the reason to the list."""
        template, guard = self.text(field, source), guard_of(source or "")

        def render(scope: Scope, refused: list[str]) -> str:
            url = template.render(scope)
            try:
                return check_link(url, guard)
            except UnsafeLink as error:
                refused.append(f"{field}: {error}: {url[:MAX_SHOWN_LINK]!r}")
                return ""

        return render

    def link(self, field: str, redirect: Redirect | None) -> Callable[[Scope, list[str]], Link]:
        if redirect is None:
            return lambda _scope, _refused: {}
        render_url, target = self.url(f"{field}.url", redirect.url), redirect.target

        def render(scope: Scope, refused: list[str]) -> Link:
            url = render_url(scope, refused)
            if not url:
                return {}
            return {"url": url, "target": target} if target else {"url": url}

        return render

    def button(
        self, kind: Literal["primary", "secondary"], field: str, action: Action | None
    ) -> Callable[[Scope, list[str]], Button] | None:
        if action is None:
            return None
        label = self.text(f"{field}.label", action.label)
        link = self.link(f"{field}.redirect", action.redirect)
        return lambda scope, refused: {"type": kind, "content": label.render(scope), **link(scope, refused)}

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
