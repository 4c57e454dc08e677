"""`/v1/messages`: every message of the environment, and editing and retracting them."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta
from starlette.requests import Request
from starlette.responses import Response

from inbox.errors import BadRequest, NotFound
from inbox.http.auth import ApiCaller, services_of
from inbox.http.operation import operation
from inbox.http.queries import LIMIT, ContextKeys, OfSubscriber, PageNumber, Transactions
from inbox.http.requests import path_param
from inbox.http.responses import Bare, Data, bare, data, no_content
from inbox.http.target import Target, contexts_of, feeds_of
from inbox.ids import parse_object_id, parse_subscriber_id
from inbox.models import wire
from inbox.models.message import Message
from inbox.models.message_edit import MessageEdit
from inbox.models.message_views import encoded_entity
from inbox.models.workflow import ChannelType
from inbox.routes.feed import unknown_reference

MAX_LIMIT = 1_000


class OfChannel(msgspec.Struct, rename="camel"):
    channel: Annotated[ChannelType | None, Meta(description="Only of this channel: messages are of `in_app`")] = None


class ListMessages(OfChannel):
    """Which messages. The handler refuses a limit over 1,000 with 400, as the original does."""

    page: PageNumber = 0
    limit: Annotated[int, LIMIT, Meta(ge=1, extra_json_schema={"maximum": MAX_LIMIT})] = 10
    subscriber_id: OfSubscriber = ""
    transaction_id: Transactions = []
    context_keys: ContextKeys = None


@operation("GET /v1/messages", "listMessages", errors=[404])
async def list_messages(
    request: Request, caller: ApiCaller, query: ListMessages
) -> Bare[wire.PageReply[wire.MessageReply]]:
    """List messages, newest first.

    The list of one subscriber has every message, any other those of the last 30 days. `totalCount` counts up to the end
    of this page. An unknown subscriber is 404.
    """
    if query.limit > MAX_LIMIT:
        raise BadRequest(f"Limit can not be larger then {MAX_LIMIT}")
    services, environment, skip = services_of(request), caller.environment, query.page * query.limit
    subscriber = None
    if query.subscriber_id:
        subscriber = await services.subscribers.get(environment, parse_subscriber_id(query.subscriber_id))
    messages: list[Message] = []
    has_more = False
    if query.channel in (None, "in_app"):
        contexts = contexts_of(query.context_keys) if query.context_keys else None
        messages, has_more = await services.message_list.find(
            environment, subscriber, query.transaction_id, contexts, skip, query.limit
        )
    views = [encoded_entity(message, environment) for message in messages]
    total = skip + len(views) + has_more
    return bare({"page": query.page, "totalCount": total, "hasMore": has_more, "pageSize": query.limit, "data": views})


@operation("PATCH /v1/messages/{messageId}", "editMessage", errors=[413])
async def edit_message(request: Request, caller: ApiCaller, body: MessageEdit) -> Data[wire.MessageReply]:
    """Change what a message says. Only the fields sent are changed, null removes one.

    Open pages follow. Read, seen, archived and snoozed stay. The same edit once more changes nothing. A message that
    was deleted or has expired is 404.
    """
    message_id = parse_object_id(path_param(request, "messageId"), "messageId")
    message = await services_of(request).revisions.edit(caller.environment, message_id, body)
    return data(encoded_entity(message, caller.environment))


@operation("PATCH /v1/messages/transaction/{transactionId}", "editMessagesOfTransaction", errors=[413])
async def edit_transaction(request: Request, caller: ApiCaller, body: MessageEdit) -> Data[wire.EditedReply]:
    """Change what the messages of a transaction say.

    Those of all its recipients of the last 30 days that are still there. If nothing matches, the answer is 404.
    """
    transaction_id = path_param(request, "transactionId")
    edited = await services_of(request).revisions.edit_transaction(caller.environment, transaction_id, body)
    if not any(edited):
        raise NotFound(f"No message of the transaction {transaction_id} was found")
    return data({"updated": edited.updated, "unchanged": edited.unchanged})


@operation(
    "PATCH /v1/subscribers/{subscriberId}/messages/reference/{externalReference}",
    "editReferencedMessages",
    errors=[413],
)
async def edit_referenced(request: Request, target: Target, body: MessageEdit) -> Data[wire.EditedReply]:
    """Change what the messages with an external reference say.

    Those of one subscriber, however old they are. If nothing matches, the answer is 404.
    """
    reference, feeds = path_param(request, "externalReference"), await feeds_of(request, target)
    edited = await services_of(request).revisions.edit_referenced(feeds, reference, body)
    if not any(edited):
        raise unknown_reference(reference)
    return data({"updated": edited.updated, "unchanged": edited.unchanged})


@operation("DELETE /v1/subscribers/{subscriberId}/messages/reference/{externalReference}", "deleteReferencedMessages")
async def delete_referenced(request: Request, target: Target) -> Response:
    """Retract the messages with an external reference. If nothing matches, the answer is 404."""
    reference, feeds = path_param(request, "externalReference"), await feeds_of(request, target)
    if not await services_of(request).revisions.retract_referenced(feeds, reference):
        raise unknown_reference(reference)
    return no_content()


@operation("DELETE /v1/messages/{messageId}", "deleteMessage")
async def delete_message(request: Request, caller: ApiCaller) -> Data[wire.Acknowledged]:
    """Retract a message: it is deleted, and open pages drop it."""
    message_id = parse_object_id(path_param(request, "messageId"), "messageId")
    await services_of(request).revisions.retract(caller.environment, message_id)
    return data({"acknowledged": True, "status": "deleted"})


@operation("DELETE /v1/messages/transaction/{transactionId}", "deleteMessagesOfTransaction")
async def delete_transaction(request: Request, caller: ApiCaller, query: OfChannel) -> Response:
    """Retract the messages of a transaction, for all its recipients. If nothing matches, the answer is 404."""
    transaction_id = path_param(request, "transactionId")
    deleted = 0
    if query.channel in (None, "in_app"):
        deleted = await services_of(request).revisions.retract_transaction(caller.environment, transaction_id)
    if not deleted:
        raise NotFound(f"Invalid transactionId or channel {transaction_id}")
    return no_content()
