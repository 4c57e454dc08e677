"""The demo page and its two routes; they exist in development only, and no API key leaves the process."""

from __future__ import annotations

from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import FileResponse, Response

from inbox.models.trigger import TriggerRequest
from inbox.routes.access import services_of
from inbox.routes.reading import read_body
from inbox.routes.replies import data, json_reply
from inbox.routes.static import STATIC_FOLDER
from inbox.service.workflows.workflows import DEMO_WORKFLOW


class DemoTrigger(msgspec.Struct):
    """What the page's form sends."""

    to: str
    payload: dict[str, Any] = {}


async def demo_page(_: Request) -> Response:
    """GET / → the demo page."""
    return FileResponse(STATIC_FOLDER / "demo.html", headers={"Content-Security-Policy": "default-src 'self'"})


async def demo_config(request: Request) -> Response:
    """GET /demo/config → 200 what the page needs to know."""
    environment = services_of(request).environments.current
    return json_reply({"applicationIdentifier": environment.identifier, "workflow": DEMO_WORKFLOW})


async def demo_trigger(request: Request) -> Response:
    """POST /demo/trigger → 201 TriggerReply: the demo's workflow, to the subscriber of the form."""
    body = await read_body(request, DemoTrigger)
    services = services_of(request)
    wanted = TriggerRequest(name=DEMO_WORKFLOW, to=body.to, payload=body.payload)
    outcome = await services.triggers.trigger(services.environments.current, wanted)
    return data(outcome.view(), 201)
