"""Workflows as files, so that a team keeps them beside its code: YAML or TOML with the fields of `POST /v2/workflows`.

A file holds one workflow, a list of them, or a list under `workflows`; a folder's files are read in the order of their
names. `docs/workflows.md` shows one.
"""

from __future__ import annotations

import logging
import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

import msgspec
import yaml

from inbox.errors import BadRequest, InboxError, NotFound, StartupError, ValidationFailed
from inbox.models.environment import Environment
from inbox.models.trigger import reason_of
from inbox.models.workflow import Workflow, WorkflowCreate, explain_mismatch
from inbox.service.workflows.workflows import WorkflowService, build_workflow

log = logging.getLogger(__name__)

SUFFIXES = (".yaml", ".yml", ".toml")
MAX_FILE_BYTES = 4 * 1024 * 1024

Outcome = Literal["created", "updated", "unchanged", "deleted"]


class WrongFiles(BadRequest):
    """Files cannot be used; each of `problems` is a line that names file, workflow and field."""

    def __init__(self, problems: Sequence[str]) -> None:
        rest = f" (and {len(problems) - 1} more: `inbox workflows check` lists them)" if len(problems) > 1 else ""
        super().__init__(f"{problems[0]}{rest}")
        self.problems = problems


class FileWorkflow(WorkflowCreate, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """A workflow of a file: an unknown field is refused, since a misspelt one would silently be missing."""


def read_workflows(source: Path) -> list[WorkflowCreate]:
    """The workflows of a file or a folder, checked as the API does.

    Raises NotFound when there is none, WrongFiles with what is wrong: each file that cannot be read, the first thing of
    each workflow, and each identifier that comes twice.
    """
    found: list[tuple[Path, WorkflowCreate]] = []
    problems: list[str] = []
    for path in _files(source):
        try:
            items = _items(path)
        except BadRequest as error:
            problems.append(error.message)
            continue
        for place, item in enumerate(items):
            try:
                found.append((path, _convert(path, place, item)))
            except BadRequest as error:
                problems.append(error.message)
    problems += _twice(found)
    if problems:
        raise WrongFiles(problems)
    return [body for _, body in found]


def _twice(found: Sequence[tuple[Path, WorkflowCreate]]) -> Iterator[str]:
    first: dict[str, Path] = {}
    for path, body in found:
        if body.workflow_id in first:
            yield f"{path}: {body.workflow_id} is also in {first[body.workflow_id]}"
        first.setdefault(body.workflow_id, path)


def write_workflows(target: Path, workflows: Sequence[Workflow], *, force: bool) -> None:
    """Writes workflows as a YAML file that `read_workflows` takes. Raises BadRequest when it cannot be written."""
    content = {"workflows": [_plain(workflow) for workflow in workflows]}
    text = yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=120)
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
    wanted: Sequence[WorkflowCreate],
    *,
    prune: bool = False,
    dry_run: bool = False,
) -> list[tuple[str, Outcome]]:
    """Makes the environment's workflows those wanted; gives what became of each. `prune` deletes all others."""
    outcomes: list[tuple[str, Outcome]] = []
    for body in wanted:
        outcomes.append((body.workflow_id, await service.push(environment, body, dry_run=dry_run)))
    if prune:
        kept = {body.workflow_id for body in wanted}
        for workflow in await service.all(environment):
            if workflow.identifier not in kept:
                if not dry_run:
                    await service.delete(environment, workflow.identifier)
                outcomes.append((workflow.identifier, "deleted"))
    return outcomes


async def load_workflows(service: WorkflowService, environment: Environment, source: Path) -> None:
    """Makes the workflows of files those of the environment, as each process does at start. Raises StartupError."""
    try:
        outcomes = await push_workflows(service, environment, read_workflows(source))
    except InboxError as error:
        raise StartupError(f"INBOX_WORKFLOWS: {reason_of(error)}") from error
    changed = [f"{identifier} {outcome}" for identifier, outcome in outcomes if outcome != "unchanged"]
    told = ", ".join(changed) or "nothing has changed"
    log.info("workflows of %s: %s", source, told, extra={"action": "workflows_loaded", "count": len(outcomes)})


def _files(source: Path) -> list[Path]:
    if source.is_dir():
        found = sorted(path for path in source.rglob("*") if path.suffix in SUFFIXES and path.is_file())
    elif source.exists():
        found = [source]
    else:
        raise NotFound(f"{source} does not exist")
    if not found:
        raise NotFound(f"{source}: there is no {', '.join(SUFFIXES)} file")
    return found


def _items(path: Path) -> list[Any]:
    content = _parse(path)
    if isinstance(content, dict) and "workflows" in content:
        unknown = content.keys() - {"workflows"}
        if unknown:
            raise BadRequest(f"{path}: beside workflows there is {', '.join(sorted(unknown))}")
        content = content["workflows"]
    return content if isinstance(content, list) else [content]


def _parse(path: Path) -> Any:
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise BadRequest(f"{path}: is larger than {MAX_FILE_BYTES} bytes")
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise BadRequest(f"{path}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise BadRequest(f"{path}: is not UTF-8") from None
    try:
        return tomllib.loads(text) if path.suffix == ".toml" else yaml.safe_load(text)
    except (tomllib.TOMLDecodeError, yaml.YAMLError, RecursionError) as error:
        raise BadRequest(f"{path}: {' '.join(str(error).split())}") from None


def _convert(path: Path, place: int, item: Any) -> WorkflowCreate:
    named = item.get("workflowId") if isinstance(item, dict) else None
    where = f"{path}: {named if isinstance(named, str) else f'workflow {place + 1}'}"
    try:
        body = msgspec.convert(item, FileWorkflow)
        build_workflow(body)
    except msgspec.ValidationError as error:
        raise BadRequest(f"{where}: {explain_mismatch(error)}") from None
    except ValidationFailed as error:
        problems = "; ".join(f"{field}: {text}" for field, texts in error.fields.items() for text in texts)
        raise BadRequest(f"{where}: {problems}") from None
    except BadRequest as error:
        raise BadRequest(f"{where}: {error.message}") from None
    return body


def _plain(workflow: Workflow) -> dict[str, Any]:
    """The fields of a file, without those that are as they would be anyway."""
    steps = [
        {
            "stepId": step.step_id,
            "name": step.name,
            "type": step.type,
            "controlValues": msgspec.to_builtins(step.values),
        }
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
