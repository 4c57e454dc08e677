"""The compilation of the parts of a message: texts, links, buttons and data."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import msgspec

from inbox.models import wire
from inbox.rendering.handlebars import compile_handlebars
from inbox.rendering.templates import Scope, Template, compile_template
from inbox.rendering.urls import UnsafeLink, check_link, guard_of
from inbox.steps.base import CompiledStep
from inbox.steps.in_app_controls import ActionUpsert, RedirectUpsert

MAX_SHOWN_TEXT = 100

RenderPart = Callable[[Scope, list[str]], Any]
"""Renders a part of a message; adds the links that it refuses to the list."""
RenderUrl = Callable[[Scope, list[str]], str]
"""Renders a link; returns "" for one that is refused, and adds the reason to the list."""


class PartCompiler:
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


def has_template(source: object) -> bool:
    """Return whether a control, or a text in it, is a template; JSON has two braces together only in a text."""
    encoded = msgspec.json.encode(source)
    return b"{{" in encoded or b"{%" in encoded
