"""Notifications, for pages (`/v1/inbox/notifications…`) and backends (`/v2/subscribers/{subscriberId}/notifications…`).

Both faces share every handler: `who_of` tells whose they are (rest-inbox.md §7-9, rest-server.md §4).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType
from starlette.requests import Request
from starlette.responses import Response

from inbox.clock import now_seconds
from inbox.errors import PaymentRequired, invalid
from inbox.ids import parse_object_id
from inbox.models.message import Message, inbox_notification
from inbox.models.subscriber import subscriber_card
from inbox.routes.access import services_of
from inbox.routes.reading import parse_json, path_param, query_bool, query_int, read_body
from inbox.routes.replies import data, no_content, page
from inbox.routes.who import Who, feeds_of, who_of
from inbox.service.feed.notification_filter import (
    NotificationFilter,
    parse_data,
    parse_data_text,
    parse_filter,
    parse_tags,
    tags_of_query,
)
from inbox.store.changes import (
    INBOX_ARCHIVE,
    INBOX_ARCHIVE_READ,
    INBOX_READ,
    INBOX_SEEN,
    INBOX_UNARCHIVE,
    INBOX_UNREAD,
    Change,
)

COUNT_CAP = 100
MAX_FILTERS = 30
MAX_NAMED = 1_000
MAX_OFFSET = 1_000_000
MAX_MS = 2**53
MIN_SNOOZE_SECONDS = 60
MAX_SNOOZE_HOURS = 2_160

Button = Literal["primary", "secondary"]


class ButtonAction(msgspec.Struct, rename="camel"):
    """The body of complete and revert, from a page."""

    action_type: Button


class Snooze(msgspec.Struct, rename="camel"):
    """The body of snooze: an ISO-8601 date."""

    snooze_until: str


class BulkFilter(msgspec.Struct, rename="camel"):
    """The body of a bulk change. `data` is the text of a JSON object; `contextKeys` count from backends only."""

    tags: Any = None
    data: str | dict[str, Any] | None = None
    context_keys: list[str] | None = None

    def wanted(self) -> NotificationFilter:
        """The filter. Raises ValidationFailed (tags) or BadRequest (data)."""
        return NotificationFilter(tags=parse_tags(self.tags), data=parse_data(self.data))


class Seen(BulkFilter, rename="camel"):
    """The body of seen: named notifications, or (without `notificationIds`) all that the filters take."""

    notification_ids: Annotated[list[str], Meta(max_length=MAX_NAMED)] | UnsetType | None = UNSET


async def list_notifications(request: Request) -> Response:
    """GET …/notifications → 200 `{data, hasMore, filter}`, newest first; `filter` echoes what was received, typed."""
    who = await who_of(request)
    limit = query_int(request, "limit", 10, 1, 100)
    offset = query_int(request, "offset", 0, 0, MAX_OFFSET)
    after = request.query_params.get("after")
    cursor = parse_object_id(after, "after") if after else None
    wanted, echo = _query_filter(request)
    feeds = await feeds_of(request, who)
    skip = 0 if cursor else offset
    found = await services_of(request).feed.page(feeds, wanted, limit, skip=skip, after=cursor)
    return page({"data": await _views(request, who, found.messages), "hasMore": found.has_more, "filter": echo})


async def count_notifications(request: Request) -> Response:
    """GET …/notifications/count?filters=[…] → 200 `{data: [{count, filter}]}` in the order asked; capped at 100."""
    who = await who_of(request)
    text = request.query_params.get("filters", "")
    raw: list[dict[str, Any]] = parse_json(text.encode(errors="surrogatepass"), list[dict[str, Any]]) if text else [{}]
    if len(raw) > MAX_FILTERS:
        raise invalid("filters", f"filters must contain no more than {MAX_FILTERS} elements")
    filters = [parse_filter(item) for item in raw]
    counts = await services_of(request).feed.count_each(await feeds_of(request, who), filters)
    return page({"data": [{"count": min(n, COUNT_CAP), "filter": item} for n, item in zip(counts, raw, strict=True)]})


async def mark_read(request: Request) -> Response:
    """PATCH …/:id/read → 200 the notification, read and seen."""
    return await _mark_one(request, INBOX_READ)


async def mark_unread(request: Request) -> Response:
    """PATCH …/:id/unread → 200 the notification: unread, still seen, not archived."""
    return await _mark_one(request, INBOX_UNREAD)


async def archive(request: Request) -> Response:
    """PATCH …/:id/archive → 200 the notification: archived, read and seen."""
    return await _mark_one(request, INBOX_ARCHIVE)


async def unarchive(request: Request) -> Response:
    """PATCH …/:id/unarchive → 200 the notification: not archived, read and seen."""
    return await _mark_one(request, INBOX_UNARCHIVE)


async def snooze(request: Request) -> Response:
    """PATCH …/:id/snooze → 200 the notification, seen, not archived, snoozed until `snoozeUntil`.

    That is at least 60 s ahead (422) and at most 90 days (402).
    """
    who = await who_of(request)
    notification_id = _notification_id(request)
    until_ms = _snooze_until((await read_body(request, Snooze)).snooze_until)
    message = await services_of(request).marks.snooze(await feeds_of(request, who), notification_id, until_ms)
    return await _one(request, who, message)


async def unsnooze(request: Request) -> Response:
    """PATCH …/:id/unsnooze → 200 the notification, not snoozed, where it was; 404 when it was not snoozed."""
    who = await who_of(request)
    notification_id = _notification_id(request)
    message = await services_of(request).marks.unsnooze(await feeds_of(request, who), notification_id)
    return await _one(request, who, message)


async def complete(request: Request) -> Response:
    """PATCH …/:id/complete, or …/:id/actions/:actionType/complete → 200 the notification with that button done."""
    return await _press(request, "done")


async def revert(request: Request) -> Response:
    """PATCH …/:id/revert, or …/:id/actions/:actionType/revert → 200 the notification with that button pending."""
    return await _press(request, "pending")


async def delete(request: Request) -> Response:
    """DELETE …/:id (a page: …/:id/delete) → 204: gone for good."""
    who = await who_of(request)
    notification_id = _notification_id(request)
    await services_of(request).marks.delete(await feeds_of(request, who), notification_id)
    return no_content()


async def mark_seen(request: Request) -> Response:
    """POST …/seen → 204: the named ones, none for `[]`, without ids all that the filters take; unknown ids ignored."""
    who = await who_of(request)
    body = await read_body(request, Seen)
    marks = services_of(request).marks
    if isinstance(body.notification_ids, list):
        ids = [parse_object_id(text, "notificationIds") for text in body.notification_ids]
        await marks.mark(await feeds_of(request, who, body.context_keys), ids, INBOX_SEEN)
    else:
        wanted = body.wanted()
        await marks.mark_all(await feeds_of(request, who, body.context_keys), INBOX_SEEN, wanted)
    return no_content()


async def mark_all_read(request: Request) -> Response:
    """POST …/read → 204: all that the filters take become read and seen."""
    return await _mark_all(request, INBOX_READ)


async def archive_all(request: Request) -> Response:
    """POST …/archive → 204: all that the filters take become archived, read and seen."""
    return await _mark_all(request, INBOX_ARCHIVE)


async def archive_all_read(request: Request) -> Response:
    """POST …/read-archive → 204: of what the filters take, what is read becomes archived."""
    return await _mark_all(request, INBOX_ARCHIVE_READ)


async def delete_all(request: Request) -> Response:
    """POST …/delete → 204: all that the filters take are gone for good."""
    who = await who_of(request)
    body = await read_body(request, BulkFilter)
    wanted = body.wanted()
    await services_of(request).marks.delete_all(await feeds_of(request, who, body.context_keys), wanted)
    return no_content()


async def _mark_one(request: Request, change: Change) -> Response:
    who = await who_of(request)
    notification_id = _notification_id(request)
    message = await services_of(request).marks.mark_one(await feeds_of(request, who), notification_id, change)
    return await _one(request, who, message)


async def _mark_all(request: Request, change: Change) -> Response:
    who = await who_of(request)
    body = await read_body(request, BulkFilter)
    wanted = body.wanted()
    await services_of(request).marks.mark_all(await feeds_of(request, who, body.context_keys), change, wanted)
    return no_content()


async def _press(request: Request, status: str) -> Response:
    who = await who_of(request)
    notification_id = _notification_id(request)
    kind = await _button(request)
    feeds = await feeds_of(request, who)
    message = await services_of(request).marks.complete(feeds, notification_id, kind, status)
    return await _one(request, who, message)


async def _button(request: Request) -> str:
    """Which button: in a backend's path, in a page's body."""
    if "actionType" not in request.path_params:
        return (await read_body(request, ButtonAction)).action_type
    kind = path_param(request, "actionType")
    if kind not in ("primary", "secondary"):
        raise invalid("actionType", "actionType must be one of the following values: primary, secondary", kind)
    return kind


def _notification_id(request: Request) -> str:
    return parse_object_id(path_param(request, "notificationId"), "notificationId")


def _snooze_until(text: str) -> int:
    """The end of a snooze in ms since 1970; a date without a zone is UTC."""
    try:
        given = datetime.fromisoformat(text)
        until = given.astimezone(UTC) if given.tzinfo else given.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        raise invalid("snoozeUntil", "snoozeUntil must be a valid ISO 8601 date string", text) from None
    now = datetime.fromtimestamp(now_seconds(), UTC)
    if until < now + timedelta(seconds=MIN_SNOOZE_SECONDS):
        raise invalid("snoozeUntil", f"snoozeUntil must be at least {MIN_SNOOZE_SECONDS} seconds in the future", text)
    if until > now + timedelta(hours=MAX_SNOOZE_HOURS):
        limit = f"The snooze duration must not exceed {MAX_SNOOZE_HOURS // 24} days"
        raise PaymentRequired(limit, reason="snooze_duration_exceeded")
    return int(until.timestamp() * 1000)


async def _one(request: Request, who: Who, message: Message) -> Response:
    return data((await _views(request, who, [message]))[0])


async def _views(request: Request, who: Who, messages: Sequence[Message]) -> list[dict[str, Any]]:
    cards, to = services_of(request).cards, subscriber_card(who.subscriber)
    return [
        inbox_notification(message, to, await cards.workflow(who.environment, message.stored)) for message in messages
    ]


def _query_filter(request: Request) -> tuple[NotificationFilter, dict[str, Any]]:
    """The filter of a list query, and the echo of just the parameters received, typed."""
    names = ("read", "seen", "archived", "snoozed")
    echo: dict[str, Any] = {name: flag for name in names if (flag := query_bool(request, name)) is not None}
    if severities := request.query_params.getlist("severity[]"):
        echo["severity"] = severities
    elif single := [text for text in request.query_params.getlist("severity") if text]:
        echo["severity"] = single[0] if len(single) == 1 else single
    if tags := tags_of_query(request.query_params.multi_items()):
        echo["tags"] = tags
    if wanted := request.query_params.get("data"):
        echo["data"] = parse_data_text(wanted)
    parsed = parse_filter(echo)
    times = {name: ms for name in ("createdGte", "createdLte") if (ms := query_int(request, name, -1, 0, MAX_MS)) >= 0}
    found = replace(parsed, created_gte=times.get("createdGte"), created_lte=times.get("createdLte"))
    return found, echo | times
