"""What an in-app step takes, and the checks of it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import msgspec

from inbox.errors import invalid
from inbox.models.workflow import BodyFormat, CustomData, Link, LinkTarget, TemplateLine, TemplateText
from inbox.rendering.markdown import unsafe_links
from inbox.rendering.urls import Guard, UnsafeLink, check_link, guard_of
from inbox.steps.base import Controls, StepContent

MAX_DATA_VALUES = 100
UNSAFE = "a link of a body must begin with http:, https: or mailto:, or be a path"

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
