"""`/v1/widgets`: what only the pages of older clients call (rest-inbox.md §14); the rest are the handlers of v1."""

from __future__ import annotations

import contextlib
from typing import Annotated, Any

import msgspec
from msgspec import Meta
from starlette.requests import Request
from starlette.responses import Response

from inbox.errors import BadRequest, NotFound
from inbox.ids import is_object_id, parse_object_id
from inbox.models.organization import organization_view
from inbox.models.session import WidgetSessionRequest
from inbox.models.subscriber import Subscriber
from inbox.routes.access import services_of
from inbox.routes.feed import counted, flags_wanted, mark_every
from inbox.routes.reading import path_param, query_bool, query_list, read_body
from inbox.routes.replies import data, json_reply, no_content
from inbox.routes.who import feeds_of, who_of
from inbox.service.feed.notification_filter import EVERYTHING, NotificationFilter
from inbox.store.changes import V1_MARKS_ALL, Change
from inbox.store.rows import ALL, SNOOZED, UNREAD, UNSEEN

COUNT_LIMIT = 100
MAX_DELETED = 100


class InFeeds(msgspec.Struct, rename="camel"):
    """The body of messages/read and messages/seen: identifiers of named feeds, or nothing for everything."""

    feed_id: str | list[str] | None = None


class BulkDelete(msgspec.Struct, rename="camel"):
    """The body of bulk/delete."""

    message_ids: Annotated[list[str], Meta(min_length=1, max_length=MAX_DELETED)]


class UsageLog(msgspec.Struct):
    """The body of usage/log. Nothing of it is kept."""

    name: str
    payload: Any = None


async def open_session(request: Request) -> Response:
    """POST /v1/widgets/session/initialize → 201 `{token, profile}`; the hash is checked as for `/v1/inbox/session`."""
    body = await read_body(request, WidgetSessionRequest)
    subscriber_id, profile = body.who()
    sessions = services_of(request).sessions
    environment = await sessions.admit(body.application_identifier, subscriber_id, body.hmac_hash)
    trusted = body.hmac_hash is not None
    token, subscriber = await sessions.open(environment, subscriber_id, profile, trusted=trusted)
    return data({"token": token, "profile": _profile(subscriber)}, 201)


async def count_unseen(request: Request) -> Response:
    """GET /v1/widgets/notifications/unseen → 200 `{count}`; `seen` (default false), `feedIdentifier`, `limit`."""
    who = await who_of(request)
    select = ALL.where(UNSEEN, not query_bool(request, "seen"))
    return await counted(request, who, select, query_list(request, "feedIdentifier"), _count_limit(request))


async def count_unread(request: Request) -> Response:
    """GET /v1/widgets/notifications/unread → 200 `{count}`: the badge, so without what is snoozed; or `read=true`."""
    who = await who_of(request)
    is_read = bool(query_bool(request, "read"))
    select = ALL.where(UNREAD, not is_read).where(SNOOZED, None if is_read else False)
    return await counted(request, who, select, query_list(request, "feedIdentifier"), _count_limit(request))


async def count(request: Request) -> Response:
    """GET /v1/widgets/notifications/count → 200 `{count}` of `seen` and `read`; with neither, of what is unseen."""
    who = await who_of(request)
    select = flags_wanted(request)
    if select == ALL:
        select = ALL.where(UNSEEN, True)
    return await counted(request, who, select, query_list(request, "feedIdentifier"), _count_limit(request))


async def mark_all_read(request: Request) -> Response:
    """POST /v1/widgets/messages/read → 201, how many changed."""
    return await _mark_every(request, V1_MARKS_ALL["read"])


async def mark_all_seen(request: Request) -> Response:
    """POST /v1/widgets/messages/seen → 201, how many changed."""
    return await _mark_every(request, V1_MARKS_ALL["seen"])


async def delete_message(request: Request) -> Response:
    """DELETE /v1/widgets/messages/:messageId → 200 `{}`, also when there is no such message; 400 for no id."""
    who = await who_of(request)
    message_id = path_param(request, "messageId")
    if not is_object_id(message_id):
        raise BadRequest("messageId must be a mongodb id")
    with contextlib.suppress(NotFound):
        await services_of(request).marks.delete(await feeds_of(request, who), message_id.lower())
    return json_reply({})


async def delete_many(request: Request) -> Response:
    """POST /v1/widgets/messages/bulk/delete → 200 `{}`; unknown ids are ignored."""
    who = await who_of(request)
    body = await read_body(request, BulkDelete)
    ids = [parse_object_id(text, "messageIds") for text in body.message_ids]
    await services_of(request).marks.delete_many(await feeds_of(request, who), ids)
    return json_reply({})


async def delete_all(request: Request) -> Response:
    """DELETE /v1/widgets/messages → 204: everything, or what is in the named feed whose `_id` is `feedId`; 404."""
    who = await who_of(request)
    services = services_of(request)
    feed_id = request.query_params.get("feedId")
    wanted = EVERYTHING
    if feed_id:
        wanted = NotificationFilter(feed_ids=frozenset({(await services.named_feeds.get(who.environment, feed_id)).id}))
    await services.marks.delete_all(await feeds_of(request, who), wanted)
    return no_content()


async def get_organization(request: Request) -> Response:
    """GET /v1/widgets/organization → 200 name and looks."""
    who = await who_of(request)
    organization = await services_of(request).organization.get(who.environment)
    return data(organization_view(organization, who.environment))


async def log_usage(request: Request) -> Response:
    """POST /v1/widgets/usage/log → 201 `{success}`; nothing is kept."""
    await who_of(request)
    await read_body(request, UsageLog)
    return data({"success": True}, 201)


async def _mark_every(request: Request, change: Change) -> Response:
    who = await who_of(request)
    body = await read_body(request, InFeeds)
    return await mark_every(request, who, change, body.feed_id)


def _profile(subscriber: Subscriber) -> dict[str, Any]:
    named = {name: subscriber.profile.get(name) for name in ("firstName", "lastName", "phone")}
    return {"_id": subscriber.oid} | {name: value for name, value in named.items() if value is not None}


def _count_limit(request: Request) -> int:
    """Where a count stops. What is no number counts as none given; out of range is 400 here, elsewhere 422."""
    try:
        limit = float(request.query_params.get("limit", COUNT_LIMIT))
    except ValueError:
        return COUNT_LIMIT
    if limit != limit:  # NaN, which a client writes for a limit it has not
        return COUNT_LIMIT
    if limit < 1:
        raise BadRequest("limit must not be less than 1")
    if limit > COUNT_LIMIT:
        raise BadRequest(f"limit must not be greater than {COUNT_LIMIT}")
    return int(limit)
