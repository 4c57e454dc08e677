"""The command `inbox`: serve, and administer what the service keeps."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from inbox import __version__
from inbox.cli.audit import audit
from inbox.cli.doctor import doctor
from inbox.cli.environments import environments_cli
from inbox.cli.keys import keys_cli
from inbox.cli.messages import messages_cli
from inbox.cli.printing import AsJson, print_either, print_json
from inbox.cli.running import MISSING_KEY, needs_services
from inbox.cli.send import send
from inbox.cli.stats import stats
from inbox.cli.subscribers import subscribers_cli
from inbox.cli.tail import tail
from inbox.cli.trigger import trigger
from inbox.cli.webhooks import webhooks_cli
from inbox.cli.workflows import workflows_cli
from inbox.clock import now_seconds
from inbox.errors import InboxError, StartupError
from inbox.ids import SubscriberId, parse_subscriber_id
from inbox.logs import configure_logging
from inbox.masking import show_value
from inbox.settings import Settings, load_settings, unit_of, variable_name
from inbox.subscriber_hash import bound_hash, plain_hash

if TYPE_CHECKING:
    from inbox.models.environment import Environment
    from inbox.services import Services

cli = typer.Typer(
    name="inbox",
    help="A self-hosted, real-time in-app notification inbox. Its settings are INBOX_* variables: `inbox settings`.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _subscriber_option(help_text: str) -> Any:
    return typer.Option("--subscriber", parser=parse_subscriber_id, metavar="<str>", help=help_text)


def main() -> None:
    """Run the command line. An error that ends a command is one line on standard error and exit code 1."""
    try:
        cli(prog_name="inbox")  # not `python -m inbox`: what help shows can be typed
    except (StartupError, InboxError) as error:
        print(f"inbox: {error.reason if isinstance(error, InboxError) else error}", file=sys.stderr)
        sys.exit(1)


def _show_version(is_requested: bool) -> None:
    if is_requested:
        print(f"inbox {__version__}")
        raise typer.Exit


@cli.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", help="Show the version and exit.", is_eager=True, callback=_show_version)
    ] = False,
) -> None:
    """Declare the options of the program itself; Typer takes its help from `cli`."""


@cli.command()
def serve(
    demo: Annotated[bool, typer.Option("--demo", help="Serve the demo page at / (development mode only).")] = False,
    host: Annotated[str | None, typer.Option(help="The address to listen on, in place of INBOX_HOST.")] = None,
    port: Annotated[int | None, typer.Option(help="The port to listen on, in place of INBOX_PORT.")] = None,
    workers: Annotated[int | None, typer.Option(help="How many processes serve, in place of INBOX_WORKERS.")] = None,
    worker: Annotated[int | None, typer.Option(hidden=True, help="The number of this process among them.")] = None,
) -> None:
    """Run the service until Ctrl-C or SIGTERM."""
    settings = load_settings(host=host, port=port, workers=workers)
    if demo and settings.mode != "development":
        raise StartupError(f"--demo contradicts INBOX_MODE={settings.mode}: it needs INBOX_MODE=development")
    configure_logging(settings.log_level, settings.log_format, worker)
    if settings.workers > 1:
        from inbox.multiprocess import run_workers

        run_workers(settings, demo=demo)
        return
    from inbox.banner import print_banner
    from inbox.server import run

    shows_banner = demo and worker in (None, 1)
    run(settings, demo=demo, started=print_banner if shows_banner else None, is_worker=worker is not None)


cli.add_typer(keys_cli, name="keys")
cli.add_typer(environments_cli, name="environments")
cli.add_typer(workflows_cli, name="workflows")
cli.add_typer(subscribers_cli, name="subscribers")
cli.add_typer(messages_cli, name="messages")
cli.add_typer(webhooks_cli, name="webhooks")
cli.command("trigger")(trigger)
cli.command("send")(send)
cli.command("tail")(tail)
cli.command("stats")(stats)
cli.command("audit")(audit)
cli.command("doctor")(doctor)


@cli.command()
@needs_services
async def token(
    services: Services,
    environment: Environment,
    subscriber_id: Annotated[
        SubscriberId, _subscriber_option("The subscriberId; a subscriber that does not exist yet is created.")
    ],
    json: AsJson = False,
) -> None:
    """Print a session token for a subscriber, as a browser would get it."""
    issued = await services.sessions.issue_token(environment, subscriber_id)
    view = {"environment": environment.name, "subscriberId": subscriber_id, "token": issued}
    print_either(view, issued, as_json=json)


@cli.command("hash")
@needs_services
async def subscriber_hash(
    services: Services,
    environment: Environment,
    subscriber_id: Annotated[SubscriberId, _subscriber_option("The subscriberId.")],
    expires_in: Annotated[
        int | None, typer.Option(min=1, help="Seconds; the hash is then bound to the environment and ends after them.")
    ] = None,
    json: AsJson = False,
) -> None:
    """Print the hash that lets a page open a subscriber's inbox, as a backend makes it."""
    if services.environments.lacks_given_key(environment):
        raise StartupError(MISSING_KEY.format(environment.name))
    key = services.environments.live_keys(environment)[0]
    if expires_in is None:
        made = plain_hash(key, subscriber_id)
    else:
        expiry = int(now_seconds()) + expires_in
        made = bound_hash(key, "subscriber", environment.identifier, expiry, subscriber_id)
    view = {"environment": environment.name, "subscriberId": subscriber_id, "subscriberHash": made}
    print_either(view, made, as_json=json)


@cli.command()
def settings(json: AsJson = False) -> None:
    """List every setting with its default, unit and meaning."""
    if json:
        rows = [
            {
                "name": variable_name(name),
                "default": show_value(field.default),
                "unit": unit_of(field),
                "description": field.description,
            }
            for name, field in Settings.model_fields.items()
        ]
        print_json(rows)
        return
    for name, field in Settings.model_fields.items():
        unit = f" [{unit_of(field)}]" if unit_of(field) else ""
        print(f"{variable_name(name)}={show_value(field.default)}{unit}\n    {field.description}")
