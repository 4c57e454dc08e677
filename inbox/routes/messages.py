"""`/v1/messages`: every message of the environment, and deleting them (rest-server.md §8)."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from inbox.errors import BadRequest, NotFound, invalid
from inbox.ids import parse_object_id, parse_subscriber_id
from inbox.models.message import Message, entity
from inbox.models.workflow import CHANNELS
from inbox.routes.access import authenticate, services_of
from inbox.routes.reading import path_param, query_int, query_list
from inbox.routes.replies import data, no_content, page
from inbox.routes.who import contexts_of

MAX_PAGE = 1_000_000
MAX_LIMIT = 1_000


async def list_messages(request: Request) -> Response:
    """GET /v1/messages → 200 `{page, totalCount, hasMore, pageSize, data}`, newest first; 404 unknown subscriber.

    Of one subscriber every message, else those of the last 30 days. `totalCount` counts up to the end of this page.
    """
    caller = await authenticate(request)
    number = query_int(request, "page", 0, 0, MAX_PAGE)
    limit = query_int(request, "limit", 10, 1, 1 << 31)
    if limit > MAX_LIMIT:
        raise BadRequest(f"Limit can not be larger then {MAX_LIMIT}")
    transactions = [one for one in query_list(request, "transactionId") if one]
    contexts = query_list(request, "contextKeys")
    named = request.query_params.get("subscriberId")
    services, environment, skip = services_of(request), caller.environment, number * limit
    subscriber = None
    if named:
        subscriber = await services.subscribers.get(environment, parse_subscriber_id(named))
    messages: list[Message] = []
    has_more = False
    if _channel(request) in (None, "in_app"):
        messages, has_more = await services.message_list.find(
            environment, subscriber, transactions, contexts_of(contexts) if contexts else None, skip, limit
        )
    views = [entity(message, environment) for message in messages]
    total = skip + len(views) + has_more
    return page({"page": number, "totalCount": total, "hasMore": has_more, "pageSize": limit, "data": views})


async def delete_message(request: Request) -> Response:
    """DELETE /v1/messages/:messageId → 200 `{acknowledged, status: "deleted"}`; 404 unknown, 422 no id."""
    caller = await authenticate(request)
    message_id = parse_object_id(path_param(request, "messageId"), "messageId")
    await services_of(request).message_list.delete(caller.environment, message_id)
    return data({"acknowledged": True, "status": "deleted"})


async def delete_transaction(request: Request) -> Response:
    """DELETE /v1/messages/transaction/:transactionId?channel= → 204; 404 when nothing matches."""
    caller = await authenticate(request)
    transaction_id = path_param(request, "transactionId")
    wanted = _channel(request)
    deleted = 0
    if wanted in (None, "in_app"):
        deleted = await services_of(request).message_list.delete_transaction(caller.environment, transaction_id)
    if not deleted:
        raise NotFound(f"Invalid transactionId or channel {transaction_id}")
    return no_content()


def _channel(request: Request) -> str | None:
    value = request.query_params.get("channel") or None
    if value is not None and value not in CHANNELS:
        raise invalid("channel", f"channel must be one of the following values: {', '.join(CHANNELS)}", value)
    return value
