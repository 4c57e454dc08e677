"""`/v1/widgets`: the operations that only older pages have; they share the others with v1."""

from __future__ import annotations

import contextlib
from typing import Annotated, Any, cast

import msgspec
from msgspec import Meta
from starlette.requests import Request
from starlette.responses import Response

from inbox.errors import BadRequest, NotFound
from inbox.http.auth import services_of
from inbox.http.operation import operation
from inbox.http.polls import Poll
from inbox.http.queries import LIMIT, OBJECT_ID_SCHEMA, FeedIdentifiers, ReadFlag, SeenFlag
from inbox.http.requests import path_param
from inbox.http.responses import Bare, Data, bare, data, no_content
from inbox.http.target import Target, feeds_of
from inbox.ids import is_object_id, parse_object_id
from inbox.models import wire
from inbox.models.organization import organization_view
from inbox.models.session import WidgetSessionRequest
from inbox.routes.feed import counted, mark_every, select_flags
from inbox.service.feed.notification_filter import EVERYTHING, NotificationFilter
from inbox.store.changes import V1_MARKS_ALL
from inbox.store.rows import ALL, SNOOZED, UNREAD, UNSEEN

COUNT_LIMIT = 100
MAX_DELETED = 100


class WidgetCount(msgspec.Struct, rename="camel"):
    limit: Annotated[Any, LIMIT, Meta(extra_json_schema={"type": "integer", "minimum": 1, "maximum": COUNT_LIMIT})] = (
        COUNT_LIMIT
    )
    feed_identifier: FeedIdentifiers = []


class CountBySeen(WidgetCount):
    seen: SeenFlag = None


class CountByRead(WidgetCount):
    read: ReadFlag = None


class CountByFlags(CountBySeen):
    read: ReadFlag = None


class DeleteAll(msgspec.Struct, rename="camel"):
    """Limits the deletion to a named feed. A malformed id is 404, like an unknown one."""

    feed_id: Annotated[Any, Meta(description="Only of this named feed", extra_json_schema=OBJECT_ID_SCHEMA)] = ""


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


@operation("POST /v1/widgets/session/initialize", "openWidgetSession", status=201, errors=[404], is_open=True)
async def open_session(request: Request, body: WidgetSessionRequest) -> Data[wire.WidgetSessionReply]:
    """Open the session of an older page. The hash is checked as for `/v1/inbox/session`."""
    subscriber_id, sent = body.target()
    sessions = services_of(request).sessions
    environment = await sessions.authorize(body.application_identifier, subscriber_id, body.hmac_hash)
    trusted = body.hmac_hash is not None
    token, subscriber = await sessions.open(environment, subscriber_id, sent, trusted=trusted)
    profile = {"_id": subscriber.oid, **subscriber.texts("firstName", "lastName", "phone")}
    return data({"token": token, "profile": cast("wire.WidgetProfile", profile)}, 201)


@operation("GET /v1/widgets/notifications/unseen", "countWidgetUnseenMessages")
async def count_unseen(request: Request, target: Target, poll: Poll, query: CountBySeen) -> Data[wire.UnseenReply]:
    """Count unseen messages. `seen` is false by default."""
    select = ALL.where(UNSEEN, not query.seen)
    return await counted(request, target, poll, select, query.feed_identifier, _count_limit(query.limit))


@operation("GET /v1/widgets/notifications/unread", "countWidgetUnreadMessages")
async def count_unread(request: Request, target: Target, poll: Poll, query: CountByRead) -> Data[wire.UnseenReply]:
    """Count unread messages.

    By default that is the badge, so without snoozed messages; `read=true` counts those that are read.
    """
    is_read = bool(query.read)
    select = ALL.where(UNREAD, not is_read).where(SNOOZED, None if is_read else False)
    return await counted(request, target, poll, select, query.feed_identifier, _count_limit(query.limit))


