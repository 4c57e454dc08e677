"""`inbox workflows` and `inbox trigger`, and files that the service loads at its start."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from inbox.ids import SubscriberId
from inbox.services import open_services
from inbox.settings import Settings
from inbox.steps import STEP_TYPES
from tests.conftest import RunServer
from tests.support.client import Api
from tests.support.processes import REPOSITORY
from tests.support.server import Server
from tests.support.sockets import RECEIVED, PlainSocket

from .conftest import Service, run_inbox
from .test_cli import failure

ORDER = """
workflowId: order
name: Order
tags: [orders]
steps:
  - name: In-app
    type: in_app
    controlValues: {body: "Order {{payload.n}}"}
"""
TOML = """
[[workflows]]
workflowId = "other"
name = "Other"
[[workflows.steps]]
name = "In-app"
type = "in_app"
controlValues = { subject = "S", body = "B", primaryAction = { label = "Go", redirect = { url = "/x" } } }
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "workflows"
    (made / "deeper").mkdir(parents=True)
    (made / "order.yaml").write_text(ORDER)
    (made / "deeper" / "other.toml").write_text(TOML)
    (made / "notes.txt").write_text("not a workflow")
    return made


@pytest.fixture
def settings(valkey_url: str, key_prefix: str) -> dict[str, str]:
    return {"INBOX_REDIS_URL": valkey_url, "INBOX_KEY_PREFIX": key_prefix}


def lines(*arguments: str, **settings: str) -> list[list[str]]:
    ended = run_inbox(*arguments, **settings)
    assert ended.returncode == 0, ended
    return [line.split("\t") for line in ended.stdout.splitlines()]


async def serve(run_server: RunServer, settings: dict[str, str], **more: str) -> Server:
    """A service over the same store."""
    url, prefix = settings["INBOX_REDIS_URL"], settings["INBOX_KEY_PREFIX"]
    return await run_server(redis_url=url, INBOX_KEY_PREFIX=prefix, **more)


def test_files_are_pushed_once_changed_and_pruned(folder: Path, settings: dict[str, str]) -> None:
    push = ("workflows", "push", str(folder))
    both = [["created", "other"], ["created", "order"]]
    assert lines(*push, "--dry-run", **settings) == both
    assert lines("workflows", "list", **settings) == []
    assert lines(*push, **settings) == both
    assert lines(*push, **settings) == [["unchanged", "other"], ["unchanged", "order"]]
    (folder / "order.yaml").write_text(ORDER.replace("name: Order", "name: Renamed"))
    assert lines(*push, "--dry-run", **settings)[1] == ["updated", "order"]
    assert lines(*push, **settings)[1] == ["updated", "order"]
    assert ["order", "Renamed", "active", "1 step"] in lines("workflows", "list", **settings)
    (folder / "deeper" / "other.toml").unlink()
    assert lines(*push, **settings) == [["unchanged", "order"]]
    assert lines(*push, "--prune", "--dry-run", **settings) == [["unchanged", "order"], ["deleted", "other"]]
    assert lines(*push, "--prune", **settings) == [["unchanged", "order"], ["deleted", "other"]]
    assert [name for name, *_ in lines("workflows", "list", **settings)] == ["order"]


def test_what_is_pulled_can_be_pushed(folder: Path, settings: dict[str, str], tmp_path: Path) -> None:
    lines("workflows", "push", str(folder), **settings)
    target = tmp_path / "pulled.yaml"
    assert lines("workflows", "pull", str(target), **settings) == [[f"2 workflows written to {target}"]]
    assert [one[0] for one in lines("workflows", "push", str(target), **settings)] == ["unchanged", "unchanged"]
    assert "exists: --force replaces it" in failure("workflows", "pull", str(target), **settings)
    assert run_inbox("workflows", "pull", str(target), "--force", **settings).returncode == 0
    missing = failure("workflows", "pull", str(tmp_path / "no" / "where.yaml"), **settings)
    assert missing.endswith("cannot be written: No such file or directory")


REMINDER = """
workflowId: reminder
name: Reminder
steps:
  - {name: First, stepId: first, type: in_app, controlValues: {body: x, skip: {var: steps.later.read}}}
  - {name: Later, stepId: later, type: in_app, controlValues: {body: y, skip: {"!": {var: steps.frist.read}}}}
  - {name: Last, stepId: last, type: in_app, controlValues: {body: z, skip: {"!": {var: steps.first.read}}}}
"""


