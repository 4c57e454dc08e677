"""Filters of notifications: every form clients send, their limits, and what they take."""

from __future__ import annotations

import json
from typing import Any

import pytest

from inbox.errors import BadRequest, ValidationFailed
from inbox.models.message import StoredMessage, encode_stored
from inbox.service.feed.notification_filter import (
    MAX_DATA_TEXT,
    MAX_TAG_GROUPS,
    MAX_TAGS,
    MAX_TAGS_PER_GROUP,
    NotificationFilter,
    parse_data,
    parse_filter,
    parse_tags,
    tags_of_query,
)
from inbox.store.rows import ARCHIVED, SNOOZED, UNREAD, UNSEEN

AB, C = frozenset({"a", "b"}), frozenset({"c"})
GROUPS = {"and": [{"or": ["a", "b"]}, {"or": ["c"]}]}


def stored(tags: list[str] | None = None, data: dict[str, Any] | None = None) -> bytes:
    return encode_stored(StoredMessage("t", "w", "workflow", "s", "step", tags=tags or [], data=data))


@pytest.mark.parametrize(
    ("raw", "groups"),
    [
        (None, ()),
        ([], ()),
        ({}, ()),
        ([[]], ()),
        (["a", "b"], (AB,)),
        ({"or": ["a", "b"]}, (AB,)),
        ([["a", "b"], ["c"]], (AB, C)),
        ([{"or": ["a", "b"]}, {"or": ["c"]}], (AB, C)),
        (GROUPS, (AB, C)),
    ],
)
def test_tags_in_every_form(raw: Any, groups: tuple[frozenset[str], ...]) -> None:
    assert parse_tags(raw) == groups


@pytest.mark.parametrize(
    "raw", ["a", 1, [1], ["a", ["b"]], {"nor": ["a"]}, {"or": "a"}, {"or": ["a"], "and": []}, {"and": "a"}, [["a", 1]]]
)
def test_tags_of_another_form_are_refused(raw: Any) -> None:
    with pytest.raises(ValidationFailed) as caught:
        parse_tags(raw)
    assert list(caught.value.fields) == ["tags"]


@pytest.mark.parametrize(
    ("most", "too_many"),
    [
        ([["t"]] * MAX_TAG_GROUPS, [["t"]] * (MAX_TAG_GROUPS + 1)),
        (["t"] * MAX_TAGS_PER_GROUP, ["t"] * (MAX_TAGS_PER_GROUP + 1)),
        ([["t"] * 100] * 2, [["t"] * 67] * 3),
    ],
)
def test_tags_have_limits(most: Any, too_many: Any) -> None:
    assert sum(map(len, parse_tags(most))) <= MAX_TAGS
    with pytest.raises(ValidationFailed):
        parse_tags(too_many)


@pytest.mark.parametrize(
    ("query", "tags"),
    [
        ("", None),
        ("tags=", None),
        ("tags=a&tags=b", ["a", "b"]),
        ("tags[]=a&tags[]=b", ["a", "b"]),
        ("tags[0]=a&tags[1]=b", ["a", "b"]),
        ("tags[0][]=a&tags[0][]=b&tags[1][]=c", [["a", "b"], ["c"]]),
        ("tags[1][0]=c&tags[0][0]=a&tags[0][1]=b", [["a", "b"], ["c"]]),
        ("tags[or][]=a&tags[or][]=b", {"or": ["a", "b"]}),
        ("tags[and][0][or][]=a&tags[and][0][or][]=b&tags[and][1][or][]=c", GROUPS),
    ],
)
def test_tags_of_a_query(query: str, tags: Any) -> None:
    items = [(name, value) for name, _, value in (part.partition("=") for part in query.split("&"))]
    assert tags_of_query(items) == tags


@pytest.mark.parametrize(
    "query", ["tags=a&tags[0][]=b", "tags[nor][]=a", "tags[0][]=a&tags[or][]=b", "tags[0][0][]=a", "tags[0][or][]=a"]
)
def test_mixtures_of_a_query_are_refused(query: str) -> None:
    items = [(name, value) for name, _, value in (part.partition("=") for part in query.split("&"))]
    with pytest.raises(ValidationFailed):
        tags_of_query(items)


