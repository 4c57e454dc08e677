"""Requests of native clients, and the answers to them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from inbox.errors import (
    BadRequest,
    Busy,
    Forbidden,
    InboxError,
    ServiceUnavailable,
    SubscriberGone,
    TooManyRequests,
    Unauthorized,
    ValidationFailed,
    invalid,
)
from inbox.models.json_values import check_shape
from inbox.realtime.events import (
    INVALID_REQUEST,
    INVALID_TEXT,
    REFUSED,
    STORE_LOST,
    TOKEN_EXPIRED,
    UNSUPPORTED_DATA,
    Close,
)
from inbox.realtime.frames import text_frame
from inbox.realtime.handshake import UNAVAILABLE_RETRY_SECONDS, Refusal
from inbox.realtime.inbound import ClientFault

MAX_ID = 2**53
_CODES = {400: "invalid", 401: "unauthorized", 402: "invalid", 403: "unauthorized", 404: "not_found"}
_CODES |= {413: "too_large", 422: "invalid", 429: "too_many_requests", 503: "unavailable"}


def parse_request(message: str | bytes) -> tuple[int, Mapping[str, Any]]:
    """Return the id of a request, and its other fields. Raise ClientFault for what is no request, or has no id."""
    if isinstance(message, bytes):
        raise ClientFault(UNSUPPORTED_DATA)
    try:
        frame = orjson.loads(message)
    except orjson.JSONDecodeError:
        raise ClientFault(INVALID_TEXT) from None
    if not isinstance(frame, dict):
        raise ClientFault(INVALID_TEXT)
    request_id = frame.pop("id", None)
    if type(request_id) is not int or not 1 <= request_id <= MAX_ID:
        raise ClientFault(INVALID_REQUEST)
    return request_id, frame


def parse_verb(fields: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]]:
    """Return the verb of a request and its arguments. Raise ValidationFailed, or BadRequest for too much JSON."""
    if len(fields) != 1:
        raise invalid("verb", "a request has one verb")
    [(verb, arguments)] = fields.items()
    if not isinstance(arguments, dict):
        raise invalid(verb[:50], "the arguments of a verb are an object")
    check_shape(arguments)
    return verb, arguments


def result_frame(request_id: int, result: Mapping[str, object]) -> bytes:
    return text_frame(b'{"id":%d,"result":%b}' % (request_id, orjson.dumps(result)))


def error_frame(request_id: int, error: InboxError) -> bytes:
    return text_frame(orjson.dumps({"id": request_id, "error": error_view(error)}))


def error_view(error: InboxError) -> dict[str, object]:
    """Return an error of the service as clients of this protocol get it; `field` is the first that is wrong."""
    if isinstance(error, SubscriberGone):
        error = Unauthorized()
    view: dict[str, object] = {"code": _CODES.get(error.status, "unavailable"), "message": error.reason}
    if isinstance(error, ValidationFailed):
        view["field"] = next(iter(error.fields))
    return {**view, "retry": isinstance(error, ServiceUnavailable) or error.status in (429, 500)}


def refusal_of(refusal: Refusal) -> tuple[InboxError, Close]:
    """Return the answer to a refused `connect`, and the close behind it, which says whether and when to come back."""
    seconds = refusal.retry_after_seconds or 0
    if refusal.status == 401:
        return Unauthorized(refusal.error), TOKEN_EXPIRED
    if refusal.status == 403:
        return Forbidden(refusal.error), REFUSED
    if refusal.status == 400:
        return BadRequest(refusal.error), INVALID_REQUEST
    if refusal.is_outage and seconds <= UNAVAILABLE_RETRY_SECONDS:
        return ServiceUnavailable(refusal.error), STORE_LOST
    close = Close(STORE_LOST.code, f"retry_after={1000 * seconds}")
    if refusal.is_outage:
        return Busy(refusal.error, seconds), close
    return TooManyRequests(refusal.error, seconds), close
