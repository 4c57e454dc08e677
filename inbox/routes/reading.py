"""Reading requests: path, query and body, with the contract's answer to what is malformed (rest-server.md §1.4-5)."""

from __future__ import annotations

import re
from typing import Any, TypeVar
from urllib.parse import unquote_to_bytes

import msgspec
import orjson
from starlette.requests import ClientDisconnect, Request

from inbox.errors import BadRequest, PayloadTooLarge, UnsupportedMediaType, ValidationFailed, invalid
from inbox.ids import SubscriberId, parse_subscriber_id
from inbox.models.json_values import MAX_JSON_DEPTH, MAX_JSON_ITEMS, check_shape
from inbox.models.mismatch import explain_mismatch, mismatch_field

T = TypeVar("T")

KIB, MIB = 1024, 1024 * 1024
BODY_LIMIT_BYTES = 100 * KIB
TRIGGER_LIMIT_BYTES = MIB

_WHOLE_NUMBER = re.compile(r"(-?[0-9]{1,300})(?:\.0)?")  # novu-py sends whole floats


def path_param(request: Request, name: str) -> str:
    """A decoded path parameter; `/` may be written `%2F` in it. Raises BadRequest for invalid UTF-8 and NUL."""
    try:
        text = unquote_to_bytes(request.path_params[name]).decode()
    except UnicodeDecodeError:
        raise BadRequest(f"{name} is not valid UTF-8") from None
    if "\0" in text:
        raise BadRequest(f"{name} must not contain NUL")
    return text


def subscriber_param(request: Request) -> SubscriberId:
    """The subscriberId of the path."""
    return parse_subscriber_id(path_param(request, "subscriberId"))


async def read_body(request: Request, kind: type[T], limit: int = BODY_LIMIT_BYTES) -> T:
    """The JSON body as `kind` (a msgspec Struct or any type msgspec knows).

    An empty body is read as `{}`. Raises PayloadTooLarge, UnsupportedMediaType, BadRequest (broken JSON, too deep, too
    many items) or ValidationFailed (wrong types, missing fields).
    """
    raw = await _read_bytes(request, limit)
    if raw and not _is_json(request):
        raise UnsupportedMediaType
    return parse_json(raw or b"{}", kind)


def parse_json(raw: bytes, kind: type[T]) -> T:
    """JSON text as `kind`; errors as `read_body`.

    Read by orjson and then converted: it refuses invalid UTF-8 and lone surrogates wherever they stand, and reads an
    integer beyond 64 bits as a float, so that whatever is let in can be written again.
    """
    try:
        value = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise BadRequest(f"The body is not valid JSON: {error}") from None
    if raw.count(b"[") + raw.count(b"{") > MAX_JSON_DEPTH or raw.count(b",") >= MAX_JSON_ITEMS:  # most bodies: no
        check_shape(value)
    return convert(value, kind)


def convert(value: Any, kind: type[T]) -> T:
    """A parsed value as `kind`. Raises ValidationFailed (wrong types, missing fields)."""
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        raise ValidationFailed({mismatch_field(error): explain_mismatch(error, value, kind)}) from None


async def _read_bytes(request: Request, limit: int) -> bytes:
    declared = request.headers.get("content-length", "0")
    if declared.isdigit() and int(declared) > limit:
        raise PayloadTooLarge(f"The body is larger than {limit} bytes")
    parts: list[bytes] = []
    size = 0
    try:
        async for part in request.stream():
            size += len(part)
            if size > limit:
                raise PayloadTooLarge(f"The body is larger than {limit} bytes")
            parts.append(part)
    except ClientDisconnect:  # nobody hears this answer, but an unexpected error would be logged as a defect of ours
        raise BadRequest("The body ended early") from None
    return b"".join(parts)


def _is_json(request: Request) -> bool:
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    return media_type == "application/json" or media_type.endswith("+json")


def query_int(request: Request, name: str, default: int, low: int, high: int) -> int:
    """A whole number of the query. Raises ValidationFailed (422) outside of low..high or for anything else."""
    text = request.query_params.get(name)
    if text is None or text == "":
        return default
    if not (whole := _WHOLE_NUMBER.fullmatch(text)):
        raise invalid("general", f"{name} must be an integer number", text)
    number = int(whole[1])
    if number < low:
        raise invalid("general", f"{name} must not be less than {low}", text)
    if number > high:
        raise invalid("general", f"{name} must not be greater than {high}", text)
    return number


def query_bool(request: Request, name: str) -> bool | None:
    """A flag of the query: `true` is true, anything else false, absent (or empty) None."""
    text = request.query_params.get(name)
    return None if text is None or text == "" else text == "true"


def query_list(request: Request, name: str) -> list[str]:
    """A list of the query: `k=a&k=b`, `k[]=a&k[]=b`."""
    return [*request.query_params.getlist(name), *request.query_params.getlist(f"{name}[]")]


def query_one_of(request: Request, name: str, allowed: tuple[str, ...], default: str) -> str:
    """One of several words of the query; absent or empty gives the default. Raises ValidationFailed (422)."""
    value = request.query_params.get(name) or default
    if value not in allowed:
        raise invalid("general", f"{name} must be one of the following values: {', '.join(allowed)}", value)
    return value
