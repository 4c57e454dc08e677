"""`inbox trigger`."""

from __future__ import annotations

import asyncio
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import orjson
import typer

from inbox.cli.running import AsJson, EnvironmentName, named_environment, print_json, with_services
from inbox.errors import BadRequest, NotFound, StartupError
from inbox.models.activity import DETAIL, outcomes_by_step
from inbox.models.json_values import check_shape
from inbox.models.mismatch import suggest

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
        chosen = await named_environment(services, environment)
        await _check_workflow(services, chosen, workflow)
        outcome = await _send(services, chosen, workflow, content, transaction_id, None if broadcast else recipients)
        result = await _result_of(services, chosen, outcome)
        if json:
            print_json(result.view())
        else:
            _print(result)
        if result.progress and wait:
            result = replace(result, progress=await _wait(services, chosen, result.transaction, result.progress))
        whom = f"the topic {', '.join(topic)}" if topic else chosen.name
        if why := result.why_nothing(nobody=f"{whom} has no subscribers"):
            raise StartupError(f"nothing is delivered: {why}")

    with_services("trigger", send, log_level="error")  # what it would warn of is in the summary


@dataclass(frozen=True, slots=True)
class Result:
    """What became of a trigger: its answer, what its steps did for each recipient, and how far its dispatch is."""

    outcome: TriggerOutcome
    activities: Sequence[Activity]
    progress: Progress | None

    @property
    def transaction(self) -> str:
        """The transactionId, empty if there is none."""
        return self.outcome.transaction_id or ""

    @property
    def steps(self) -> Iterator[StepOutcome]:
        """What became of every step for every recipient."""
        return (step for one in self.activities for step in _steps_of(one))

    def why_nothing(self, *, nobody: str) -> str:
        """Return why nobody got a message and nobody will, an empty text if somebody does.

        `nobody` is the answer where the trigger reached no recipient.
        """
        if self.outcome.status != "processed":
            return f"{OBSTACLES[self.outcome.status]} ({self.outcome.status})"
        if self.outcome.is_repeated:
            return f"the transaction {self.transaction} ran before, for other recipients or another workflow"
        if self.progress and (self.progress.state == "running" or self.progress.delivered or self.progress.waiting):
            return ""
        if any(step.outcome in (*DELIVERED, *WAITING) for step in self.steps):
            return ""
        reasons = dict.fromkeys(f"{step.outcome}: {_reason(step)}" for step in self.steps)
        return "; ".join(list(reasons)[:3]) or ("see above" if self.progress else nobody)

    def view(self) -> dict[str, Any]:
        """The answer of the API, and beside it what it does not tell."""
        from inbox.service.trigger.dispatches import progress_view

        view = self.outcome.view() | {"recipients": [_recipient_view(one) for one in self.activities]}
        return view | {"dispatch": progress_view(self.progress)} if self.progress else view


async def _check_workflow(services: Services, environment: Environment, name: str) -> None:
    if await services.workflows.find(environment, name) is None:
        known = [one.identifier for one in await services.workflows.all(environment)]
        hint = suggest(name, known) or "`inbox workflows list` shows those it has"
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
        return await services.triggers.broadcast(environment, BroadcastRequest(**shared))
    return await services.triggers.trigger(environment, TriggerRequest(to=recipients, **shared))


async def _result_of(services: Services, environment: Environment, outcome: TriggerOutcome) -> Result:
    if outcome.status != "processed" or outcome.is_repeated or outcome.transaction_id is None:
        return Result(outcome, [], None)
    activities = await services.activity.of_transaction(environment, outcome.transaction_id)
    return Result(outcome, activities, await services.dispatches.progress(environment, outcome.transaction_id))


async def _wait(services: Services, environment: Environment, transaction_id: str, known: Progress) -> Progress:
    """Work beside the service, if one runs, until nothing of the dispatch is left. Return how it ended."""
    found: Progress | None = known
    services.dispatch_worker.start()
    try:
        with typer.progressbar(length=known.total, label="delivering", file=sys.stderr) as bar:
            while found is not None:
                known = found
                bar.update(min(known.done, known.total) - bar.pos)
                if known.state != "running":
                    break
                await asyncio.sleep(LOOK_SECONDS)
                found = await services.dispatches.progress(environment, transaction_id)
    finally:
        await services.dispatch_worker.close()
    counts = f"{known.delivered} delivered, {known.suppressed} suppressed, {known.failed} failed"
    print(f"{known.state}: {counts}, {known.skipped} skipped, {known.waiting} waiting", file=sys.stderr)
    return known


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
        for step in _steps_of(activity)
    ]
    return {"subscriberId": activity.name, "steps": steps}


def _steps_of(activity: Activity) -> Iterator[StepOutcome]:
    """The outcomes in the order of the workflow's steps: their times tell none, since two clocks wrote them."""
    return chain.from_iterable(outcomes_by_step(activity))


def _print(result: Result) -> None:
    """Print the status and the transaction, then a line for each step of each recipient, of the first twenty."""
    print(f"{result.outcome.status}\t{result.transaction}")
    for one in result.activities[:MAX_SHOWN]:
        for step in _steps_of(one):
            print("\t".join(filter(None, (one.name, step.step_id, step.outcome, _reason(step)))))
    if len(result.activities) > MAX_SHOWN:
        counts = Counter(step.outcome for step in result.steps)
        told = ", ".join(f"{count} {name}" for name, count in counts.items())
        print(f"… {len(result.activities)} recipients in all: {told}")
    if result.progress:
        total = result.progress.total
        print(f"accepted for {total} recipients: delivered behind the request, --wait shows how far it is")


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
    check_shape(content)  # as of a request
    return content
