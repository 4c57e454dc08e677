"""`inbox environments`."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Annotated

import typer

from inbox.cli.running import print_header, with_services

if TYPE_CHECKING:
    from inbox.services import Services

environments_cli = typer.Typer(
    help="Environments: list them, make one, say how long one keeps messages.", no_args_is_help=True
)


@environments_cli.command("list")
def list_environments() -> None:
    """List every environment: name, application identifier, id and how many keys it has."""

    async def show(services: Services) -> None:
        print_header("NAME", "IDENTIFIER", "ID", "KEYS")
        for one in services.environments.all():
            given = services.environments.lacks_given_key(one)
            count = len(services.environments.live_keys(one)) + given
            print(f"{one.name}\t{one.identifier}\t{one.id}\t{count} key{'s' if count != 1 else ''}")

    with_services("environments list", show)


@environments_cli.command("create")
def create_environment(name: Annotated[str, typer.Argument(help="Its name, not taken yet in any case.")]) -> None:
    """Make an environment with a key of its own and print both credentials as `inbox keys` does."""

    async def create(services: Services) -> None:
        made = await services.environments.create(name)
        print(f"INBOX_API_KEY={shlex.quote(services.environments.live_keys(made)[0])}")
        print(f"INBOX_APPLICATION_IDENTIFIER={shlex.quote(made.identifier)}")

    with_services("environments create", create)


@environments_cli.command("retention")
def set_retention(
    name: Annotated[str, typer.Argument(help="The environment.")],
    max_age_days: Annotated[int, typer.Option(help="Messages older than so many days go.", min=1)],
) -> None:
    """Say how many days an environment keeps messages (90 at first); older ones go within an hour."""

    async def change(services: Services) -> None:
        environment = await services.environments.find_by_name(name)
        changed = await services.environments.set_max_age(environment, max_age_days)
        print(f"{changed.name} keeps messages for {changed.max_age_days} days")

    with_services("environments retention", change)