async def test_rules_that_name_steps_that_are_not_there_are_told(
    run_server: RunServer, tmp_path: Path, settings: dict[str, str]
) -> None:
    file = tmp_path / "reminder.yaml"
    file.write_text(REMINDER)
    place = f"{file}: reminder: steps"
    expected = [
        f"{place}.0.controlValues.skip: steps.later.read: step later comes after this one",
        f"{place}.1.controlValues.skip: steps.frist.read: there is no step frist; before this one there is first",
    ]
    for command in ("check", "push"):
        ended = await asyncio.to_thread(run_inbox, "workflows", command, str(file), **settings)
        assert ended.returncode == 0, ended
        assert ended.stderr.splitlines() == [f"inbox: warning: {one}" for one in expected]
    server = await serve(run_server, settings, INBOX_WORKFLOWS=str(file))
    assert all(one in server.log() for one in expected)


async def test_a_workflow_stored_when_rules_skipped_is_told_and_keeps_what_it_does(
    run_server: RunServer, tmp_path: Path, settings: dict[str, str]
) -> None:
    file = tmp_path / "order.yaml"
    file.write_text(ORDER.replace('"}', '", skip: {var: payload.silent}}'))
    lines("workflows", "push", str(file), **settings)
    given = Settings(redis_url=settings["INBOX_REDIS_URL"], key_prefix=settings["INBOX_KEY_PREFIX"])
    async with open_services(given, settings["INBOX_REDIS_URL"]) as services:
        key = services.keys.workflows(services.environments.current.number)
        stored = json.loads(await services.client.execute("HGET", key, "order"))
        del stored["conditions"]
        await services.client.execute("HSET", key, "order", json.dumps(stored))
    server = await serve(run_server, settings)
    assert "conditions of order: stored when a true `skip` skipped the step" in server.log()
    pulled = await asyncio.to_thread(run_inbox, "workflows", "pull", "-", **settings)
    [rule] = [one["controlValues"]["skip"] for one in yaml.safe_load(pulled.stdout)["workflows"][0]["steps"]]
    assert rule == {"!": [{"var": "payload.silent"}]}
    pushed = await asyncio.to_thread(run_inbox, "workflows", "push", str(file), **settings)
    assert (pushed.stdout, "conditions of order: they said when" in pushed.stderr) == ("updated\torder\n", True)


def test_environments_have_workflows_of_their_own(folder: Path, settings: dict[str, str]) -> None:
    lines("workflows", "push", str(folder), "-e", "Development", **settings)
    assert lines("workflows", "list", **settings) == []
    assert len(lines("workflows", "list", "-e", "Development", **settings)) == 2
    missing = failure("workflows", "list", "-e", "nowhere", **settings)
    assert missing == "There is no environment nowhere, there are Development, Production"


def test_a_check_needs_no_service(folder: Path) -> None:
    assert lines("workflows", "check", str(folder)) == [["2 workflows: nothing wrong"]]


def test_the_examples_of_the_docs_are_right_and_survive_a_pull(settings: dict[str, str], tmp_path: Path) -> None:
    examples = re.findall(r"```yaml\n(.*?)```", (REPOSITORY / "docs" / "workflows.md").read_text(), re.DOTALL)
    folder = tmp_path / "examples"
    folder.mkdir()
    for place, example in enumerate(examples):
        (folder / f"{place}.yaml").write_text(example)
    assert lines("workflows", "check", str(folder)) == [[f"{len(examples)} workflows: nothing wrong"]]
    lines("workflows", "push", str(folder), **settings)
    pulled = tmp_path / "pulled.yaml"
    lines("workflows", "pull", str(pulled), **settings)
    assert [one[0] for one in lines("workflows", "push", str(pulled), **settings)] == ["unchanged"] * len(examples)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("workflowId: a\nname: [", "while parsing"),
        ("workflowId: a\nname: A\n", "a: steps: missing required field `steps`"),
        (ORDER + "colour: red\n", "order: colour: unknown field `colour`"),
        (ORDER + "tag: red\n", "order: tag: unknown field `tag`"),
        (ORDER + "descripton: red\n", "order: descripton: unknown field `descripton`: did you mean `description`?"),
        (
            ORDER.replace("in_app", "email"),
            "order: steps.0.type: Invalid value 'email': a step is of type "
            f"{', '.join(list(STEP_TYPES)[:-1])} or {list(STEP_TYPES)[-1]}; other",
        ),
        (ORDER.replace("workflowId: order", 'workflowId: "a\\0b"'), "workflowId must not contain NUL"),
        (ORDER.replace("{{payload.n}}", "{{"), "order: steps.0.controlValues.body: "),
        (ORDER.replace("workflowId: order", "workflowId: a b"), "a b: workflowId: "),
        ("- 3\n", "workflow 1: Expected `object`, got `int`"),
        ("workflows: []\nother: 1\n", "beside workflows there is other"),
        ("", "Expected `object`, got `null`"),
        (ORDER + "name: Again\n", "the key name stands twice"),
        (ORDER.replace("{body:", "{body: x, 'body':"), "the key body stands twice"),
        (
            ORDER + "severity: urgent\n",
            "order: severity: Invalid enum value 'urgent': it must be one of high, medium, low, none",
        ),
        (ORDER + "description: 2026-13-45\n", "this is no timestamp that can be read"),
        (ORDER + "description: !!bool x\n", "this is no bool that can be read"),
        (ORDER + "description: !!binary aGFsbG8=\n", "order: description: JSON holds no `bytes`"),
        (ORDER + f"payloadSchema: {{maximum: 1{'0' * 400}}}\n", "order: payloadSchema.maximum: is not a JSON number"),
        (ORDER + f"payloadSchema: {{maximum: 1{'0' * 5000}}}\n", "this is no int that can be read"),
        (ORDER + f"payloadSchema: {'{not: ' * 70}{{}}{'}' * 70}\n", "order: payloadSchema.not.not.not: is nested"),
        (ORDER + f"payloadSchema: {'{not: ' * 400}{{}}{'}' * 400}\n", "is nested deeper than 64 levels"),
        (ORDER + "payloadSchema: &r {not: *r}\n", "order: payloadSchema.not.not.not: is nested deeper"),
        (
            ORDER.replace("{body:", "{data: {n: .nan}, body:"),
            "order: steps.0.controlValues.data.n: is not a JSON number",
        ),
        (ORDER.replace("{body:", "{data: {1: x}, body:"), "order: steps.0.controlValues.data: the key 1 must be"),
        (ORDER.replace("{body:", '{data: {n: "\\ud800"}, body:'), "order: steps.0.controlValues.data.n: holds half"),
    ],
)
def test_what_is_wrong_is_told_in_a_line(tmp_path: Path, content: str, told: str) -> None:
    path = tmp_path / "wrong.yaml"
    path.write_text(content)
    line = failure("workflows", "check", str(path))
    assert line.startswith(f"{path}: ")
    assert told in line


