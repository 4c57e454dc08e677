"""`/v1/inbox`: the browser side (rest-inbox.md §2, §7-9)."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType
from starlette.requests import Request
from starlette.responses import Response

from inbox.errors import BadRequest, invalid
from inbox.ids import parse_object_id
from inbox.models.message import Message, inbox_notification
from inbox.models.session import SessionRequest
from inbox.models.subscriber import subscriber_card
from inbox.routes.access import SessionCaller, authenticate_session, services_of
from inbox.routes.reading import parse_json, path_param, query_bool, query_int, query_list, read_body
from inbox.routes.replies import data, no_content, page
from inbox.service.workflow_views import workflow_summary
from inbox.services import Services
from inbox.store.changes import INBOX_READ, INBOX_SEEN, INBOX_UNREAD, Change
from inbox.store.rows import ALL, ARCHIVED, SNOOZED, UNREAD, UNSEEN, Counts, Select

COUNT_CAP = 100
MAX_FILTERS = 30
MAX_NAMED = 1_000
NO_SNOOZE_HOURS = 0

Severity = Literal["high", "medium", "low", "none"]
Tags = list[str] | dict[str, Any] | None


class Filter(msgspec.Struct, omit_defaults=True):
    """Which notifications: every flag given must hold."""

    read: bool | None = None
    seen: bool | None = None
    archived: bool | None = None
    snoozed: bool | None = None
    severity: Severity | list[Severity] | None = None
    tags: Tags = None
    data: str | dict[str, Any] | None = None

    def select(self) -> Select:
        """The rows it takes. Raises BadRequest for a contradiction and for what cannot be filtered by yet."""
        if self.read is False and self.archived is True:
            raise BadRequest("Filtering for unread and archived notifications is not supported.")
        if self.tags or self.data not in (None, "", {}, "{}"):
            raise BadRequest("Filtering by tags or data is not available yet")
        wanted = [self.severity] if isinstance(self.severity, str) else self.severity or []
        select = ALL._replace(severities=tuple(sorted(set(wanted))))
        return (
            select.where(UNREAD, None if self.read is None else not self.read)
            .where(UNSEEN, None if self.seen is None else not self.seen)
            .where(ARCHIVED, self.archived)
            .where(SNOOZED, self.snoozed)
        )


class ButtonAction(msgspec.Struct, rename="camel"):
    """The body of complete and revert."""

    action_type: Literal["primary", "secondary"]


class Seen(msgspec.Struct, rename="camel"):
    """The body of seen: named notifications, or (without `notificationIds`) all that the filters take."""

    notification_ids: Annotated[list[str], Meta(max_length=MAX_NAMED)] | UnsetType | None = UNSET
    tags: Tags = None
    data: str | None = None


class BulkFilter(msgspec.Struct):
    """The body of a bulk change."""

    tags: Tags = None
    data: str | None = None


async def open_session(request: Request) -> Response:
    """POST /v1/inbox/session → 201 with a token, the unread counts and what the widget needs to know.

    The hash is checked whenever it is sent and required where settings say so; only with a valid one is the profile
    of a known subscriber changed.
    """
    body = await read_body(request, SessionRequest)
    if body.is_keyless:
        raise BadRequest("Please provide a valid application identifier")
    subscriber_id, profile = body.who()
    services = services_of(request)
    if body.application_identifier is None:
        raise invalid("applicationIdentifier", "applicationIdentifier should not be empty")
    environment = await services.environments.find_by_identifier(body.application_identifier)
    if environment is None:
        raise BadRequest("Please provide a valid application identifier")
    if body.subscriber_hash is not None or services.settings.subscriber_hash_required:
        given = body.subscriber_hash or ""
        if not services.environments.is_subscriber_hash(environment, subscriber_id, given):
            raise BadRequest("Please provide a valid HMAC hash")
    trusted = body.subscriber_hash is not None
    token, subscriber = await services.sessions.open(environment, subscriber_id, profile, trusted=trusted)
    unread = _unread(await services.feed.counts(environment, subscriber))
    reply = {
        "token": token,
        "totalUnreadCount": unread["total"],
        "unreadCount": unread,
        "removeNovuBranding": True,
        "isDevelopmentMode": not environment.is_production,
        "maxSnoozeDurationHours": NO_SNOOZE_HOURS,
        "applicationIdentifier": environment.identifier,
        "contextKeys": [],
    }
    return data(reply, 201)


async def list_notifications(request: Request) -> Response:
    """GET /v1/inbox/notifications → 200 `{data, hasMore, filter}`, newest first; `filter` echoes what was received."""
    caller = await authenticate_session(request)
    limit = query_int(request, "limit", 10, 1, 100)
    offset = query_int(request, "offset", 0, 0, 1_000_000)
    wanted, echo = _query_filter(request)
    select, feed = wanted.select(), services_of(request).feed
    if after := request.query_params.get("after"):
        cursor = parse_object_id(after, "after")
        found = await feed.page_after(caller.environment, caller.subscriber, select, limit, cursor)
    else:
        found = await feed.page(caller.environment, caller.subscriber, select, limit, skip=offset)
    return page({"data": await _views(request, caller, found.messages), "hasMore": found.has_more, "filter": echo})


async def count_notifications(request: Request) -> Response:
    """GET /v1/inbox/notifications/count?filters=[…] → 200 `{data: [{count, filter}]}` in the order asked; capped."""
    caller = await authenticate_session(request)
    text = request.query_params.get("filters", "")
    raw: list[dict[str, Any]] = parse_json(text.encode(errors="surrogatepass"), list[dict[str, Any]]) if text else [{}]
    if len(raw) > MAX_FILTERS:
        raise invalid("filters", f"filters must contain no more than {MAX_FILTERS} elements")
    selects = [_convert_filter(item).select() for item in raw]
    counts = await services_of(request).feed.count_each(caller.environment, caller.subscriber, selects)
    return page({"data": [{"count": min(n, COUNT_CAP), "filter": item} for n, item in zip(counts, raw, strict=True)]})


async def mark_read(request: Request) -> Response:
    """PATCH /v1/inbox/notifications/:id/read → 200 the notification, read and seen."""
    return await _mark_one(request, INBOX_READ)


async def mark_unread(request: Request) -> Response:
    """PATCH /v1/inbox/notifications/:id/unread → 200 the notification: unread, still seen, not archived."""
    return await _mark_one(request, INBOX_UNREAD)


async def complete(request: Request) -> Response:
    """PATCH /v1/inbox/notifications/:id/complete → 200 the notification with that button done."""
    return await _press(request, "done")


async def revert(request: Request) -> Response:
    """PATCH /v1/inbox/notifications/:id/revert → 200 the notification with that button pending."""
    return await _press(request, "pending")


async def mark_seen(request: Request) -> Response:
    """POST /v1/inbox/notifications/seen → 204: the named ones, none for `[]`, all without ids; unknown ids ignored."""
    caller = await authenticate_session(request)
    body = await read_body(request, Seen)
    marks = services_of(request).marks
    if isinstance(body.notification_ids, list):
        ids = [parse_object_id(text, "notificationIds") for text in body.notification_ids]
        await marks.mark(caller.environment, caller.subscriber, ids, INBOX_SEEN)
    else:
        Filter(tags=body.tags, data=body.data).select()
        await marks.mark_all(caller.environment, caller.subscriber, INBOX_SEEN)
    return no_content()


async def mark_all_read(request: Request) -> Response:
    """POST /v1/inbox/notifications/read → 204: every notification becomes read and seen."""
    caller = await authenticate_session(request)
    body = await read_body(request, BulkFilter)
    Filter(tags=body.tags, data=body.data).select()
    await services_of(request).marks.mark_all(caller.environment, caller.subscriber, INBOX_READ)
    return no_content()


async def delete(request: Request) -> Response:
    """DELETE /v1/inbox/notifications/:id/delete → 204: gone for good."""
    caller = await authenticate_session(request)
    await services_of(request).marks.delete(caller.environment, caller.subscriber, _notification_id(request))
    return no_content()


async def _mark_one(request: Request, change: Change) -> Response:
    caller = await authenticate_session(request)
    marks = services_of(request).marks
    message = await marks.mark_one(caller.environment, caller.subscriber, _notification_id(request), change)
    return data((await _views(request, caller, [message]))[0])


async def _press(request: Request, status: str) -> Response:
    caller = await authenticate_session(request)
    notification_id = _notification_id(request)
    body = await read_body(request, ButtonAction)
    marks = services_of(request).marks
    message = await marks.complete(caller.environment, caller.subscriber, notification_id, body.action_type, status)
    return data((await _views(request, caller, [message]))[0])


def _notification_id(request: Request) -> str:
    return parse_object_id(path_param(request, "notificationId"), "notificationId")


async def _views(request: Request, caller: SessionCaller, messages: list[Message]) -> list[dict[str, Any]]:
    services, to = services_of(request), subscriber_card(caller.subscriber)
    return [inbox_notification(message, to, await _workflow_of(services, caller, message)) for message in messages]


async def _workflow_of(services: Services, caller: SessionCaller, message: Message) -> dict[str, Any]:
    """The workflow's short form; of a deleted one what the message still tells."""
    stored = message.stored
    workflow = await services.workflows.find(caller.environment, stored.template_identifier)
    if workflow and workflow.id == stored.template_id:
        return workflow_summary(workflow)
    named = {"id": stored.template_id, "identifier": stored.template_identifier, "name": stored.template_identifier}
    return named | {"critical": False, "tags": stored.tags, "severity": "none"}


