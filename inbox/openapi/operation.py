"""One operation of the document, and the shapes that answers come in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

Envelope = Literal["data", "list", "bare", "none", "page", "items", "cursor"]
"""How an answer is wrapped: `{data: X}`, `{data: [X]}`, X itself, nothing, or a page of X: numbered and with
`hasMore`, numbered and with `totalCount`, beside a cursor."""


@dataclass(frozen=True, slots=True)
class Operation:
    """What one handler takes and answers; its description is the handler's docstring.

    `name` is the operationId; `{}` in it stands for what a handler of several paths serves there (`document.NOUNS`).

    `query`: parameter → JSON Schema, with `required` beside it where it must be sent. `errors` are statuses beyond
    those that every operation of its kind has.
    """

    name: str
    summary: str
    reply: Any = None
    envelope: Envelope = "data"
    status: int = 200
    body: Any = None
    body_in_path: str = ""
    """The path parameter that says the same as the body: a path with it takes no body."""
    query: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    errors: Sequence[int] = ()
    also: int | None = None
    """A second success, without content."""
    is_open: bool = False
    """Whether it needs no credentials; pages bring a session's token, backends an API key."""
