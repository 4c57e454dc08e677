"""Parse paths and bodies, and refuse malformed ones as Novu's clients expect."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar
from urllib.parse import unquote_to_bytes

import msgspec
import orjson
from starlette.requests import Request
from starlette.types import Scope

from inbox.errors import BadRequest, PayloadTooLarge, UnsupportedMediaType, ValidationFailed
from inbox.ids import SubscriberId, parse_subscriber_id
from inbox.models.json_values import MAX_JSON_DEPTH, MAX_JSON_ITEMS, check_shape
from inbox.models.mismatch import explain_mismatch, mismatch_field

T = TypeVar("T")

KIB, MIB = 1024, 1024 * 1024
BODY_LIMIT_BYTES = 100 * KIB
TRIGGER_LIMIT_BYTES = MIB
HEADERS = "inbox.headers"
"""The key of the scope for the headers of the request by their names."""
BODY = "inbox.body"
"""The key of the scope for the body, once it was read."""


def headers_of(scope: Scope) -> Mapping[bytes, bytes]:
    """Return the headers of a request by their names in lower case; of one that was repeated, the first."""
    headers: Mapping[bytes, bytes] | None = scope.get(HEADERS)
    if headers is None:
        headers = scope[HEADERS] = dict(reversed(scope["headers"]))
    return headers


def header_of(request: Request, name: bytes) -> str | None:
    """Return a header by its name in lower case. Starlette's `headers` costs several times as much."""
    value = headers_of(request.scope).get(name)
    return None if value is None else value.decode("latin-1")


def path_param(request: Request, name: str) -> str:
    """Return a decoded path parameter; `/` may be written `%2F` in it. Raise BadRequest for invalid UTF-8 and NUL."""
    sent: str = request.scope["path_params"][name]
    if "%" not in sent and sent.isascii():
        return sent
    try:
        text = unquote_to_bytes(sent).decode()
    except UnicodeDecodeError:
        raise BadRequest(f"{name} is not valid UTF-8") from None
    if "\0" in text:
        raise BadRequest(f"{name} must not contain NUL")
    return text


def subscriber_param(request: Request) -> SubscriberId:
    return parse_subscriber_id(path_param(request, "subscriberId"))


async def read_body(request: Request, kind: type[T], limit: int = BODY_LIMIT_BYTES) -> T:
    """Return the JSON body, `{}` if empty, as `kind`: a msgspec Struct or any type msgspec knows.

    Raise PayloadTooLarge, UnsupportedMediaType, BadRequest (broken JSON, too deep, too many items) or ValidationFailed
    (wrong types, missing fields).
    """
    raw: bytes | None = request.scope.get(BODY)
    if raw is None:  # it is read once, also if the handler is called again
        raw = request.scope[BODY] = await _receive_bytes(request, limit)
    if raw and not _is_json(request):
        raise UnsupportedMediaType
    return parse_json(raw or b"{}", kind)


def parse_json(raw: bytes, kind: type[T]) -> T:
    """Return JSON text as `kind`. Raise as `read_body`.

    orjson parses it before msgspec converts it: orjson refuses invalid UTF-8 and lone surrogates everywhere, and reads
    an integer beyond 64 bits as a float, so that everything accepted can be encoded again.
    """
    try:
        value = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise BadRequest(f"The body is not valid JSON: {error}") from None
    size = len(raw)
    if (size >= MAX_JSON_ITEMS and raw.count(b",") >= MAX_JSON_ITEMS) or (
        size > MAX_JSON_DEPTH and raw.count(b"[") + raw.count(b"{") > MAX_JSON_DEPTH
    ):  # rare
        check_shape(value)
    return convert(value, kind)


def convert(value: Any, kind: type[T]) -> T:
    """Return a parsed value as `kind`. Raise ValidationFailed (wrong types, missing fields)."""
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        raise ValidationFailed({mismatch_field(error): explain_mismatch(error, value, kind)}) from None


async def _receive_bytes(request: Request, limit: int) -> bytes:
    declared = header_of(request, b"content-length") or "0"
    if declared.isdigit() and int(declared) > limit:
        raise PayloadTooLarge(f"The body is larger than {limit} bytes")
    parts: list[bytes] = []
    size = 0
    while True:
        message = await request.receive()
        if message["type"] == "http.disconnect":  # nobody reads this answer, but an unexpected error would be logged
            raise BadRequest("The body ended early")
        part = message.get("body", b"")
        parts.append(part)
        size += len(part)
        if size > limit:
            raise PayloadTooLarge(f"The body is larger than {limit} bytes")
        if not message.get("more_body", False):
            return b"".join(parts)


def _is_json(request: Request) -> bool:
    media_type = header_of(request, b"content-type") or ""
    if media_type == "application/json":
        return True
    media_type = media_type.partition(";")[0].strip().lower()
    return media_type == "application/json" or media_type.endswith("+json")
