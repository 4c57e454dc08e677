"""`/health` and `/ready`: probes of the process and of its store."""

from __future__ import annotations

from starlette.requests import Request

from inbox import __version__
from inbox.errors import Draining, WriteRefused
from inbox.http.operation import operation
from inbox.http.protocol import DRAINING
from inbox.http.responses import Bare, bare
from inbox.models import wire
from inbox.realtime.canary import Canary


@operation("GET /health", "getHealth", is_open=True)
async def health() -> Bare[wire.HealthReply]:
    """Check that the process is alive."""
    return bare({"status": "ok", "version": __version__})


@operation("GET /ready", "getReadiness", is_open=True)
async def ready(request: Request) -> Bare[wire.HealthReply]:
    """Check that the service works with its store.

    That is so while the store answers and what is published comes back to this process; else the answer is 503. The
    process probes that every second, so a break shows here within five. The `status` is `read-only` while the store
    takes no changes: lists, counts, sessions and sockets work. The `reason` is the code of the store. A process that is
    about to stop answers 503 too, while it still serves (`INBOX_DRAIN_SECONDS`).
    """
    if request.scope.get("state", {}).get(DRAINING):
        raise Draining
    canary: Canary = request.app.state.canary
    try:
        await canary.check()
    except WriteRefused as refused:
        return bare({"status": "read-only", "reason": refused.refusal})
    return bare({"status": "ready"})
