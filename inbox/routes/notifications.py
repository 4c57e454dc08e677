"""The notifications of a `Target`, for pages (`/v1/inbox/notifications…`) and backends (`/v2/subscribers/…`)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Annotated, Any, TypedDict

import msgspec
from msgspec import UNSET, Meta, UnsetType
from starlette.requests import Request
from starlette.responses import Response

from inbox.http.auth import services_of
from inbox.http.operation import operation
from inbox.http.polls import Poll, WorkflowPoll
from inbox.http.queries import Flag, ObjectIdText, OffsetQuery, ReadFlag, SeenFlag, Severities, query_of
from inbox.http.requests import parse_json, path_param, read_body
from inbox.http.responses import Bare, Data, bare, data, no_content
from inbox.http.target import Target, feeds_of
from inbox.ids import parse_object_id
from inbox.models import wire
from inbox.models.documented import OneOf, documented
from inbox.models.json_values import JsonObject
from inbox.models.message import ButtonStatus, ButtonType, Message, parse_button_type
from inbox.models.message_views import inbox_notification
from inbox.models.subscriber import notification_to
from inbox.service.feed.feed import COUNT_CAP
from inbox.service.feed.notification_filter import (
    EVERYTHING,
    MAX_FILTERS,
    NotificationFilter,
    TimeMs,
    parse_data,
    parse_data_text,
    parse_filters,
    parse_list_filter,
    parse_tags,
    tags_of_query,
)
from inbox.service.feed.snooze_limits import parse_snooze_end
from inbox.store.changes import (
    INBOX_ARCHIVE,
    INBOX_ARCHIVE_READ,
    INBOX_READ,
    INBOX_SEEN,
    INBOX_UNARCHIVE,
    INBOX_UNREAD,
    INBOX_UNSNOOZE,
    Change,
)

CACHED_FILTERS, MAX_CACHED_LENGTH = 256, 512
MAX_NAMED = 1_000


class ListNotifications(OffsetQuery):
    after: Annotated[ObjectIdText, Meta(description="From where to go on: the id of a notification")] = ""
    read: ReadFlag = None
    seen: SeenFlag = None
    archived: Annotated[Flag, Meta(description="Only what is archived, or only what is not")] = None
    snoozed: Annotated[Flag, Meta(description="Only what is snoozed, or only what is not")] = None
    tags: Annotated[
        list[str],
        Meta(description="One of these tags; groups, of each of which one counts, are `tags[0][]=a&tags[1][]=b`"),
    ] = []
    severity: Severities = []
    data: Annotated[str, Meta(description="The text of a JSON object: what the notification's `data` must hold")] = ""
    created_gte: Annotated[TimeMs | None, Meta(description="Created at this time or later, in ms since 1970")] = None
    created_lte: Annotated[TimeMs | None, Meta(description="Created at this time or before, in ms since 1970")] = None


class CountNotifications(msgspec.Struct):
    filters: Annotated[
        str,
        Meta(
            description="The text of a JSON list of filters, such as "
            f'`[{{"read":false,"snoozed":false}}]`; {MAX_FILTERS} at the most'
        ),
    ] = ""


class ButtonAction(msgspec.Struct, rename="camel"):
    """The body of complete and revert, from a page."""

    action_type: ButtonType


class Snooze(msgspec.Struct, rename="camel"):
    """The body of snooze: an ISO-8601 date."""

    snooze_until: str


AnyTag = TypedDict("AnyTag", {"or": list[str]})
AnyTag.__doc__ = "Tags, of which a notification must have one."
AllTags = TypedDict("AllTags", {"and": list[AnyTag]})
AllTags.__doc__ = "Groups of tags, of each of which a notification must have one."
TAG_FILTER = OneOf(
    "TagFilter",
    "Tags, of which a notification must have one; or groups of tags, of each of which it must have one.",
    (list[str], list[list[str]], AnyTag, AllTags),
)


class BulkFilter(msgspec.Struct, rename="camel"):
    """Which notifications; `data` is an object, or its text. `contextKeys` count from backends only."""

    tags: Annotated[Any, documented(TAG_FILTER)] | None = None
    data: str | dict[str, Any] | None = None
    context_keys: list[str] | None = None

    def filter(self) -> NotificationFilter:
        """Return the filter. Raise ValidationFailed (tags) or BadRequest (data)."""
        return NotificationFilter(tags=parse_tags(self.tags), data=parse_data(self.data))


class Seen(BulkFilter, rename="camel"):
    """The named notifications, or (without `notificationIds`) all that the filters take."""

    notification_ids: Annotated[list[str], Meta(max_length=MAX_NAMED)] | UnsetType | None = UNSET


def _both(operation: str) -> list[str]:
    """Return the paths of an operation that pages and backends share, as in `PATCH /{notificationId}/read`."""
    method, _, rest = operation.partition(" ")
    return [
        f"{method} {base}{rest}" for base in ("/v2/subscribers/{subscriberId}/notifications", "/v1/inbox/notifications")
    ]


def _press_paths(verb: str) -> list[str]:
    return [
        f"PATCH /v2/subscribers/{{subscriberId}}/notifications/{{notificationId}}/actions/{{actionType}}/{verb}",
        f"PATCH /v1/inbox/notifications/{{notificationId}}/{verb}",
    ]


@operation(_both("GET"), "list{}Notifications")
async def list_notifications(
    request: Request, target: Target, poll: WorkflowPoll, query: ListNotifications
) -> Bare[wire.NotificationPage]:
    """List notifications, newest first. `filter` echoes the parameters that were received, typed."""
    filtered, echo = _query_filter(request, query)
    feeds, skip = await feeds_of(request, target), 0 if query.after else query.offset
    read = await services_of(request).feed.page(feeds, filtered, query.limit, skip=skip, after=query.after or None)
    poll.read_at(read.positions, await services_of(request).workflows.version(target.environment))
    return bare({"data": await _views(request, target, read.messages), "hasMore": read.has_more, "filter": echo})


@operation(_both("GET /count"), "count{}Notifications")
async def count_notifications(
    request: Request, target: Target, poll: Poll, query: CountNotifications
) -> Bare[wire.NotificationCounts]:
    """Count notifications, for several filters at once.

    The counts come in the order of the filters; each is capped at 100.
    """
    text = query.filters
    raw, filters = _parsed_filters(text) if len(text) <= MAX_CACHED_LENGTH else _parse_filters(text)
    read = await services_of(request).feed.count_each(await feeds_of(request, target), filters)
    poll.read_at(read.positions)
    counts = zip(read.counts, raw, strict=True)
    return bare({"data": [{"count": min(number, COUNT_CAP), "filter": item} for number, item in counts]})


@operation(_both("PATCH /{notificationId}/read"), "mark{}NotificationRead")
async def mark_read(request: Request, target: Target) -> Data[wire.NotificationReply]:
    """Mark a notification as read. It becomes seen too."""
    return await _mark_one(request, target, INBOX_READ)


@operation(_both("PATCH /{notificationId}/unread"), "mark{}NotificationUnread")
async def mark_unread(request: Request, target: Target) -> Data[wire.NotificationReply]:
    """Mark a notification as unread. It stays seen, and leaves the archive."""
    return await _mark_one(request, target, INBOX_UNREAD)


@operation(_both("PATCH /{notificationId}/archive"), "archive{}Notification")
async def archive(request: Request, target: Target) -> Data[wire.NotificationReply]:
    """Archive a notification. It becomes read and seen too."""
    return await _mark_one(request, target, INBOX_ARCHIVE)


@operation(_both("PATCH /{notificationId}/unarchive"), "unarchive{}Notification")
async def unarchive(request: Request, target: Target) -> Data[wire.NotificationReply]:
    """Take a notification out of the archive. It stays read and seen."""
    return await _mark_one(request, target, INBOX_UNARCHIVE)


@operation(_both("PATCH /{notificationId}/snooze"), "snooze{}Notification", errors=[402])
async def snooze(request: Request, target: Target, body: Snooze) -> Data[wire.NotificationReply]:
    """Snooze a notification.

    It becomes seen and leaves the archive. The end is at least 60 s ahead (422) and at most 90 days (402).
    """
    notification_id = _notification_id(request)
    until_ms = parse_snooze_end(body.snooze_until, "snoozeUntil")
    message = await services_of(request).marks.snooze(await feeds_of(request, target), notification_id, until_ms)
    return await _one(request, target, message)


@operation(_both("PATCH /{notificationId}/unsnooze"), "unsnooze{}Notification")
async def unsnooze(request: Request, target: Target) -> Data[wire.NotificationReply]:
    """End the snooze of a notification. It comes back where it was; one that is not snoozed is 404."""
    notification_id = _notification_id(request)
    message = await services_of(request).marks.mark_one(
        await feeds_of(request, target), notification_id, INBOX_UNSNOOZE
    )
    return await _one(request, target, message)


@operation(
    _press_paths("complete"), "complete{}NotificationAction", body=ButtonAction, body_in_path="actionType", errors=[400]
)
async def complete(request: Request, target: Target) -> Data[wire.NotificationReply]:
    """Complete a notification's action. The answer is the notification with that button done."""
    return await _press(request, target, "done")