@pytest.mark.parametrize(
    ("raw", "pairs"),
    [
        (None, ()),
        ("", ()),
        ("{}", ()),
        ('{"a":1}', ((("a",), 1),)),
        ({"a.b": "x"}, ((("a", "b"), "x"),)),
        ({"a": {"b": None, "c": True}}, ((("a", "b"), None), (("a", "c"), True))),
        ({"a": "x" * MAX_DATA_TEXT}, ((("a",), "x" * MAX_DATA_TEXT),)),
    ],
)
def test_data_in_every_form(raw: Any, pairs: Any) -> None:
    assert parse_data(raw) == pairs


@pytest.mark.parametrize(
    "raw", ["{", "[]", "1", '"a"', 1, [], {"a": [1]}, {"a": {"b": {"c": 1}}}, {"a": "x" * (MAX_DATA_TEXT + 1)}]
)
def test_data_of_another_form_is_refused(raw: Any) -> None:
    with pytest.raises(BadRequest):
        parse_data(raw)


@pytest.mark.parametrize(
    ("tags", "data", "wanted", "held"),
    [
        (["a"], None, {"tags": ["a", "b"]}, True),
        (["b", "c"], None, {"tags": [["a", "b"], ["c"]]}, True),
        (["b"], None, {"tags": [["a", "b"], ["c"]]}, False),
        ([], None, {"tags": ["a"]}, False),
        ([], {"a": {"b": 1}}, {"data": {"a.b": 1}}, True),
        ([], {"a": {"b": 1}}, {"data": {"a": {"b": 1.0}}}, True),
        ([], {"a": True}, {"data": {"a": 1}}, False),
        ([], {"a": 1}, {"data": {"a": True}}, False),
        ([], {"a": "1"}, {"data": {"a": 1}}, False),
        ([], {"a": [1]}, {"data": {"a": 1}}, False),
        ([], {"a": 1, "b": 2}, {"data": {"a": 1, "b": 3}}, False),
        ([], None, {"data": {"a": 1}}, False),
        ([], None, {"data": {"a": None}}, True),
        ([], {"a": None}, {"data": {"a": None}}, True),
        ([], {"a": 0}, {"data": {"a": None}}, False),
        (["a"], {"x": 1}, {"tags": ["a"], "data": json.dumps({"x": 1})}, True),
        (["b"], {"x": 1}, {"tags": ["a"], "data": json.dumps({"x": 1})}, False),
    ],
)
def test_what_a_filter_takes(tags: list[str], data: Any, wanted: dict[str, Any], held: bool) -> None:
    parsed = parse_filter(wanted)
    assert parsed.by_content
    assert parsed.match([stored(tags, data)]) == bytes([held])
    other = stored(["z"], {"z": 1})
    assert parsed.match([other, stored(tags, data), other])[1] == held


def test_flags_become_a_selection_of_rows() -> None:
    flags = {"read": False, "seen": True, "archived": False, "snoozed": True}
    parsed = parse_filter({**flags, "severity": ["low", "high"]})
    assert parsed.select.mask == UNREAD | UNSEEN | ARCHIVED | SNOOZED
    assert parsed.select.value == UNREAD | SNOOZED
    assert parsed.select.severities == ("high", "low")
    assert not parsed.by_content
    assert parse_filter({"severity": "none"}).select.severities == ("none",)
    assert parse_filter({"createdGte": 5, "unknown": []}) == NotificationFilter()


@pytest.mark.parametrize("raw", [{"read": "true"}, {"seen": 1}, {"severity": "urgent"}, {"severity": ["low", "x"]}])
def test_wrong_types_are_refused(raw: dict[str, Any]) -> None:
    with pytest.raises(ValidationFailed):
        parse_filter(raw)


def test_unread_and_archived_contradict() -> None:
    with pytest.raises(BadRequest):
        parse_filter({"read": False, "archived": True})


def test_equal_filters_share_a_key_and_others_do_not() -> None:
    assert parse_filter({"tags": ["a", "b"]}).key == parse_filter({"tags": {"or": ["b", "a"]}}).key
    keys = {parse_filter({"data": {"a": value}}).key for value in (1, True, "1", None)}
    assert len(keys) == 4