UNUSUAL = """
workflowId: unusual
name: &name Unusual
description: 2026-01-02T03:04:05Z
payloadSchema: {type: object, properties: {n: {type: number, maximum: 100000000000000000000000000}}}
steps:
  - name: *name
    type: in_app
    controlValues:
      body: "{{payload.n}}"
      data:
        huge: 99999999999999999999999999
        least: -9223372036854775808
        most: 18446744073709551615
        day: 2026-01-02
        smile: "\\ud83d\\ude00"
        merged: {<<: {a: 1, b: 2}, a: 3}
"""


async def test_a_file_holds_what_the_api_could_have_taken(
    run_server: RunServer, tmp_path: Path, settings: dict[str, str]
) -> None:
    (tmp_path / "unusual.yaml").write_text(UNUSUAL)
    server = await serve(run_server, settings, INBOX_WORKFLOWS=str(tmp_path))
    async with Api.open(server) as api:
        await api.trigger("ada", {"n": 1}, workflow="unusual")
        [message] = await api.feed("ada")
        workflow = await api.data("GET", "/v2/workflows/unusual", 200)
    expected = {
        "huge": 1e26,
        "least": -(2**63),
        "most": 2**64 - 1,
        "day": "2026-01-02",
        "smile": "\U0001f600",
        "merged": {"a": 3, "b": 2},
    }
    assert message["data"] == expected
    assert workflow["steps"][0]["controls"]["values"]["data"] == expected
    assert workflow["description"] == "2026-01-02T03:04:05Z"
    assert workflow["payloadSchema"]["properties"]["n"]["maximum"] == 1e26
    pulled = await asyncio.to_thread(run_inbox, "workflows", "pull", "-", **settings)
    pushed = await asyncio.to_thread(run_inbox, "workflows", "push", "-", given=pulled.stdout, **settings)
    assert (pushed.stdout, pushed.stderr) == ("unchanged\tunusual\n", "")


def test_what_json_cannot_hold_is_not_pushed_and_the_dry_run_says_so(tmp_path: Path, settings: dict[str, str]) -> None:
    (tmp_path / "wrong.toml").write_text(TOML.replace('body = "B"', 'body = "B", data = { n = [inf] }'))
    for more in ((), ("--dry-run",)):
        line = failure("workflows", "push", str(tmp_path), *more, **settings)
        assert line.startswith(f"{tmp_path}/wrong.toml: other: steps.0.controlValues.data.n.0: is not a JSON number")


