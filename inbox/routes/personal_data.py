"""`/v2/subscribers/{subscriberId}/data`: everything of one person, to be taken away or to be gone (docs/export.md).

Ours. Erasing is a DELETE, so no answer that names the person is kept for repetitions.
"""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from inbox.routes.access import authenticate, services_of
from inbox.routes.reading import subscriber_param
from inbox.routes.replies import data


async def export(request: Request) -> Response:
    """GET /v2/subscribers/:subscriberId/data → 200 everything that is held of the subscriber, as one document; 404."""
    caller = await authenticate(request)
    document = await services_of(request).export.export(caller.environment, subscriber_param(request))
    headers = {"Content-Disposition": 'attachment; filename="subscriber.json"', "Cache-Control": "no-store"}
    return StreamingResponse(document, headers=headers, media_type="application/json")


async def erase(request: Request) -> Response:
    """DELETE /v2/subscribers/:subscriberId/data → 200 what was removed, and what is out of reach; 404 when unknown."""
    caller = await authenticate(request)
    erased = await services_of(request).erasure.erase(caller.environment, subscriber_param(request))
    return data(erased.view())
