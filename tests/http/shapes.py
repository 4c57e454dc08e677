"""The key sets of the wire: what is always there. Everything else a reply holds is optional, and absent, never null."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from inbox.ids import is_object_id

Json = dict[str, Any]

MARKED_MESSAGE = {
    *("_id", "_templateId", "_messageTemplateId", "_environmentId", "_organizationId", "_notificationId"),
    *("_subscriberId", "_feedId", "templateIdentifier", "transactionId", "channel", "providerId", "content", "cta"),
    *("seen", "read", "deliveredAt", "status", "deviceTokens", "payload", "overrides", "createdAt"),
}
MESSAGE = MARKED_MESSAGE | {
    *("id", "sequence", "_jobId", "stepId", "archived", "tags", "severity", "contextKeys", "updatedAt"),
}
NOTIFICATION = {
    *("id", "transactionId", "body", "to", "isRead", "isSeen", "isArchived", "isSnoozed", "deliveredAt", "createdAt"),
    *("channelType", "tags", "workflow", "severity", "sequence"),
}
NOTIFICATION_WORKFLOW = {"id", "identifier", "name", "critical", "tags", "severity"}
SUBSCRIBER = {
    *("_id", "id", "_organizationId", "_environmentId", "subscriberId", "channels", "data", "isOnline", "deleted"),
    *("createdAt", "updatedAt", "__v"),
}
SESSION = {
    *("token", "totalUnreadCount", "unreadCount", "removeNovuBranding", "isDevelopmentMode"),
    *("maxSnoozeDurationHours", "applicationIdentifier", "contextKeys"),
}
TEMPLATE = {
    *("_id", "_organizationId", "_environmentId", "_creatorId", "_notificationGroupId", "notificationGroup", "name"),
    *("description", "active", "draft", "critical", "tags", "preferenceSettings", "steps", "triggers", "deleted"),
    *("deletedAt", "deletedBy", "data"),
}
NULLABLE = {"_feedId"}
CALLERS_OWN = {"payload", "data"}
DATES = {"createdAt", "updatedAt", "lastSeenDate", "firstSeenDate", "lastReadDate", "readAt", "firstSeenAt"}


def nulls(value: Any, name: str = "") -> Iterator[str]:
    """The names under which null stands, at any depth."""
    if value is None:
        yield name
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from nulls(inner, key)
    elif isinstance(value, list):
        for inner in value:
            yield from nulls(inner, name)


def check(view: Json, required: set[str], *optional: str) -> None:
    """The view has all required keys and these optional ones, no null, its ids are 24 hex and its dates are dates."""
    assert set(view) == required | set(optional)
    assert set(nulls({key: value for key, value in view.items() if key not in CALLERS_OWN})) <= NULLABLE
    for key, value in view.items():
        if key.startswith("_") and key.endswith(("d", "Id")) and value is not None:
            assert is_object_id(value), f"{key} is {value!r}"
        if key in DATES:
            assert value.endswith("Z"), f"{key} is {value!r}"
            assert datetime.fromisoformat(value).microsecond % 1000 == 0
