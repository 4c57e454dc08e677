"""`inbox environments`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from inbox.cli.keys import show_keys
from inbox.cli.printing import AsJson, count_of, print_either, print_json, print_table
from inbox.cli.running import needs_services

if TYPE_CHECKING:
    from inbox.models.environment import Environment
    from inbox.services import Services

environments_cli = typer.Typer(
    help="Environments: list them, make one, say how long one keeps messages.", no_args_is_help=True
)


@environments_cli.command("list")
@needs_services
async def list_environments(services: Services, json: AsJson = False) -> None:
    """List every environment: name, application identifier, id and how many keys it has."""
    rows = [_row(services, environment) for environment in services.environments.all()]
    if json:
        print_json(rows)
        return
    cells = ((row["name"], row["applicationIdentifier"], row["_id"], count_of(row["keys"], "key")) for row in rows)
    print_table(("NAME", "IDENTIFIER", "ID", "KEYS"), cells)


def _row(services: Services, environment: Environment) -> dict[str, Any]:
    environments = services.environments
    return {
        "name": environment.name,
        "applicationIdentifier": environment.identifier,
        "_id": environment.id,
        "keys": len(environments.live_keys(environment)) + environments.lacks_given_key(environment),
        "maxAgeDays": environment.max_age_days,
    }


@environments_cli.command("create")
@needs_services
async def create_environment(
    services: Services,
    name: Annotated[str, typer.Argument(metavar="NAME", help="Its name, not taken yet in any case.")],
    json: AsJson = False,
) -> None:
    """Make an environment with a key of its own and print both credentials as `inbox keys` does."""
    show_keys(services, await services.environments.create(name), as_json=json)


@environments_cli.command("retention")
@needs_services
async def set_retention(
    services: Services,
    name: Annotated[str, typer.Argument(metavar="NAME", help="The environment.")],
    max_age_days: Annotated[int, typer.Option(help="Messages older than so many days go.", min=1)],
    json: AsJson = False,
) -> None:
    """Say how many days an environment keeps messages (90 at first); older ones go within an hour."""
    environment = await services.environments.find_by_name(name)
    environment = await services.environments.set_max_age(environment, max_age_days)
    text = f"{environment.name} keeps messages for {environment.max_age_days} days"
    print_either(_row(services, environment), text, as_json=json)
