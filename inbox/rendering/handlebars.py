"""The part of Handlebars that v1 templates use: `{{a.b}}`, `{{{a.b}}}` and comments, compiled to lookups.

A path that starts with no variable is one of the payload, whose keys are top-level names too. Nothing is escaped: a
message is text, and the page that shows it escapes it.
"""

from __future__ import annotations

import re

from inbox.rendering.templates import VARIABLES, Lookups, Part, Template, TemplateError

RESERVED = (VARIABLES - {"workflow"}) | {"step", "branding"}
_TAG = re.compile(r"\{\{(\{)?(~?)(.*?)(~?)\}\}(?(1)\})", re.DOTALL)
_COMMENT = re.compile(r"!.*", re.DOTALL)
_PATH = re.compile(r"(?:this[./])?[A-Za-z_$][\w$-]*(?:[./]\[?[\w$-]+\]?)*")
_NAME = re.compile(r"[\w$-]+")


def compile_handlebars(source: str, field: str) -> Template:
    """Return the template. Raise TemplateError, naming the field, for anything but paths and comments."""
    parts: list[Part] = []
    end = 0
    for tag in _TAG.finditer(source):
        before = source[end : tag.start()]
        parts.append(_text(before.rstrip() if tag[2] else before, field, source))
        end = tag.end()
        if tag[4]:
            end += len(source[end:]) - len(source[end:].lstrip())
        expression = tag[3].strip()
        if not _COMMENT.fullmatch(expression):
            parts.append(_path(expression, field, source))
    parts.append(_text(source[end:], field, source))
    return Lookups([part for part in parts if part != ""], field)


def _text(text: str, field: str, source: str) -> str:
    if "{{" in text:
        raise TemplateError(field, f"{field} is not a valid template: a {{{{ has no end", source)
    return text


def _path(expression: str, field: str, source: str) -> Part:
    if expression == "else" or not _PATH.fullmatch(expression):
        problem = f"{field} is not a valid template: only paths such as {{{{a.b}}}} are known, not {expression!r}"
        raise TemplateError(field, problem, source)
    names = _NAME.findall(expression)
    if names[0] == "this" and len(names) > 1:
        names = names[1:]
    return tuple(names if names[0] in RESERVED else ["payload", *names])
