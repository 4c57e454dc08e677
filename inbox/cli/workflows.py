"""`inbox workflows`: list the workflows of an environment, exchange them with files."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from inbox.cli.printing import AsJson, count_of, one_line, print_json, print_row, print_table
from inbox.cli.running import EnvironmentName, named_environment, needs_services, with_services

if TYPE_CHECKING:
    from inbox.models.environment import Environment
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
@needs_services
async def list_workflows(services: Services, environment: Environment, json: AsJson = False) -> None:
    """List every workflow: identifier, name, whether it is active and how many steps it has."""
    workflows = await services.workflows.all(environment)
    if json:
        print_json([_row(workflow) for workflow in workflows])
        return
    names, empty = ("IDENTIFIER", "NAME", "STATE", "STEPS"), f"{environment.name} has no workflow yet"
    print_table(names, map(_columns, workflows), empty=empty)


def _columns(workflow: Workflow) -> tuple[str, ...]:
    state, steps = "active" if workflow.active else "inactive", count_of(len(workflow.steps), "step")
    return workflow.identifier, one_line(workflow.name), state, steps


def _row(workflow: Workflow) -> dict[str, Any]:
    steps = [{"stepId": step.step_id, "name": step.name, "type": step.type} for step in workflow.steps]
    ids = {"workflowId": workflow.identifier, "_id": workflow.id, "name": workflow.name}
    return {**ids, "active": workflow.active, "tags": workflow.tags, "steps": steps}


@workflows_cli.command()
def check(source: Source, drop_unsupported: DropUnsupported = False, json: AsJson = False) -> None:
    """Check files without a service: every field, every template, every identifier.

    Print one line for each mistake, and exit with 1 if there is one.
    """
    report = _read(source, drop_unsupported)
    if json:
        print_json({"workflows": [workflow.workflow_id for workflow in report.workflows], **_findings(report)})
    else:
        _print_findings(report)
        if not report.problems:
            warnings = f", {count_of(len(report.warnings), 'warning')}" if report.warnings else ""
            print(f"{count_of(len(report.workflows), 'workflow')}: nothing wrong{warnings}")
    if report.problems:
        raise typer.Exit(1)


@workflows_cli.command()
def push(
    source: Source,
    environment_name: EnvironmentName = None,
    prune: Annotated[bool, typer.Option("--prune", help="Delete the workflows that no file has.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be done.")] = False,
    drop_unsupported: DropUnsupported = False,
    json: AsJson = False,
) -> None:
    """Update an environment's workflows from files; unchanged ones are skipped."""
    from inbox.service.workflows.files import push_workflows

    report = _read(source, drop_unsupported)
    if report.problems and json:
        print_json({"workflows": [], **_findings(report)})
    elif not json:
        _print_findings(report)
    if report.problems:
        raise typer.Exit(1)

    async def send(services: Services) -> None:
        environment = await named_environment(services, environment_name)
        outcomes = await push_workflows(services.workflows, environment, report.workflows, prune=prune, dry_run=dry_run)
        if json:
            pushed = [{"workflowId": identifier, "outcome": outcome} for identifier, outcome in outcomes]
            print_json({"workflows": pushed, **_findings(report)})
            return
        for identifier, outcome in outcomes:
            print_row(outcome, identifier)

    with_services("workflows push", send)


@workflows_cli.command()
@needs_services
async def pull(
    services: Services,
    environment: Environment,
    target: Annotated[Path, typer.Argument(metavar="FILE", help="The .yaml file to write, or - for standard output.")],
    force: Annotated[bool, typer.Option("--force", help="Replace the file if it exists.")] = False,
) -> None:
    """Write the workflows of an environment to a file that `push` takes."""
    from inbox.service.workflows.files import STANDARD_STREAM, dump_workflows, write_workflows

    workflows = await services.workflows.all(environment)
    writable = [workflow for workflow in workflows if not workflow.is_v1]
    if target == STANDARD_STREAM:
        print(dump_workflows(writable), end="")
    else:
        write_workflows(target, writable, force=force)
        print(f"{count_of(len(writable), 'workflow')} written to {target}")
    for workflow in workflows:
        if workflow.is_v1:
            print(f"left out\t{workflow.identifier}\tit was made by the v1 API", file=sys.stderr)


def _read(source: Path, drop_unsupported: bool) -> FileReport:
    from inbox.service.workflows.files import check_files

    return check_files(source, drop_unsupported=drop_unsupported)


def _findings(report: FileReport) -> dict[str, Any]:
    views = {"problems": report.problems, "warnings": report.warnings}
    return {name: [finding.view() for finding in findings] for name, findings in views.items()}


def _print_findings(report: FileReport) -> None:
    for warning in report.warnings:
        print(f"inbox: warning: {warning}", file=sys.stderr)
    for problem in report.problems:
        print(f"inbox: {problem}", file=sys.stderr)
