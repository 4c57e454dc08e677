"""The v1 feed of a `Target`, for backends (`/v1/subscribers/{subscriberId}/…`) and older pages (`/v1/widgets/…`)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType
from starlette.requests import Request

from inbox.errors import BadRequest, NotFound, ValidationFailed, invalid
from inbox.http.auth import services_of
from inbox.http.operation import operation
from inbox.http.polls import Poll
from inbox.http.queries import LENIENT, LIMIT, FeedIdentifiers, PageQuery, ReadFlag, SeenFlag
from inbox.http.requests import path_param
from inbox.http.responses import Bare, Data, bare, data
from inbox.http.target import Target, feeds_of
from inbox.ids import parse_object_id
from inbox.models import wire
from inbox.models.environment import Environment
from inbox.models.message import Message, parse_button_type
from inbox.models.message_views import encoded_mark_view, entity, feed_item
from inbox.models.subscriber import Subscriber, subscriber_card, subscriber_view
from inbox.models.workflow import Workflow
from inbox.service.feed.feed import parse_payload_filter, payload_test
from inbox.service.feed.notification_filter import NotificationFilter
from inbox.service.workflows.views import workflow_template
from inbox.store.changes import UNSEEN_ROWS, V1_MARKS, V1_MARKS_ALL, Change, legacy_mark
from inbox.store.rows import ALL, UNREAD, UNSEEN, Select

MAX_MARKED = 1_000
MAX_REFERENCE_LENGTH = 255
DEFAULT_COUNT_LIMIT = 100
MAX_COUNT_LIMIT = 1_000

Mark = Literal["read", "seen", "unread", "unseen"]
Reference = Annotated[str, Meta(min_length=1, max_length=MAX_REFERENCE_LENGTH)]
MessageIds = str | Annotated[list[str], Meta(max_length=MAX_MARKED)]


class ListFeed(PageQuery):
    seen: SeenFlag = None
    read: ReadFlag = None
    feed_identifier: FeedIdentifiers = []
    payload: Annotated[str, Meta(description="The text of a JSON object: what the message's payload must hold")] = ""


class CountUnseen(msgspec.Struct, rename="camel"):
    """Selects the counted messages. The count stops at `limit`; 0 stands for the default."""

    limit: Annotated[int, LIMIT, LENIENT, Meta(ge=0, le=MAX_COUNT_LIMIT)] = DEFAULT_COUNT_LIMIT
    seen: SeenFlag = None
    feed_id: Annotated[list[str], Meta(description="Only of named feeds")] = []
    feed_identifier: FeedIdentifiers = []


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


@operation(
    ["GET /v1/subscribers/{subscriberId}/notifications/feed", "GET /v1/widgets/notifications/feed"],
    "list{}Messages",
    unknown=400,
)
async def get_feed(
    request: Request, target: Target, poll: Poll, query: ListFeed
) -> Bare[wire.CountedPageReply[wire.FeedItem]]:
    """List the messages of a feed, newest first.

    `totalCount` counts from this page's offset and stops at `limit`, as in the original.
    """
    payload = parse_payload_filter(query.payload) if query.payload else None
    content_test = payload_test(payload) if payload else None
    feed_ids = await named_feeds(request, target.environment, query.feed_identifier)
    filtered = NotificationFilter(select_flags(query.seen, query.read), feed_ids=feed_ids)
    feeds, size = await feeds_of(request, target), query.limit
    read = await services_of(request).feed.page(
        feeds, filtered, size, skip=query.page * size, content_test=content_test
    )
    if feed_ids is None:  # else the answer depends on the list of named feeds, too
        poll.read_at(read.positions)
    items = await _items(target, read.messages)
    return bare(
        {"data": items, "totalCount": len(items), "hasMore": read.has_more, "pageSize": size, "page": query.page}
    )


@operation("GET /v1/subscribers/{subscriberId}/notifications/unseen", "countSubscriberUnseenMessages", unknown=400)
async def count_unseen(request: Request, target: Target, poll: Poll, query: CountUnseen) -> Data[wire.UnseenReply]:
    """Count unseen messages. The count stops at `limit`; `seen` is false by default."""
    select = ALL.where(UNSEEN, not query.seen)
    return await counted(
        request, target, poll, select, [*query.feed_id, *query.feed_identifier], query.limit or DEFAULT_COUNT_LIMIT
    )


@operation(
    ["POST /v1/subscribers/{subscriberId}/messages/mark-as", "POST /v1/widgets/messages/mark-as"],
    "mark{}MessagesAs",
    status=201,
)
async def mark_as(request: Request, target: Target, body: MarkAs) -> Data[list[wire.MarkedMessage]]:
    """Mark messages as seen, read, unseen or unread.

    Unknown ids are ignored. Instead of `messageId`, ours also takes `externalReference`, or `transactionId` among the
    newest 1,000 messages.
    """
    change = V1_MARKS[body.mark_as]
    if body.message_id is UNSET:
        messages = await _mark_referenced(request, target, body, change)
    elif body.transaction_id is not UNSET or body.external_reference is not UNSET:
        raise invalid("messageId", "messageId must not be given together with transactionId or externalReference")
    else:
        messages = await _mark(request, target, message_ids(body.message_id), change)
    return data([encoded_mark_view(message, target.environment) for message in messages], 201)


@operation(
    ["POST /v1/subscribers/{subscriberId}/messages/markAs", "POST /v1/widgets/messages/markAs"],
    "set{}MessageFlags",
    status=201,
)
async def mark_as_legacy(request: Request, target: Target, body: LegacyMarkAs) -> Data[list[wire.FeedItem]]:
    """Set the flags of messages. Only the flags given are set. A malformed id is 422 for a backend, 400 for a page."""
    try:
        ids = message_ids(body.message_id)
    except ValidationFailed as error:
        raise error if target.is_backend else BadRequest("messageId must be a mongodb id") from None
    messages = await _mark(request, target, ids, legacy_mark(body.mark.seen, body.mark.read))
    return data(await _items(target, messages), 201)


@operation("POST /v1/subscribers/{subscriberId}/messages/mark-all", "markAllSubscriberMessages", status=201)
async def mark_all(request: Request, target: Target, body: MarkAll) -> Data[wire.Count]:
    """Mark every message. The answer is how many changed."""
    return await mark_every(request, target, V1_MARKS_ALL[body.mark_as], body.feed_identifier)


@operation(
    [
        "POST /v1/subscribers/{subscriberId}/messages/{messageId}/actions/{type}",
        "POST /v1/widgets/messages/{messageId}/actions/{type}",
    ],
    "set{}MessageActionStatus",
    status=201,
    unknown=400,
)
async def act(request: Request, target: Target, body: MessageAction) -> Data[wire.ActedMessage]:
    """Set the status of a message's button.

    The answer is the whole message, with subscriber and template. Read and seen are left alone; whether the button
    exists is not checked. An unknown message and that of another subscriber are both 404.
    """
    kind = parse_button_type(path_param(request, "type"), "type")
    message_id = parse_object_id(path_param(request, "messageId"), "messageId")
    services, environment = services_of(request), target.environment
    feeds = await feeds_of(request, target)
    message = await services.marks.act(feeds, message_id, kind, body.status, body.payload)
    workflow = await services.workflows.find(environment, message.stored.template_identifier)
    return data(_acted(message, target.environment, await target.subscriber(), workflow), 201)


@operation(
    "POST /v1/subscribers/{subscriberId}/messages/reference/{externalReference}/actions/{type}",
    "setReferencedMessagesActionStatus",
    status=201,
)
async def act_referenced(request: Request, target: Target, body: MessageAction) -> Data[list[wire.FeedItem]]:
    """Set the status of a button of the messages with an external reference.

    Those of one subscriber, however old they are. If nothing matches, the answer is 404.
    """
    kind = parse_button_type(path_param(request, "type"), "type")
    reference, feeds = path_param(request, "externalReference"), await feeds_of(request, target)
    messages = await services_of(request).marks.act_referenced(feeds, reference, kind, body.status, body.payload)
    if not messages:
        raise unknown_reference(reference)
    return data(await _items(target, messages), 201)


def unknown_reference(reference: str) -> NotFound:
    return NotFound(f"No message with the externalReference {reference} was found")


@wire.without_nulls
def _acted(
    message: Message, environment: Environment, subscriber: Subscriber, workflow: Workflow | None
) -> wire.ActedMessage:
    is_current = workflow and workflow.id == message.stored.template_id
    return {
        **entity(message, environment),
        "subscriber": subscriber_view(subscriber, environment),
        "template": workflow_template(workflow, environment) if workflow and is_current else None,
    }


async def _items(target: Target, messages: Sequence[Message]) -> list[wire.FeedItem]:
    card = wire.encoded(subscriber_card(await target.subscriber()))
    return [feed_item(message, card, target.environment) for message in messages]


def select_flags(seen: bool | None, read: bool | None) -> Select:
    return ALL.where_not(UNSEEN, seen).where_not(UNREAD, read)


async def counted(
    request: Request, target: Target, poll: Poll, select: Select, identifiers: Sequence[str], limit: int
) -> Data[wire.UnseenReply]:
    """Answer with the number of rows, up to `limit`, in the named feeds if there are identifiers."""
    feed_ids = await named_feeds(request, target.environment, identifiers)
    feeds = await feeds_of(request, target)
    feed = services_of(request).feed
    if select == UNSEEN_ROWS and feed_ids is None:
        read = await feed.unseen(feeds)
    else:
        read = await feed.count_each(feeds, [NotificationFilter(select, feed_ids=feed_ids)], limit)
    if feed_ids is None:  # else the answer depends on the list of named feeds, too
        poll.read_at(read.positions)
    return data({"count": min(read.counts[0], limit)})


async def mark_every(
    request: Request, target: Target, change: Change, identifiers: str | list[str] | None
) -> Data[wire.Count]:
    """Change every message, in the named feeds if there are identifiers, and answer with their number."""
    listed = [identifiers] if isinstance(identifiers, str) else identifiers or []
    filtered = NotificationFilter(feed_ids=await named_feeds(request, target.environment, listed))
    return data(await services_of(request).marks.mark_where(await feeds_of(request, target), change, filtered), 201)


async def named_feeds(request: Request, environment: Environment, identifiers: Sequence[str]) -> frozenset[str] | None:
    """Return the `_id`s of the named feeds with these identifiers or comma lists, None without identifiers."""
    names = {part for text in identifiers for part in (text, *text.split(",")) if part}
    return await services_of(request).named_feeds.ids_of(environment, names) if names else None


async def _mark(request: Request, target: Target, ids: Sequence[str], change: Change) -> list[Message]:
    return await services_of(request).marks.mark(await feeds_of(request, target), ids, change)


async def _mark_referenced(request: Request, target: Target, body: MarkAs, change: Change) -> list[Message]:
    transaction_id = None if body.transaction_id is UNSET else body.transaction_id
    reference = None if body.external_reference is UNSET else body.external_reference
    if transaction_id is None and reference is None:
        raise invalid("messageId", "messageId, transactionId or externalReference is required")
    marks, feeds = services_of(request).marks, await feeds_of(request, target)
    ids = await marks.ids_by_labels(feeds, transaction_id=transaction_id, external_reference=reference)
    return await marks.mark(feeds, ids, change)


def message_ids(value: str | list[str]) -> list[str]:
    """Parse one id, a comma list or a list. Raise BadRequest for no id, ValidationFailed for a malformed one."""
    listed = value.split(",") if isinstance(value, str) else value
    ids = [text.strip() for text in listed if text.strip()]
    if not ids:
        raise BadRequest("messageId is required")
    if len(ids) > MAX_MARKED:
        raise invalid("messageId", f"messageId must contain no more than {MAX_MARKED} elements")
    return [parse_object_id(text, "messageId") for text in ids]
