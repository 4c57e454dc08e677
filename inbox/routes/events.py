"""`/v1/events`: triggers (rest-server.md §5)."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from inbox.errors import NotFound
from inbox.models.trigger import BroadcastRequest, BulkRequest, TriggerRequest, parse_transaction_id
from inbox.routes.access import authenticate, services_of
from inbox.routes.reading import MIB, TRIGGER_LIMIT_BYTES, path_param, read_body
from inbox.routes.replies import data
from inbox.service.trigger.dispatches import progress_view

BULK_LIMIT_BYTES = 26 * MIB


async def trigger(request: Request) -> Response:
    """POST /v1/events/trigger → 201 TriggerReply, after the messages are stored; to large topics, accepted durably."""
    caller = await authenticate(request)
    body = await read_body(request, TriggerRequest, TRIGGER_LIMIT_BYTES)
    outcome = await services_of(request).triggers.trigger(caller.environment, body, _idempotency_key(request))
    return data(outcome.view(), 201)


async def trigger_bulk(request: Request) -> Response:
    """POST /v1/events/trigger/bulk → 201 a TriggerReply for each event, in order; 422 for more than 100."""
    caller = await authenticate(request)
    events = (await read_body(request, BulkRequest, BULK_LIMIT_BYTES)).checked()
    triggers = services_of(request).triggers
    outcomes = await triggers.trigger_many(caller.environment, events, _idempotency_key(request))
    return data([outcome.view() for outcome in outcomes], 201)


async def broadcast(request: Request) -> Response:
    """POST /v1/events/trigger/broadcast → 201 TriggerReply, accepted durably; for up to 100 people delivered."""
    caller = await authenticate(request)
    body = await read_body(request, BroadcastRequest, TRIGGER_LIMIT_BYTES)
    outcome = await services_of(request).triggers.broadcast(caller.environment, body, _idempotency_key(request))
    return data(outcome.view(), 201)


async def cancel(request: Request) -> Response:
    """DELETE /v1/events/trigger/:transactionId → 200 true when something was left to be delivered, which is not now."""
    caller = await authenticate(request)
    transaction_id = parse_transaction_id(path_param(request, "transactionId")) or ""
    return data(await services_of(request).triggers.cancel(caller.environment, transaction_id))


async def progress(request: Request) -> Response:
    """GET /v1/events/trigger/:transactionId → 200 DispatchReply: how far a topic or broadcast trigger has come.

    A path of ours. 404 for a transaction that was carried out within its request, or a day ago.
    """
    caller = await authenticate(request)
    transaction_id = path_param(request, "transactionId")
    found = await services_of(request).dispatches.progress(caller.environment, transaction_id)
    if found is None:
        raise NotFound(f"Nothing is carried out behind a request for the transaction {transaction_id}")
    return data({"transactionId": transaction_id, **progress_view(found)})


def _idempotency_key(request: Request) -> str | None:
    return request.headers.get("idempotency-key")
