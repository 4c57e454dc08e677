"""`inbox trigger`."""

from __future__ import annotations

import asyncio
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import orjson
import typer

from inbox.cli.running import AsJson, EnvironmentName, named_environment, print_json, with_services
from inbox.errors import BadRequest, NotFound, StartupError
from inbox.models.activity import DETAIL

if TYPE_CHECKING:
    from inbox.models.activity import Activity, StepOutcome
    from inbox.models.environment import Environment
    from inbox.service.trigger.triggers import TriggerOutcome
    from inbox.services import Services
    from inbox.store.dispatches import Progress

LOOK_SECONDS = 0.2
MAX_SHOWN = 20
OBSTACLES = {
    "trigger_not_active": "the workflow is not active",
    "no_workflow_steps_defined": "the workflow has no steps",
    "no_workflow_active_steps_defined": "no step of the workflow is active",
    "no_tenant_found": "there is no such tenant",
}
DELIVERED = ("delivered", "duplicate")
WAITING = ("delayed", "merged")


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
    json: AsJson = False,
) -> None:
    """Send a notification: trigger a workflow for subscribers, topics or everybody. Open pages show it at once.

    Prints what became of each step for each recipient. Exits with 1, and says why, when nobody got a message and nobody
    will.
    """
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
        transaction = outcome.transaction_id or ""
        activities = [] if outcome.is_repeated else await services.activity.of_transaction(chosen, transaction)
        progress = await services.dispatches.progress(chosen, transaction)
        if json:
            print_json(outcome.view() | {"recipients": [_recipient_view(one) for one in activities]})
        else:
            _print(outcome, activities, progress)
        if progress and wait:
            progress = await _wait(services, chosen, transaction, progress)
        whom = f"the topic {', '.join(topic)}" if topic else chosen.name
        _check_delivery(workflow, outcome, activities, progress, f"{whom} has no subscribers")

    with_services("trigger", send, log_level="error")  # what it would warn of is in the summary


async def _wait(services: Services, environment: Environment, transaction_id: str, found: Progress) -> Progress:
    """Work beside the service, if one runs, until nothing of the dispatch is left. Return how it ended."""
    services.dispatch_worker.start()
    try:
        with typer.progressbar(length=found.total, label="delivering", file=sys.stderr) as bar:
            while True:
                bar.update(min(found.done, found.total) - bar.pos)
                if found.state != "running":
                    break
                await asyncio.sleep(LOOK_SECONDS)
                found = await services.dispatches.progress(environment, transaction_id) or found
    finally:
        await services.dispatch_worker.close()
    counts = f"{found.delivered} delivered, {found.suppressed} suppressed, {found.failed} failed"
    print(f"{found.state}: {counts}, {found.skipped} skipped, {found.waiting} waiting", file=sys.stderr)
    return found


def _check_delivery(
    workflow: str,
    outcome: TriggerOutcome,
    activities: Sequence[Activity],
    progress: Progress | None,
    nobody: str,
) -> None:
    """Raise StartupError, which says why, when nobody got a message and nobody will. `nobody`: why none was reached."""
    if outcome.status != "processed":
        raise StartupError(f"nothing is delivered: {workflow}: {OBSTACLES[outcome.status]} ({outcome.status})")
    if outcome.is_repeated:
        before = f"the transaction {outcome.transaction_id} ran before, for other recipients or another workflow"
        raise StartupError(f"nothing is delivered: {before}")
    outcomes = Counter(step.outcome for one in activities for step in one.steps)
    if progress and (progress.state == "running" or progress.delivered or progress.waiting):
        return
    if any(outcomes[one] for one in (*DELIVERED, *WAITING)):
        return
    reasons = dict.fromkeys(f"{step.outcome}: {_reason(step)}" for one in activities for step in one.steps)
    why = "; ".join(list(reasons)[:3]) or ("see above" if progress else nobody)
    raise StartupError(f"nothing is delivered: {why}")


def _reason(step: StepOutcome) -> str:
    return step.reason or ("" if step.outcome == "delivered" else DETAIL[step.outcome])


def _recipient_view(activity: Activity) -> dict[str, Any]:
    steps = [
        {
            "stepId": step.step_id,
            "outcome": step.outcome,
            **({"reason": step.reason} if step.reason else {}),
            **({"messageId": step.message.id} if step.message else {}),
        }
        for step in activity.steps
    ]
    return {"subscriberId": activity.name, "steps": steps}


def _print(outcome: TriggerOutcome, activities: Sequence[Activity], progress: Progress | None) -> None:
    """Print the status and the transaction, then a line for each step of each recipient, of the first twenty."""
    print(f"{outcome.status}\t{outcome.transaction_id}")
    for one in activities[:MAX_SHOWN]:
        for step in one.steps:
            print("\t".join(filter(None, (one.name, step.step_id, step.outcome, _reason(step)))))
    if len(activities) > MAX_SHOWN:
        counts = Counter(step.outcome for one in activities for step in one.steps)
        told = ", ".join(f"{count} {name}" for name, count in counts.items())
        print(f"… {len(activities)} recipients in all: {told}")
    if progress:
        print(f"accepted for {progress.total} recipients: delivered behind the request, --wait shows how far it is")


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
