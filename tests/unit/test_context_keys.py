"""Contexts of a trigger, a session or a subscription."""

from __future__ import annotations

from typing import Any

import pytest

from inbox.errors import ValidationFailed
from inbox.models.context_keys import feed_name, parse_context


def test_keys_are_sorted_and_variables_keep_the_data() -> None:
    context = parse_context({"tenant": {"id": "acme", "data": {"plan": "pro"}}, "app": "web"})
    assert context.keys == ["app:web", "tenant:acme"]
    assert context.name == "app:web,tenant:acme" == feed_name(["tenant:acme", "app:web"])
    assert context.variables == {"tenant": {"id": "acme", "data": {"plan": "pro"}}, "app": {"id": "web"}}


@pytest.mark.parametrize("nothing", [None, {}])
def test_no_context(nothing: Any) -> None:
    assert (parse_context(nothing).keys, parse_context(nothing).name) == ([], "")


@pytest.mark.parametrize(
    ("raw", "field"),
    [
        ({str(number): "x" for number in range(6)}, "context"),
        ({"a b": "x"}, "context"),
        ({"a,b": "x"}, "context"),
        ({"a": ""}, "context.a"),
        ({"a": "x,y"}, "context.a"),
        ({"a": "x" * 101}, "context.a"),
        ({"a": 7}, "context.a"),
        ({"a": None}, "context.a"),
        ({"a": {"data": {}}}, "context.a"),
        ({"a": {"id": "x", "data": []}}, "context.a.data"),
        ({"a": {"id": "x", "data": {"text": "x" * 70_000}}}, "context.a.data"),
    ],
)
def test_what_is_wrong_is_named(raw: dict[str, Any], field: str) -> None:
    with pytest.raises(ValidationFailed) as refused:
        parse_context(raw)
    assert list(refused.value.fields) == [field]
