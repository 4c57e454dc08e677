"""`inbox trigger`."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import orjson
import typer

from inbox.cli.running import EnvironmentName, named_environment, with_services
from inbox.errors import BadRequest, NotFound

LOOK_SECONDS = 0.2

if TYPE_CHECKING:
    from inbox.models.environment import Environment
    from inbox.service.trigger.triggers import TriggerOutcome
    from inbox.services import Services


def trigger(
    workflow: Annotated[str, typer.Argument(metavar="WORKFLOW", help="The identifier of the workflow.")],
    to: Annotated[list[str] | None, typer.Option("--to", help="A subscriberId; may be repeated.")] = None,
    topic: Annotated[list[str] | None, typer.Option(help="The key of a topic; may be repeated.")] = None,
    broadcast: Annotated[bool, typer.Option("--broadcast", help="To every subscriber of the environment.")] = False,
    payload: Annotated[str, typer.Option(help="A JSON object, @FILE to read one, or - for standard input.")] = "{}",
    transaction_id: Annotated[str | None, typer.Option(help="The transactionId; without it a new one.")] = None,
    wait: Annotated[
        bool, typer.Option("--wait", help="Help to deliver to many, show how far it is, and return when it is done.")
    ] = False,
    environment: EnvironmentName = None,
    json: Annotated[bool, typer.Option("--json", help="Print the answer as the API gives it.")] = False,
) -> None:
    """Send a notification: trigger a workflow for subscribers, topics or everybody. Open pages show it at once."""
    recipients: list[Any] = [*(to or []), *({"type": "Topic", "topicKey": key} for key in topic or [])]
    if broadcast == bool(recipients):
        raise typer.BadParameter("name recipients with --to or --topic, or everybody with --broadcast")
    content = _read_payload(payload)

    async def send(services: Services) -> None:
        from inbox.models.trigger import BroadcastRequest, TriggerRequest

        chosen = await named_environment(services, environment)
        shared: dict[str, Any] = {"name": workflow, "payload": content, "transaction_id": transaction_id}
        if await services.workflows.find(chosen, workflow) is None:
            raise NotFound(f"{chosen.name} has no workflow {workflow}: `inbox workflows list` shows those it has")
        if broadcast:
            outcome = await services.triggers.broadcast(chosen, BroadcastRequest(**shared))
        else:
            outcome = await services.triggers.trigger(chosen, TriggerRequest(to=recipients, **shared))
        _print(outcome, as_json=json)
        if wait and outcome.transaction_id:
            await _wait(services, chosen, outcome.transaction_id)

    with_services("trigger", send)


async def _wait(services: Services, environment: Environment, transaction_id: str) -> None:
    """Works beside the service, if one runs, until nothing of the dispatch is left."""
    found = await services.dispatches.progress(environment, transaction_id)
    if found is None:
        return  # few enough: delivered already
    services.dispatch_worker.start()
    try:
        with typer.progressbar(length=found.total, label="delivering", file=sys.stderr) as bar:
            while found is not None:
                bar.update(min(found.done, found.total) - bar.pos)
                if found.state != "running":
                    break
                await asyncio.sleep(LOOK_SECONDS)
                found = await services.dispatches.progress(environment, transaction_id)
    finally:
        await services.dispatch_worker.close()
    if found is not None:
        counts = f"{found.delivered} delivered, {found.suppressed} suppressed, {found.failed} failed"
        print(f"{found.state}: {counts}, {found.skipped} skipped, {found.waiting} waiting", file=sys.stderr)


def _read_payload(given: str) -> dict[str, Any]:
    """The payload. Raises BadRequest for a file that cannot be read and for what is no JSON object."""
    try:
        text = sys.stdin.read() if given == "-" else Path(given[1:]).read_text() if given.startswith("@") else given
    except (OSError, UnicodeDecodeError) as error:
        raise BadRequest(f"--payload: {given[1:]} cannot be read: {getattr(error, 'strerror', error)}") from None
    try:
        content = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise BadRequest(f"--payload is not valid JSON: {error}") from None
    if not isinstance(content, dict):
        raise BadRequest("--payload must be a JSON object")
    return content


def _print(outcome: TriggerOutcome, *, as_json: bool) -> None:
    if as_json:
        print(orjson.dumps(outcome.view()).decode())
        return
    print(f"{outcome.status}\t{outcome.transaction_id}")
