"""`/health` and `/ready`: for whoever watches the process."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from inbox import __version__
from inbox.fanout.listener import Listener
from inbox.routes.access import services_of
from inbox.routes.replies import json_reply


async def health(_: Request) -> Response:
    """GET /health → 200: the process is alive and answers."""
    return json_reply({"status": "ok", "version": __version__})


async def ready(request: Request) -> Response:
    """GET /ready → 200 when the store answers and a published event comes back to this process, else 503."""
    listener: Listener = request.app.state.listener
    await services_of(request).client.execute("PING")
    await listener.probe()
    return json_reply({"status": "ready"})
