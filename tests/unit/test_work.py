"""Work, counted."""

from __future__ import annotations

from typing import Any

import pytest

from inbox.work import TooMuchWork, Work, weight


def test_what_is_granted_can_be_spent_and_no_more() -> None:
    work = Work(1_000)
    for _ in range(1_000):
        work.spend(1)
    assert work.remaining == 0
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
    assert weight(value, 1_000) == units
    work = Work(1_000)
    work.weigh(value, 3)
    assert work.remaining == 1_000 - 3 * units


class Counted(dict[str, Any]):
    """An object that counts how often it is looked into."""

    looks = 0

    def values(self) -> Any:
        Counted.looks += 1
        return super().values()


def test_weighing_ends_where_the_work_does() -> None:
    value: Any = Counted(x=1)
    for _ in range(60):
        value = [value, value]  # 2 ** 60 objects
    assert 5_000 <= weight(value, 5_000) < 5_010
    Counted.looks = 0
    work = Work(8_000)
    with pytest.raises(TooMuchWork):
        work.weigh(value, 8)
    assert work.remaining < 0
    assert 0 < Counted.looks <= 1_000
