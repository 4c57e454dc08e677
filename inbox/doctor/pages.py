"""Checks of a visited address as the page of a person: its own origin, those of other sites, and the widget."""

from __future__ import annotations

import asyncio
from urllib.parse import quote

from websockets.exceptions import InvalidStatus

from inbox.doctor.answers import NotAnswered, shown
from inbox.doctor.listeners import ANSWER_SECONDS, Site
from inbox.doctor.report import CheckedPart

PREFLIGHT = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization,content-type"}


async def check_own_page(site: Site, token: str, part: CheckedPart) -> None:
    """Check that a page of the same host may open a socket: the service compares its Origin with the Host."""
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            socket = site.open_socket(f"/ws?token={quote(token)}", origin=site.origin)
            async with socket:
                part.ok("host", f"a page of {site.origin} may open a socket")
    except NotAnswered as error:
        if isinstance(error, InvalidStatus) and error.response.status_code == 403:
            advice = "let the proxy pass the header Host on with its port (nginx: proxy_set_header Host $http_host)"
            part.fail("host", f"a page of {site.origin} may not open a socket", advice)


async def check_origin(site: Site, origin: str, part: CheckedPart) -> None:
    """Check that a page of another origin may call: its browser asks first."""
    answer = await site.http.options("/v1/inbox/session", headers={"Origin": origin, **PREFLIGHT})
    allowed = answer.headers.get_list("access-control-allow-origin", split_commas=True)
    if len(allowed) > 1:
        advice = "remove the CORS headers that the proxy adds: a browser refuses two"
        part.fail("origin", f"the answer to {origin} has {len(allowed)} Access-Control-Allow-Origin", advice)
    elif allowed in ([origin], ["*"]):
        part.ok("origin", f"pages of {origin} may call")
    else:
        advice = f"add {origin} to INBOX_CORS_ORIGINS, and restart the service"
        part.fail("origin", f"pages of {origin} may not call: {shown(answer)}", advice)


async def check_widget(site: Site, part: CheckedPart) -> None:
    answer = await site.http.get("/static/inbox.js")
    kind = answer.headers.get("content-type", "")
    if answer.status_code == 200 and "javascript" in kind:
        part.ok("widget", f"{site.url}/static/inbox.js")
    else:
        advice = "let the proxy send /static/ to the service too, and leave Content-Type as it is"
        part.fail("widget", f"/static/inbox.js: {shown(answer)}, {kind or 'no type'}", advice)
