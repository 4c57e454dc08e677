"""`inbox webhooks`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from inbox.cli.running import AsJson, EnvironmentName, named_environment, print_header, print_json, with_services
from inbox.errors import StartupError
from inbox.models.dates import iso
from inbox.models.webhook import EVENT_TYPES

if TYPE_CHECKING:
    from inbox.services import Services
    from inbox.store.failed_events import FailedEvent

webhooks_cli = typer.Typer(
    help="Tell a backend what happens: webhooks, the event stream, and events that did not arrive.",
    no_args_is_help=True,
)


@webhooks_cli.command("set")
def set_webhook(
    url: Annotated[str, typer.Argument(metavar="URL", help="The http:// or https:// URL that events are sent to.")],
    event: Annotated[
        list[str] | None, typer.Option(help=f"A type of event to send; may be repeated; all: {', '.join(EVENT_TYPES)}.")
    ] = None,
    environment: EnvironmentName = None,
) -> None:
    """Send events to a URL from now on. Of a new webhook the signing secret is printed too, this once."""

    async def change(services: Services) -> None:
        found = await named_environment(services, environment)
        secret = await services.webhooks.set(found, url, event or [])
        print(f"events of {found.name} go to {url}")
        if secret:
            _print_secret(secret)

    with_services("webhooks set", change)


@webhooks_cli.command("show")
def show_webhook(environment: EnvironmentName = None, json: AsJson = False) -> None:
    """Show where events go, and how many are where.

    They wait, were dropped because too many waited, failed for good, or are in the stream.
    """

    async def show(services: Services) -> None:
        found = await named_environment(services, environment)
        events = found.webhook.events if found.webhook else ()
        waiting = await services.webhooks.waiting(found)
        if json:
            where = {"url": found.webhook.url if found.webhook else None, "events": list(events)}
            stream = services.keys.events(found.number)[0] if found.event_stream else None
            counts = {"waiting": waiting.waiting, "dropped": waiting.dropped, "failed": waiting.failed}
            print_json({**where, "stream": stream, **counts, "streamed": waiting.streamed})
            return
        print(f"url\t{found.webhook.url if found.webhook else '-'}")
        print(f"events\t{', '.join(events) or '-'}")
        print(f"stream\t{services.keys.events(found.number)[0] if found.event_stream else 'off'}")
        print(f"waiting\t{waiting.waiting}\ndropped\t{waiting.dropped}")
        print(f"failed\t{waiting.failed}\nstreamed\t{waiting.streamed}")

    with_services("webhooks show", show)


@webhooks_cli.command("remove")
def remove_webhook(environment: EnvironmentName = None) -> None:
    """Send nothing any more; what was still waiting is forgotten."""

    async def remove(services: Services) -> None:
        found = await named_environment(services, environment)
        await services.webhooks.remove(found)
        print(f"{found.name} has no webhook any more")

    with_services("webhooks remove", remove)


@webhooks_cli.command("rotate-secret")
def rotate_secret(environment: EnvironmentName = None) -> None:
    """Make a new signing secret and print it. For a day events are signed with the former one as well."""

    async def rotate(services: Services) -> None:
        found = await named_environment(services, environment)
        _print_secret(await services.webhooks.rotate_secret(found))

    with_services("webhooks rotate-secret", rotate)


@webhooks_cli.command("test")
def try_webhook(environment: EnvironmentName = None) -> None:
    """Send one webhook.test and tell the answer."""

    async def send(services: Services) -> None:
        sent = await services.webhooks.test(await named_environment(services, environment))
        await services.webhooks.close()
        if not sent.is_delivered:
            raise StartupError(f"the webhook failed: {sent.reason}")
        print(f"the receiver answered {sent.status}")

    with_services("webhooks test", send)


@webhooks_cli.command("failed")
def list_failed(environment: EnvironmentName = None, json: AsJson = False) -> None:
    """List events that were given up, the first one first.

    Of each its id, type, when it was given up, how often it was tried, and why.
    """

    async def show(services: Services) -> None:
        found = await named_environment(services, environment)
        failed = await services.webhooks.failed(found)
        if json:
            print_json([_failed_view(one) for one in failed])
            return
        if failed:
            print_header("ID", "TYPE", "GIVEN UP", "TRIES", "REASON")
        else:
            print(f"no event of {found.name} was given up", file=sys.stderr)
        for one in failed:
            print(f"{one.event.id}\t{one.event.type}\t{iso(one.failed_ms)}\t{one.tries}\t{one.reason}")

    with_services("webhooks failed", show)


@webhooks_cli.command("replay")
def replay(
    ids: Annotated[list[str] | None, typer.Argument(metavar="ID", help="Ids of failed events; none means all.")] = None,
    environment: EnvironmentName = None,
) -> None:
    """Send events that were given up once more. The first one first; those that arrive are off the list."""

    async def send(services: Services) -> None:
        found, failures = await named_environment(services, environment), 0
        async for failed, sent in services.webhooks.replay(found, ids or []):
            failures += not sent.is_delivered
            print(f"{failed.event.id}\t{'delivered' if sent.is_delivered else sent.reason}")
        await services.webhooks.close()
        if failures:
            raise StartupError(f"{failures} event{'s' if failures > 1 else ''} could not be delivered")

    with_services("webhooks replay", send)


@webhooks_cli.command("stream")
def set_stream(
    state: Annotated[str, typer.Argument(metavar="on|off", help="on or off.")],
    environment: EnvironmentName = None,
) -> None:
    """Write events to a stream in Redis, or stop it. It works with a webhook or without; `show` tells its key."""

    async def change(services: Services) -> None:
        found = await named_environment(services, environment)
        await services.webhooks.set_stream(found, state == "on")
        print(f"events of {found.name} go to {services.keys.events(found.number)[0]}" if state == "on" else "off")

    if state not in ("on", "off"):
        raise StartupError(f"say on or off, not {state}")
    with_services("webhooks stream", change)


def _failed_view(failed: FailedEvent) -> dict[str, Any]:
    when = {"failedAt": iso(failed.failed_ms), "tries": failed.tries, "reason": failed.reason}
    return {"id": failed.event.id, "type": failed.event.type, **when}


def _print_secret(secret: str) -> None:
    """For the receiver's environment. A name with INBOX_ would be taken for a setting, and refused."""
    print(f"WEBHOOK_SECRET={secret}")
