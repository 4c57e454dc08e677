"""`/v2/webhook`: where the events of the environment go, and the events that did not arrive."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from inbox.http.auth import ApiCaller, services_of
from inbox.http.operation import operation
from inbox.http.queries import ShortPageQuery
from inbox.http.responses import Bare, Data, bare, data, no_content, secret_data
from inbox.models import wire
from inbox.models.event import failed_event_view
from inbox.models.webhook import ReplayRequest, WebhookRequest
from inbox.service.webhooks.sender import Sent


@operation("GET /v2/webhook", "getWebhook")
async def get(request: Request, caller: ApiCaller) -> Data[wire.WebhookReply]:
    """Get the webhook and its counts. Without a webhook `url` is null. The secret is never shown."""
    return data(await services_of(request).webhooks.show(caller.environment))


@operation("PUT /v2/webhook", "setWebhook")
async def set_(request: Request, caller: ApiCaller, body: WebhookRequest) -> Data[wire.WebhookSetReply]:
    """Set the webhook. The answer to the first call has the `secret`, once; a later one keeps it and has null.

    The host must be public, or in INBOX_WEBHOOK_PRIVATE_NETWORKS.
    """
    webhooks = services_of(request).webhooks
    secret = await webhooks.set(caller.environment, body.url, body.events, is_host_checked=True)
    return secret_data({**await webhooks.show(caller.environment), "secret": secret})


@operation("DELETE /v2/webhook", "removeWebhook", errors=[404])
async def remove(request: Request, caller: ApiCaller) -> Response:
    """Remove the webhook. Waiting events are dropped, unless there is an event stream."""
    await services_of(request).webhooks.remove(caller.environment)
    return no_content()


@operation("POST /v2/webhook/test", "testWebhook", errors=[404])
async def test(request: Request, caller: ApiCaller) -> Data[wire.WebhookAnswer]:
    """Send a test event to the webhook. The answer says what the receiver answered to `webhook.test`."""
    return data(_answer(await services_of(request).webhooks.test(caller.environment)))


@operation("POST /v2/webhook/rotate-secret", "rotateWebhookSecret", errors=[404])
async def rotate_secret(request: Request, caller: ApiCaller) -> Data[wire.WebhookSecretReply]:
    """Make a new secret. It is shown once; for a day events are signed with the former one as well."""
    return secret_data({"secret": await services_of(request).webhooks.rotate_secret(caller.environment)})


@operation("GET /v2/webhook/failed-events", "listFailedEvents")
async def list_failed(
    request: Request, caller: ApiCaller, query: ShortPageQuery
) -> Bare[wire.PageReply[wire.FailedEventReply]]:
    """List failed events. The oldest come first."""
    offset, webhooks = query.page * query.limit, services_of(request).webhooks
    found = await webhooks.failed(caller.environment, offset, query.limit + 1)
    views = [failed_event_view(failed) for failed in found[: query.limit]]
    return bare({"page": query.page, "hasMore": len(found) > query.limit, "pageSize": query.limit, "data": views})


@operation("POST /v2/webhook/failed-events/replay", "replayFailedEvents", errors=[404])
async def replay(request: Request, caller: ApiCaller, body: ReplayRequest) -> Data[wire.ReplayReply]:
    """Send failed events again. At most ten are sent, the oldest first; what arrives leaves the list.

    Without `ids` these are the oldest after the first `offset`. To go on, send `nextOffset`, which is null at the end.
    It is null too after an event that got no answer: none is sent after it.
    """
    done = await services_of(request).webhooks.replay_some(caller.environment, body.ids or (), body.offset)
    results: list[wire.ReplayedEvent] = [{"id": failed.event.id, **_answer(sent)} for failed, sent in done.results]
    return data({"results": results, "nextOffset": done.next_offset})


def _answer(sent: Sent) -> wire.WebhookAnswer:
    return {"delivered": sent.is_delivered, "status": sent.status, "reason": sent.reason}
