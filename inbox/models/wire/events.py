"""What webhooks and the event stream carry."""

from __future__ import annotations

from typing import Any, Literal, NotRequired, TypedDict

from inbox.models.json_values import JsonObject
from inbox.models.wire.base import Absent, Date
from inbox.models.wire.notifications import NotificationState
from inbox.models.workflow import Severity


class EventMessage(NotificationState):
    """A message as the events of webhooks and of the event stream carry it."""

    workflow: str
    externalReference: NotRequired[str | Absent]


class WholeEventMessage(EventMessage):
    subject: NotRequired[str | Absent]
    body: str
    data: NotRequired[JsonObject | Absent]
    payload: JsonObject
    tags: list[str]
    severity: Severity


class EventAction(TypedDict):
    type: Literal["primary", "secondary"]
    status: Literal["pending", "done"]
    payload: NotRequired[Any]


class PresenceEvent(TypedDict):
    subscriberId: str
    isOnline: bool
    lastOnlineAt: NotRequired[Date | Absent]
