"""The parts of a message that the template of a step has too."""

from __future__ import annotations

from typing import Literal, NotRequired, TypedDict

from inbox.models.json_values import JsonObject
from inbox.models.workflow import LinkTarget


class ButtonReply(TypedDict):
    type: Literal["primary", "secondary"]
    content: str
    url: NotRequired[str]
    target: NotRequired[LinkTarget]


class PressedButton(TypedDict):
    """The button that was pressed last, `{}` when none was."""

    type: NotRequired[Literal["primary", "secondary"]]
    payload: NotRequired[JsonObject]


class LinkReply(TypedDict):
    url: NotRequired[str]
    target: NotRequired[LinkTarget]


class CtaActionReply(TypedDict):
    buttons: list[ButtonReply]
    status: NotRequired[Literal["pending", "done"]]
    result: NotRequired[PressedButton]


class CtaReply(TypedDict):
    type: NotRequired[Literal["redirect"]]
    data: NotRequired[LinkReply]
    action: CtaActionReply


class ActorReply(TypedDict):
    type: str
    data: NotRequired[str | None]
