"""Notifications of the inbox: messages as pages read them."""

from __future__ import annotations

from typing import Annotated, Literal, NotRequired, TypedDict

from msgspec import Meta

from inbox.models.json_values import JsonObject
from inbox.models.wire.base import Absent, Date, HexId, SequenceNumber
from inbox.models.wire.subscribers import NotificationTo
from inbox.models.wire.workflows import WorkflowSummary
from inbox.models.workflow import BodyFormat, LinkTarget, Severity


class NotificationRedirect(TypedDict):
    url: str
    target: NotRequired[LinkTarget]


class NotificationAction(TypedDict):
    label: str
    isCompleted: bool
    redirect: NotRequired[NotificationRedirect]


class NamedMessage(TypedDict):
    """A message that is gone: nothing but its id is left to tell."""

    id: HexId


class NotificationState(NamedMessage):
    transactionId: str
    isSeen: bool
    isRead: bool
    isArchived: bool
    isSnoozed: bool
    createdAt: Date
    readAt: NotRequired[Date | Absent]
    firstSeenAt: NotRequired[Date | Absent]
    archivedAt: NotRequired[Date | Absent]
    snoozedUntil: NotRequired[Date | Absent]


class NotificationContent(TypedDict):
    """What a notification says, and its buttons."""

    subject: NotRequired[str | Absent]
    body: str
    bodyFormat: NotRequired[BodyFormat | Absent]
    avatar: NotRequired[str | Absent]
    primaryAction: NotRequired[NotificationAction | Absent]
    secondaryAction: NotRequired[NotificationAction | Absent]
    data: NotRequired[JsonObject | Absent]
    redirect: NotRequired[NotificationRedirect | Absent]
    channelType: Literal["in_app"]
    tags: list[str]
    severity: Severity
    expiresAt: NotRequired[Date | Absent]


class NotificationReply(NotificationState, NotificationContent):
    sequence: SequenceNumber
    to: NotificationTo
    deliveredAt: list[Date]
    workflow: WorkflowSummary


class NotificationPage(TypedDict):
    data: list[NotificationReply]
    hasMore: bool
    filter: JsonObject


class CountItem(TypedDict):
    count: Annotated[int, Meta(ge=0, le=100)]
    filter: JsonObject


class NotificationCounts(TypedDict):
    data: list[CountItem]
