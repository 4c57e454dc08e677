"""The shapes that the service sends and takes, with the field names of the API. What has no value is absent."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Literal, NotRequired, TypeAlias, TypedDict

Json: TypeAlias = dict[str, Any]
SeverityName = Literal["high", "medium", "low", "none"]
MarkName = Literal["read", "unread", "seen", "archived", "unarchived"]
MarkOfAll = Literal["read", "unread", "seen", "archived", "unarchived", "read_archived"]
Button = Literal["primary", "secondary"]
TagQuery: TypeAlias = Sequence[str] | Sequence[Sequence[str]] | Mapping[str, Any]
"""Any of these; with lists of lists one of each; also `{"or": […]}` and `{"and": [{"or": […]}]}`."""
TokenSource: TypeAlias = str | Callable[[], Awaitable[str]]
"""A session token, or a function that gets one; it is called again when the token expires or is refused."""


class Redirect(TypedDict):
    url: str
    target: NotRequired[str]


class Action(TypedDict):
    """A button as a notification shows it."""

    label: str
    isCompleted: bool
    redirect: NotRequired[Redirect]


class Notification(TypedDict):
    """A message as a page shows it. `sequence` is its place in the feed: larger is newer. Dates are ISO 8601."""

    id: str
    sequence: int
    transactionId: str
    subject: NotRequired[str]
    body: str
    bodyFormat: NotRequired[Literal["text", "markdown"]]
    to: NotRequired[Json]
    isRead: bool
    isSeen: bool
    isArchived: bool
    isSnoozed: bool
    createdAt: str
    deliveredAt: NotRequired[list[str]]
    readAt: NotRequired[str | None]
    firstSeenAt: NotRequired[str | None]
    archivedAt: NotRequired[str | None]
    snoozedUntil: NotRequired[str | None]
    expiresAt: NotRequired[str]
    avatar: NotRequired[str]
    severity: NotRequired[SeverityName]
    tags: NotRequired[list[str]]
    data: NotRequired[Json]
    redirect: NotRequired[Redirect]
    primaryAction: NotRequired[Action]
    secondaryAction: NotRequired[Action]
    channelType: NotRequired[str]
    workflow: NotRequired[Json]


class ListedPage(TypedDict):
    """Some notifications, newest first, as they were at `position`."""

    data: list[Notification]
    hasMore: bool
    position: str


class Counts(TypedDict):
    """Exact counts of the whole feed. `unread` is the badge: unread and not snoozed; `severity` divides it."""

    unseen: int
    unread: int
    severity: dict[str, int]


class NotificationFields(TypedDict, total=False):
    """Which notifications; all parts must match, and an absent one matches everything."""

    read: bool
    seen: bool
    archived: bool
    snoozed: bool
    tags: TagQuery
    severity: SeverityName | Sequence[SeverityName]
    data: Mapping[str, Any]
    createdGte: int
    createdLte: int


class ChangeSelection(TypedDict, total=False):
    """Which notifications a change of all is about; `{}` is all."""

    tags: TagQuery
    data: Mapping[str, Any]


class TriggerResult(TypedDict):
    """What became of a trigger. Only the status `processed` delivers; `error` says why an event of a bulk did not."""

    acknowledged: bool
    status: str
    transactionId: NotRequired[str]
    error: NotRequired[list[str]]


class ChangedRedirect(TypedDict):
    url: str
    target: NotRequired[str | None]


class ChangedAction(TypedDict):
    """A button as an edit gives it."""

    label: str
    redirect: NotRequired[ChangedRedirect | None]


class MessageChanges(TypedDict, total=False):
    """What an edit of a message changes: an absent field stays, None removes one. Texts are no templates."""

    subject: str | None
    body: str
    avatar: str | None
    primaryAction: ChangedAction | None
    secondaryAction: ChangedAction | None
    redirect: ChangedRedirect | None
    data: Json | None
    tags: list[str]
    severity: SeverityName
    expiresAt: str | None


class EditResult(TypedDict):
    """How many messages an edit changed, and how many already said so."""

    updated: int
    unchanged: int
