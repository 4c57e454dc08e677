"""Pages that embed the widget, as the README says."""

from __future__ import annotations

from playwright.async_api import Route

from tests.support.server import Server

from .window import Window


def tag(service: Server, subscriber: str, more: str = "", name: str = "inbox-bell") -> str:
    """What the README says to put on a page."""
    identifier = service.application_identifier
    return (
        f'<script type="module" src="{service.url}/static/inbox.js"></script>'
        f'<{name} application-identifier="{identifier}" subscriber="{subscriber}" {more}></{name}>'
    )


async def show_page(
    window: Window, service: Server, body: str, headers: dict[str, str] | None = None, *, root: str = 'lang="en"'
) -> None:
    """Puts a page of ours at an address of the service's own origin. `root`: the attributes of its html element."""

    async def serve(route: Route) -> None:
        head = '<meta name="viewport" content="width=device-width"><title>Page</title>'
        page = f"<!doctype html><html {root}>{head}{body}"
        await route.fulfill(body=page, content_type="text/html", headers=headers)

    await window.page.route("**/page", serve)
    await window.page.goto(f"{service.url}/page")
