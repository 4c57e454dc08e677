"""`/health` and `/ready`: for whoever watches the process."""

from __future__ import annotations

import asyncio

from starlette.requests import Request
from starlette.responses import Response

from inbox import __version__
from inbox.errors import StoreUnavailable
from inbox.fanout.listener import Listener
from inbox.routes.access import services_of
from inbox.routes.replies import json_reply

READY_SECONDS = 2.0


async def health(_: Request) -> Response:
    """GET /health → 200: the process is alive and answers."""
    return json_reply({"status": "ok", "version": __version__})


async def ready(request: Request) -> Response:
    """GET /ready → 200 when the store answers and a published event comes back to this process, else 503.

    A store that was emptied is noticed here at the latest, and the service ends.
    """
    listener: Listener = request.app.state.listener
    try:
        async with asyncio.timeout(READY_SECONDS):
            await services_of(request).environments.fresh(at_once=True)
            await listener.probe()
    except TimeoutError:
        raise StoreUnavailable("The store does not answer in time") from None
    return json_reply({"status": "ready"})
