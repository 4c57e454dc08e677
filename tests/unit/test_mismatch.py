"""What does not fit a type, in words."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
import pytest
from msgspec import Meta

from inbox.models.mismatch import explain_mismatch, find_mismatches, suggest
from inbox.models.trigger import TriggerRequest
from inbox.service.workflows.bodies import WorkflowCreate


class Inner(msgspec.Struct, forbid_unknown_fields=True, rename="camel"):
    first_name: str
    ages: dict[str, Annotated[int, Meta(ge=0)]] = {}


class Cat(msgspec.Struct, tag_field="type", tag="cat"):
    lives: int


class Dog(msgspec.Struct, tag_field="type", tag="dog"):
    owner: Inner | None = None


class Outer(msgspec.Struct):
    animals: list[Cat | Dog] | None = None
    inner: Inner | None = None


def found(value: Any, kind: Any = Outer) -> dict[str, str]:
    return {one.field: str(one) for one in find_mismatches(value, kind)}


def test_every_place_is_found() -> None:
    value = {
        "animals": [
            {"type": "cat", "lives": "nine"},
            {"type": "dog", "owner": {"fist_name": "A", "ages": {"now": -1, "then": 2, "soon": None}}},
            {"type": "cow"},
            7,
            {"type": "cat", "lives": 9},
        ],
        "inner": "x",
    }
    assert found(value) == {
        "animals.0.lives": "Expected `int`, got `str`",
        "animals.1.owner.firstName": (
            "missing required field `firstName`: `fist_name` is not a field here, did you mean `firstName`?"
        ),
        "animals.1.owner.fist_name": "unknown field `fist_name`: did you mean `firstName`?",
        "animals.1.owner.ages.now": "Expected `int` >= 0",
        "animals.1.owner.ages.soon": "Expected `int`, got `null`",
        "animals.2.type": "Invalid value 'cow'",
        "animals.3": "Expected `object`, got `int`",
        "inner": "Expected `object | null`, got `str`",
    }


@pytest.mark.parametrize("value", [{}, {"animals": None}, {"animals": []}, {"inner": {"firstName": "A"}}, {"more": 1}])
def test_nothing_is_found_in_what_fits(value: Any) -> None:
    assert found(value) == {}


class Choice(msgspec.Struct):
    size: Literal["small", "large"] | None = None
    sizes: list[Annotated[Literal["a", "b"], Meta(description="x")]] = []


def test_a_word_that_is_not_allowed_names_those_that_are() -> None:
    assert found({"size": "huge", "sizes": ["a", "c"]}, Choice) == {
        "size": "Invalid enum value 'huge': it must be one of small, large",
        "sizes.1": "Invalid enum value 'c': it must be one of a, b",
    }
    with pytest.raises(msgspec.ValidationError) as caught:
        msgspec.convert(value := {"sizes": ["c"], "size": "huge"}, Choice)
    assert explain_mismatch(caught.value, value, Choice) == (
        "Invalid enum value 'c' - at `$.sizes[0]`: it must be one of a, b"
    )
    assert found({"size": 3}, Choice) == {"size": "Expected `str | null`, got `int`"}


@pytest.mark.parametrize(("value", "name"), [(3, "int"), ([], "array"), (None, "null")])
def test_a_value_of_another_kind_is_one_mismatch(value: Any, name: str) -> None:
    assert found(value) == {"": f"Expected `object`, got `{name}`"}


@pytest.mark.parametrize(
    ("value", "kind", "hint"),
    [
        ({"workflowId": "a", "to": "b"}, TriggerRequest, "did you mean `name`?"),
        ({"name": "a", "recipients": ["b"]}, TriggerRequest, "did you mean `to`?"),
        ({"name": "a", "too": ["b"]}, TriggerRequest, "did you mean `to`?"),
        ({"name": "a", "workflow_id": "b", "steps": []}, WorkflowCreate, "did you mean `workflowId`?"),
        ({"name": "a", "quite": "other"}, TriggerRequest, "Object missing required field `to`"),
    ],
)
def test_what_was_meant_is_suggested(value: Any, kind: Any, hint: str) -> None:
    with pytest.raises(msgspec.ValidationError) as caught:
        msgspec.convert(value, kind)
    assert explain_mismatch(caught.value, value, kind).endswith(hint)


def test_only_what_resembles_is_suggested() -> None:
    assert suggest("transaction_id", ["payload", "transactionId"]) == "did you mean `transactionId`?"
    assert suggest("colour", ["name", "steps"]) == ""