def test_a_problem_of_an_export_names_the_step_by_its_number_in_the_export(tmp_path: Path) -> None:
    steps = [dict(step) for step in EXPORT["steps"]]
    steps[2]["controlValues"] = {"body": "{{"}
    steps.append({"stepId": "last", "name": "Last", "type": "in_app", "controlValues": {"body": "{% if %}"}})
    (tmp_path / "order.json").write_text(json.dumps(EXPORT | {"steps": steps}))
    ended = run_inbox("workflows", "check", str(tmp_path), "--drop-unsupported-steps", "--json")
    fields = [one["field"] for one in json.loads(ended.stdout)["problems"]]
    assert fields == ["steps.2.controlValues.body", "steps.4.controlValues.body"]


def test_everything_that_is_wrong_is_told(folder: Path, settings: dict[str, str]) -> None:
    (folder / "a.yaml").write_text("name: [")
    wrong = ["workflowId: w1", "workflowId: order\nname: 3\nsteps: []", ORDER.strip()]
    items = "".join(f"- {one}\n".replace("\n", "\n  ").rstrip() + "\n" for one in wrong)
    (folder / "b.yaml").write_text(items)
    (folder / "z.yaml").write_text(ORDER)
    for command in (("check",), ("push",)):
        ended = run_inbox("workflows", *command, str(folder), **settings)
        assert (ended.returncode, ended.stdout) == (1, "")
        told = [line.removeprefix(f"inbox: {folder}/") for line in ended.stderr.splitlines()]
        assert [line[:24] for line in told] == [
            "a.yaml: while parsing a ",
            "b.yaml: w1: name: missin",
            "b.yaml: w1: steps: missi",
            "b.yaml: order: name: Exp",
            "order.yaml: order is als",
            "z.yaml: order is also in",
        ]
        assert told[-1].endswith(f"is also in {folder}/b.yaml")
    assert run_inbox("workflows", "list", **settings).stderr == "Production has no workflow yet\n"


WRONG = """
workflowId: a b
name: 3
colour: red
tags: [1, fine]
payloadSchema: {type: nonsense}
steps:
  - name: First
    stepId: first
    type: in_app
    controlValues:
      subject: "{{ unclosed"
      body: "{% if %}"
      boddy: x
      avatar: "javascript:alert(1)"
      primaryAction: {label: "{{", redirect: {target: _self}}
      expiresAt: nonsense
      skip: {"nope": []}
  - name: ""
    stepId: s p
    type: email
  - name: Wait
    stepId: first
    type: delay
    controlValues: {amount: 0, unit: hours}
  - name: Collect
    type: digest
    controlValues: {type: timed, cron: nonsense, digestKey: "{{"}
"""
EXPECTED_FIELDS = {
    "name": "Expected `str`, got `int`",
    "colour": "unknown field `colour`",
    "tags.0": "Expected `str`, got `int`",
    "steps.0.controlValues.primaryAction.redirect.url": "missing required field `url`",
    "steps.0.controlValues.boddy": "unknown field `boddy`",
    "steps.1.type": "Invalid value 'email'",
    "steps.2.controlValues.amount": "Expected `",
    "workflowId": "must consist of letters",
    "steps.0.controlValues.avatar": "avatar must be an http(s) URL",
    "steps.1.stepId": "must consist of letters",
    "steps.2.stepId": "stepId first is used twice",
    "steps.3.controlValues.cron": "cron must be a cron expression",
    "payloadSchema": "#/type must",
    "steps.0.controlValues.subject": "",
    "steps.0.controlValues.body": "",
    "steps.0.controlValues.primaryAction.label": "",
    "steps.0.controlValues.expiresAt": "",
    "steps.0.controlValues.skip": "",
    "steps.3.controlValues.digestKey": "",
}


def test_every_field_of_a_workflow_that_is_wrong_is_told(tmp_path: Path) -> None:
    path = tmp_path / "wrong.yaml"
    path.write_text(WRONG)
    ended = run_inbox("workflows", "check", str(path), "--json")
    assert (ended.returncode, ended.stderr) == (1, "")
    report = json.loads(ended.stdout)
    assert (report["workflows"], report["warnings"]) == ([], [])
    told = {one["field"]: one["message"] for one in report["problems"]}
    assert told.keys() == EXPECTED_FIELDS.keys()
    assert {field for field, text in told.items() if not text.startswith(EXPECTED_FIELDS[field])} == set()
    assert {field for field, text in told.items() if text.startswith(f"{field} ")} == set()
    assert {(one["file"], one["workflowId"]) for one in report["problems"]} == {(str(path), "a b")}
    told_by_line = run_inbox("workflows", "check", str(path)).stderr.splitlines()
    assert told_by_line == [f"inbox: {path}: a b: {one['field']}: {one['message']}" for one in report["problems"]]


