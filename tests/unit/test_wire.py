"""The types of answers: what a view leaves out."""

from __future__ import annotations

import tracemalloc
from typing import NotRequired, TypedDict

import orjson

from inbox.models import wire


class Named(TypedDict):
    name: NotRequired[str | wire.Absent]
    parent: str | None


class Aged(Named):
    age: NotRequired[int | wire.Absent]


@wire.without_nulls
def named(name: str | None) -> Named:
    return {"name": name, "parent": None}


@wire.without_nulls
def aged(name: str | None, age: int | None) -> Aged:
    return {**named(name), "age": age}


def test_an_optional_field_without_a_value_is_left_out() -> None:
    assert aged(None, None) == {"parent": None}
    assert list(aged("", 0).items()) == [("name", ""), ("parent", None), ("age", 0)]


def test_a_field_that_is_required_may_be_null() -> None:
    assert named("ada") == {"name": "ada", "parent": None}


def test_json_that_is_kept_takes_the_room_of_its_text() -> None:
    tracemalloc.start()
    kept = [wire.encoded({"subscriberId": f"u{number}"}) for number in range(100)]
    room, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert orjson.dumps(kept[7]) == b'{"subscriberId":"u7"}'
    assert room < 100 * 500
