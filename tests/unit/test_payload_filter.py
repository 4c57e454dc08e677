"""The `payload` filter of the feed: base64 of a JSON object, matched as a subset of a message's payload."""

from __future__ import annotations

import base64
from typing import Any

import orjson
import pytest

from inbox.errors import BadRequest
from inbox.service.feed.feed import holds, parse_payload_filter


def encoded(value: Any) -> str:
    return base64.b64encode(orjson.dumps(value)).decode()


def test_a_filter_is_read() -> None:
    assert parse_payload_filter(encoded({"a": {"b": [1, "ä"]}})) == {"a": {"b": [1, "ä"]}}


@pytest.mark.parametrize(
    "text", ["%", "ä", "not base64", "e30=e30", "ew==", "e3", *map(encoded, ([1], "text", None, 7))]
)
def test_what_is_no_encoded_object_is_refused(text: str) -> None:
    with pytest.raises(BadRequest):
        parse_payload_filter(text)


def test_a_filter_may_come_without_its_padding() -> None:
    text = encoded({"ab": 1})
    assert text.endswith("=")
    assert parse_payload_filter(text.rstrip("=")) == {"ab": 1}


def test_keys_that_are_operators_or_prototypes_are_dropped() -> None:
    wanted = {"$where": 1, ".a": 1, "__proto__": {"x": 1}, "constructor": 1, "prototype": 1, "a": {"$gt": 0, "b": 2}}
    assert parse_payload_filter(encoded(wanted)) == {"a": {"b": 2}}


PAYLOAD = {"a": 1, "b": {"c": {"d": {"e": 1, "f": 2}}}, "list": [1, 2], "null": None, "yes": True, "text": "1"}


@pytest.mark.parametrize(
    "wanted",
    [
        *({}, {"a": 1}, {"a": 1.0}, {"b": {"c": {"d": {"e": 1, "f": 2}}}}, {"b": {"c": {"d": {"f": 2, "e": 1}}}}),
        *({"list": [1, 2]}, {"null": None}, {"yes": True}, {"a": 1, "text": "1"}),
    ],
)
def test_a_payload_holds_its_parts(wanted: Any) -> None:
    assert holds(PAYLOAD, wanted)


@pytest.mark.parametrize(
    "wanted",
    [
        *({"a": 2}, {"a": "1"}, {"a": True}, {"yes": 1}, {"text": 1}, {"z": None}, {"a": {"b": 1}}, {"b": {"c": 1}}),
        *({"list": [1]}, {"list": [2, 1]}, {"list": 1}, {"list": [True, 2]}, {"null": 0}, {"a": 1, "text": "2"}),
    ],
)
def test_a_payload_does_not_hold_anything_else(wanted: Any) -> None:
    assert not holds(PAYLOAD, wanted)


def test_beyond_three_levels_values_are_compared_whole() -> None:
    assert not holds(PAYLOAD, {"b": {"c": {"d": {"e": 1}}}})
    assert not holds({"a": {"b": {"c": [1, {"d": True}]}}}, {"a": {"b": {"c": [1, {"d": 1}]}}})


def test_an_object_that_is_wanted_has_to_be_one() -> None:
    assert not holds({"a": [1]}, {"a": {}})
