"""Workflows as files, so that a team keeps them beside its code: YAML or TOML with the fields of `POST /v2/workflows`.

A file holds one workflow, a list of them, or a list under `workflows`; a folder's files are read in the order of names.
"""

from __future__ import annotations

import logging
import sys
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from itertools import chain
from pathlib import Path
from typing import Any, Literal

import msgspec
import orjson
import yaml

from inbox.errors import BadRequest, InboxError, NotFound, StartupError
from inbox.models.environment import Environment
from inbox.models.json_values import MAX_JSON_DEPTH, JsonValues, NotJson
from inbox.models.workflow import Workflow
from inbox.service.workflows.bodies import WorkflowCreate
from inbox.service.workflows.exports import Adopted, adopt, is_export, unwrap
from inbox.service.workflows.problems import find_problems
from inbox.service.workflows.references import find_issues
from inbox.service.workflows.workflows import WorkflowService, build_workflow

log = logging.getLogger(__name__)

SUFFIXES = (".yaml", ".yml", ".toml")
EXPORT_SUFFIX = ".json"
STANDARD_STREAM = Path("-")
MAX_FILE_BYTES = 4 * 1024 * 1024
EXPORTED = "this is an export of Novu: --drop-unsupported-steps takes it without what is not served here"

PushOutcome = Literal["created", "updated", "unchanged", "deleted"]


@dataclass(frozen=True, slots=True)
class Finding:
    """A message about a file, a workflow in it, or one of its fields."""

    file: Path
    message: str
    workflow: str = ""
    field: str = ""

    def __str__(self) -> str:
        return ": ".join(filter(None, (str(self.file), self.workflow, self.field, self.message)))

    def view(self) -> dict[str, str]:
        """Return the finding as `--json` shows it, without empty fields."""
        texts = {"file": str(self.file), "workflowId": self.workflow, "field": self.field, "message": self.message}
        return {name: text for name, text in texts.items() if text}


@dataclass(slots=True)
class FileReport:
    """The content of files. With a problem none of them can be used; warnings are for a person to read."""

    workflows: list[WorkflowCreate] = dataclass_field(default_factory=list)
    problems: list[Finding] = dataclass_field(default_factory=list)
    warnings: list[Finding] = dataclass_field(default_factory=list)


class FileWorkflow(WorkflowCreate, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """A workflow of a file. Unknown fields are refused: a misspelt one would silently be missing."""


def check_files(source: Path, *, drop_unsupported: bool = False) -> FileReport:
    """Return the workflows of a file, of a folder or (`-`) of standard input, and all their problems.

    With `drop_unsupported` accept exports of the original too, also a folder's `.json` files; steps that are not served
    here and unknown fields are left out with a warning. Raise NotFound if there is no file.
    """
    report = FileReport()
    first: dict[str, Path] = {}
    for path in _files(source, drop_unsupported):
        try:
            items = _items(path, drop_unsupported)
        except BadRequest as error:
            report.problems.append(Finding(path, error.message))
            continue
        values = JsonValues(MAX_FILE_BYTES)
        for index, item in enumerate(items):
            body = _read_item(report, path, index, item, values, drop_unsupported)
            if body is None:
                continue
            if body.workflow_id in first:
                report.problems.append(Finding(path, f"{body.workflow_id} is also in {first[body.workflow_id]}"))
            first.setdefault(body.workflow_id, path)
            report.workflows.append(body)
    return report


def dump_workflows(workflows: Sequence[Workflow]) -> str:
    content = {"workflows": [_plain(workflow) for workflow in workflows]}
    text: str = yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=120)
    return text


