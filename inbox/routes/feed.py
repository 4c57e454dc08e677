"""The v1 feed: reading, counting, marking, actions.

For backends (`/v1/subscribers/{subscriberId}/…`, rest-server.md §3) and for pages of older clients (`/v1/widgets/…`,
rest-inbox.md §14): both faces share the handlers, `who_of` tells whose feed it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType
from starlette.requests import Request
from starlette.responses import Response

from inbox.errors import BadRequest, ValidationFailed, invalid
from inbox.ids import parse_object_id
from inbox.models.environment import Environment
from inbox.models.message import Message, entity, mark_view
from inbox.models.subscriber import Subscriber, subscriber_card, subscriber_view
from inbox.routes.access import services_of
from inbox.routes.reading import path_param, query_bool, query_int, query_list, read_body
from inbox.routes.replies import data, page
from inbox.routes.who import Who, feeds_of, who_of
from inbox.service.feed.feed import parse_payload_filter, payload_test
from inbox.service.feed.notification_filter import NotificationFilter
from inbox.service.workflows.views import workflow_template
from inbox.store.changes import UNSEEN_ROWS, V1_MARKS, V1_MARKS_ALL, Change, legacy_mark
from inbox.store.rows import ALL, UNREAD, UNSEEN, Select

MAX_PAGE = 1_000_000
MAX_MARKED = 1_000
MAX_REFERENCE_LENGTH = 255
DEFAULT_COUNT_LIMIT = 100
MAX_COUNT_LIMIT = 1_000

Mark = Literal["read", "seen", "unread", "unseen"]
Reference = Annotated[str, Meta(min_length=1, max_length=MAX_REFERENCE_LENGTH)]
MessageIds = str | Annotated[list[str], Meta(max_length=MAX_MARKED)]


class MarkAs(msgspec.Struct, rename="camel"):
    """The body of mark-as: the messages by their ids, by their transaction or by the producer's reference."""

    mark_as: Mark
    message_id: MessageIds | UnsetType = UNSET
    transaction_id: Reference | UnsetType = UNSET
    external_reference: Reference | UnsetType = UNSET


class LegacyFlags(msgspec.Struct):
    """The flags of the older markAs."""

    seen: bool | None = None
    read: bool | None = None


class LegacyMarkAs(msgspec.Struct, rename="camel"):
    """The body of the older markAs, which answers a missing `messageId` with 400."""

    mark: LegacyFlags
    message_id: MessageIds = ""


class MarkAll(msgspec.Struct, rename="camel"):
    """The body of mark-all."""

    mark_as: Mark
    feed_identifier: str | list[str] | None = None


class MessageAction(msgspec.Struct):
    """The body of an action: the button's new status, and what the press brought along."""

    status: Literal["pending", "done"]
    payload: dict[str, Any] | None = None


async def get_feed(request: Request) -> Response:
    """GET …/notifications/feed → 200 `{data, totalCount, hasMore, pageSize, page}`, newest first.

    `totalCount` counts from this page's offset and stops at `limit`, as in the original.
    """
    who = await who_of(request, unknown=400)
    number = query_int(request, "page", 0, 0, MAX_PAGE)
    limit = query_int(request, "limit", 10, 1, 100)
    payload = request.query_params.get("payload")
    wanted = parse_payload_filter(payload) if payload else None
    holds = payload_test(wanted) if wanted else None
    named = await named_feeds(request, who.environment, query_list(request, "feedIdentifier"))
    filtered = NotificationFilter(flags_wanted(request), feed_ids=named)
    feeds = await feeds_of(request, who)
    read = await services_of(request).feed.page(feeds, filtered, limit, skip=number * limit, holds=holds)
    items = [feed_item(message, who.subscriber, who.environment) for message in read.messages]
    total = len(items)
    return page({"data": items, "totalCount": total, "hasMore": read.has_more, "pageSize": limit, "page": number})


async def count_unseen(request: Request) -> Response:
    """GET …/notifications/unseen → 200 `{data: {count}}`; `seen` (default false), the count stops at `limit`."""
    who = await who_of(request, unknown=400)
    limit = _count_limit(request)
    identifiers = [*query_list(request, "feedId"), *query_list(request, "feedIdentifier")]
    select = ALL.where(UNSEEN, not query_bool(request, "seen"))
    return await counted(request, who, select, identifiers, limit)


async def mark_as(request: Request) -> Response:
    """POST …/messages/mark-as → 201 the marked messages; unknown ids are ignored.

    Instead of `messageId`, ours also takes `transactionId` or `externalReference`, among the newest 1,000 messages.
    """
    who = await who_of(request)
    body = await read_body(request, MarkAs)
    change = V1_MARKS[body.mark_as]
    if body.message_id is UNSET:
        messages = await _mark_referenced(request, who, body, change)
    elif body.transaction_id is not UNSET or body.external_reference is not UNSET:
        raise invalid("messageId", "messageId must not be given together with transactionId or externalReference")
    else:
        messages = await _mark(request, who, message_ids(body.message_id), change)
    return data([mark_view(message, who.environment) for message in messages], 201)


