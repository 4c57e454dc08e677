"""Messages, as the backend API, widgets of v1 and sockets carry them."""

from __future__ import annotations

from typing import Literal, NotRequired, TypedDict

from inbox.models.json_values import JsonObject
from inbox.models.wire.base import Absent, Count, Date, HexId, Owned, SequenceNumber
from inbox.models.wire.message_parts import ActorReply, CtaReply
from inbox.models.wire.subscribers import SubscriberCard, SubscriberReply
from inbox.models.wire.workflows import WorkflowSummary, WorkflowTemplate
from inbox.models.workflow import BodyFormat, Severity


class MarkedContent(TypedDict):
    """What a message says, and its buttons."""

    _templateId: HexId
    _messageTemplateId: HexId
    _feedId: HexId | None
    templateIdentifier: str
    transactionId: str
    channel: Literal["in_app"]
    providerId: Literal["novu"]
    content: str
    subject: NotRequired[str | Absent]
    cta: CtaReply
    deviceTokens: list[str]
    status: Literal["sent"]
    payload: JsonObject
    overrides: JsonObject


class MarkedState(Owned):
    _notificationId: HexId
    _subscriberId: HexId
    seen: bool
    read: bool
    deliveredAt: list[Date]
    createdAt: Date
    firstSeenDate: NotRequired[Date | Absent]
    lastSeenDate: NotRequired[Date | Absent]
    lastReadDate: NotRequired[Date | Absent]
    snoozedUntil: NotRequired[Date | Absent]


class MarkedMessage(MarkedState, MarkedContent):
    pass


class EditedReply(TypedDict):
    """How many messages an edit changed, and how many said that already."""

    updated: Count
    unchanged: Count


class MessageContent(MarkedContent):
    stepId: str
    bodyFormat: NotRequired[BodyFormat | Absent]
    avatar: NotRequired[str | Absent]
    data: NotRequired[JsonObject | Absent]
    actor: NotRequired[ActorReply | Absent]
    _actorId: NotRequired[HexId | Absent]
    tags: list[str]
    severity: Severity
    contextKeys: list[str]
    expiresAt: NotRequired[Date | Absent]


class MessageStateReply(MarkedState):
    id: HexId
    sequence: SequenceNumber
    _jobId: HexId
    archived: bool
    archivedAt: NotRequired[Date | Absent]
    updatedAt: Date


class MessageReply(MessageStateReply, MessageContent):
    pass


class ExportedMessage(MessageReply):
    externalReference: NotRequired[str | Absent]


class FeedItem(MessageReply):
    subscriber: SubscriberCard


class PushedMessage(FeedItem):
    """A message as sockets carry it."""

    workflow: WorkflowSummary


class ActedMessage(MessageReply):
    subscriber: SubscriberReply
    template: NotRequired[WorkflowTemplate | Absent]


class UnseenReply(TypedDict):
    count: Count
