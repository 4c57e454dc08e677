"""What the webhook of an environment answers."""

from __future__ import annotations

from typing import TypedDict

from inbox.models.wire.base import Count, Date


class WebhookReply(TypedDict):
    """Where events go, and how many wait, were lost, were given up, and are in the stream."""

    url: str | None
    events: list[str]
    stream: str | None
    waiting: Count
    dropped: Count
    failed: Count
    streamed: Count


class WebhookSecretReply(TypedDict):
    secret: str


class WebhookSetReply(WebhookReply):
    secret: str | None


class WebhookAnswer(TypedDict):
    """What the receiver answered; the status is 0 without an answer."""

    delivered: bool
    status: Count
    reason: str


class FailedEventReply(TypedDict):
    id: str
    type: str
    failedAt: Date
    tries: Count
    reason: str


class ReplayedEvent(WebhookAnswer):
    id: str


class ReplayReply(TypedDict):
    results: list[ReplayedEvent]
    nextOffset: Count | None
