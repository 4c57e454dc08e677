"""`inbox workflows`: the workflows of an environment, and those of files."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from inbox.cli.running import (
    AsJson,
    EnvironmentName,
    count_of,
    named_environment,
    print_header,
    print_json,
    with_services,
)

if TYPE_CHECKING:
    from inbox.models.workflow import Workflow
    from inbox.service.workflows.files import FileReport
    from inbox.services import Services

workflows_cli = typer.Typer(help="Workflows: list them, keep them in files.", no_args_is_help=True)

Source = Annotated[
    Path, typer.Argument(metavar="SOURCE", help="A .yaml, .toml or .json file, a folder, or - for standard input.")
]
DropUnsupported = Annotated[
    bool,
    typer.Option(
        "--drop-unsupported-steps",
        help="Take exports of Novu: leave out steps that are not served here (email, SMS, push, chat …) and unknown "
        "fields, and name them.",
    ),
]


@workflows_cli.command("list")
def list_workflows(environment: EnvironmentName = None, json: AsJson = False) -> None:
    """List every workflow: identifier, name, whether it is active and how many steps it has."""

    async def show(services: Services) -> None:
        chosen = await named_environment(services, environment)
        workflows = await services.workflows.all(chosen)
        if json:
            print_json([_row(one) for one in workflows])
            return
        if workflows:
            print_header("IDENTIFIER", "NAME", "STATE", "STEPS")
        else:
            print(f"{chosen.name} has no workflow yet", file=sys.stderr)
        for one in workflows:
            state = "active" if one.active else "inactive"
            print(f"{one.identifier}\t{one.name}\t{state}\t{count_of(len(one.steps), 'step')}")

    with_services("workflows list", show)


def _row(workflow: Workflow) -> dict[str, Any]:
    steps = [{"stepId": step.step_id, "name": step.name, "type": step.type} for step in workflow.steps]
    named = {"workflowId": workflow.identifier, "_id": workflow.id, "name": workflow.name}
    return {**named, "active": workflow.active, "tags": workflow.tags, "steps": steps}


@workflows_cli.command()
def check(source: Source, drop_unsupported: DropUnsupported = False, json: AsJson = False) -> None:
    """Check files without a service: every field, every template, every identifier.

    A line for everything that is wrong; exit code 1 then.
    """
    report = _read(source, drop_unsupported)
    if json:
        print_json({"workflows": [one.workflow_id for one in report.workflows], **_findings(report)})
    else:
        _print_findings(report)
        if not report.problems:
            warned = f", {count_of(len(report.warnings), 'warning')}" if report.warnings else ""
            print(f"{count_of(len(report.workflows), 'workflow')}: nothing wrong{warned}")
    if report.problems:
        raise typer.Exit(1)


@workflows_cli.command()
def push(
    source: Source,
    environment: EnvironmentName = None,
    prune: Annotated[bool, typer.Option("--prune", help="Delete the workflows that no file has.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Tell what would be done, and do nothing.")] = False,
    drop_unsupported: DropUnsupported = False,
    json: AsJson = False,
) -> None:
    """Make the workflows of an environment those of files; what has not changed is left alone."""
    from inbox.service.workflows.files import push_workflows

    report = _read(source, drop_unsupported)
    if report.problems and json:
        print_json({"workflows": [], **_findings(report)})
    elif not json:
        _print_findings(report)
    if report.problems:
        raise typer.Exit(1)

    async def send(services: Services) -> None:
        chosen = await named_environment(services, environment)
        outcomes = await push_workflows(services.workflows, chosen, report.workflows, prune=prune, dry_run=dry_run)
        if json:
            pushed = [{"workflowId": identifier, "outcome": outcome} for identifier, outcome in outcomes]
            print_json({"workflows": pushed, **_findings(report)})
            return
        for identifier, outcome in outcomes:
            print(f"{outcome}\t{identifier}")

    with_services("workflows push", send)


@workflows_cli.command()
def pull(
    target: Annotated[Path, typer.Argument(metavar="FILE", help="The .yaml file to write, or - for standard output.")],
    environment: EnvironmentName = None,
    force: Annotated[bool, typer.Option("--force", help="Replace the file if it exists.")] = False,
) -> None:
    """Write the workflows of an environment to a file that `push` takes."""
    from inbox.service.workflows.files import STANDARD_STREAM, dump_workflows, write_workflows

    async def write(services: Services) -> None:
        workflows = await services.workflows.all(await named_environment(services, environment))
        kept = [one for one in workflows if not one.is_v1]
        if target == STANDARD_STREAM:
            print(dump_workflows(kept), end="")
        else:
            write_workflows(target, kept, force=force)
            print(f"{count_of(len(kept), 'workflow')} written to {target}")
        for one in workflows:
            if one.is_v1:
                print(f"left out\t{one.identifier}\tit was made by the v1 API", file=sys.stderr)

    with_services("workflows pull", write)


def _read(source: Path, drop_unsupported: bool) -> FileReport:
    from inbox.service.workflows.files import check_files

    return check_files(source, drop_unsupported=drop_unsupported)


def _findings(report: FileReport) -> dict[str, Any]:
    return {
        "problems": [one.view() for one in report.problems],
        "warnings": [one.view() for one in report.warnings],
    }


def _print_findings(report: FileReport) -> None:
    for warning in report.warnings:
        print(f"inbox: warning: {warning}", file=sys.stderr)
    for problem in report.problems:
        print(f"inbox: {problem}", file=sys.stderr)
