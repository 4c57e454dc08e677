"""`/v1/events`: triggers."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from inbox.models.trigger import TriggerRequest
from inbox.routes.access import authenticate, services_of
from inbox.routes.reading import TRIGGER_LIMIT_BYTES, read_body
from inbox.routes.replies import data


async def trigger(request: Request) -> Response:
    """POST /v1/events/trigger → 201 TriggerReply, after the messages are stored (rest-server.md §5)."""
    caller = await authenticate(request)
    body = await read_body(request, TriggerRequest, TRIGGER_LIMIT_BYTES)
    key = request.headers.get("idempotency-key")
    outcome = await services_of(request).delivery.trigger(caller.environment, body, key)
    return data(outcome.view(), 201)
