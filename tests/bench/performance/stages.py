"""The service with further routes, each of which stops after a stage of the trigger: what `stack.py` measures.

Arguments: as of `inbox`. BENCH_WITHOUT_ACTIVITY=1 leaves out the notes of the activity.
"""

from __future__ import annotations

import os

from starlette.requests import Request

from inbox import routes
from inbox.http.auth import ApiCaller
from inbox.http.operation import operation, routes_of
from inbox.http.responses import Data, data
from inbox.models import wire
from inbox.models.trigger import TriggerRequest
from inbox.service.activity.activity_log import ActivityLog

REPLY: wire.TriggerReply = {"acknowledged": True, "status": "processed", "transactionId": "txn_" + "0" * 24}


@operation("POST /v1/events/stage/routed", "stageRouted", status=201)
async def routed(request: Request) -> Data[wire.TriggerReply]:
    """Answer without looking at the request."""
    return data(REPLY, 201)


@operation("POST /v1/events/stage/authorized", "stageAuthorized", status=201)
async def authorized(request: Request, caller: ApiCaller) -> Data[wire.TriggerReply]:
    """Find the environment of the API key."""
    return data(REPLY, 201)


@operation("POST /v1/events/stage/parsed", "stageParsed", status=201)
async def parsed(request: Request, caller: ApiCaller, body: TriggerRequest) -> Data[wire.TriggerReply]:
    """Read and convert the body as well."""
    return data(REPLY, 201)


def main() -> None:
    import sys

    routes.API_ROUTES.extend(routes_of(sys.modules[__name__]))
    if os.environ.get("BENCH_WITHOUT_ACTIVITY"):
        for name in [name for name in vars(ActivityLog) if name.startswith("note_")]:
            setattr(ActivityLog, name, lambda *_, **__: None)
    from inbox.cli import main as run

    run()


if __name__ == "__main__":
    main()
