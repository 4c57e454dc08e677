"""`inbox keys`."""

from __future__ import annotations

import shlex
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from inbox.cli.printing import AsJson, print_either, print_json
from inbox.cli.running import EnvironmentName, named_environment, needs_services, warn_of_missing_key, with_services

if TYPE_CHECKING:
    from inbox.models.environment import Environment
    from inbox.services import Services

keys_cli = typer.Typer(help="API keys: print them, make one, end one.")


@keys_cli.callback(invoke_without_command=True)
def keys(context: typer.Context, environment_name: EnvironmentName = None, json: AsJson = False) -> None:
    """Print every live API key and the application identifier, in a form that a shell can read.

    The environment's name goes to standard error.
    """
    if context.invoked_subcommand is not None:
        if environment_name is not None or json:
            raise typer.BadParameter("write --environment after the subcommand; --json goes with `inbox keys` alone")
        return

    async def show(services: Services) -> None:
        environment = await named_environment(services, environment_name)
        show_keys(services, environment, as_json=json)
        warn_of_missing_key(services, environment)

    with_services("keys", show)


def show_keys(services: Services, environment: Environment, *, as_json: bool) -> None:
    """Print the credentials of an environment, and on standard error which one it is."""
    live_keys, identifier = services.environments.live_keys(environment), environment.identifier
    if as_json:
        names = {"environment": environment.name, "environmentId": environment.id}
        print_json({**names, "applicationIdentifier": identifier, "apiKeys": live_keys})
        return
    print(f"environment: {environment.name}", file=sys.stderr)
    for number, key in enumerate(live_keys, start=1):
        name = "INBOX_API_KEY" if number == 1 else f"API_KEY_{number}"  # INBOX_API_KEY_2 would be no setting
        print(f"{name}={shlex.quote(key)}")
    print(f"INBOX_APPLICATION_IDENTIFIER={shlex.quote(identifier)}")


@keys_cli.command("create")
@needs_services
async def create_key(services: Services, environment: Environment, json: AsJson = False) -> None:
    """Make a further API key and print it; two may be live at once, so that callers can change over."""
    key = await services.environments.keys.create(environment)
    print_either({"environment": environment.name, "apiKey": key}, key, as_json=json)


@keys_cli.command("revoke")
@needs_services
async def revoke_key(
    services: Services,
    environment: Environment,
    key: Annotated[str, typer.Argument(metavar="KEY", help="The key to end, as printed by `inbox keys`.")],
    json: AsJson = False,
) -> None:
    """End an API key everywhere within two seconds, and with it every browser session of the environment."""
    await services.environments.keys.revoke(environment, key)
    if json:
        print_json({"environment": environment.name, "revoked": key})
