"""The Python client: a backend that sends, and the feed of one person. It loads httpx and websockets, no service.

from inbox.client import Backend, LiveFeed
"""

from inbox.client.backend import Backend, Trigger
from inbox.client.backoff import Backoff
from inbox.client.errors import ApiError, ClientError, Disconnected, FeedClosed, RequestRefused, Unreachable
from inbox.client.events import (
    BulkChanged,
    LiveFeedEvent,
    NotificationCreated,
    NotificationsRemoved,
    NotificationUpdated,
    Reset,
)
from inbox.client.feed import LiveFeed
from inbox.client.session import open_session
from inbox.client.types import ChangeSelection, Counts, MessageChanges, Notification, NotificationFields
from inbox.subscriber_hash import bound_hash, plain_hash

__all__ = [
    "ApiError",
    "Backend",
    "Backoff",
    "BulkChanged",
    "ChangeSelection",
    "ClientError",
    "Counts",
    "Disconnected",
    "FeedClosed",
    "LiveFeed",
    "LiveFeedEvent",
    "MessageChanges",
    "Notification",
    "NotificationCreated",
    "NotificationFields",
    "NotificationUpdated",
    "NotificationsRemoved",
    "RequestRefused",
    "Reset",
    "Trigger",
    "Unreachable",
    "bound_hash",
    "open_session",
    "plain_hash",
]
