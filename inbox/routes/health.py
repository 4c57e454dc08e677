"""`/health` and `/ready`: probes of the process and of its store."""

from __future__ import annotations

import asyncio

from starlette.requests import Request

from inbox import __version__
from inbox.errors import Draining, StoreUnavailable, WriteRefused
from inbox.http.auth import services_of
from inbox.http.operation import operation
from inbox.http.protocol import DRAINING
from inbox.http.responses import Bare, bare
from inbox.models import wire
from inbox.realtime.listener import Listener

READY_SECONDS = 2.0


@operation("GET /health", "getHealth", is_open=True)
async def health() -> Bare[wire.HealthReply]:
    """Check that the process is alive."""
    return bare({"status": "ok", "version": __version__})


@operation("GET /ready", "getReadiness", is_open=True)
async def ready(request: Request) -> Bare[wire.HealthReply]:
    """Check that the service works with its store.

    That is so when the store answers and a published event comes back to this process; else the answer is 503. The
    `status` is `read-only` while the store takes no changes: lists, counts, sessions and sockets work. The `reason` is
    the code of the store. A store that was emptied is noticed here at the latest, and the service ends. A process that
    is about to stop answers 503 too, while it still serves (`INBOX_DRAIN_SECONDS`).
    """
    if request.scope.get("state", {}).get(DRAINING):
        raise Draining
    listener: Listener = request.app.state.listener
    services = services_of(request)
    try:
        async with asyncio.timeout(READY_SECONDS):
            await services.environments.fresh(at_once=True)
            await listener.probe()
            await services.client.execute("SET", services.keys.write_probe(services.presence.process), "", "PX", 1000)
    except WriteRefused as refused:
        return bare({"status": "read-only", "reason": refused.refusal})
    except TimeoutError:
        raise StoreUnavailable("The store does not answer in time") from None
    return bare({"status": "ready"})
