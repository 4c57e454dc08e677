"""Ids: those we make, and those that callers choose."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inbox import clock, ids
from inbox.errors import BadRequest, ValidationFailed
from inbox.models.dates import iso, iso_now


def test_new_ids_are_object_ids_and_differ() -> None:
    made = {ids.new_object_id() for _ in range(100)}
    assert len(made) == 100
    assert all(ids.is_object_id(one) for one in made)


def test_a_derived_id_belongs_to_its_parts() -> None:
    assert ids.derived_object_id("a", "b") == ids.derived_object_id("a", "b")
    assert len({ids.derived_object_id(*parts) for parts in (("a", "b"), ("ab",), ("a", "b", ""), ("b", "a"))}) == 4
    assert ids.is_object_id(ids.derived_object_id("ä 💥"))


def test_a_new_transaction_id_says_what_it_is() -> None:
    made = ids.new_transaction_id()
    assert made.startswith("txn_")
    assert ids.is_object_id(made.removeprefix("txn_"))


@pytest.mark.parametrize("value", ["0" * 23, "0" * 25, "g" * 24, "0" * 24 + "\n", "", None, 7, ["0" * 24], b"0" * 24])
def test_anything_else_is_no_object_id(value: Any) -> None:
    assert not ids.is_object_id(value)
    with pytest.raises(ValidationFailed) as refused:
        ids.parse_object_id(value, "messageId")
    assert refused.value.fields == {"messageId": ["messageId must be a mongodb id"]}


def test_an_object_id_is_read_in_either_case() -> None:
    assert ids.parse_object_id("ABCDEF" * 4, "id") == "abcdef" * 4


@pytest.mark.parametrize("text", ["a:b{c}*", "a/b", "ä 💥", "a@example.org", "x" * 255, "💥" * 255, "..", "\\"])
def test_a_subscriber_id_may_hold_nearly_anything(text: str) -> None:
    assert ids.parse_subscriber_id(text) == text


NO_TEXTS: list[Any] = [None, 7, True, [], {}, b"a"]


@pytest.mark.parametrize("text", ["  a ", "\ta\n", "a" + " " * 300])
def test_a_subscriber_id_is_trimmed(text: str) -> None:
    assert ids.parse_subscriber_id(text) == "a"


@pytest.mark.parametrize(
    ("value", "complaint"),
    [
        *((wrong, "must be a string") for wrong in NO_TEXTS),
        *((blank, "should not be empty") for blank in ("", " ", "\n\t")),
        *((long, "shorter than or equal to 255") for long in ("x" * 256, "💥" * 256)),
        *((f"a{control}b", "control characters") for control in ("\x01", "\x1f", "\x7f", "\n", "\t")),
    ],
)
def test_a_wrong_subscriber_id_is_named(value: Any, complaint: str) -> None:
    with pytest.raises(ValidationFailed) as refused:
        ids.parse_subscriber_id(value, "to")
    [message] = refused.value.fields["to"]
    assert message.startswith("to ")
    assert complaint in message


@pytest.mark.parametrize("value", ["\0", "a\0b", " \0 ", "a\ud800"])
def test_nul_and_half_characters_are_malformed(value: str) -> None:
    with pytest.raises(BadRequest):
        ids.parse_subscriber_id(value)


@given(st.text(max_size=300))
def test_what_is_accepted_can_be_stored_and_sent(value: str) -> None:
    try:
        accepted = ids.parse_subscriber_id(value)
    except (BadRequest, ValidationFailed):
        return
    assert accepted == value.strip()
    assert 0 < len(accepted) <= 255
    assert accepted.encode()


def test_dates_are_utc_with_milliseconds() -> None:
    assert iso(0) == "1970-01-01T00:00:00.000Z"
    assert iso(1_733_825_459_639) == "2024-12-10T10:10:59.639Z"


@given(st.integers(0, 4_102_444_800_000))
def test_dates_sort_as_their_times(ms: int) -> None:
    assert iso(ms) < iso(ms + 1)
    assert len(iso(ms)) == len(iso_now()) == 24


def test_ordered_ids_sort_by_their_time() -> None:
    before = clock.now_ms()
    made = [ids.new_ordered_id() for _ in range(1_000)]
    after = clock.now_ms()
    assert all(ids.is_object_id(one) for one in made)
    assert len(set(made)) == 1_000
    assert [ids.created_ms(one) for one in made] == sorted(ids.created_ms(one) for one in made)
    assert before <= ids.created_ms(made[0]) <= ids.created_ms(made[-1]) <= after
    assert sum(one > other for one, other in pairwise(made)) <= 1
