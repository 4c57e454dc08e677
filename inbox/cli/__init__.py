"""The command `inbox`: serve, and what a person needs to talk to the service."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from inbox import __version__
from inbox.cli.environments import environments_cli
from inbox.cli.keys import keys_cli
from inbox.cli.running import GIVEN_KEY, EnvironmentName, named_environment, with_services
from inbox.cli.subscribers import subscribers_cli
from inbox.cli.trigger import trigger
from inbox.cli.webhooks import webhooks_cli
from inbox.cli.workflows import workflows_cli
from inbox.clock import now_seconds
from inbox.errors import InboxError, StartupError, ValidationFailed
from inbox.ids import parse_subscriber_id
from inbox.logs import configure_logging
from inbox.service.environments.subscriber_hash import bound_hash, plain_hash
from inbox.settings import Settings, load_settings, show_value, unit_of, variable_name

if TYPE_CHECKING:
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


cli.add_typer(keys_cli, name="keys")
cli.add_typer(environments_cli, name="environments")
cli.add_typer(workflows_cli, name="workflows")
cli.add_typer(subscribers_cli, name="subscribers")
cli.add_typer(webhooks_cli, name="webhooks")
cli.command("trigger")(trigger)


@cli.command()
def token(
    subscriber: Annotated[str, typer.Option(help="The subscriberId; a subscriber not known yet is made.")],
) -> None:
    """Print a session token for a subscriber, as a browser would get it."""
    subscriber_id = parse_subscriber_id(subscriber)

    async def show(services: Services) -> None:
        environment = services.environments.current
        print(await services.sessions.issue_token(environment, subscriber_id))

    with_services("token", show)


@cli.command("hash")
def subscriber_hash(
    subscriber: Annotated[str, typer.Option(help="The subscriberId.")],
    expires_in: Annotated[
        int | None, typer.Option(min=1, help="Seconds; the hash is then bound to the environment and ends after them.")
    ] = None,
    environment: EnvironmentName = None,
) -> None:
    """Print the hash that lets a page open a subscriber's inbox, as a backend makes it."""
    subscriber_id = parse_subscriber_id(subscriber)

    async def show(services: Services) -> None:
        chosen = await named_environment(services, environment)
        if services.environments.lacks_given_key(chosen):
            raise StartupError(GIVEN_KEY.format(chosen.name))
        key = services.environments.live_keys(chosen)[0]
        if expires_in is None:
            print(plain_hash(key, subscriber_id))
        else:
            expiry = int(now_seconds()) + expires_in
            print(bound_hash(key, "subscriber", chosen.identifier, expiry, subscriber_id))

    with_services("hash", show)


@cli.command()
def settings() -> None:
    """List every setting with its default, unit and meaning."""
    for name, field in Settings.model_fields.items():
        unit = f" [{unit_of(field)}]" if unit_of(field) else ""
        print(f"{variable_name(name)}={show_value(field.default)}{unit}\n    {field.description}")
