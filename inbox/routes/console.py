"""The page of the console. It calls the public API with the key of whoever logs in."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import FileResponse, Response

from inbox.routes.static import STATIC_FOLDER
from inbox.settings import Settings

HEADERS = {
    "Content-Security-Policy": "default-src 'self'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}
"""No page of another may frame the console: what is pressed there has the rights of a key."""


def has_console(settings: Settings) -> bool:
    """Return whether the console is served: as INBOX_CONSOLE says, else in development."""
    return settings.mode == "development" if settings.console is None else settings.console


async def console_page(_: Request) -> Response:
    """GET /console → the page."""
    return FileResponse(STATIC_FOLDER / "console.html", headers=HEADERS)
