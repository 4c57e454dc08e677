"""Query parameters: structs that handlers read and the OpenAPI document shows."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin
from urllib.parse import parse_qsl

import msgspec
from msgspec import Meta
from starlette.requests import Request

from inbox.errors import BadRequest, invalid
from inbox.ids import parse_object_id
from inbox.models.cursor_page import CursorQuery, Side
from inbox.models.workflow import Severity

T = TypeVar("T", bound=msgspec.Struct)

OBJECT_ID = "^[0-9a-fA-F]{24}$"
MAX_PAGE = 1_000_000
CACHED_QUERIES, MAX_CACHED_BYTES = 1_024, 512

_BOUNDS = ("ge", "le", "max_length", "pattern", "extra")
_NOTHING: Mapping[str, list[str]] = {}
_WHOLE_NUMBER = re.compile(r"(-?[0-9]{1,300})(?:\.0)?")  # novu-py sends whole floats

Flag = bool | None
ObjectIdText = Annotated[str, Meta(pattern=OBJECT_ID)]
OBJECT_ID_SCHEMA = {"type": "string", "pattern": OBJECT_ID}
LIMIT = Meta(description="How many, at the most")
LENIENT = Meta(extra={"lenient": True})
"""Marks a number whose invalid text counts as absent, since older clients send such texts."""
ORDER_BY = Meta(description="What the rows are sorted by")

PAGE = Meta(description="Number of the page, from 0")
PageNumber = Annotated[int, PAGE, Meta(ge=0, le=MAX_PAGE)]
Limit = Annotated[int, LIMIT, Meta(ge=1, le=100)]
Offset = Annotated[int, Meta(ge=0, le=1_000_000, description="How many to leave out at the beginning")]
OrderDirection = Annotated[Literal["ASC", "DESC"], Meta(description="Ascending or descending")]
SeenFlag = Annotated[Flag, Meta(description="Only what is seen, or only what is not")]
ReadFlag = Annotated[Flag, Meta(description="Only what is read, or only what is not")]
FeedIdentifiers = Annotated[list[str], Meta(description="Only of named feeds, by their identifiers")]
Severities = Annotated[list[Severity], Meta(description="Only of these severities")]
TagList = Annotated[list[str], Meta(description="With one of these tags")]
Transactions = Annotated[list[str], Meta(description="Only of these transactions")]
ContextKeys = Annotated[list[str] | None, Meta(description="Only of these contexts, each `type:id`")]
OfSubscriber = Annotated[str, Meta(description="Only of this subscriber")]
TopicKey = Annotated[str, Meta(description="The topic's key, or a part of it in v2")]
NamePart = Annotated[str, Meta(description="The name, or a part of it in v2")]
SearchText = Annotated[str, Meta(description="Anywhere in the text")]


class PageQuery(msgspec.Struct, rename="camel"):
    """A numbered page."""

    page: PageNumber = 0
    limit: Limit = 10


class ShortPageQuery(PageQuery):
    """A numbered page of a list that is short."""

    page: Annotated[int, PAGE, Meta(ge=0, le=1_000)] = 0


class OffsetQuery(msgspec.Struct, rename="camel"):
    """Some rows after others."""

    limit: Limit = 10
    offset: Offset = 0


class FailIfExists(msgspec.Struct, rename="camel"):
    """Whether what exists is an error."""

    fail_if_exists: Annotated[Flag, Meta(description="Answer 409 where it exists")] = None


class CursorPageQuery(msgspec.Struct, rename="camel"):
    """A page beside a cursor."""

    limit: Limit = 10
    after: Annotated[str, Meta(description="From where to go on: a page's `next`")] = ""
    before: Annotated[str, Meta(description="Up to where: a page's `previous`")] = ""
    include_cursor: Annotated[Flag, Meta(description="Whether the row of the cursor is in the page")] = None
    order_direction: OrderDirection = "DESC"

    def cursor(self) -> CursorQuery:
        """Return the query of the page's rows. Raise BadRequest for two cursors."""
        if self.after and self.before:
            raise BadRequest("after and before cannot be used together")
        include = bool(self.include_cursor)
        side: Side = ("upto" if include else "before") if self.before else "from" if include else "after"
        order: Literal["asc", "desc"] = "asc" if self.order_direction == "ASC" else "desc"
        return CursorQuery(self.limit, order, self.after or self.before or None, side)


def sorted_context_keys(keys: list[str] | None) -> list[str] | None:
    """Return the keys of `contextKeys`: None (any context) if absent, no keys (the default context) if empty."""
    return sorted({key for key in keys if key}) if keys else None


def read_query(request: Request, kind: type[T]) -> T:
    """Return the query as a struct. Raise ValidationFailed for values beyond its types or bounds.

    A parameter that is absent or empty has its default. A flag is true as `true`, false as anything else. A list is
    `k=a&k=b` or `k[]=a&k[]=b`. Its empty items are omitted, unless its default is None: there they distinguish an empty
    list from an absent one.
    """
    sent = query_of(request)
    parameters, has_required = _parameters(kind)
    if not sent and not has_required:
        return kind()
    values = {}
    for parameter in parameters:
        if parameter.is_required or parameter.is_in(sent):
            value = parameter.read(sent)
            if value is not None:
                values[parameter.field] = value
    return kind(**values)


