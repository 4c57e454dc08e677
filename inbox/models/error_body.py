"""What an error looks like on the wire (rest-server.md §1.4), whether a route answers it or the protocol before one."""

from __future__ import annotations

import uuid
from typing import Any

from inbox.errors import InboxError, MethodNotAllowed, RequestTimeout, UpgradeRequired
from inbox.models.dates import iso_now


def error_body(path: str, error: InboxError) -> dict[str, Any]:
    """Return the contract's body for an error of a request to this path."""
    body = {
        "statusCode": error.status,
        "timestamp": iso_now(),
        "path": path,
        "message": error.message,
        **error.detail(),
    }
    if error.status >= 500:
        body["errorId"] = str(uuid.uuid4())
    return body


def error_headers(error: InboxError) -> dict[str, str]:
    """Return the headers that HTTP asks of this error."""
    if isinstance(error, RequestTimeout):  # what is left of the body is not waited for
        return {"Connection": "close"}
    if isinstance(error, MethodNotAllowed):
        return {"Allow": ", ".join(error.allowed)}
    if isinstance(error, UpgradeRequired):
        return {"Upgrade": "websocket", "Sec-WebSocket-Version": "13"}
    retry_after = getattr(error, "retry_after_seconds", None)
    return {"Retry-After": str(retry_after)} if retry_after else {}


def without_token(target: str) -> str:
    """Return the path of a request with its query, or the path alone when the query may hold a token."""
    path, _, query = target.partition("?")
    return path if "token=" in query else target
