"""`/v2/subscribers/{subscriberId}/data`: exporting and erasing everything of one subscriber (docs/export.md).

Erasing is a DELETE, so that no answer that names the person is stored for repeated requests.
"""

from __future__ import annotations

import logging

from starlette.requests import Request
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from inbox.errors import InboxError
from inbox.http.auth import ApiCaller, services_of
from inbox.http.operation import operation
from inbox.http.protocol import cut
from inbox.http.requests import subscriber_param
from inbox.http.responses import Bare, Data, data
from inbox.models import wire
from inbox.store.connection.wire import wait_without_limit

log = logging.getLogger(__name__)


class Document(StreamingResponse, Bare[wire.SubscriberExport]):
    """A streamed answer. One that fails midway is cut off, since its status has been sent."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        except InboxError as error:
            log.warning("an export was cut short", extra={"action": "export_cut", "reason": error.message})
            cut(scope)


@operation("GET /v2/subscribers/{subscriberId}/data", "exportSubscriberData")
async def export(request: Request, caller: ApiCaller) -> Bare[wire.SubscriberExport]:
    """Export everything that is kept of a subscriber. The answer is one document, which is made while it is sent."""
    wait_without_limit()
    document = await services_of(request).export.export(caller.environment, subscriber_param(request))
    headers = {"Content-Disposition": 'attachment; filename="subscriber.json"'}
    return Document(document, headers=headers, media_type="application/json")


@operation("DELETE /v2/subscribers/{subscriberId}/data", "eraseSubscriberData")
async def erase(request: Request, caller: ApiCaller) -> Data[wire.ErasedReply]:
    """Erase everything that is kept of a subscriber. The answer says what was removed and what is out of reach."""
    wait_without_limit()
    erased = await services_of(request).erasure.erase(caller.environment, subscriber_param(request))
    return data(erased.view())
