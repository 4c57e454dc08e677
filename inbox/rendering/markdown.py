"""The links of a body in Markdown, checked before they reach a browser."""

from __future__ import annotations

import re
from collections.abc import Callable

from inbox.rendering.urls import scheme_of

SAFE_SCHEMES = frozenset({"", "http", "https", "mailto"})
"""What a link of a body may begin with; "" is a path. Unlike a button, a body may hold what a person has written."""

_LINK = re.compile(r"\[([^\[\]\n]*)\]\(([^()\s]*)\)")
_MAX_NESTED = 3


def unsafe_links(body: str) -> list[str]:
    """Return the addresses of the links that may not reach a browser."""
    return [url for _, url in _LINK.findall(body) if not is_safe(url)]


def without_unsafe_links(body: str, refuse: Callable[[str], None]) -> str:
    """Return the body with only the text of unsafe links; `refuse` is told the address of each."""

    def text_of(link: re.Match[str]) -> str:
        if is_safe(link[2]):
            return link[0]
        refuse(link[2])
        return link[1]

    for _ in range(_MAX_NESTED):  # the text of one may be that of another
        checked = _LINK.sub(text_of, body)
        if checked == body:
            return body
        body = checked
    return body.replace("](", "] (") if unsafe_links(body) else body


def is_safe(url: str) -> bool:
    """Return whether a link may stand in a body."""
    return scheme_of(url) in SAFE_SCHEMES
