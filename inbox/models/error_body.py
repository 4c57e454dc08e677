"""The wire form of an error, from a route or from the protocol before one."""

from __future__ import annotations

from typing import cast

from inbox.errors import InboxError
from inbox.models import wire
from inbox.models.dates import iso_now
from inbox.models.json_values import JsonObject


def error_body(path: str, error: InboxError, error_id: str | None = None) -> wire.ErrorReply:
    """Return the body of an error, with an `errorId` if a log line has it."""
    body: JsonObject = {
        "statusCode": error.status,
        "timestamp": iso_now(),
        "path": path,
        "message": error.message,
        **error.detail(),
    }
    if error_id:
        body["errorId"] = error_id
    return cast("wire.ErrorReply", body)


def without_token(target: str) -> str:
    """Return the path of a request with its query, or the path alone when the query may hold a token."""
    path, _, query = target.partition("?")
    return path if "token=" in query else target
