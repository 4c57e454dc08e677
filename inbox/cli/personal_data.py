"""`inbox subscribers export` and `erase`: what is stored of a person."""

from __future__ import annotations

import os
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from inbox.cli.printing import AsJson, print_fields, print_json, progress
from inbox.cli.running import EnvironmentName, confirm, named_environment, needs_services, with_services
from inbox.errors import BadRequest
from inbox.ids import SubscriberId, parse_subscriber_id

if TYPE_CHECKING:
    from inbox.models.environment import Environment
    from inbox.service.subscribers.erasure import Erased
    from inbox.services import Services

SubscriberArgument = Annotated[
    SubscriberId, typer.Argument(parser=parse_subscriber_id, metavar="ID", help="The subscriberId.")
]


@needs_services
async def export(
    services: Services,
    environment: Environment,
    subscriber_id: SubscriberArgument,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="The file to write; without it standard output.")
    ] = None,
) -> None:
    """Write everything that is held of a subscriber as one JSON document (docs/export.md)."""
    document = await services.export.export(environment, subscriber_id)
    if output is None and sys.stdout.isatty():
        await _print(document)
        return
    with progress("exporting") as report:
        counted = _counted(document, report)
        await (_print(counted) if output is None else _write(counted, output))


def erase(
    subscriber_id: SubscriberArgument,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    environment_name: EnvironmentName = None,
    json: AsJson = False,
) -> None:
    """Erase a subscriber with all that is held of it, for good. Called again it finishes what was cut short."""
    confirm(f"Erase {subscriber_id} and everything that is held of it?", yes=yes)

    async def remove(services: Services) -> None:
        environment = await named_environment(services, environment_name)
        with progress("erasing") as report:
            erased = await services.erasure.erase(environment, subscriber_id, report)
        if json:
            print_json(erased.view())
        else:
            _show(erased)

    with_services("subscribers erase", remove)


async def _counted(document: AsyncIterator[bytes], report: Callable[[str], None]) -> AsyncIterator[bytes]:
    size = 0
    async for part in document:
        size += len(part)
        report(f"{size:,} bytes")
        yield part


async def _print(document: AsyncIterator[bytes]) -> None:
    async for part in document:
        sys.stdout.buffer.write(part)
    sys.stdout.buffer.write(b"\n")
    sys.stdout.buffer.flush()


async def _write(document: AsyncIterator[bytes], output: Path) -> None:
    """Write a file that only its owner can read. It gets its name at the end: an incomplete file never has it."""
    part_path = output.with_name(output.name + ".part")
    try:
        descriptor = os.open(part_path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as file:
                async for part in document:
                    file.write(part)
                file.write(b"\n")
            part_path.replace(output)
        finally:
            part_path.unlink(missing_ok=True)
    except OSError as error:
        raise BadRequest(f"--output: {output} cannot be written: {error.strerror}") from None


def _show(erased: Erased) -> None:
    view = erased.view()
    print_fields({**view["removed"], "append-only file": view["appendOnlyFile"]})
    for remainder in view["outOfReach"]:
        print(f"not erased: {remainder}", file=sys.stderr)
