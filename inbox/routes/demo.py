"""The pages of the demo and of the playground, and their two calls.

They exist in development only, and no API key leaves the process.
"""

from __future__ import annotations

from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import FileResponse, Response

from inbox.http.auth import services_of
from inbox.http.requests import read_body
from inbox.http.responses import bare, data
from inbox.models.trigger import TriggerRequest
from inbox.routes.static import STATIC_FOLDER
from inbox.service.workflows.demo import DEMO_WORKFLOWS, DemoWorkflow

POLICY = "default-src 'self'"
IMAGES = "img-src 'self' https: data:"
"""What the playground tries out: avatars from anywhere, and the count on the icon of the page."""


class DemoTrigger(msgspec.Struct):
    to: str
    workflow: DemoWorkflow = "welcome"
    payload: dict[str, Any] = {}


async def demo_page(_: Request) -> Response:
    """GET / → the demo page."""
    return FileResponse(STATIC_FOLDER / "demo.html", headers={"Content-Security-Policy": POLICY})


async def playground_page(_: Request) -> Response:
    """GET /playground → the page with a knob for everything that the widget takes."""
    return FileResponse(STATIC_FOLDER / "playground.html", headers={"Content-Security-Policy": f"{POLICY}; {IMAGES}"})


async def demo_config(request: Request) -> Response:
    """GET /demo/config → 200 with the settings of the pages."""
    environment = services_of(request).environments.current
    return bare({"applicationIdentifier": environment.identifier, "workflows": list(DEMO_WORKFLOWS)})


async def demo_trigger(request: Request) -> Response:
    """POST /demo/trigger → 201 TriggerReply: a workflow of the demo, to the subscriber of the form."""
    body = await read_body(request, DemoTrigger)
    services = services_of(request)
    request_body = TriggerRequest(name=body.workflow, to=body.to, payload=body.payload)
    outcome = await services.triggers.trigger(services.environments.current, request_body)
    return data(outcome.view(), 201)
