"""`inbox webhooks`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from inbox.cli.printing import (
    AsJson,
    count_of,
    one_line,
    print_either,
    print_fields,
    print_json,
    print_row,
    print_table,
    progress_bar,
)
from inbox.cli.running import needs_services
from inbox.errors import StartupError
from inbox.models.dates import iso
from inbox.models.event import failed_event_view
from inbox.models.webhook import EVENT_TYPES

if TYPE_CHECKING:
    from inbox.models.environment import Environment
    from inbox.models.event import FailedEvent
    from inbox.services import Services

webhooks_cli = typer.Typer(
    help="Tell a backend what happens: webhooks, the event stream, and events that did not arrive.",
    no_args_is_help=True,
)


@webhooks_cli.command("set")
@needs_services
async def set_webhook(
    services: Services,
    environment: Environment,
    url: Annotated[str, typer.Argument(metavar="URL", help="The http:// or https:// URL that events are sent to.")],
    event: Annotated[
        list[str] | None, typer.Option(help=f"A type of event to send; may be repeated; all: {', '.join(EVENT_TYPES)}.")
    ] = None,
    json: AsJson = False,
) -> None:
    """Send events to a URL from now on. Print the signing secret of a new webhook, once."""
    secret = await services.webhooks.set(environment, url, event or [])
    if json:
        print_json({"environment": environment.name, "url": url, **({"secret": secret} if secret else {})})
        return
    print(f"events of {environment.name} go to {url}")
    if secret:
        print(_secret_line(secret))


@webhooks_cli.command("show")
@needs_services
async def show_webhook(services: Services, environment: Environment, json: AsJson = False) -> None:
    """Show where events go, and how many wait, were dropped (too many waited), have failed or are in the stream."""
    view = await services.webhooks.show(environment)
    if json:
        print_json(view)
        return
    shown = {"events": ", ".join(view["events"]), "stream": view["stream"] or "off"}
    print_fields({**view, **shown})


@webhooks_cli.command("remove")
@needs_services
async def remove_webhook(services: Services, environment: Environment, json: AsJson = False) -> None:
    """Send nothing any more; events that still waited are dropped."""
    await services.webhooks.remove(environment)
    view = {"environment": environment.name, "url": None}
    print_either(view, f"{environment.name} has no webhook any more", as_json=json)


@webhooks_cli.command("rotate-secret")
@needs_services
async def rotate_secret(services: Services, environment: Environment, json: AsJson = False) -> None:
    """Make a new signing secret and print it. For a day events are signed with the former one as well."""
    secret = await services.webhooks.rotate_secret(environment)
    print_either({"environment": environment.name, "secret": secret}, _secret_line(secret), as_json=json)


@webhooks_cli.command("test")
@needs_services
async def try_webhook(services: Services, environment: Environment, json: AsJson = False) -> None:
    """Send one webhook.test and print the answer."""
    sent = await services.webhooks.test(environment)
    await services.webhooks.close()
    if json:
        print_json({"delivered": sent.is_delivered, "status": sent.status, "reason": sent.reason})
        if not sent.is_delivered:
            raise typer.Exit(1)
        return
    if not sent.is_delivered:
        raise StartupError(f"the webhook failed: {sent.reason}")
    print(f"the receiver answered {sent.status}")


@webhooks_cli.command("failed")
@needs_services
async def list_failed(services: Services, environment: Environment, json: AsJson = False) -> None:
    """List the failed events, oldest first: id, type, when each was given up, number of tries, reason."""
    failures = await services.webhooks.failed(environment)
    if json:
        print_json([failed_event_view(failure) for failure in failures])
        return
    names, empty = ("ID", "TYPE", "GIVEN UP", "TRIES", "REASON"), f"no event of {environment.name} was given up"
    print_table(names, map(_columns, failures), empty=empty)


def _columns(failed: FailedEvent) -> tuple[object, ...]:
    event = failed.event
    return event.id, event.type, iso(failed.failed_ms), failed.tries, one_line(failed.reason)


@webhooks_cli.command("replay")
@needs_services
async def replay(
    services: Services,
    environment: Environment,
    ids: Annotated[list[str] | None, typer.Argument(metavar="ID", help="Ids of failed events; none means all.")] = None,
    json: AsJson = False,
) -> None:
    """Send failed events again, oldest first. Those that arrive leave the list."""
    results: list[dict[str, Any]] = []
    total = len(ids or []) or (await services.webhooks.backlog(environment)).failed
    with progress_bar("sending", total) as advance:
        async for failed, sent in services.webhooks.replay(environment, ids or []):
            results.append({"id": failed.event.id, "delivered": sent.is_delivered, "reason": sent.reason})
            if not json:
                print_row(failed.event.id, "delivered" if sent.is_delivered else one_line(sent.reason))
            advance(1)
    await services.webhooks.close()
    if json:
        print_json(results)
    if failures := sum(not result["delivered"] for result in results):
        raise StartupError(f"{count_of(failures, 'event')} could not be delivered")


def _parse_switch(state: str) -> bool:
    if state not in ("on", "off"):
        raise StartupError(f"say on or off, not {state}")
    return state == "on"


@webhooks_cli.command("stream")
@needs_services
async def set_stream(
    services: Services,
    environment: Environment,
    is_on: Annotated[Any, typer.Argument(parser=_parse_switch, metavar="on|off", help="on or off.")],
    json: AsJson = False,
) -> None:
    """Write events to a stream in Redis, or stop it. It works with a webhook or without; `show` prints its key."""
    await services.webhooks.set_stream(environment, is_on)
    if json:
        stream = services.keys.events(environment.number)[0] if is_on else None
        print_json({"environment": environment.name, "stream": stream})
        return
    print(f"events of {environment.name} go to {services.keys.events(environment.number)[0]}" if is_on else "off")


def _secret_line(secret: str) -> str:
    # not INBOX_WEBHOOK_SECRET, which would be refused as an unknown setting
    return f"WEBHOOK_SECRET={secret}"