EXPORT: dict[str, Any] = {
    "_id": "6" * 24,
    "workflowId": "order",
    "slug": "order_wf_x",
    "name": "Order",
    "tags": ["orders"],
    "active": True,
    "origin": "novu-cloud",
    "status": "ACTIVE",
    "severity": "none",
    "createdAt": "2026-01-01T00:00:00.000Z",
    "updatedAt": "2026-01-01T00:00:00.000Z",
    "lastTriggeredAt": None,
    "issues": {},
    "payloadExample": {"n": 1},
    "payloadSchema": None,
    "preferences": {
        "user": None,
        "default": {"all": {"enabled": True, "readOnly": True}, "channels": {"email": {"enabled": False}, "sms": {}}},
    },
    "steps": [
        {
            "_id": "7" * 24,
            "stepId": "mail",
            "slug": "mail_st_x",
            "name": "Mail",
            "type": "email",
            "origin": "novu-cloud",
            "controls": {"values": {"subject": "S", "body": "<p>B</p>", "layoutId": "x"}},
        },
        {
            "_id": "8" * 24,
            "stepId": "collect",
            "slug": "collect_st_x",
            "name": "Collect",
            "type": "digest",
            "origin": "novu-cloud",
            "workflowId": "order",
            "variables": {},
            "controls": {
                "dataSchema": {"type": "object"},
                "uiSchema": {"group": "DIGEST"},
                "values": {"type": "regular", "amount": 5, "unit": "minutes", "cron": "", "extendToSchedule": False},
            },
        },
        {
            "_id": "9" * 24,
            "stepId": "in-app",
            "slug": "in-app_st_x",
            "name": "In-app",
            "type": "in_app",
            "issues": {"controls": {}},
            "controlValues": {
                "subject": "Order {{payload.n}}",
                "body": "{{steps.collect.eventCount}}",
                "avatar": "",
                "primaryAction": None,
                "redirect": {"url": "", "target": "_self"},
                "disableOutputSanitization": False,
                "editorType": "block",
            },
        },
        {"stepId": "text", "name": "Text", "type": "sms", "controlValues": {"body": "B"}},
    ],
}
DROPPED = ["steps.0 (email, Mail)", "steps.3 (sms, Text)"]
IGNORED = (
    "_id, slug, origin, status, createdAt, updatedAt, lastTriggeredAt, issues, payloadExample, steps.1._id, "
    "steps.1.slug, steps.1.origin, steps.1.workflowId, steps.1.variables, steps.1.controlValues.extendToSchedule, "
    "steps.2._id, steps.2.slug, steps.2.issues, steps.2.controlValues.editorType"
)


@pytest.mark.parametrize(
    "wrapped",
    [EXPORT, [EXPORT], {"data": EXPORT}, {"data": [EXPORT]}, {"data": {"workflows": [EXPORT], "totalCount": 1}}],
    ids=["bare", "list", "answer", "answer with a list", "list answer"],
)
def test_an_export_of_the_original_is_taken_on_request(tmp_path: Path, wrapped: Any) -> None:
    (tmp_path / "order.json").write_text(json.dumps(wrapped))
    refused = run_inbox("workflows", "check", str(tmp_path / "order.json"))
    assert refused.returncode == 1
    assert "this is an export of Novu: --drop-unsupported-steps takes it" in refused.stderr
    ended = run_inbox("workflows", "check", str(tmp_path), "--drop-unsupported-steps", "--json")
    assert ended.returncode == 0, ended
    report = json.loads(ended.stdout)
    assert (report["workflows"], report["problems"]) == (["order"], [])
    assert [one.get("field") for one in report["warnings"]] == [*DROPPED, None]
    assert report["warnings"][-1]["message"] == f"unknown here: left out: {IGNORED}"


def test_an_export_that_is_pushed_is_what_is_served(tmp_path: Path, settings: dict[str, str]) -> None:
    path = tmp_path / "order.json"
    path.write_text(json.dumps(EXPORT))
    ended = run_inbox("workflows", "push", str(path), "--drop-unsupported-steps", **settings)
    assert (ended.returncode, ended.stdout) == (0, "created\torder\n")
    assert ended.stderr.splitlines() == [
        *(f"inbox: warning: {path}: order: {step}: not served here: left out" for step in DROPPED),
        f"inbox: warning: {path}: order: unknown here: left out: {IGNORED}",
    ]
    pulled = run_inbox("workflows", "pull", "-", **settings)
    assert (pulled.returncode, pulled.stderr) == (0, "")
    (kept,) = yaml.safe_load(pulled.stdout)["workflows"]
    assert [(step["stepId"], step["type"]) for step in kept["steps"]] == [("collect", "digest"), ("in-app", "in_app")]
    assert kept["steps"][0]["controlValues"] == {"amount": 5, "unit": "minutes"}
    assert kept["preferences"]["workflow"]["all"] == {"enabled": True, "readOnly": True}