async def mark_as_legacy(request: Request) -> Response:
    """POST …/messages/markAs → 201 the marked messages; sets just the flags given.

    A malformed id is 422 for a backend, 400 for a page.
    """
    who = await who_of(request)
    body = await read_body(request, LegacyMarkAs)
    try:
        ids = message_ids(body.message_id)
    except ValidationFailed as error:
        raise error if who.is_backend else BadRequest("messageId must be a mongodb id") from None
    messages = await _mark(request, who, ids, legacy_mark(body.mark.seen, body.mark.read))
    return data([feed_item(message, who.subscriber, who.environment) for message in messages], 201)


async def mark_all(request: Request) -> Response:
    """POST …/messages/mark-all → 201, how many changed."""
    who = await who_of(request)
    body = await read_body(request, MarkAll)
    return await mark_every(request, who, V1_MARKS_ALL[body.mark_as], body.feed_identifier)


async def act(request: Request) -> Response:
    """POST …/messages/:messageId/actions/:type → 201 the whole message, subscriber and template embedded.

    Read and seen are left alone; whether the button exists is not checked. An unknown message and another
    subscriber's answer alike, 404.
    """
    who = await who_of(request, unknown=400)
    kind = path_param(request, "type")
    if kind not in ("primary", "secondary"):
        raise invalid("type", "type must be one of the following values: primary, secondary", kind)
    message_id = parse_object_id(path_param(request, "messageId"), "messageId")
    body = await read_body(request, MessageAction)
    services, environment = services_of(request), who.environment
    feeds = await feeds_of(request, who)
    message = await services.marks.act(feeds, message_id, kind, body.status, body.payload)
    view = {**entity(message, environment), "subscriber": subscriber_view(who.subscriber, environment)}
    workflow = await services.workflows.find(environment, message.stored.template_identifier)
    if workflow and workflow.id == message.stored.template_id:
        view["template"] = workflow_template(workflow, environment)
    return data(view, 201)


def feed_item(message: Message, subscriber: Subscriber, environment: Environment) -> dict[str, Any]:
    """A message of the v1 feed: the entity with the subscriber's card."""
    return {**entity(message, environment), "subscriber": subscriber_card(subscriber)}


def flags_wanted(request: Request) -> Select:
    """The rows that `seen` and `read` of the query ask for."""
    seen, read = query_bool(request, "seen"), query_bool(request, "read")
    return ALL.where(UNSEEN, _inverse(seen)).where(UNREAD, _inverse(read))


async def counted(request: Request, who: Who, select: Select, identifiers: Sequence[str], limit: int) -> Response:
    """200 `{data: {count}}` of these rows, in the named feeds if there are any identifiers; it stops at `limit`."""
    named = await named_feeds(request, who.environment, identifiers)
    feeds = await feeds_of(request, who)
    feed = services_of(request).feed
    if select == UNSEEN_ROWS and named is None:
        return data({"count": min(await feed.unseen(feeds), limit)})
    return data({"count": min(await feed.count(feeds, NotificationFilter(select, feed_ids=named), limit), limit)})


async def mark_every(request: Request, who: Who, change: Change, identifiers: str | list[str] | None) -> Response:
    """201 how many messages the change was for, in the named feeds if there are any identifiers."""
    listed = [identifiers] if isinstance(identifiers, str) else identifiers or []
    named = await named_feeds(request, who.environment, listed)
    wanted = NotificationFilter(feed_ids=named)
    return data(await services_of(request).marks.mark_all(await feeds_of(request, who), change, wanted), 201)


async def named_feeds(request: Request, environment: Environment, identifiers: Sequence[str]) -> frozenset[str] | None:
    """The `_id`s of the named feeds with these identifiers, which may be lists with commas; None when none is given."""
    named = {part for one in identifiers for part in (one, *one.split(",")) if part}
    return await services_of(request).named_feeds.ids_of(environment, named) if named else None


async def _mark(request: Request, who: Who, ids: Sequence[str], change: Change) -> list[Message]:
    return await services_of(request).marks.mark(await feeds_of(request, who), ids, change)


async def _mark_referenced(request: Request, who: Who, body: MarkAs, change: Change) -> list[Message]:
    transaction_id = None if body.transaction_id is UNSET else body.transaction_id
    reference = None if body.external_reference is UNSET else body.external_reference
    if transaction_id is None and reference is None:
        raise invalid("messageId", "messageId, transactionId or externalReference is required")
    marks, feeds = services_of(request).marks, await feeds_of(request, who)
    ids = await marks.ids_by_labels(feeds, transaction_id=transaction_id, external_reference=reference)
    return await marks.mark(feeds, ids, change)


def message_ids(value: str | list[str]) -> list[str]:
    """Ids as callers send them: one, a comma list, or a list. Raises BadRequest for none, 422 for a malformed one."""
    listed = value.split(",") if isinstance(value, str) else value
    ids = [text.strip() for text in listed if text.strip()]
    if not ids:
        raise BadRequest("messageId is required")
    if len(ids) > MAX_MARKED:
        raise invalid("messageId", f"messageId must contain no more than {MAX_MARKED} elements")
    return [parse_object_id(text, "messageId") for text in ids]


def _inverse(flag: bool | None) -> bool | None:
    return None if flag is None else not flag


def _count_limit(request: Request) -> int:
    text = request.query_params.get("limit", "")
    if not text.removesuffix(".0").lstrip("-").isdecimal():  # what is no number counts as none given
        return DEFAULT_COUNT_LIMIT
    return query_int(request, "limit", DEFAULT_COUNT_LIMIT, 0, MAX_COUNT_LIMIT) or DEFAULT_COUNT_LIMIT
