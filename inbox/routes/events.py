"""`/v1/events`: triggers."""

from __future__ import annotations

from starlette.requests import Request

from inbox.errors import NotFound
from inbox.http.auth import ApiCaller, services_of
from inbox.http.operation import operation
from inbox.http.requests import MIB, TRIGGER_LIMIT_BYTES, header_of, path_param
from inbox.http.responses import Data, data
from inbox.models import wire
from inbox.models.trigger import BroadcastRequest, BulkRequest, TriggerRequest, parse_transaction_id
from inbox.service.trigger.dispatches import progress_view

BULK_LIMIT_BYTES = 26 * MIB
IDEMPOTENCY_KEY = b"idempotency-key"


@operation("POST /v1/events/trigger", "triggerEvent", status=201, limit=TRIGGER_LIMIT_BYTES)
async def trigger(request: Request, caller: ApiCaller, body: TriggerRequest) -> Data[wire.TriggerReply]:
    """Trigger a workflow.

    The answer comes after the messages are stored; a trigger to large topics is accepted durably.
    """
    outcome = await services_of(request).triggers.trigger(caller.environment, body, _idempotency_key(request))
    return data(outcome.view(), 201)


@operation("POST /v1/events/trigger/bulk", "triggerEventsInBulk", status=201, limit=BULK_LIMIT_BYTES)
async def trigger_bulk(request: Request, caller: ApiCaller, body: BulkRequest) -> Data[list[wire.TriggerReply]]:
    """Trigger up to 100 events at once. The answer has a result for each event, in order; more than 100 are 422."""
    triggers = services_of(request).triggers
    outcomes = await triggers.trigger_many(caller.environment, body.checked(), _idempotency_key(request))
    return data([outcome.view() for outcome in outcomes], 201)


@operation("POST /v1/events/trigger/broadcast", "broadcastEvent", status=201, limit=TRIGGER_LIMIT_BYTES)
async def broadcast(request: Request, caller: ApiCaller, body: BroadcastRequest) -> Data[wire.TriggerReply]:
    """Trigger a workflow for every subscriber.

    It is accepted durably; to up to 100 people it is delivered before the answer.
    """
    outcome = await services_of(request).triggers.trigger(caller.environment, body, _idempotency_key(request))
    return data(outcome.view(), 201)


@operation("DELETE /v1/events/trigger/{transactionId}", "cancelTrigger")
async def cancel(request: Request, caller: ApiCaller) -> Data[bool]:
    """Cancel what a trigger has not delivered yet. The answer is true if something was left to be delivered."""
    transaction_id = parse_transaction_id(path_param(request, "transactionId")) or ""
    return data(await services_of(request).triggers.cancel(caller.environment, transaction_id))


@operation("GET /v1/events/trigger/{transactionId}", "getTriggerProgress")
async def progress(request: Request, caller: ApiCaller) -> Data[wire.DispatchReply]:
    """Get how far a trigger to many has come.

    A path of ours. A transaction that was carried out within its request, or more than a day ago, is 404.
    """
    transaction_id = path_param(request, "transactionId")
    dispatch = await services_of(request).dispatches.progress(caller.environment, transaction_id)
    if dispatch is None:
        raise NotFound(f"Nothing is carried out behind a request for the transaction {transaction_id}")
    return data({"transactionId": transaction_id, **progress_view(dispatch)})


def _idempotency_key(request: Request) -> str | None:
    return header_of(request, IDEMPOTENCY_KEY)
