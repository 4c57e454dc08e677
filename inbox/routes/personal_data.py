"""`/v2/subscribers/{subscriberId}/data`: everything of one person, to be taken away or to be gone (docs/export.md).

Ours. Erasing is a DELETE, so no answer that names the person is kept for repetitions.
"""

from __future__ import annotations

import logging

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from inbox.errors import InboxError
from inbox.http_protocol import cut
from inbox.routes.access import authenticate, services_of
from inbox.routes.reading import subscriber_param
from inbox.routes.replies import data

log = logging.getLogger(__name__)


class Document(StreamingResponse):
    """An answer that is made while it is sent; one that cannot be finished is cut off, as its status is long out."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        except InboxError as error:
            log.warning("an export was cut short", extra={"action": "export_cut", "reason": error.message})
            await cut(scope, receive)


async def export(request: Request) -> Response:
    """GET /v2/subscribers/:subscriberId/data → 200 everything that is held of the subscriber, as one document; 404."""
    caller = await authenticate(request)
    document = await services_of(request).export.export(caller.environment, subscriber_param(request))
    headers = {"Content-Disposition": 'attachment; filename="subscriber.json"'}
    return Document(document, headers=headers, media_type="application/json")


async def erase(request: Request) -> Response:
    """DELETE /v2/subscribers/:subscriberId/data → 200 what was removed, and what is out of reach; 404 when unknown."""
    caller = await authenticate(request)
    erased = await services_of(request).erasure.erase(caller.environment, subscriber_param(request))
    return data(erased.view())
