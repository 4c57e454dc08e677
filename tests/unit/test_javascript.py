"""JavaScript's conversions and comparisons of JSON values; the expected values are what Node prints."""

from __future__ import annotations

import math
from typing import Any

import pytest

from inbox.rendering.javascript import (
    UNDEFINED,
    at_most,
    is_truthy,
    less_than,
    number_text,
    slice_text,
    strictly_equal,
    text_length,
    to_number,
    to_text,
)


@pytest.mark.parametrize(
    ("value", "number"),
    [
        (None, 0), (False, 0), (True, 1), ("", 0), ("  ", 0), ("\u00a0\ufeff7\n", 7), ("12", 12), ("-12.5", -12.5),
        (".5", 0.5), ("5.", 5), ("1e3", 1000), ("+1", 1), ("0x1F", 31), ("0b101", 5), ("0o17", 15),
        ("Infinity", math.inf), ("-Infinity", -math.inf), ([], 0), ([5], 5), (["7"], 7), ([None], 0), ([[]], 0),
        (2**53 + 1, 2.0**53), (10**400, math.inf), ("9" * 400, math.inf), (3, 3), (2.5, 2.5), ("00012", 12),
    ],
)  # fmt: skip
def test_numbers(value: Any, number: float) -> None:
    assert to_number(value) == number


@pytest.mark.parametrize(
    "value", ["x", "1 2", "1_000", "٣", "inf", "nan", "-0x1", "1e", ".", "0x", {}, {"a": 1}, [1, 2], ["x"], [{}]]
)
def test_what_is_no_number(value: Any) -> None:
    assert math.isnan(to_number(value))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "null"), (True, "true"), (False, "false"), ("x", "x"), (1, "1"), (1.0, "1"), (-0.0, "0"), (0.1, "0.1"),
        (0.1 + 0.2, "0.30000000000000004"), (1e21, "1e+21"), (1e20, "100000000000000000000"), (1.5e300, "1.5e+300"),
        (123456789012345680000, "123456789012345680000"), (2**53 + 1, "9007199254740992"), (1e-6, "0.000001"),
        (1e-7, "1e-7"), (1.25e-7, "1.25e-7"), (-1e-9, "-1e-9"), (5e-324, "5e-324"), (0.00001234, "0.00001234"),
        (123.456, "123.456"), (100.0, "100"), (1e16, "10000000000000000"), (10**400, "Infinity"),
        (-(10**400), "-Infinity"), (math.nan, "NaN"),
        ([1, None, [2, "a"], {}], "1,,2,a,[object Object]"), ({}, "[object Object]"),
        ([], ""),
    ],
)  # fmt: skip
def test_text(value: Any, text: str) -> None:
    assert to_text(value) == text


def test_every_double_reads_back_from_its_text() -> None:
    for exponent in range(-320, 309):
        number = float(f"1.2345e{exponent}")
        assert float(number_text(number)) == number


@pytest.mark.parametrize("value", [None, False, 0, 0.0, -0.0, math.nan, ""])
def test_false_values(value: Any) -> None:
    assert is_truthy(value) is False


@pytest.mark.parametrize("value", [True, 1, -1, 0.1, math.inf, "0", "false", " ", [], {}])
def test_true_values(value: Any) -> None:
    assert is_truthy(value) is True


LIST: list[Any] = [1]


@pytest.mark.parametrize(
    ("left", "right", "is_equal"),
    [
        (1, 1.0, True), (1, "1", False), ("a", "a", True), (0, "", False),
        (0, "0", False),
        (False, 0, False), (False, "0", False), (None, 0, False), (None, False, False),
        (None, None, True), (True, True, True), (True, 1, False), (True, "true", False),
        (LIST, LIST, True), (LIST, [1], False), (LIST, 1, False), (LIST, "1", False),
        ({}, "[object Object]", False), ({}, {}, False), (math.nan, math.nan, False),
        (2**53, 2**53 + 1, True), ("", None, False), ([], "", False), ([], False, False),
    ],
)  # fmt: skip
def test_equality(left: Any, right: Any, is_equal: bool) -> None:
    assert strictly_equal(left, right) is strictly_equal(right, left) is is_equal


@pytest.mark.parametrize(
    ("left", "right", "less", "most"),
    [
        (1, 2, True, True), (2, 2, False, True), ("10", "9", True, True), ("10", 9, False, False),
        (None, 1, True, True),
        (None, 0, False, True), ("", 10, True, True), ("x", 1, False, False), (1, "x", False, False),
        ({}, 1, False, False),
        ([2], [10], False, False), ([2], 10, True, True), (False, True, True, True), ("a", "B", False, False),
        ("\U0001f4a5", "\uff5e", True, True), ("a", "a", False, True),
    ],
)  # fmt: skip
def test_order(left: Any, right: Any, less: bool, most: bool) -> None:
    assert less_than(left, right) is less
    assert at_most(left, right) is most


def test_undefined_is_not_null() -> None:
    assert math.isnan(to_number(UNDEFINED))
    assert to_text(UNDEFINED) == "undefined"
    assert to_text([UNDEFINED, 1]) == ",1"
    assert is_truthy(UNDEFINED) is False
    assert strictly_equal(UNDEFINED, UNDEFINED) is True
    assert strictly_equal(UNDEFINED, None) is strictly_equal(None, UNDEFINED) is False
    assert less_than(UNDEFINED, 1) is at_most(UNDEFINED, 1) is False


def test_text_is_counted_in_utf16_units() -> None:
    assert text_length("a\U0001f4a5ä") == 4
    assert slice_text("a\U0001f4a5ä", 0, 3) == "a\U0001f4a5"
    assert slice_text("a\U0001f4a5ä", 1, 2) == "\ud83d"
    assert slice_text("abc", 1, 9) == "bc"


@pytest.mark.parametrize("digits", ["1", "1.", ".1", "1.1", "1e1", "0x1"])
def test_a_long_text_that_is_almost_a_number_is_read_once(digits: str) -> None:
    long = digits + "1" * 500_000  # tried from each of its digits, it would take days
    assert math.isnan(to_number(long + "x"))
    assert not math.isnan(to_number(long))
