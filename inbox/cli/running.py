"""What commands have in common: the store they act on, and the environment they mean."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import orjson
import typer

from inbox.logs import configure_logging
from inbox.settings import LogLevel, Settings, load_settings

if TYPE_CHECKING:
    from inbox.models.environment import Environment
    from inbox.services import Services

EnvironmentName = Annotated[
    str | None,
    typer.Option("--environment", "-e", help="The name of the environment; without it, that of INBOX_MODE."),
]

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for a program that reads it.")]


async def named_environment(services: Services, name: str | None) -> Environment:
    """The environment of this name, or the current one. Raises NotFound."""
    return services.environments.current if name is None else await services.environments.find_by_name(name)


GIVEN_KEY = (
    "the service of {} was started with an INBOX_API_KEY that this command was not given, and the store does not keep "
    "it: set the same variables here as there"
)


def warn_of_given_key(services: Services, environment: Environment) -> None:
    """Says on standard error when the key that the service was given cannot be shown."""
    if services.environments.lacks_given_key(environment):
        print(f"inbox: {GIVEN_KEY.format(environment.name)}", file=sys.stderr)


def print_header(*names: str) -> None:
    """What the columns of a list are: for the person at the terminal, not for a program that reads the list."""
    print("\t".join(names), file=sys.stderr)


@contextmanager
def progress(label: str) -> Iterator[Callable[[str], None]]:
    """Show on standard error that something is under way, and how far; nothing unless it is a terminal."""
    if not sys.stderr.isatty():
        yield lambda _text: None
        return
    from rich.console import Console

    with Console(stderr=True, markup=False).status(label) as status:
        yield lambda text: status.update(f"{label}: {text}")


def print_json(value: Any) -> None:
    """Print a value as one JSON document on standard output."""
    print(orjson.dumps(value, option=orjson.OPT_INDENT_2).decode())


def count_of(number: int, noun: str) -> str:
    """`1 workflow`, `2 workflows`."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def with_services(
    command: str, use: Callable[[Services], Awaitable[None]], *, log_level: LogLevel = "warning"
) -> None:
    """Runs `use` on the store of the running service, or on one started for this command."""
    given = load_settings()
    configure_logging(log_level, given.log_format)
    asyncio.run(_use_services(given, command, use))


async def _use_services(given: Settings, command: str, use: Callable[[Services], Awaitable[None]]) -> None:
    from inbox.embedded.access import use_store
    from inbox.services import open_services

    async with use_store(given, command) as store:
        of_store = given.model_copy(update={"mode": store.mode})
        async with open_services(of_store, store.url) as services:
            await use(services)
            await services.activity_log.flush()
            await services.event_relay.announce()
