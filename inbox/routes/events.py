"""`/v1/events`: triggers (rest-server.md §5)."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from inbox.models.trigger import BroadcastRequest, BulkRequest, TriggerRequest, parse_transaction_id
from inbox.routes.access import authenticate, services_of
from inbox.routes.reading import MIB, TRIGGER_LIMIT_BYTES, path_param, read_body
from inbox.routes.replies import data

BULK_LIMIT_BYTES = 26 * MIB


async def trigger(request: Request) -> Response:
    """POST /v1/events/trigger → 201 TriggerReply, after the messages are stored."""
    caller = await authenticate(request)
    body = await read_body(request, TriggerRequest, TRIGGER_LIMIT_BYTES)
    outcome = await services_of(request).delivery.trigger(caller.environment, body, _idempotency_key(request))
    return data(outcome.view(), 201)


async def trigger_bulk(request: Request) -> Response:
    """POST /v1/events/trigger/bulk → 201 a TriggerReply for each event, in order; 422 for more than 100."""
    caller = await authenticate(request)
    events = (await read_body(request, BulkRequest, BULK_LIMIT_BYTES)).checked()
    delivery = services_of(request).delivery
    outcomes = await delivery.trigger_many(caller.environment, events, _idempotency_key(request))
    return data([outcome.view() for outcome in outcomes], 201)


async def broadcast(request: Request) -> Response:
    """POST /v1/events/trigger/broadcast → 201 TriggerReply, after every subscriber has its message."""
    caller = await authenticate(request)
    body = await read_body(request, BroadcastRequest, TRIGGER_LIMIT_BYTES)
    outcome = await services_of(request).delivery.broadcast(caller.environment, body, _idempotency_key(request))
    return data(outcome.view(), 201)


async def cancel(request: Request) -> Response:
    """DELETE /v1/events/trigger/:transactionId → 200 false: a trigger is carried out at once, nothing waits."""
    await authenticate(request)
    parse_transaction_id(path_param(request, "transactionId"))
    return data(False)


def _idempotency_key(request: Request) -> str | None:
    return request.headers.get("idempotency-key")
