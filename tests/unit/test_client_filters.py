"""Filters of the client: what matches, and how they are written."""

from __future__ import annotations

from typing import Any

import pytest

from inbox.client.filters import matches, query_of
from tests.support.native_service import item

DATA = {"n": 1, "deep": {"flag": True}, "none": None}


@pytest.mark.parametrize(
    ("filter", "expected"),
    [
        ({}, True),
        ({"read": False, "archived": None}, True),
        ({"read": True}, False),
        ({"snoozed": False, "seen": False}, True),
        ({"severity": "high"}, True),
        ({"severity": ["low", "none"]}, False),
        ({"tags": ["b", "x"]}, True),
        ({"tags": ["x"]}, False),
        ({"tags": []}, True),
        ({"tags": [["a"], ["b", "x"]]}, True),
        ({"tags": [["a"], ["x"]]}, False),
        ({"tags": {"or": ["x", "a"]}}, True),
        ({"tags": {"and": [{"or": ["a"]}, {"or": ["x"]}]}}, False),
        ({"data": {"n": 1.0}}, True),
        ({"data": {"n": True}}, False),
        ({"data": {"deep": {"flag": True}}}, True),
        ({"data": {"deep.flag": True, "n": 1}}, True),
        ({"data": {"deep.flag": 1}}, False),
        ({"data": {"none": None, "missing": None, "n.deeper": None}}, True),
        ({"data": {"n": None}}, False),
        ({"createdGte": 1_796_126_400_000, "createdLte": 1_796_126_400_000}, True),
        ({"createdGte": 1_796_126_400_001}, False),
        ({"createdLte": 1_796_126_399_999}, False),
    ],
)
def test_what_matches(filter: Any, expected: bool) -> None:
    notification: Any = item(1, severity="high", tags=["a", "b"], data=DATA)
    assert matches(filter, notification) is expected


def test_a_notification_without_data_or_severity() -> None:
    bare: Any = item(1)
    del bare["severity"]
    assert matches({"severity": "none", "data": {"n": None}}, bare)
    assert not matches({"data": {"n": 1}}, bare)


def test_a_filter_as_a_query() -> None:
    filter = {"read": False, "tags": ["a"], "severity": "high", "data": {"n": 1}, "limit": 5, "after": None}
    assert query_of(filter) == {
        "read": "false",
        "tags[]": ["a"],
        "severity[]": ["high"],
        "data": '{"n": 1}',
        "limit": "5",
    }
    assert query_of({"tags": [["a", "b"], ["c"]]}) == {"tags[0][]": ["a", "b"], "tags[1][]": ["c"]}
    assert query_of({"tags": []}) == {}
    assert query_of({"after": "65F0"}) == {"after": "65F0"}
