"""Notification filters of lists, counts and bulk changes, in every form that clients send.

A feed's rows decide flags, severity and times; a message's content decides tags, data and named feeds (`by_content`).
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any, TypeVar

import msgspec
import orjson
from msgspec import Meta

from inbox.errors import BadRequest, invalid
from inbox.models.workflow import Severity
from inbox.service.feed.content_match import DataPairs, DataPath, Scalar, Slice, TagGroups
from inbox.store.rows import ALL, ARCHIVED, SNOOZED, UNREAD, UNSEEN, Select

MAX_FILTERS = 30
MAX_TAG_GROUPS = 30
MAX_TAGS_PER_GROUP = 100
MAX_TAGS = 200
MAX_DATA_LEVELS = 2
MAX_DATA_TEXT = 256
MAX_MS = 2**53

TimeMs = Annotated[int, Meta(ge=0, le=MAX_MS)]

_TAGS_PARAMETER = re.compile(r"tags((?:\[[a-z0-9]{0,6}\])+)")


class FilterFields(msgspec.Struct):
    """The filter of a count, or of a list's query after type conversion; null is the same as absent."""

    read: bool | None = None
    seen: bool | None = None
    archived: bool | None = None
    snoozed: bool | None = None
    severity: Severity | list[Severity] | None = None
    tags: Any = None
    data: Any = None


class ListFields(FilterFields):
    """The filter of a list."""

    created_gte: TimeMs | None = msgspec.field(default=None, name="createdGte")
    created_lte: TimeMs | None = msgspec.field(default=None, name="createdLte")


@dataclass(frozen=True, slots=True)
class NotificationFilter:
    """A filter of notifications, all parts of which must match. Times are ms since 1970, inclusive."""

    select: Select = ALL
    tags: TagGroups = ()
    data: DataPairs = ()
    created_gte: int | None = None
    created_lte: int | None = None
    feed_ids: frozenset[str] | None = None
    """A message must be in one of the named feeds with these `_id`s; None accepts all."""

    @property
    def by_content(self) -> bool:
        return bool(self.tags or self.data) or self.feed_ids is not None

    @property
    def by_time(self) -> bool:
        return self.created_gte is not None or self.created_lte is not None

    @property
    def content(self) -> Hashable:
        """Return a key that filters share exactly if they match the same content."""
        return self.tags, tuple((path, value.__class__, value) for path, value in self.data), self.feed_ids

    @property
    def key(self) -> bytes:
        """Return a key that equal filters share: true and 1 differ here, though not for Python."""
        tags = sorted(sorted(group) for group in self.tags)
        feeds = None if self.feed_ids is None else sorted(self.feed_ids)
        return orjson.dumps([list(self.select), tags, self.data, self.created_gte, self.created_lte, feeds])

    def matching(self, part: Slice) -> int:
        """Return the mask of the messages of a slice that match by content."""
        return part.matching(self.tags, self.data, self.feed_ids)

    def match(self, contents: Sequence[bytes]) -> bytes:
        """Return one byte a stored message: 1 if it matches by content."""
        return self.matching(Slice(contents)).to_bytes(len(contents), "little")


F = TypeVar("F", bound=FilterFields)
EVERYTHING = NotificationFilter()


def parse_filter(raw: Mapping[str, Any]) -> NotificationFilter:
    """Return the filter of an object of typed fields; unknown fields are ignored.

    Raise ValidationFailed (types, severity, tags and their limits) or BadRequest (data, unread and archived at once).
    """
    return _filter_of(_fields_of(raw, FilterFields))


def parse_filters(raw: Sequence[Mapping[str, Any]]) -> list[NotificationFilter]:
    """Return the filters of a count. Raise as `parse_filter`, and ValidationFailed for too many."""
    if len(raw) > MAX_FILTERS:
        raise invalid("filters", f"filters must contain no more than {MAX_FILTERS} elements")
    return [parse_filter(item) for item in raw]


def parse_list_filter(raw: Mapping[str, Any]) -> NotificationFilter:
    """Return the filter of a list, which may have times. Raise as `parse_filter`."""
    fields = _fields_of(raw, ListFields)
    filtered = _filter_of(fields)
    if fields.created_gte is None and fields.created_lte is None:
        return filtered
    return replace(filtered, created_gte=fields.created_gte, created_lte=fields.created_lte)


def _fields_of(raw: Mapping[str, Any], kind: type[F]) -> F:
    try:
        return msgspec.convert(raw, kind)
    except msgspec.ValidationError as error:
        raise invalid("general", str(error)) from None


def _filter_of(fields: FilterFields) -> NotificationFilter:
    if fields.read is False and fields.archived is True:
        raise BadRequest("Filtering for unread and archived notifications is not supported.")
    return NotificationFilter(_select(fields), parse_tags(fields.tags), parse_data(fields.data))


def _select(fields: FilterFields) -> Select:
    severities = [fields.severity] if isinstance(fields.severity, str) else fields.severity or []
    return (
        ALL._replace(severities=tuple(sorted(set(severities))))
        .where_not(UNREAD, fields.read)
        .where_not(UNSEEN, fields.seen)
        .where(ARCHIVED, fields.archived)
        .where(SNOOZED, fields.snoozed)
    )


