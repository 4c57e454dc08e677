"""Workflows as callers send them, as the store keeps them, and what is wrong with some."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from inbox.errors import InboxError, ValidationFailed
from inbox.models.environment import Environment
from inbox.models.workflow import PreferenceSet, Step, Workflow, WorkflowPreference, decode_workflow, encode_workflow
from inbox.models.workflow_query import WorkflowQuery
from inbox.models.workflow_summary import workflow_summary
from inbox.service.workflows.bodies import WorkflowCreate, WorkflowUpdate
from inbox.service.workflows.rules import build_steps, check_identifier
from inbox.service.workflows.views import (
    notification_group_id,
    short_id,
    slugify,
    workflow_slug,
    workflow_template,
    workflow_view,
)
from inbox.steps import StepUpsert, compile_steps
from inbox.steps.in_app import CompiledInApp
from inbox.steps.in_app_controls import MAX_DATA_VALUES

ENVIRONMENT = Environment(1, "e" * 24, "0" * 24, "Development", "identifier01")
STEP = {"name": "In-app", "type": "in_app", "controlValues": {"body": "x"}}
BODY: dict[str, Any] = {"name": "W", "workflowId": "w", "steps": [STEP]}


def create(**fields: Any) -> WorkflowCreate:
    return msgspec.convert({**BODY, **fields}, WorkflowCreate)


def step(**fields: Any) -> StepUpsert:
    return msgspec.convert({**STEP, **fields}, StepUpsert)


def stored(**fields: Any) -> Workflow:
    given = {"id": "6b0368bc189bbf7d8610a9aa", "identifier": "w", "name": "W", "created_ms": 1, "updated_ms": 2}
    return Workflow(**{**given, **fields})


@pytest.mark.parametrize(
    ("fields", "place"),
    [
        ({"name": ""}, "$.name"),
        ({"name": "x" * 129}, "$.name"),
        ({"name": None}, "$.name"),
        ({"workflowId": 1}, "$.workflowId"),
        ({"steps": None}, "$.steps"),
        ({"steps": [STEP] * 21}, "$.steps"),
        ({"steps": [{**STEP, "type": "email"}]}, "$.steps[0].type"),
        ({"steps": [STEP, {"type": "in_app"}]}, "$.steps[1]"),
        ({"steps": [{**STEP, "controlValues": {"body": 1}}]}, "$.steps[0].controlValues.body"),
        ({"steps": [{**STEP, "controlValues": {"body": "x" * 16_385}}]}, "$.steps[0].controlValues.body"),
        ({"steps": [{**STEP, "controlValues": {"primary_action": {}}}]}, "$.steps[0].controlValues"),
        (
            {"steps": [{**STEP, "controlValues": {"body": "x", "redirect": {"url": "/", "target": "x"}}}]},
            "$.steps[0].controlValues.redirect.target",
        ),
        ({"tags": ["x"] * 17}, "$.tags"),
        ({"tags": [""]}, "$.tags[0]"),
        ({"severity": "urgent"}, "$.severity"),
        ({"active": "yes"}, "$.active"),
        ({"payloadSchema": []}, "$.payloadSchema"),
        ({"preferences": {"user": {"all": {"enabled": 1}}}}, "$.preferences.user.all.enabled"),
    ],
)
def test_a_wrong_type_or_size_names_its_place(fields: dict[str, Any], place: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=r"`\$") as caught:
        create(**fields)
    assert f"`{place}`" in str(caught.value)


def test_everything_optional_may_be_null_or_absent() -> None:
    optional = [
        name
        for name, field in zip(WorkflowCreate.__struct_encode_fields__, WorkflowCreate.__struct_fields__, strict=True)
        if field not in ("name", "workflow_id", "steps")
    ]
    assert len(optional) == 8
    assert create(**dict.fromkeys(optional)) == create()
    assert msgspec.convert({"name": "W", "steps": []}, WorkflowUpdate).workflow_id is None


@pytest.mark.parametrize("identifier", ["w", "Order_placed:v1.2-x", "a@example.com", " trimmed ", "x" * 128])
def test_usable_identifiers(identifier: str) -> None:
    assert check_identifier(identifier, "workflowId") == identifier.strip()


@pytest.mark.parametrize(
    ("identifier", "status"),
    [("", 422), (" ", 422), ("a b", 422), ("a/b", 422), ("ä", 422), ("x" * 129, 422), ("a\0", 400)],
)
def test_unusable_identifiers(identifier: str, status: int) -> None:
    with pytest.raises(InboxError) as caught:
        check_identifier(identifier, "workflowId")
    assert caught.value.status == status


@pytest.mark.parametrize(
    ("controls", "field"),
    [
        (None, "body"),
        ({}, "body"),
        ({"subject": " ", "body": ""}, "body"),
        ({"body": "x", "avatar": "picture"}, "avatar"),
        ({"body": "x", "redirect": {"url": "javascript:alert(1)"}}, "redirect.url"),
        ({"body": "x", "primaryAction": {"label": "x", "redirect": {"url": " data:x"}}}, "primaryAction.redirect.url"),
        ({"body": "x", "redirect": {"url": "/\\evil.example"}}, "redirect.url"),
        ({"body": "x", "data": {"a": list(range(MAX_DATA_VALUES + 1))}}, "data"),
        ({"body": "x", "collapseMode": "sum"}, "collapseMode"),
        ({"body": "x", "collapseMode": "{x"}, "collapseMode"),
    ],
)
def test_content_that_cannot_be_used_names_its_field(controls: dict[str, Any] | None, field: str) -> None:
    with pytest.raises(ValidationFailed) as caught:
        build_steps([step(), step(controlValues=controls)])
    assert list(caught.value.fields) == [f"steps.1.controlValues.{field}"]


@pytest.mark.parametrize(
    "avatar", ["https://x.org/a.png", "HTTP://x.org/a", "/a.png", "{{payload.a}}", "x{{payload.a}}", ""]
)
def test_usable_avatars(avatar: str) -> None:
    [made] = build_steps([step(controlValues={"body": "x", "avatar": avatar})])
    assert made.controls["avatar"] == avatar


def test_steps_get_ids_of_their_own() -> None:
    steps = build_steps([step(), step(), step(name="Ünïcode ✓"), step(name="✓"), step(stepId="mine")])
    assert [each.step_id for each in steps] == ["in-app", "in-app-2", "n-code", "step", "mine"]
    assert len({each.id for each in steps}) == 5
    with pytest.raises(ValidationFailed) as caught:
        build_steps([step(), step(stepId="in-app")])
    assert list(caught.value.fields) == ["steps.1.stepId"]


def test_a_step_keeps_its_ids_when_it_is_named() -> None:
    before = build_steps([step(name="One"), step(name="Two")])
    by_id = step(name="Renamed", _id=before[1].id)
    by_step_id = step(name="Renamed too", stepId="one")
    after = build_steps([by_id, by_step_id, step(name="Three", _id="f" * 24)], before)
    assert [(each.id, each.step_id) for each in after[:2]] == [(before[1].id, "two"), (before[0].id, "one")]
    assert after[2].step_id == "three"
    assert after[2].id not in (before[0].id, before[1].id)


def test_a_stored_workflow_comes_back_whole() -> None:
    workflow = stored(
        steps=build_steps([step(controlValues={"body": "x", "data": {"a": [1, {"b": None}]}})]),
        description="d",
        tags=["a"],
        active=False,
        severity="low",
        validate_payload=True,
        payload_schema={"type": "object"},
        default_preferences=PreferenceSet(all=WorkflowPreference(enabled=False)),
        user_preferences=PreferenceSet(),
        is_translation_enabled=True,
        conditions="run",
    )
    back = decode_workflow(encode_workflow(workflow))
    assert msgspec.structs.asdict(back) == msgspec.structs.asdict(workflow) | {"steps": back.steps}
    assert msgspec.to_builtins(back.steps) == msgspec.to_builtins(workflow.steps)


RULE = {"==": [{"var": "payload.silent"}, True]}


def stored_before_conditions_ran(*steps: StepUpsert) -> Workflow:
    """A workflow as it is read that was stored when a true rule skipped its step."""
    content = msgspec.json.decode(encode_workflow(stored(steps=build_steps(steps))))
    del content["conditions"]
    return decode_workflow(msgspec.json.encode(content))


def test_a_rule_that_was_stored_when_it_skipped_the_step_is_negated() -> None:
    hour = {"amount": 1, "unit": "hours", "skip": RULE}
    kinds = [step(controlValues={"body": "x", "skip": RULE}), step(type="delay", controlValues=hour)]
    old = stored_before_conditions_ran(*kinds, step(type="digest", controlValues=hour), step())
    assert [one.controls.get("skip") for one in old.steps] == [{"!": [RULE]}] * 3 + [None]
    assert old.conditions == "negated"
    again = decode_workflow(encode_workflow(old))
    assert [one.controls.get("skip") for one in again.steps] == [{"!": [RULE]}] * 3 + [None], "once only"
    assert again.conditions == "negated"


def test_a_rule_that_says_when_its_step_runs_stays_as_it_is() -> None:
    new = decode_workflow(encode_workflow(stored(steps=build_steps([step(controlValues={"body": "x", "skip": RULE})]))))
    assert (new.steps[0].controls["skip"], new.conditions) == (RULE, "run")
    assert stored_before_conditions_ran(step()).conditions == "run", "nothing was negated"


def test_a_field_that_a_later_release_stored_does_not_hurt() -> None:
    workflow = stored(steps=[Step(id="1" * 24, step_id="s", name="S", controls={"body": "x"})])
    content = msgspec.json.decode(encode_workflow(workflow))
    content["later"] = content["steps"][0]["controls"]["later"] = {"a": 1}
    [compiled] = compile_steps(decode_workflow(msgspec.json.encode(content)))
    assert isinstance(compiled, CompiledInApp)
    assert compiled.render({}).body == "x"


def test_equality_is_that_of_the_revision() -> None:
    assert stored() == stored(name="other object, same revision")
    assert len({stored(), stored()}) == 1
    assert stored() != stored(updated_ms=3)
    assert stored().revision != stored(updated_ms=3).revision


def test_preferences_of_the_user_win_and_decide_what_is_critical() -> None:
    locked = PreferenceSet(all=WorkflowPreference(read_only=True))
    assert stored(default_preferences=locked).critical
    assert not stored(default_preferences=locked, user_preferences=PreferenceSet()).critical
    assert stored(user_preferences=locked).critical
    off = msgspec.convert({"all": {"enabled": False}, "channels": {"in_app": {"enabled": True}}}, PreferenceSet)
    assert (off.channel("in_app"), off.channel("email")) == (True, False)


def test_slugs() -> None:
    assert slugify("  Order Placed! ", "x") == "order-placed"
    assert slugify("✓", "workflow") == "workflow"
    assert short_id("0" * 23 + "1") == "1"
    assert short_id("0" * 22 + "3e") == "10"
    assert workflow_slug(stored()).startswith("w_wf_")


def test_the_summary() -> None:
    assert workflow_summary(stored(tags=["a"], severity="low")) == {
        "id": "6b0368bc189bbf7d8610a9aa",
        "identifier": "w",
        "name": "W",
        "critical": False,
        "tags": ["a"],
        "severity": "low",
    }


def test_what_has_no_value_is_absent_from_the_view() -> None:
    view = workflow_view(stored())
    assert {"description", "payloadSchema"}.isdisjoint(view)
    full = workflow_view(stored(description="", payload_schema={}, active=False))
    assert (full["description"], full["payloadSchema"], full["status"]) == ("", {}, "INACTIVE")


def test_the_template_belongs_to_its_environment() -> None:
    template = workflow_template(stored(), ENVIRONMENT)
    other = Environment(2, "f" * 24, "0" * 24, "Production", "identifier02")
    assert template["_environmentId"] == "e" * 24
    assert template["_notificationGroupId"] == notification_group_id(ENVIRONMENT) != notification_group_id(other)
    assert len(template["_notificationGroupId"]) == 24


def test_a_query_takes_by_text_tags_and_status() -> None:
    workflow = stored(identifier="order-placed", name="Bestellung", tags=["shop"], active=False)
    assert WorkflowQuery().takes(workflow)
    assert WorkflowQuery(text="BESTELL").takes(workflow)
    assert WorkflowQuery(text="placed").takes(workflow)
    assert not WorkflowQuery(text="missing").takes(workflow)
    assert WorkflowQuery(tags=frozenset({"shop", "x"})).takes(workflow)
    assert not WorkflowQuery(tags=frozenset({"x"})).takes(workflow)
    assert WorkflowQuery(statuses=frozenset({"INACTIVE"})).takes(workflow)
    assert not WorkflowQuery(statuses=frozenset({"ACTIVE"})).takes(workflow)
