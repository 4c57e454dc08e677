"""`/openapi.json` and `/docs`: what the API takes and answers.

The page is Swagger UI. Its files come from an installed package, so the page loads nothing from elsewhere.
"""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route

from inbox.http.auth import services_of
from inbox.openapi.document import encoded_document
from inbox.routes.static import STATIC_FOLDER, Modules

SWAGGER_UI = Path(str(files("mkdocs_swagger_ui_tag"))) / "swagger-ui"
POLICY = "default-src 'self'; img-src 'self' data:"
"""Content-Security-Policy of the page: the style sheet of Swagger UI holds its icons as `data:` URLs."""

_files = Modules(SWAGGER_UI)


async def openapi(request: Request) -> Response:
    """GET /openapi.json → 200 the OpenAPI 3.1 document."""
    base_path = services_of(request).settings.base_path
    return Response(encoded_document(base_path or "/"), media_type="application/json")


async def docs_page(_: Request) -> Response:
    """GET /docs → the document as a page, on which each operation can be tried."""
    return FileResponse(STATIC_FOLDER / "docs.html", headers={"Content-Security-Policy": POLICY})


async def script(request: Request) -> Response:
    """GET /docs/swagger-ui.js → the script of Swagger UI."""
    return await _files.get_response("javascripts/swagger-ui-bundle.js", request.scope)


async def style_sheet(request: Request) -> Response:
    """GET /docs/swagger-ui.css → the style sheet of Swagger UI."""
    return await _files.get_response("stylesheets/swagger-ui.css", request.scope)


PAGES = [
    Route("/openapi.json", openapi, methods=["GET"]),
    Route("/docs", docs_page, methods=["GET"]),
    Route("/docs/swagger-ui.js", script, methods=["GET"]),
    Route("/docs/swagger-ui.css", style_sheet, methods=["GET"]),
]