def write_workflows(target: Path, workflows: Sequence[Workflow], *, force: bool) -> None:
    """Write workflows as a YAML file that `check_files` accepts. Raise BadRequest if it cannot be written."""
    text = dump_workflows(workflows)
    try:
        with target.open("w" if force else "x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise BadRequest(f"{target} exists: --force replaces it") from None
    except OSError as error:
        raise BadRequest(f"{target} cannot be written: {error.strerror}") from None


async def push_workflows(
    service: WorkflowService,
    environment: Environment,
    bodies: Sequence[WorkflowCreate],
    *,
    prune: bool = False,
    dry_run: bool = False,
) -> list[tuple[str, PushOutcome]]:
    """Create or update workflows; `prune` deletes all others. Return the outcome of each identifier."""
    outcomes: list[tuple[str, PushOutcome]] = [
        (body.workflow_id, await service.push(environment, body, dry_run=dry_run)) for body in bodies
    ]
    if prune:
        kept = {body.workflow_id for body in bodies}
        for workflow in await service.all(environment):
            if workflow.identifier not in kept:
                if not dry_run:
                    await service.delete(environment, workflow.identifier)
                outcomes.append((workflow.identifier, "deleted"))
    return outcomes


async def load_workflows(service: WorkflowService, environment: Environment, source: Path) -> None:
    """Create or update the workflows of files, as each process does at start. Raise StartupError."""
    try:
        report = check_files(source)
        if report.problems:
            others = len(report.problems) - 1
            rest = f" (and {others} more: `inbox workflows check` lists them)" if others else ""
            raise BadRequest(f"{report.problems[0]}{rest}")
        outcomes = await push_workflows(service, environment, report.workflows)
    except InboxError as error:
        raise StartupError(f"INBOX_WORKFLOWS: {error.reason}") from error
    for warning in report.warnings:
        log.warning("%s", warning, extra={"action": "workflow_warning"})
    changed = [f"{identifier} {outcome}" for identifier, outcome in outcomes if outcome != "unchanged"]
    summary = ", ".join(changed) or "nothing has changed"
    log.info("workflows of %s: %s", source, summary, extra={"action": "workflows_loaded", "count": len(outcomes)})


def _files(source: Path, drop_unsupported: bool) -> list[Path]:
    suffixes = (*SUFFIXES, EXPORT_SUFFIX) if drop_unsupported else SUFFIXES
    if source.is_dir():
        if files := sorted(path for path in source.rglob("*") if path.suffix in suffixes and path.is_file()):
            return files
        raise NotFound(f"{source}: there is no {', '.join(suffixes)} file")
    if source.exists() or source == STANDARD_STREAM:
        return [source]
    raise NotFound(f"{source} does not exist")


def _items(path: Path, drop_unsupported: bool) -> list[Any]:
    content = _parse(path)
    if drop_unsupported and is_export(content):
        return unwrap(content)
    if isinstance(content, dict) and "workflows" in content:
        unknown = content.keys() - {"workflows"}
        if unknown:
            raise BadRequest(f"beside workflows there is {', '.join(sorted(unknown))}")
        content = content["workflows"]
    return content if isinstance(content, list) else [content]


def _parse(path: Path) -> Any:
    text = _read_text(path)
    try:
        if path.suffix == EXPORT_SUFFIX:
            return orjson.loads(text)
        return tomllib.loads(text) if path.suffix == ".toml" else yaml.load(text, _YamlLoader)  # noqa: S506 (a safe one)
    except (ValueError, yaml.YAMLError) as error:  # a ValueError of TOML and JSON
        raise BadRequest(" ".join(str(error).split())) from None
    except RecursionError:
        raise BadRequest(f"is nested deeper than {MAX_JSON_DEPTH} levels") from None


class _YamlLoader(yaml.SafeLoader):  # type: ignore[misc]
    """A loader that refuses, with the line, duplicate keys and scalars that are not of the type that they look like."""

    def compose_mapping_node(self, anchor: str | None) -> yaml.MappingNode:
        """Raise MarkedYAMLError for a duplicate key: the library would keep the last."""
        node: yaml.MappingNode = super().compose_mapping_node(anchor)
        seen: set[str] = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                continue
            if key.value in seen:
                raise yaml.MarkedYAMLError(None, None, f"the key {key.value} stands twice", key.start_mark)
            seen.add(key.value)
        return node

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        """Raise MarkedYAMLError for a scalar for which the library would raise various other errors."""
        try:
            return super().construct_object(node, deep)
        except (ValueError, ArithmeticError, AttributeError, LookupError):  # 2026-13-45, 10^5000, !!bool x
            kind = str(node.tag).rpartition(":")[2]
            raise yaml.MarkedYAMLError(None, None, f"this is no {kind} that can be read", node.start_mark) from None


def _read_text(path: Path) -> str:
    try:
        if path == STANDARD_STREAM:
            raw = sys.stdin.buffer.read(MAX_FILE_BYTES + 1)
        else:
            with path.open("rb") as file:
                raw = file.read(MAX_FILE_BYTES + 1)
        if len(raw) > MAX_FILE_BYTES:
            raise BadRequest(f"is larger than {MAX_FILE_BYTES} bytes")
        return raw.decode()
    except OSError as error:
        raise BadRequest(f"cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise BadRequest("is not UTF-8") from None


def _read_item(
    report: FileReport, path: Path, index: int, item: Any, values: JsonValues, drop_unsupported: bool
) -> WorkflowCreate | None:
    """Return a workflow and report its problems and warnings; None if it cannot be used."""
    workflow_id = item.get("workflowId") if isinstance(item, dict) else None
    name = workflow_id if isinstance(workflow_id, str) else f"workflow {index + 1}"
    try:
        item = values.read(item)
    except NotJson as error:
        report.problems.append(Finding(path, error.message, name, error.field))
        return None
    if not drop_unsupported and is_export(item):
        report.problems.append(Finding(path, EXPORTED, name))
        return None
    adopted = adopt(item) if drop_unsupported else Adopted(item)
    report.warnings += [Finding(path, "not served here: left out", name, str(step)) for step in adopted.dropped]
    if adopted.ignored:
        report.warnings.append(Finding(path, f"unknown here: left out: {', '.join(adopted.ignored)}", name))
    problems = find_problems(adopted.content, FileWorkflow)
    report.problems += [Finding(path, message, name, adopted.renumber(field)) for field, message in problems]
    if problems:
        return None
    body = msgspec.convert(adopted.content, FileWorkflow)
    for issue in chain.from_iterable(find_issues(build_workflow(body))):
        field = adopted.renumber(f"steps.{issue.step_index}.controlValues.{issue.field}")
        report.warnings.append(Finding(path, issue.message, name, field))
    return body


def _plain(workflow: Workflow) -> dict[str, Any]:
    steps = [
        {"stepId": step.step_id, "name": step.name, "type": step.type, "controlValues": step.controls}
        for step in workflow.steps
    ]
    preferences = {
        "user": workflow.user_preferences and msgspec.to_builtins(workflow.user_preferences),
        "workflow": msgspec.to_builtins(workflow.default_preferences),
    }
    optional = {
        "description": workflow.description,
        "tags": workflow.tags or None,
        "active": None if workflow.active else False,
        "severity": None if workflow.severity == "none" else workflow.severity,
        "validatePayload": workflow.validate_payload or None,
        "payloadSchema": workflow.payload_schema,
        "isTranslationEnabled": workflow.is_translation_enabled or None,
        "preferences": None if preferences == _PLAIN_PREFERENCES else preferences,
    }
    present = {name: value for name, value in optional.items() if value is not None}
    return {"workflowId": workflow.identifier, "name": workflow.name, **present, "steps": steps}


_PLAIN_PREFERENCES = {"user": None, "workflow": {"all": {"enabled": True, "readOnly": False}, "channels": {}}}