def test_what_is_pulled_goes_through_a_pipe(folder: Path, settings: dict[str, str]) -> None:
    lines("workflows", "push", str(folder), **settings)
    pulled = run_inbox("workflows", "pull", "-", **settings)
    pushed = run_inbox("workflows", "push", "-", "-e", "Development", "--json", given=pulled.stdout, **settings)
    assert pushed.returncode == 0, pushed
    report = json.loads(pushed.stdout)
    assert (report["problems"], report["warnings"]) == ([], [])
    outcomes = sorted((one["workflowId"], one["outcome"]) for one in report["workflows"])
    assert outcomes == [("order", "created"), ("other", "created")]
    listed = json.loads(run_inbox("workflows", "list", "-e", "Development", "--json", **settings).stdout)
    assert sorted((one["workflowId"], [step["stepId"] for step in one["steps"]]) for one in listed) == [
        ("order", ["in-app"]),
        ("other", ["in-app"]),
    ]


def test_two_of_a_name_and_none_at_all(folder: Path, tmp_path: Path) -> None:
    (folder / "twice.yaml").write_text(ORDER)
    assert "order is also in" in failure("workflows", "check", str(folder))
    empty = tmp_path / "empty"
    empty.mkdir()
    assert failure("workflows", "check", str(empty)) == f"{empty}: there is no .yaml, .yml, .toml file"
    assert failure("workflows", "check", str(tmp_path / "nowhere")) == f"{tmp_path}/nowhere does not exist"
    (tmp_path / "wrong.toml").write_text("a = ")
    assert "wrong.toml: " in failure("workflows", "check", str(tmp_path / "wrong.toml"))
    (tmp_path / "latin.yaml").write_bytes(b"name: \xff")
    assert failure("workflows", "check", str(tmp_path / "latin.yaml")).endswith("is not UTF-8")


async def test_a_service_loads_its_files(run_server: RunServer, folder: Path, settings: dict[str, str]) -> None:
    given = {"redis_url": settings["INBOX_REDIS_URL"], "INBOX_KEY_PREFIX": settings["INBOX_KEY_PREFIX"]}
    server = await run_server(**given, INBOX_WORKFLOWS=str(folder))
    async with Api.open(server) as api:
        await api.trigger("ada", {"n": 1}, workflow="order")
        assert [message["content"] for message in await api.feed("ada")] == ["Order 1"]
        changed = await api.data("PATCH", "/v2/workflows/order", 200, {"name": "By hand"})
    again = await run_server(**given, INBOX_WORKFLOWS=str(folder))
    async with Api.open(again) as api:
        kept = await api.data("GET", "/v2/workflows/order", 200)
        assert (kept["name"], kept["_id"]) == ("Order", changed["_id"])


@pytest.mark.needs("valkey")
def test_a_service_with_wrong_files_does_not_start(home: Path, tmp_path: Path) -> None:
    soon = {"INBOX_PRESENCE_GRACE_SECONDS": "0.01"}  # and yet the next start finds nothing to tell of the one before
    line = failure("serve", INBOX_DATA_DIR=str(home / "data"), INBOX_WORKFLOWS=str(tmp_path / "nowhere"), **soon)
    assert line == f"INBOX_WORKFLOWS: {tmp_path}/nowhere does not exist"
    for name in ("a", "b"):
        (tmp_path / f"{name}.yaml").write_text(ORDER.replace("{{payload.n}}", "{{"))
    line = failure("serve", INBOX_DATA_DIR=str(home / "data"), INBOX_WORKFLOWS=str(tmp_path))
    assert line.startswith(f"INBOX_WORKFLOWS: {tmp_path}/a.yaml: order: steps.0.controlValues.body: ")
    assert line.endswith(" (and 1 more: `inbox workflows check` lists them)")
    assert not (home / "data" / "store.pid").exists()


async def test_a_trigger_reaches_open_pages(run_server: RunServer, folder: Path, settings: dict[str, str]) -> None:
    given = {"redis_url": settings["INBOX_REDIS_URL"], "INBOX_KEY_PREFIX": settings["INBOX_KEY_PREFIX"]}
    server = await run_server(**given, INBOX_WORKFLOWS=str(folder))
    payload = folder / "payload.json"
    payload.write_text('{"n": 7}')
    async with Api.open(server) as api, PlainSocket.open(server, "ada") as socket:
        send = ("trigger", "order", "--payload", f"@{payload}", "--transaction-id", "mine")
        assert lines(*send, "--to", "ada", "--to", "bob", **settings) == [
            ["processed", "mine"],
            ["ada", "in-app", "delivered"],
            ["bob", "in-app", "delivered"],
        ]
        told = await socket.expect(RECEIVED)
        assert told["message"]["content"] == "Order 7"
        found = await api.call("GET", "/v1/notifications", 200, transactionId="mine")
        assert {one["to"]["subscriberId"] for one in found["data"]} == {"ada", "bob"}
        await api.data("POST", "/v2/topics", 201, {"key": "news"})
        await api.call("POST", "/v2/topics/news/subscriptions", 201, {"subscriberIds": ["bob"]})
        ended = run_inbox("trigger", "order", "--topic", "news", "--json", **settings)
        answer = json.loads(ended.stdout)
        assert (answer["status"], [one["subscriberId"] for one in answer["recipients"]]) == ("processed", ["bob"])
        (step,) = answer["recipients"][0]["steps"]
        assert (step["stepId"], step["outcome"], len(step["messageId"])) == ("in-app", "delivered", 24)
        assert lines("trigger", "order", "--broadcast", **settings)[0][0] == "processed"
        assert [len(await api.feed(person)) for person in ("ada", "bob")] == [2, 3]


