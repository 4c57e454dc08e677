"""What the current task works for: fields of its log lines, and the trace of its caller (W3C Trace Context)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextvars import ContextVar
from random import getrandbits

REQUEST_ID, TRACEPARENT = b"x-request-id", b"traceparent"
"""The headers that name a request and the trace of its caller."""

log_fields: ContextVar[Mapping[str, str]] = ContextVar("fields of each log line", default={})  # noqa: B039 (never changed)
"""The ids of the request and the connection that the current task works for."""
traceparent: ContextVar[str] = ContextVar("trace of the caller", default="")
"""The `traceparent` of the current request, to hand on; empty without one."""

_TRACEPARENT = re.compile(r"00-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")
_REQUEST_ID = re.compile(r"[\w.:/+=@~-]{1,128}", re.ASCII)


def new_request_id() -> str:
    return getrandbits(64).to_bytes(8, "big").hex()


def begin_request(request_id: str | None, parent: str | None) -> str:
    """Note the request that this task works for, by the values of its headers, and return its id.

    An id that is missing or unusual is replaced by a new one; an invalid `traceparent` is ignored, as its standard
    demands.
    """
    if request_id is None or not _REQUEST_ID.fullmatch(request_id):
        request_id = new_request_id()
    fields = {"request_id": request_id}
    if parent and (trace := _TRACEPARENT.fullmatch(parent)):
        fields["trace_id"] = trace[1]
        traceparent.set(parent)
    log_fields.set(fields)
    return request_id


def begin_socket_request(connection_id: str, request_id: int) -> None:
    """Note the request of a socket that this task works for."""
    log_fields.set({"connection_id": connection_id, "request_id": f"{connection_id}-{request_id}"})
