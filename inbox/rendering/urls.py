"""The check of links before they reach a browser."""

from __future__ import annotations

import re
from enum import Enum

BLOCKED_SCHEMES = frozenset({"javascript", "data", "vbscript", "blob", "file", "filesystem", "view-source", "about"})
"""Schemes that run code or carry their own document; an app's own scheme (`myapp:`) is allowed."""

_SCHEME = re.compile(r"([a-z][a-z0-9+.-]*):", re.IGNORECASE)
_INVISIBLE = re.compile(r"[\s\x00-\x20\x7f-\xa0\u200b-\u200f\u2028\u2029\u2060\ufeff]+")
_OTHER_SITE = re.compile(r"[\\/][\\/]")
_MARKUP = re.compile(r"\{%-?\s*comment\b.*?endcomment\s*-?%\}|\{%.*?%\}|\{\{.*?\}\}", re.DOTALL)
_BEGINS_AS_PATH = re.compile(r"(?:\s|\{%-?\s*comment\b.*?endcomment\s*-?%\}|\{%.*?%\})*/(?!/)", re.DOTALL)


class UnsafeLink(ValueError):
    """A link that may not reach a browser; the message says why."""


class Guard(Enum):
    """The promise of a link's template about where the link leads."""

    NONE = "anywhere"
    HOST = "a path may follow what a value gives, so `//` must not come of both"
    PATH = "it begins with one `/`: a path of the same site"


def guard_of(template: str) -> Guard:
    """Return the guard of a link's template, from its first text that is no tag or output."""
    if _BEGINS_AS_PATH.match(template):
        return Guard.PATH
    first_text = _MARKUP.sub("", template).lstrip()
    return Guard.HOST if first_text[:1] == "/" and not first_text.startswith("//") else Guard.NONE


def scheme_of(url: str) -> str:
    """Return the scheme of a link in lower case, as a browser reads it; "" for a path."""
    scheme = _SCHEME.match(_visible(url))
    return scheme[1].lower() if scheme else ""


def check_link(url: str, guard: Guard = Guard.NONE) -> str:
    """Return the link without surrounding white space.

    Raise UnsafeLink if its scheme is blocked, or if a value made it lead to another site than its template promises:
    browsers take a backslash for a slash, and two of them at the start name a host. The check ignores the characters
    that a browser, or a program that trims the link later, removes from it.
    """
    if not url:
        return ""
    visible = _visible(url)
    scheme = scheme_of(visible)
    if scheme in BLOCKED_SCHEMES:
        raise UnsafeLink(f"a link must not be of the kind {scheme}:")
    leaves_site = _OTHER_SITE.match(visible) or (guard is Guard.PATH and visible and visible[0] != "/")
    if leaves_site and guard is not Guard.NONE:
        raise UnsafeLink("its template is a path of the same site, this leads to another one")
    return url.strip()


def _visible(url: str) -> str:
    return url if url.isascii() and url.isprintable() and " " not in url else _INVISIBLE.sub("", url)
