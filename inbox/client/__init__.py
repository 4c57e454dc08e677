"""The Python client: a backend that sends, and the feed of one person. It loads httpx and websockets, no service.

from inbox.client import Backend, Feed
"""

from inbox.client.backend import Backend, Trigger
from inbox.client.backoff import Backoff
from inbox.client.errors import ApiError, ClientError, ConnectionLost, FeedClosed, RequestRefused, Unreachable
from inbox.client.events import BulkChanged, Created, FeedEvent, Removed, Reset, Updated
from inbox.client.feed import Feed
from inbox.client.session import open_session
from inbox.client.types import Counts, Edit, Filter, Notification, Where
from inbox.subscriber_hash import bound_hash, plain_hash

__all__ = [
    "ApiError",
    "Backend",
    "Backoff",
    "BulkChanged",
    "ClientError",
    "ConnectionLost",
    "Counts",
    "Created",
    "Edit",
    "Feed",
    "FeedClosed",
    "FeedEvent",
    "Filter",
    "Notification",
    "Removed",
    "RequestRefused",
    "Reset",
    "Trigger",
    "Unreachable",
    "Updated",
    "Where",
    "bound_hash",
    "open_session",
    "plain_hash",
]