@operation("GET /v1/widgets/notifications/count", "countWidgetMessages")
async def count(request: Request, target: Target, poll: Poll, query: CountByFlags) -> Data[wire.UnseenReply]:
    """Count messages by their flags. Without `seen` and `read` it counts what is unseen."""
    select = select_flags(query.seen, query.read)
    if select == ALL:
        select = ALL.where(UNSEEN, True)
    return await counted(request, target, poll, select, query.feed_identifier, _count_limit(query.limit))


@operation("POST /v1/widgets/messages/read", "markWidgetMessagesRead", status=201)
async def mark_all_read(request: Request, target: Target, body: InFeeds) -> Data[wire.Count]:
    """Mark every message as read. The answer is how many changed."""
    return await mark_every(request, target, V1_MARKS_ALL["read"], body.feed_id)


@operation("POST /v1/widgets/messages/seen", "markWidgetMessagesSeen", status=201)
async def mark_all_seen(request: Request, target: Target, body: InFeeds) -> Data[wire.Count]:
    """Mark every message as seen. The answer is how many changed."""
    return await mark_every(request, target, V1_MARKS_ALL["seen"], body.feed_id)


@operation("DELETE /v1/widgets/messages/{messageId}", "deleteWidgetMessage")
async def delete_message(request: Request, target: Target) -> Bare[wire.Empty]:
    """Delete a message. An unknown message is ignored; a malformed id is 400."""
    message_id = path_param(request, "messageId")
    if not is_object_id(message_id):
        raise BadRequest("messageId must be a mongodb id")
    target.assumed = await target.subscriber()  # what is unknown may be in a feed that this process has not read of
    with contextlib.suppress(NotFound):
        await services_of(request).marks.delete(await feeds_of(request, target), message_id.lower())
    return bare({})


@operation("POST /v1/widgets/messages/bulk/delete", "deleteWidgetMessagesInBulk")
async def delete_many(request: Request, target: Target, body: BulkDelete) -> Bare[wire.Empty]:
    """Delete several messages. Unknown ids are ignored."""
    ids = [parse_object_id(text, "messageIds") for text in body.message_ids]
    await services_of(request).marks.delete_many(await feeds_of(request, target), ids)
    return bare({})


@operation("DELETE /v1/widgets/messages", "deleteWidgetMessages", errors=[404])
async def delete_all(request: Request, target: Target, query: DeleteAll) -> Response:
    """Delete every message. `feedId`, the `_id` of a named feed, limits that to the feed; an unknown one is 404."""
    services = services_of(request)
    filtered = EVERYTHING
    if query.feed_id:
        feed = await services.named_feeds.get(target.environment, query.feed_id)
        filtered = NotificationFilter(feed_ids=frozenset({feed.id}))
    await services.marks.delete_all(await feeds_of(request, target), filtered)
    return no_content()


@operation("GET /v1/widgets/organization", "getWidgetOrganization")
async def get_organization(request: Request, target: Target) -> Data[wire.OrganizationReply]:
    """Get the organization and its branding."""
    organization = await services_of(request).organization.get(target.environment)
    return data(organization_view(organization, target.environment))


@operation("POST /v1/widgets/usage/log", "logWidgetUsage", status=201)
async def log_usage(_: Target, body: UsageLog) -> Data[wire.Success]:  # noqa: ARG001 (only checked)
    """Log usage, of which nothing is kept."""
    return data({"success": True}, 201)


def _count_limit(limit_or_text: Any) -> int:
    """Return the limit of a count. A text that is no number counts as absent; out of range is 400, elsewhere 422."""
    try:
        limit = float(limit_or_text)
    except ValueError:
        return COUNT_LIMIT
    if limit != limit:  # NaN, which clients send for a missing limit
        return COUNT_LIMIT
    if limit < 1:
        raise BadRequest("limit must not be less than 1")
    if limit > COUNT_LIMIT:
        raise BadRequest(f"limit must not be greater than {COUNT_LIMIT}")
    return int(limit)