@operation(
    _press_paths("revert"), "revert{}NotificationAction", body=ButtonAction, body_in_path="actionType", errors=[400]
)
async def revert(request: Request, target: Target) -> Data[wire.NotificationReply]:
    """Revert a notification's action. The answer is the notification with that button pending."""
    return await _press(request, target, "pending")


@operation(
    [
        "DELETE /v2/subscribers/{subscriberId}/notifications/{notificationId}",
        "DELETE /v1/inbox/notifications/{notificationId}/delete",
    ],
    "delete{}Notification",
)
async def delete(request: Request, target: Target) -> Response:
    """Delete a notification. It is gone for good."""
    notification_id = _notification_id(request)
    await services_of(request).marks.delete(await feeds_of(request, target), notification_id)
    return no_content()


@operation(_both("POST /seen"), "mark{}NotificationsSeen")
async def mark_seen(request: Request, target: Target, body: Seen) -> Response:
    """Mark notifications as seen.

    These are the named ones, none for `[]`, and without ids all that the filters take; unknown ids are ignored.
    """
    marks = services_of(request).marks
    if isinstance(body.notification_ids, list):
        ids = [parse_object_id(text, "notificationIds") for text in body.notification_ids]
        await marks.mark(await feeds_of(request, target, body.context_keys), ids, INBOX_SEEN)
    else:
        filtered = body.filter()
        await marks.mark_all(await feeds_of(request, target, body.context_keys), INBOX_SEEN, filtered)
    return no_content()


