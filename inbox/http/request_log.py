"""A log line per request, with INBOX_LOG_REQUESTS."""

from __future__ import annotations

import logging
import time
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from inbox.http.auth import CALLER, SessionCaller
from inbox.http.responses import POLL

log = logging.getLogger(__name__)


class RequestLog:
    """The middleware that logs method, path, status, duration and caller; the query may hold a token."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        began, status = time.monotonic(), 500  # for an error that is answered outside

        async def note_status(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message.pop(POLL, None)  # an answer without the application has no line
            await send(message)

        try:
            await self._app(scope, receive, note_status)
        finally:
            duration_ms = round((time.monotonic() - began) * 1_000, 1)
            fields = {"action": "request", "method": scope["method"], "path": scope["path"], "status": status}
            log.info("request", extra={**fields, "duration_ms": duration_ms, **_caller_fields(scope)})


def _caller_fields(scope: Scope) -> dict[str, Any]:
    caller = scope.get(CALLER)
    if caller is None:
        return {}
    subscriber = {"subscriber_id": caller.subscriber.subscriber_id} if isinstance(caller, SessionCaller) else {}
    return {"environment": caller.environment.name, **subscriber}