async def test_a_command_waits_for_what_is_delivered_behind_it(folder: Path, settings: dict[str, str]) -> None:
    lines("workflows", "push", str(folder), **settings)
    given = Settings(redis_url=settings["INBOX_REDIS_URL"], key_prefix=settings["INBOX_KEY_PREFIX"])
    async with open_services(given, settings["INBOX_REDIS_URL"]) as services:
        people: list[Any] = [(SubscriberId(f"p{number}"), {}) for number in range(130)]
        await services.subscribers.upsert_many(services.environments.current, people)
    ended = run_inbox("trigger", "order", "--broadcast", "--wait", "--transaction-id", "all", **settings)
    assert ended.stdout.splitlines()[0] == "processed\tall"
    assert ended.stdout.splitlines()[1].startswith("accepted for 130 recipients")
    assert "done: 130 delivered, 0 suppressed, 0 failed, 0 skipped, 0 waiting" in ended.stderr
    shown = json.loads(run_inbox("trigger", "order", "--broadcast", "--json", **settings).stdout)
    assert (shown["status"], shown["dispatch"]["status"], shown["dispatch"]["total"]) == ("processed", "running", 130)
    few = run_inbox("trigger", "order", "--to", "p1", "--wait", **settings)
    assert (few.returncode, few.stderr) == (0, "")
    many = [part for number in range(25) for part in ("--to", f"p{number}")]
    shown = lines("trigger", "order", *many, **settings)
    assert len(shown) == 1 + 20 + 1
    assert shown[-1] == ["… 25 recipients in all: 25 delivered"]


STATES = """
- workflowId: inactive
  name: A
  active: false
  steps: [{name: S, type: in_app, controlValues: {body: B}}]
- workflowId: empty
  name: A
  steps: []
- workflowId: failing
  name: A
  steps:
    - {name: S, type: delay, controlValues: {until: "{{payload.at}}"}}
    - {name: T, type: in_app, controlValues: {body: B}}
- workflowId: muted
  name: A
  preferences: {workflow: {all: {enabled: false}, channels: {}}}
  steps: [{name: S, type: in_app, controlValues: {body: B}}]
- workflowId: later
  name: A
  steps:
    - {name: Wait, type: delay, controlValues: {amount: 1, unit: days}}
    - {name: S, type: in_app, controlValues: {body: B}}
- workflowId: half
  name: A
  steps:
    - {name: S, type: in_app, controlValues: {body: B}}
    - {name: Wait, type: delay, controlValues: {until: nonsense}}
"""


def test_a_trigger_that_delivers_nothing_fails_and_says_why(tmp_path: Path, settings: dict[str, str]) -> None:
    (tmp_path / "states.yaml").write_text(STATES)
    lines("workflows", "push", str(tmp_path), **settings)
    for workflow, why in {
        "inactive": "nothing is delivered: the workflow is not active (trigger_not_active)",
        "empty": "nothing is delivered: the workflow has no steps (no_workflow_steps_defined)",
        "failing": "nothing is delivered: failed: steps.0.controlValues.until could not be rendered",
        "muted": "nothing is delivered: suppressed: the subscriber's preferences",
    }.items():
        ended = run_inbox("trigger", workflow, "--to", "ada", **settings)
        assert (ended.returncode, ended.stderr.count("\n")) == (1, 1), ended
        assert ended.stderr.startswith(f"inbox: {why}"), ended
    ended = run_inbox("trigger", "half", "--topic", "nobody", "--json", **settings)
    assert (ended.returncode, ended.stderr) == (1, "inbox: nothing is delivered: the topic nobody has no subscribers\n")
    assert json.loads(ended.stdout)["recipients"] == []