@operation(_both("POST /read"), "mark{}NotificationsRead")
async def mark_all_read(request: Request, target: Target, body: BulkFilter) -> Response:
    """Mark all filtered notifications as read. They become seen too."""
    return await _mark_all(request, target, body, INBOX_READ)


@operation(_both("POST /archive"), "archive{}Notifications")
async def archive_all(request: Request, target: Target, body: BulkFilter) -> Response:
    """Archive all filtered notifications. They become read and seen too."""
    return await _mark_all(request, target, body, INBOX_ARCHIVE)


@operation(_both("POST /read-archive"), "archive{}ReadNotifications")
async def archive_all_read(request: Request, target: Target, body: BulkFilter) -> Response:
    """Archive the filtered notifications that are read."""
    return await _mark_all(request, target, body, INBOX_ARCHIVE_READ)


@operation(_both("POST /delete"), "delete{}Notifications")
async def delete_all(request: Request, target: Target, body: BulkFilter) -> Response:
    """Delete all filtered notifications. They are gone for good."""
    filtered = body.filter()
    await services_of(request).marks.delete_all(await feeds_of(request, target, body.context_keys), filtered)
    return no_content()


def _parse_filters(text: str) -> tuple[list[JsonObject], list[NotificationFilter]]:
    """Return the filters of a count as they were sent, and as they are used. Raise ValidationFailed, BadRequest."""
    raw: list[JsonObject] = parse_json(text.encode(errors="surrogatepass"), list[JsonObject]) if text else [{}]
    return raw, parse_filters(raw)


_parsed_filters = lru_cache(CACHED_FILTERS)(_parse_filters)
"""A page asks for the same counts with every event."""


async def _mark_one(request: Request, target: Target, change: Change) -> Data[wire.NotificationReply]:
    notification_id = _notification_id(request)
    message = await services_of(request).marks.mark_one(await feeds_of(request, target), notification_id, change)
    return await _one(request, target, message)


async def _mark_all(request: Request, target: Target, body: BulkFilter, change: Change) -> Response:
    filtered = body.filter()
    await services_of(request).marks.mark_all(await feeds_of(request, target, body.context_keys), change, filtered)
    return no_content()


async def _press(request: Request, target: Target, status: ButtonStatus) -> Data[wire.NotificationReply]:
    notification_id = _notification_id(request)
    kind = await _button(request)
    feeds = await feeds_of(request, target)
    message = await services_of(request).marks.complete(feeds, notification_id, kind, status)
    return await _one(request, target, message)


async def _button(request: Request) -> ButtonType:
    """Return the button, which is in the path of a backend and in the body of a page."""
    if "actionType" not in request.path_params:
        return (await read_body(request, ButtonAction)).action_type
    return parse_button_type(path_param(request, "actionType"), "actionType")


def _notification_id(request: Request) -> str:
    return parse_object_id(path_param(request, "notificationId"), "notificationId")


async def _one(request: Request, target: Target, message: Message) -> Data[wire.NotificationReply]:
    return data((await _views(request, target, [message]))[0])


async def _views(request: Request, target: Target, messages: Sequence[Message]) -> list[wire.NotificationReply]:
    cards, to = services_of(request).cards, wire.encoded(notification_to(await target.subscriber()))
    workflows = await cards.workflows(target.environment, [message.stored for message in messages])
    return [inbox_notification(message, to, card) for message, card in zip(messages, workflows, strict=True)]


def _query_filter(request: Request, query: ListNotifications) -> tuple[NotificationFilter, JsonObject]:
    """Return the filter of a list query, and the typed echo of its parameters."""
    flags = {"read": query.read, "seen": query.seen, "archived": query.archived, "snoozed": query.snoozed}
    echo: JsonObject = {name: flag for name, flag in flags.items() if flag is not None}
    if query.severity:
        is_single = len(query.severity) == 1 and "severity[]" not in query_of(request)
        echo["severity"] = query.severity[0] if is_single else query.severity
    has_tags = any(name.startswith("tags") for name in query_of(request))
    if has_tags and (tags := tags_of_query(request.query_params.multi_items())):
        echo["tags"] = tags
    if query.data:
        echo["data"] = parse_data_text(query.data)
    times = {"createdGte": query.created_gte, "createdLte": query.created_lte}
    echo |= {name: ms for name, ms in times.items() if ms is not None}
    return parse_list_filter(echo) if echo else EVERYTHING, echo
