"""Work, counted."""

from __future__ import annotations

import time
from typing import Any

import pytest

from inbox.work import TooMuchWork, Work, weight


def test_what_is_granted_can_be_spent_and_no_more() -> None:
    work = Work(1_000, 60)
    for _ in range(1_000):
        work.spend(1)
    assert work.left == 0
    for _ in range(2):
        with pytest.raises(TooMuchWork):
            work.spend(1)


def test_time_that_is_used_up_ends_it_though_units_are_left() -> None:
    work = Work(1_000_000, 0.01)
    work.spend(5_000)
    end = time.thread_time() + 0.02
    while time.thread_time() < end:
        pass
    assert work.seconds_left() == 0
    for _ in range(2):
        with pytest.raises(TooMuchWork):
            work.spend(5_000)
    assert work.left > 0


def test_waiting_is_no_work() -> None:
    work = Work(1_000, 0.05)
    work.spend(500)
    time.sleep(0.1)
    work.spend(500)


@pytest.mark.parametrize(
    ("value", "units"),
    [
        (None, 1), (5, 1), ("abc", 1), ("a" * 2_000, 101), ([], 1), ([1, 2], 3), ({"a": {"b": [1, 2]}}, 5),
        (range(10), 11), (["a" * 2_000], 102),
    ],
)  # fmt: skip
def test_the_weight_of_a_value_is_all_that_is_in_it(value: Any, units: int) -> None:
    assert weight(value) == units
