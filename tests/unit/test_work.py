"""Work, counted."""

from __future__ import annotations

from typing import Any

import pytest

from inbox.work import MAX_WEIGHT, TooMuchWork, Work, weight


def test_what_is_granted_can_be_spent_and_no_more() -> None:
    work = Work(1_000)
    for _ in range(1_000):
        work.spend(1)
    assert work.left == 0
    for _ in range(2):
        with pytest.raises(TooMuchWork):
            work.spend(1)


@pytest.mark.parametrize(
    ("value", "units"),
    [
        (None, 1), (5, 1), ("abc", 1), ("a" * 2_000, 101), ([], 1), ([1, 2], 3), ({"a": {"b": [1, 2]}}, 5),
        (["a" * 2_000], 102),
    ],
)  # fmt: skip
def test_the_weight_of_a_value_is_all_that_is_in_it(value: Any, units: int) -> None:
    assert weight(value) == units


def test_weighing_a_list_that_holds_another_many_times_has_an_end() -> None:
    value: list[Any] = ["x"]
    for _ in range(60):
        value = [value, value]
    assert MAX_WEIGHT <= weight(value) < MAX_WEIGHT + 10
