"""`inbox workflows`: the workflows of an environment, and those of files."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from inbox.cli.running import EnvironmentName, named_environment, print_header, with_services

if TYPE_CHECKING:
    from inbox.models.workflow import WorkflowCreate
    from inbox.services import Services

workflows_cli = typer.Typer(help="Workflows: list them, keep them in files.", no_args_is_help=True)

Source = Annotated[Path, typer.Argument(metavar="SOURCE", help="A .yaml, .yml or .toml file, or a folder of them.")]


@workflows_cli.command("list")
def list_workflows(environment: EnvironmentName = None) -> None:
    """List every workflow: identifier, name, whether it is active and how many steps it has."""

    async def show(services: Services) -> None:
        chosen = await named_environment(services, environment)
        workflows = await services.workflows.all(chosen)
        if workflows:
            print_header("IDENTIFIER", "NAME", "STATE", "STEPS")
        else:
            print(f"{chosen.name} has no workflow yet", file=sys.stderr)
        for one in workflows:
            state = "active" if one.active else "inactive"
            print(f"{one.identifier}\t{one.name}\t{state}\t{len(one.steps)} step{'s' if len(one.steps) != 1 else ''}")

    with_services("workflows list", show)


@workflows_cli.command()
def check(source: Source) -> None:
    """Check files without a service: every field, every template, every identifier.

    A line for each workflow that is wrong, with the first thing that is.
    """
    count = len(_read(source))
    print(f"{count} workflow{'s' if count != 1 else ''}: nothing wrong")


@workflows_cli.command()
def push(
    source: Source,
    environment: EnvironmentName = None,
    prune: Annotated[bool, typer.Option("--prune", help="Delete the workflows that no file has.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Tell what would be done, and do nothing.")] = False,
) -> None:
    """Make the workflows of an environment those of files; what has not changed is left alone."""
    from inbox.service.workflows.files import push_workflows

    wanted = _read(source)

    async def send(services: Services) -> None:
        chosen = await named_environment(services, environment)
        outcomes = await push_workflows(services.workflows, chosen, wanted, prune=prune, dry_run=dry_run)
        for identifier, outcome in outcomes:
            print(f"{outcome}\t{identifier}")

    with_services("workflows push", send)


@workflows_cli.command()
def pull(
    target: Annotated[Path, typer.Argument(metavar="FILE", help="The .yaml file to write.")],
    environment: EnvironmentName = None,
    force: Annotated[bool, typer.Option("--force", help="Replace the file if it exists.")] = False,
) -> None:
    """Write the workflows of an environment to a file that `push` takes."""
    from inbox.service.workflows.files import write_workflows

    async def write(services: Services) -> None:
        workflows = await services.workflows.all(await named_environment(services, environment))
        kept = [one for one in workflows if not one.is_v1]
        write_workflows(target, kept, force=force)
        print(f"{len(kept)} workflow{'s' if len(kept) != 1 else ''} written to {target}")
        for one in workflows:
            if one.is_v1:
                print(f"left out\t{one.identifier}\tit was made by the v1 API")

    with_services("workflows pull", write)


def _read(source: Path) -> list[WorkflowCreate]:
    """The workflows of files; ends the program with a line for everything that is wrong."""
    from inbox.service.workflows.files import WrongFiles, read_workflows

    try:
        return read_workflows(source)
    except WrongFiles as error:
        for problem in error.problems:
            print(f"inbox: {problem}", file=sys.stderr)
        raise typer.Exit(1) from None
