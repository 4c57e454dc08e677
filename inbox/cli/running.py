"""What commands share: the services they use, and the environment they name."""

from __future__ import annotations

import asyncio
import inspect
import sys
from collections.abc import Awaitable, Callable
from functools import wraps
from typing import TYPE_CHECKING, Annotated, Any

import typer

from inbox.errors import BadRequest
from inbox.logs import configure_logging
from inbox.settings import LogLevel, Settings, load_settings

if TYPE_CHECKING:
    from inbox.models.environment import Environment
    from inbox.services import Services

EnvironmentName = Annotated[
    str | None,
    typer.Option("--environment", "-e", help="The name of the environment; without it, that of INBOX_MODE."),
]


async def named_environment(services: Services, name: str | None) -> Environment:
    """Return the environment of this name, or the current one without a name. Raise NotFound."""
    return services.environments.current if name is None else await services.environments.find_by_name(name)


MISSING_KEY = (
    "the service of {} was started with an INBOX_API_KEY that this command was not given, and the store does not keep "
    "it: set the same variables here as there"
)


def warn_of_missing_key(services: Services, environment: Environment) -> None:
    """Warn on standard error if the key that the service was started with cannot be shown."""
    if services.environments.lacks_given_key(environment):
        print(f"inbox: {MISSING_KEY.format(environment.name)}", file=sys.stderr)


def confirm(question: str, *, yes: bool) -> None:
    """Ask before something that cannot be undone, unless `yes`. Raise BadRequest if nobody can be asked."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise BadRequest("this cannot be undone: add --yes when nobody can be asked")
    typer.confirm(f"{question} This cannot be undone.", abort=True)


def with_services(command: str, use: Callable[[Services], Awaitable[None]], *, log_level: LogLevel = "warning") -> None:
    """Run `use` on the store of the running service, or on one started for this command.

    `command` names it to other processes.
    """
    settings = load_settings()
    configure_logging(log_level, settings.log_format)
    asyncio.run(_use_services(settings, command, use))


def needs_services(function: Callable[..., Awaitable[None]]) -> Callable[..., None]:
    """Make a command of a function of `services` and perhaps `environment`, that of the option `--environment`."""
    # Typer makes an option of every parameter; importing the types of these two would slow `--help` down
    types = {"Services": Any, "Environment": Any}
    own = inspect.signature(function, locals=types, eval_str=True).parameters
    parameters = [parameter for name, parameter in own.items() if name not in ("services", "environment")]
    parameters.append(_option("context", typer.Context))
    if "environment" in own:
        parameters.append(_option("environment_name", EnvironmentName, default=None))

    @wraps(function)
    def run(context: typer.Context, **options: Any) -> None:
        async def use(services: Services) -> None:
            if "environment" in own:
                options["environment"] = await named_environment(services, options.pop("environment_name"))
            await function(services=services, **options)

        with_services(context.command_path.partition(" ")[2], use)

    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return run


def _option(name: str, annotation: Any, default: Any = inspect.Parameter.empty) -> inspect.Parameter:
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)


async def _use_services(settings: Settings, command: str, use: Callable[[Services], Awaitable[None]]) -> None:
    from inbox.embedded.access import open_store
    from inbox.services import open_services

    async with (
        open_store(settings, command) as store,
        open_services(settings.model_copy(update={"mode": store.mode}), store.url) as services,
    ):
        await use(services)
        await services.activity_log.flush()
        await services.event_relay.announce()