def test_a_trigger_that_delivers_later_or_in_part_says_so(tmp_path: Path, settings: dict[str, str]) -> None:
    (tmp_path / "states.yaml").write_text(STATES)
    lines("workflows", "push", str(tmp_path), **settings)
    shown = lines("trigger", "later", "--to", "ada", "--transaction-id", "mine", **settings)
    assert shown[0] == ["processed", "mine"]
    assert shown[1][:3] == ["ada", "wait", "delayed"]
    assert shown[1][3].startswith("until 20")
    rows = lines("trigger", "half", "--to", "ada", "--transaction-id", "t", **settings)[1:]
    assert [row[:3] for row in rows] == [["ada", "s", "delivered"], ["ada", "wait", "failed"]]
    again = lines("trigger", "half", "--to", "ada", "--transaction-id", "t", **settings)[1:]
    assert ["ada", "s", "duplicate", "This transaction was delivered before: nothing was stored again"] in again
    ended = run_inbox("trigger", "half", "--to", "bob", "--transaction-id", "t", **settings)
    assert ended.returncode == 1
    assert ended.stderr == (
        "inbox: nothing is delivered: the transaction t ran before, for other recipients or another workflow\n"
    )


def test_what_cannot_be_triggered(folder: Path, settings: dict[str, str]) -> None:
    lines("workflows", "push", str(folder), **settings)
    line = failure("trigger", "nope", "--to", "ada", **settings)
    assert line == "Production has no workflow nope: `inbox workflows list` shows those it has"
    line = failure("trigger", "oder", "--to", "ada", **settings)
    assert line == "Production has no workflow oder: did you mean `order`?"
    told = {"[]": "must be a JSON object", "{": "is not valid JSON", "@/nope": "cannot be read: No such file"}
    told['{"a":' * 300 + "1" + "}" * 300] = "nested deeper than 64 levels"
    for payload, problem in told.items():
        assert problem in failure("trigger", "order", "--to", "ada", "--payload", payload, **settings)
    for wrong in (("order",), ("order", "--to", "ada", "--broadcast"), ()):
        assert run_inbox("trigger", *wrong, **settings).returncode == 2


@pytest.mark.needs("valkey")
async def test_commands_reach_the_running_service(make_service: Callable[..., Service], folder: Path) -> None:
    service = make_service(INBOX_MODE="development")
    await service.start()
    data = {"INBOX_DATA_DIR": str(service.data)}
    lines("workflows", "push", str(folder), **data)
    assert lines("trigger", "order", "--to", "ada", **data)[0][0] == "processed"
    token = run_inbox("token", "--subscriber", "ada", **data).stdout.strip()
    async with httpx.AsyncClient(base_url=service.url, trust_env=False) as client:
        feed = await client.get("/v1/inbox/notifications", headers={"Authorization": f"Bearer {token}"})
    assert [one["body"] for one in feed.json()["data"]] == ["Order "]


@pytest.mark.needs("valkey")
async def test_a_service_in_development_logs_a_line_for_each_trigger(
    make_service: Callable[..., Service], tmp_path: Path
) -> None:
    (tmp_path / "states.yaml").write_text(STATES)
    service = make_service(INBOX_MODE="development", INBOX_WORKFLOWS=str(tmp_path))
    await service.start()
    keys = json.loads(run_inbox("keys", "--json", INBOX_DATA_DIR=str(service.data)).stdout)
    headers = {"Authorization": f"ApiKey {keys['apiKeys'][0]}"}
    bodies: list[dict[str, Any]] = [
        {"name": "half", "to": ["ada", "bob", "cy", "dan"], "transactionId": "t1"},
        {"name": "inactive", "to": [{"type": "Topic", "topicKey": "news"}, ""], "transactionId": "t2"},
    ]
    async with httpx.AsyncClient(base_url=service.url, trust_env=False, headers=headers) as client:
        for body in bodies:
            assert (await client.post("/v1/events/trigger", json=body)).status_code == 201
        everybody = {"name": "empty", "payload": {}, "transactionId": "t3"}
        assert (await client.post("/v1/events/trigger/broadcast", json=everybody)).status_code == 201
    triggered = [line for line in service.log().splitlines() if "action=trigger" in line]
    assert [line.partition("triggered for ")[2].partition(" request_id=")[0] for line in triggered] == [
        "ada, bob, cy and 1 more action=trigger workflow_id=half transaction_id=t1 status=processed",
        "the topic news, 1 that cannot be used action=trigger workflow_id=inactive transaction_id=t2 "
        "status=trigger_not_active",
        "every subscriber action=trigger workflow_id=empty transaction_id=t3 status=no_workflow_steps_defined",
    ]
    failed = [line for line in service.log().splitlines() if "action=step_failed" in line]
    assert len(failed) == 4
    fields = ("workflow_id=half", "transaction_id=t1", "step_id=wait", "subscriber_id=ada")
    assert set(fields) <= set(failed[0].split())
