"""The command `inbox`: serve, and what a person needs to talk to the service."""

from __future__ import annotations

import asyncio
import shlex
import sys
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated

import typer

from inbox import __version__
from inbox.errors import InboxError, StartupError, ValidationFailed
from inbox.ids import parse_subscriber_id
from inbox.logs import configure_logging
from inbox.settings import Settings, load_settings, show_value, unit_of, variable_name

if TYPE_CHECKING:
    from inbox.models.environment import Environment
    from inbox.services import Services

cli = typer.Typer(
    name="inbox",
    help="A self-hosted, real-time in-app notification inbox. Its settings are INBOX_* variables: `inbox settings`.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def main() -> None:
    """Runs the command line; what keeps it from starting is one line on standard error and exit code 1."""
    try:
        cli()
    except (StartupError, InboxError) as error:
        print(f"inbox: {_explain(error)}", file=sys.stderr)
        sys.exit(1)


def _explain(error: StartupError | InboxError) -> str:
    if isinstance(error, ValidationFailed):
        return "; ".join(message for messages in error.fields.values() for message in messages)
    return str(error)


def _show_version(wanted: bool) -> None:
    if wanted:
        print(f"inbox {__version__}")
        raise typer.Exit


@cli.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", help="Show the version and exit.", is_eager=True, callback=_show_version)
    ] = False,
) -> None:
    """Options of the program itself; Typer takes its help from above."""


@cli.command()
def serve(
    demo: Annotated[bool, typer.Option("--demo", help="Serve the demo page at / (development mode only).")] = False,
    host: Annotated[str | None, typer.Option(help="The address to listen on, in place of INBOX_HOST.")] = None,
    port: Annotated[int | None, typer.Option(help="The port to listen on, in place of INBOX_PORT.")] = None,
) -> None:
    """Run the service until Ctrl-C or SIGTERM."""
    settings = load_settings(host=host, port=port)
    if demo and settings.mode != "development":
        raise StartupError(f"--demo contradicts INBOX_MODE={settings.mode}: it needs INBOX_MODE=development")
    configure_logging(settings.log_level, settings.log_format)
    from inbox.banner import print_banner
    from inbox.server import run

    run(settings, demo=demo, started=print_banner if demo else None)


keys_cli = typer.Typer(help="API keys: print them, make one, end one.")
environments_cli = typer.Typer(help="Environments: list them, make one.", no_args_is_help=True)
cli.add_typer(keys_cli, name="keys")
cli.add_typer(environments_cli, name="environments")

EnvironmentName = Annotated[
    str | None,
    typer.Option("--environment", "-e", help="The name of the environment; without it, that of INBOX_MODE."),
]


@keys_cli.callback(invoke_without_command=True)
def keys(context: typer.Context, environment: EnvironmentName = None) -> None:
    """Print every live API key and the application identifier, in a form that a shell can read."""
    if context.invoked_subcommand is not None:
        if environment is not None:
            raise typer.BadParameter("write --environment after the subcommand")
        return

    async def show(services: Services) -> None:
        chosen = await _environment(services, environment)
        for place, key in enumerate(services.environments.live_keys(chosen), start=1):
            print(f"INBOX_API_KEY{f'_{place}' if place > 1 else ''}={shlex.quote(key)}")
        print(f"INBOX_APPLICATION_IDENTIFIER={shlex.quote(chosen.identifier)}")

    _with_services("keys", show)


@keys_cli.command("create")
def create_key(environment: EnvironmentName = None) -> None:
    """Make a further API key and print it; two may be live at once, so that callers can change over."""

    async def create(services: Services) -> None:
        print(await services.environments.create_key(await _environment(services, environment)))

    _with_services("keys create", create)


@keys_cli.command("revoke")
def revoke_key(
    key: Annotated[str, typer.Argument(help="The key to end, as printed by `inbox keys`.")],
    environment: EnvironmentName = None,
) -> None:
    """End an API key everywhere within two seconds, and with it every browser session of the environment."""

    async def revoke(services: Services) -> None:
        await services.environments.revoke_key(await _environment(services, environment), key)

    _with_services("keys revoke", revoke)


@environments_cli.command("list")
def list_environments() -> None:
    """List every environment: name, application identifier, id and how many keys it has."""

    async def show(services: Services) -> None:
        for one in services.environments.all():
            count = len(services.environments.live_keys(one))
            print(f"{one.name}\t{one.identifier}\t{one.id}\t{count} key{'s' if count != 1 else ''}")

    _with_services("environments list", show)


@environments_cli.command("create")
def create_environment(name: Annotated[str, typer.Argument(help="Its name, not taken yet in any case.")]) -> None:
    """Make an environment with a key of its own and print both credentials as `inbox keys` does."""

    async def create(services: Services) -> None:
        made = await services.environments.create(name)
        print(f"INBOX_API_KEY={shlex.quote(services.environments.live_keys(made)[0])}")
        print(f"INBOX_APPLICATION_IDENTIFIER={shlex.quote(made.identifier)}")

    _with_services("environments create", create)


@cli.command()
def token(
    subscriber: Annotated[str, typer.Option(help="The subscriberId; a subscriber not known yet is made.")],
) -> None:
    """Print a session token for a subscriber, as a browser would get it."""
    subscriber_id = parse_subscriber_id(subscriber)

    async def show(services: Services) -> None:
        environment = services.environments.current
        print(await services.sessions.issue_token(environment, subscriber_id))

    _with_services("token", show)


@cli.command()
def settings() -> None:
    """List every setting with its default, unit and meaning."""
    for name, field in Settings.model_fields.items():
        unit = f" [{unit_of(field)}]" if unit_of(field) else ""
        print(f"{variable_name(name)}={show_value(field.default)}{unit}\n    {field.description}")


async def _environment(services: Services, name: str | None) -> Environment:
    """The environment of this name, or the current one. Raises NotFound."""
    return services.environments.current if name is None else await services.environments.find_by_name(name)


def _with_services(command: str, use: Callable[[Services], Awaitable[None]]) -> None:
    """Runs `use` on the store of the running service, or on one started for this command."""
    given = load_settings()
    configure_logging("warning", given.log_format)
    asyncio.run(_use_services(given, command, use))


async def _use_services(given: Settings, command: str, use: Callable[[Services], Awaitable[None]]) -> None:
    from inbox.embedded.access import use_store
    from inbox.services import open_services

    async with use_store(given, command) as store:
        of_store = given.model_copy(update={"mode": store.mode})
        async with open_services(of_store, store.url) as services:
            await use(services)
