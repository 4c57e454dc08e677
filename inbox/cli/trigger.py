"""`inbox trigger`."""

from __future__ import annotations

import asyncio
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import orjson
import typer

from inbox.cli.outcomes import print_result, result_of
from inbox.cli.printing import AsJson, print_json
from inbox.cli.running import EnvironmentName, named_environment, with_services
from inbox.errors import BadRequest, NotFound, StartupError
from inbox.models.json_values import check_shape
from inbox.models.mismatch import suggest

if TYPE_CHECKING:
    from inbox.models.environment import Environment
    from inbox.service.trigger.triggers import TriggerOutcome
    from inbox.services import Services
    from inbox.store.dispatches import Progress

POLL_SECONDS = 0.2


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
    environment_name: EnvironmentName = None,
    json: AsJson = False,
) -> None:
    """Send a notification: trigger a workflow for subscribers, topics or everybody. Open pages show it at once.

    Prints the outcome of each step for each recipient. Exits with 1, and says why, if nobody gets a message.
    """
    recipients: list[Any] = [*(to or []), *({"type": "Topic", "topicKey": key} for key in topic or [])]
    if broadcast == bool(recipients):
        raise typer.BadParameter("name recipients with --to or --topic, or everybody with --broadcast")
    content = _read_payload(payload)

    async def send(services: Services) -> None:
        environment = await named_environment(services, environment_name)
        await _check_workflow(services, environment, workflow)
        outcome = await _send(
            services, environment, workflow, content, transaction_id, None if broadcast else recipients
        )
        result = await result_of(services, environment, outcome)
        if json:
            print_json(result.view())
        else:
            print_result(result)
        if result.progress and wait:
            result = replace(result, progress=await _wait(services, environment, result.transaction, result.progress))
        audience = f"the topic {', '.join(topic)}" if topic else environment.name
        if reason := result.why_nothing(nobody=f"{audience} has no subscribers"):
            raise StartupError(f"nothing is delivered: {reason}")

    with_services("trigger", send, log_level="error")  # what it would warn of is in the summary


async def _check_workflow(services: Services, environment: Environment, name: str) -> None:
    if await services.workflows.find(environment, name) is None:
        identifiers = [workflow.identifier for workflow in await services.workflows.all(environment)]
        hint = suggest(name, identifiers) or "`inbox workflows list` shows those it has"
        raise NotFound(f"{environment.name} has no workflow {name}: {hint}")


async def _send(
    services: Services,
    environment: Environment,
    workflow: str,
    payload: dict[str, Any],
    transaction_id: str | None,
    recipients: list[Any] | None,
) -> TriggerOutcome:
    """Trigger a workflow for recipients, or (None) for everybody."""
    from inbox.models.trigger import BroadcastRequest, TriggerRequest

    shared: dict[str, Any] = {"name": workflow, "payload": payload, "transaction_id": transaction_id}
    if recipients is None:
        return await services.triggers.trigger(environment, BroadcastRequest(**shared))
    return await services.triggers.trigger(environment, TriggerRequest(to=recipients, **shared))


async def _wait(services: Services, environment: Environment, transaction_id: str, progress: Progress) -> Progress:
    """Carry the dispatch out, beside the service if one runs, until it has ended. Return its last progress."""
    from inbox.jobs import background_jobs

    latest: Progress | None = progress
    async with background_jobs(services)["dispatches"]:
        with typer.progressbar(length=progress.total, label="delivering", file=sys.stderr) as bar:
            while latest is not None:
                progress = latest
                bar.update(min(progress.done, progress.total) - bar.pos)
                if progress.state != "running":
                    break
                await asyncio.sleep(POLL_SECONDS)
                latest = await services.dispatches.progress(environment, transaction_id)
    counts = f"{progress.delivered} delivered, {progress.suppressed} suppressed, {progress.failed} failed"
    print(f"{progress.state}: {counts}, {progress.skipped} skipped, {progress.waiting} waiting", file=sys.stderr)
    return progress


def _read_payload(option: str) -> dict[str, Any]:
    """Return the payload. Raise BadRequest if its file cannot be read, or it is not a JSON object."""
    try:
        text = sys.stdin.read() if option == "-" else Path(option[1:]).read_text() if option.startswith("@") else option
    except (OSError, UnicodeDecodeError) as error:
        raise BadRequest(f"--payload: {option[1:]} cannot be read: {getattr(error, 'strerror', error)}") from None
    try:
        content = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise BadRequest(f"--payload is not valid JSON: {error}") from None
    if not isinstance(content, dict):
        raise BadRequest("--payload must be a JSON object")
    check_shape(content)
    return content
