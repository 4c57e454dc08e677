"""Payload schemas mean what they mean to ajv: what fits, with which defaults, and what is wrong in which words."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from inbox.service.workflows.json_schema import Problem, Schema, SchemaInvalid
from tests.support.processes import REPOSITORY

from .engines import Result, run_node
from .schema_cases import Case, by_hand, generated

pytestmark = pytest.mark.needs("node", "npm")

DIFFERENCES = {
    "formatMinimum": "`formatMinimum`, `formatMaximum` and their exclusive forms are refused when the schema is stored",
    "repeated enum": "an `enum` may name a value twice",
    "look-around": "a pattern with look-around or back-references is refused when the schema is stored",
    "format": "the formats `int32` and `int64` are not checked. For `url`, `uri`, `uri-reference`, `uri-template`, "
    "`email`, `hostname`, `byte` and `regex` the result differs for rare texts, such as `a@b`, which is an address "
    "here",
    "multipleOf": "`multipleOf` is exact: 0.3 is a multiple of 0.1",
    "items": "the default of a listed item is filled in only where all items before it exist",
    "if": "`if` sees the defaults of the whole schema. ajv fills in the defaults beside it later",
    "dependency default": "a default that makes a property present does not start its `dependencies`",
    "other default": "defaults under `patternProperties`, and defaults of a part of the schema that an alternative "
    "refers to, are not filled in",
    "const": "`const` and `enum` see the defaults that are filled in beside them",
    "endless": "a schema that refers to itself without end is accepted if no value leads there",
    "details": "under `contains`, `propertyNames`, `oneOf`, `if`, `uniqueItems` and `dependencies` ajv names more or "
    "fewer of the parts that lead to a problem",
}
"""Every kind of difference that there may be; `docs/workflows.md` lists them in these words."""

DETAILED = ("contains", "propertyNames", "oneOf", "if", "uniqueItems", "dependencies")
FORMATS = ("int32", "int64", "url", "uri", "uri-reference", "uri-template", "email", "hostname", "byte", "regex")


def evaluate(case: Case) -> Result:
    """Return what our validator makes of a case, in the form of `schemas.mjs`."""
    try:
        schema = Schema(case["schema"])
    except SchemaInvalid as error:
        return Result(error=str(error))
    completed = [schema.complete(value) for value in json.loads(json.dumps(case["values"]))]
    return Result([{"problems": list(map(_in_brief, schema.problems(one))), "value": one} for one in completed])


def _in_brief(problem: Problem) -> dict[str, Any]:
    path = "".join(f"/{str(step).replace('~', '~0').replace('/', '~1')}" for step in problem.path)
    return {"path": path, "message": problem.message}


def differences(case: Case, ajv: Result, ours: Result) -> Iterator[tuple[str | None, Any]]:
    """Yield the kind of each difference, None for an unknown one, and what it is."""
    schema, text = case["schema"], json.dumps(case["schema"])
    if ajv.error or ours.error:
        if not (ajv.error and ours.error):
            yield _kind_of_refusal(ajv, ours), (schema, ajv.error, ours.error)
        return
    for value, theirs, own in zip(case["values"], ajv.value, ours.value, strict=True):
        what = (schema, value, theirs, own)
        if bool(theirs["problems"]) != bool(own["problems"]):
            yield _kind_of_verdict(text, theirs, own), what
        elif theirs["value"] != own["value"]:
            yield _kind_of_default(text), what
        elif _said(theirs) != _said(own):
            yield ("details" if any(f'"{name}"' in text for name in DETAILED) else None), what


def _said(result: dict[str, Any]) -> set[tuple[str, str]]:
    return {(problem["path"], problem["message"]) for problem in result["problems"]}


def _kind_of_refusal(ajv: Result, ours: Result) -> str | None:
    if ajv.error:
        reasons = {"duplicate items": "repeated enum", "call stack": "endless"}
        return next((kind for words, kind in reasons.items() if words in ajv.error), None)
    reasons = {"is not offered": "formatMinimum", "look-around": "look-around"}
    return next((kind for words, kind in reasons.items() if words in str(ours.error)), None)


def _kind_of_verdict(text: str, ajv: dict[str, Any], ours: dict[str, Any]) -> str | None:
    said = {message for _, message in _said(ajv) | _said(ours)}
    if any(f'must match format "{name}"' in said for name in FORMATS):
        return "format"
    if any(message.startswith("must be multiple of") for message in said):
        return "multipleOf"
    if "must be equal to constant" in said:
        return "const"
    return "if" if '"if"' in text else "items" if '"additionalItems"' in text else None


def _kind_of_default(text: str) -> str | None:
    alternatives = dict.fromkeys(('"patternProperties"', '"anyOf"', '"oneOf"'), "other default")
    kinds = {'"dependencies"': "dependency default", '"if"': "if", '"items": [': "items"} | alternatives
    return next((kind for keyword, kind in kinds.items() if keyword in text), None)


def test_schemas_mean_what_they_mean_to_ajv() -> None:
    cases = [*by_hand(), *generated()]
    assert sum(len(case["values"]) for case in cases) > 5_000
    kinds: Counter[str | None] = Counter()
    unknown = []
    for case, ajv in zip(cases, run_node("schemas.mjs", cases), strict=True):
        for kind, what in differences(case, ajv, evaluate(case)):
            kinds[kind] += 1
            if kind is None:
                unknown.append(what)
    assert unknown == []
    assert kinds.keys() <= DIFFERENCES.keys()
    assert kinds.total() - kinds["details"] < 120, kinds


def test_each_difference_is_documented() -> None:
    page = " ".join((REPOSITORY / "docs" / "workflows.md").read_text().split()).lower()
    assert [reason for reason in DIFFERENCES.values() if reason.lower() not in page] == []
