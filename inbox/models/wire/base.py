"""What answers have in common: the types of fields, ids and dates, pages, errors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Generic, NotRequired, TypeAlias, TypedDict, TypeVar

from msgspec import Meta, UnsetType

from inbox.models.json_values import JsonObject

HexId = Annotated[str, Meta(pattern="^[0-9a-f]{24}$", examples=["65f0c1a2b3d4e5f60718293a"])]
Date = Annotated[
    str,
    Meta(
        pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$",
        examples=["2026-01-31T10:00:00.000Z"],
        extra_json_schema={"format": "date-time"},
    ),
]
Count = Annotated[int, Meta(ge=0)]
SequenceNumber = Annotated[
    int,
    Meta(
        ge=1,
        description="The message's place in its feed: larger is newer; it changes when the message goes to the top",
    ),
]

if TYPE_CHECKING:
    Absent: TypeAlias = None
else:
    Absent = UnsetType  # which the document leaves out of a field's type
"""The value of an empty optional field in a view decorated with `without_nulls`."""

T = TypeVar("T")


class Empty(TypedDict):
    """An object without fields."""


class Identified(TypedDict):
    _id: HexId


class EnvironmentIds(TypedDict):
    _environmentId: HexId
    _organizationId: HexId


class Owned(Identified, EnvironmentIds):
    pass


class Timestamps(TypedDict):
    createdAt: Date
    updatedAt: Date


class PageReply(TypedDict, Generic[T]):
    """A numbered page that says whether there is another."""

    data: list[T]
    page: Count
    pageSize: Count
    hasMore: bool
    totalCount: NotRequired[Count]


class CountedPageReply(TypedDict, Generic[T]):
    """A numbered page that says how many items there are."""

    data: list[T]
    page: Count
    pageSize: Count
    totalCount: Count
    hasMore: NotRequired[bool]


class CursorPageReply(TypedDict, Generic[T]):
    """A page beside a cursor, with the cursors to go on from."""

    data: list[T]
    next: str | None
    previous: str | None
    totalCount: Count
    totalCountCapped: bool


class FieldErrors(TypedDict):
    """What is wrong with a field, and the value that it had where that is shown."""

    messages: list[str]
    value: NotRequired[Any]


class ErrorReply(TypedDict):
    """Every error: `message` is for the reader, `errors` names fields or lists what failed, `errorId` stands in
    the log (5xx).
    """

    statusCode: Annotated[int, Meta(ge=400, le=599)]
    timestamp: Date
    path: str
    message: str
    ctx: JsonObject
    error: NotRequired[str]
    errors: NotRequired[dict[str, FieldErrors] | list[JsonObject]]
    errorId: NotRequired[str]


Versioned = TypedDict("Versioned", {"__v": int})  # within a class body the name would be mangled


class Acknowledged(TypedDict):
    acknowledged: bool
    status: NotRequired[str]


class Success(TypedDict):
    success: bool


class HealthReply(TypedDict):
    status: str
    version: NotRequired[str]
    reason: NotRequired[str]