def query_of(request: Request) -> Mapping[str, list[str]]:
    """Return the values of the query by name, in the order of their first values."""
    raw: bytes = request.scope["query_string"]
    if not raw:
        return _NOTHING
    return _parsed(raw) if len(raw) <= MAX_CACHED_BYTES else _parse(raw)


def _parse(raw: bytes) -> Mapping[str, list[str]]:
    values: dict[str, list[str]] = {}
    for name, value in parse_qsl(raw.decode("latin-1"), keep_blank_values=True):
        values.setdefault(name, []).append(value)
    return values


_parsed = lru_cache(CACHED_QUERIES)(_parse)
"""Clients send the same few queries again and again, and a handler looks at one several times."""


@dataclass(frozen=True, slots=True)
class _Parameter:
    """A field of a query, with type and bounds of its value or, for a list, of its items."""

    field: str
    name: str
    kind: Any
    bounds: dict[str, Any]
    is_list: bool
    keeps_empty: bool
    is_required: bool
    names: tuple[str, ...]
    """Its spellings in a query."""

    def is_in(self, sent: Mapping[str, list[str]]) -> bool:
        """Return whether a query has the parameter."""
        return self.name in sent or (self.is_list and self.names[1] in sent)

    def read(self, sent: Mapping[str, list[str]]) -> Any:
        """Return the value, or None for the default."""
        if not self.is_list:
            text = sent.get(self.name, [""])[-1]
            return self._parse(text) if text or self.is_required else None
        texts = [text for name in self.names for text in sent.get(name, ()) if text or self.keeps_empty]
        max_length = self._bound("max_length")
        if max_length is not None and len(texts) > max_length:
            raise invalid(self.name, f"{self.name} must contain no more than {max_length} elements")
        return [self._parse(text) for text in texts] or None

    def _parse(self, text: str) -> Any:
        if self.kind is int:
            return self._parse_number(text)
        if self.kind is bool:
            return text == "true"
        if get_origin(self.kind) is Literal and text not in get_args(self.kind):
            subject = f"each value in {self.name}" if self.is_list else self.name
            words = ", ".join(get_args(self.kind))
            raise invalid("general", f"{subject} must be one of the following values: {words}", text)
        return parse_object_id(text, self.name) if self._bound("pattern") == OBJECT_ID else text

    def _parse_number(self, text: str) -> int | None:
        if not (whole := _WHOLE_NUMBER.fullmatch(text)):
            if self._bound("extra"):
                return None
            raise invalid("general", f"{self.name} must be an integer number", text)
        number, low, high = int(whole[1]), self._bound("ge"), self._bound("le")
        if low is not None and number < low:
            raise invalid("general", f"{self.name} must not be less than {low}", text)
        if high is not None and number > high:
            raise invalid("general", f"{self.name} must not be greater than {high}", text)
        return number

    def _bound(self, name: str) -> Any:
        return self.bounds.get(name)


@cache
def _parameters(kind: type[msgspec.Struct]) -> tuple[list[_Parameter], bool]:
    """Return the parameters of a query, and whether one is required."""
    parameters = [_parameter(field) for field in msgspec.structs.fields(kind)]
    return parameters, any(parameter.is_required for parameter in parameters)


def _parameter(field: msgspec.structs.FieldInfo) -> _Parameter:
    kind, bounds = _bare(field.type)
    is_list = get_origin(kind) is list
    if is_list:
        kind, item_bounds = _bare(get_args(kind)[0])
        bounds += item_bounds
    keeps_empty = is_list and field.default is None
    name = field.encode_name
    names = (name, f"{name}[]") if is_list else (name,)
    by_name = {
        each: bound for meta in reversed(bounds) for each in _BOUNDS if (bound := getattr(meta, each)) is not None
    }
    return _Parameter(field.name, name, kind, by_name, is_list, keeps_empty, field.required, names)


def _bare(kind: Any) -> tuple[Any, list[Meta]]:
    """Return a type without None and annotations, and the annotations."""
    bounds: list[Meta] = []
    while get_origin(kind) in (Annotated, Union, UnionType):
        if get_origin(kind) is Annotated:
            bounds += [meta for meta in kind.__metadata__ if isinstance(meta, Meta)]
            kind = kind.__origin__
        else:
            kind = next(member for member in get_args(kind) if member is not NoneType)
    return kind, bounds


def query_list(request: Request, name: str) -> list[str]:
    """Return a list of the query: `k=a&k=b`, `k[]=a&k[]=b`."""
    sent = query_of(request)
    return [*sent.get(name, ()), *sent.get(f"{name}[]", ())]