def _query_filter(request: Request) -> tuple[Filter, dict[str, Any]]:
    """The filter of a list query, and the echo of just the parameters received, typed."""
    names = ("read", "seen", "archived", "snoozed")
    echo: dict[str, Any] = {name: flag for name in names if (flag := query_bool(request, name)) is not None}
    if severities := request.query_params.getlist("severity[]"):
        echo["severity"] = severities
    elif single := request.query_params.getlist("severity"):
        echo["severity"] = single[0] if len(single) == 1 else single
    if tags := query_list(request, "tags"):
        echo["tags"] = tags
    if wanted := request.query_params.get("data"):
        echo["data"] = parse_json(wanted.encode(errors="surrogatepass"), dict[str, Any])
    return _convert_filter(echo), echo


def _convert_filter(raw: dict[str, Any]) -> Filter:
    try:
        return msgspec.convert(raw, Filter)
    except msgspec.ValidationError as error:
        raise invalid("general", str(error)) from None


def _unread(counts: Counts) -> dict[str, Any]:
    """Unread and not snoozed, in all and by severity, each capped at 100."""
    severity = {name: min(getattr(counts, name), COUNT_CAP) for name in ("high", "medium", "low", "none")}
    return {"total": min(counts.badge, COUNT_CAP), "severity": severity}
