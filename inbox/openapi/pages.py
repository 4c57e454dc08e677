"""`/openapi.json` and `/docs`: what the API takes and answers."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route

from inbox.http.auth import services_of
from inbox.openapi.document import encoded_document
from inbox.routes.static import STATIC_FOLDER


async def openapi(request: Request) -> Response:
    """GET /openapi.json → 200 the OpenAPI 3.1 document."""
    base_path = services_of(request).settings.base_path
    return Response(encoded_document(base_path or "/"), media_type="application/json")


async def docs_page(_: Request) -> Response:
    """GET /docs → the document as a page that loads nothing from elsewhere."""
    return FileResponse(STATIC_FOLDER / "docs.html", headers={"Content-Security-Policy": "default-src 'self'"})


PAGES = [
    Route("/openapi.json", openapi, methods=["GET"]),
    Route("/docs", docs_page, methods=["GET"]),
]