def parse_tags(raw: Any) -> TagGroups:
    """Return groups of tags; a message matches if it has a tag of each group.

    `[a, b]` and `{or: [a, b]}` are one group, `[[a, b], [c]]` and `{and: [{or: [a, b]}, {or: [c]}]}` are two. Raises
    ValidationFailed for any other form and beyond 30 groups, 100 tags a group, 200 tags.
    """
    groups = [group for group in _tag_groups(raw) if group]
    if len(groups) > MAX_TAG_GROUPS:
        raise invalid("tags", f"tags must contain no more than {MAX_TAG_GROUPS} groups")
    if any(len(group) > MAX_TAGS_PER_GROUP for group in groups):
        raise invalid("tags", f"tags must contain no more than {MAX_TAGS_PER_GROUP} tags in a group")
    if sum(map(len, groups)) > MAX_TAGS:
        raise invalid("tags", f"tags must contain no more than {MAX_TAGS} tags")
    return tuple(map(frozenset, groups))


def _tag_groups(raw: Any) -> list[list[str]]:
    if raw is None:
        return []
    if isinstance(raw, dict):
        if set(raw) == {"and"} and isinstance(raw["and"], list):
            return [_or_group(item) for item in raw["and"]]
        return [_or_group(raw)] if raw else []
    if isinstance(raw, list) and raw and all(isinstance(item, list | dict) for item in raw):
        return [_or_group(item) for item in raw]
    return [_or_group(raw)]


def _or_group(raw: Any) -> list[str]:
    tags = raw["or"] if isinstance(raw, dict) and set(raw) == {"or"} else raw
    if not isinstance(tags, list) or not all(isinstance(tag, str) for tag in tags):
        raise invalid("tags", "tags must be a list of strings, or of such lists, {or: [...]} or {and: [{or: [...]}]}")
    return tags


def parse_data(raw: Any) -> DataPairs:
    """Return paths and the values expected there, from a JSON object or its text; `{}` and "" match everything.

    Raise BadRequest for broken JSON, other types, more than two levels, lists, and strings over 256 characters.
    """
    if raw is None or raw == "":
        return ()
    if isinstance(raw, str):
        raw = parse_data_text(raw)
    if not isinstance(raw, dict):
        raise BadRequest("data must be a JSON object")
    return tuple(_pairs(raw, ()))


def parse_data_text(text: str) -> Any:
    """Decode the JSON of a `data` parameter. Raise BadRequest."""
    try:
        return orjson.loads(text.encode(errors="surrogatepass"))
    except orjson.JSONDecodeError:
        raise BadRequest("Invalid JSON format for data") from None


def _pairs(raw: dict[str, Any], path: DataPath) -> Iterable[tuple[DataPath, Scalar]]:
    for name, value in raw.items():
        value_path = (*path, *name.split("."))
        if isinstance(value, dict):
            if len(path) + 1 >= MAX_DATA_LEVELS:
                raise BadRequest(f"data must not be nested deeper than {MAX_DATA_LEVELS} levels")
            yield from _pairs(value, value_path)
        elif isinstance(value, list):
            raise BadRequest("data must not contain lists")
        elif isinstance(value, str) and len(value) > MAX_DATA_TEXT:
            raise BadRequest(f"A text in data must not be longer than {MAX_DATA_TEXT} characters")
        else:
            yield value_path, value


def tags_of_query(query: Sequence[tuple[str, str]]) -> Any:
    """Return the tags of a query in the form `parse_tags` reads, None if there are none.

    `tags=a`, `tags[]=a` and `tags[0]=a` are a flat list, `tags[0][]=a` a list of groups, `tags[or][]=a` and
    `tags[and][0][or][]=a` the objects. Raise ValidationFailed for mixtures.
    """
    flat = [value for name, value in query if name in ("tags", "tags[]") and value]
    nested = [
        (match[1][1:-1].split("]["), value)
        for name, value in query
        if name != "tags[]" and (match := _TAGS_PARAMETER.fullmatch(name))
    ]
    if not nested:
        return flat or None
    forms = {_form(path) for path, _ in nested}
    if flat or len(forms) > 1 or None in forms:
        raise invalid("tags", "tags must be given in one form only")
    if forms in ({"flat"}, {"or"}):
        values = [value for _, value in nested]
        return values if forms == {"flat"} else {"or": values}
    return _grouped(nested, wrap=forms == {"and"})


def _form(path: list[str]) -> str | None:
    shape = ["#" if part.isdigit() or part == "" else part for part in path]
    return {
        ("#",): "flat",
        ("#", "#"): "groups",
        ("or", "#"): "or",
        ("and", "#", "or", "#"): "and",
    }.get(tuple(shape))


def _grouped(nested: list[tuple[list[str], str]], *, wrap: bool) -> Any:
    groups: dict[str, list[str]] = {}
    for path, value in nested:
        groups.setdefault(path[1] if wrap else path[0], []).append(value)
    ordered = [groups[index] for index in sorted(groups, key=lambda index: int(index or 0))]
    return {"and": [{"or": group} for group in ordered]} if wrap else ordered
