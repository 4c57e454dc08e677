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

POLL_SECONDS = 0.2
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
        result = await _result_of(services, environment, outcome)
        if json:
            print_json(result.view())
        else:
            _print(result)
        if result.progress and wait:
            result = replace(result, progress=await _wait(services, environment, result.transaction, result.progress))
        audience = f"the topic {', '.join(topic)}" if topic else environment.name
        if reason := result.why_nothing(nobody=f"{audience} has no subscribers"):
            raise StartupError(f"nothing is delivered: {reason}")

    with_services("trigger", send, log_level="error")  # what it would warn of is in the summary


@dataclass(frozen=True, slots=True)
class Result:
    """The outcome of a trigger: its answer, its steps for each recipient, and the progress of its dispatch."""

    outcome: TriggerOutcome
    activities: Sequence[Activity]
    progress: Progress | None

    @property
    def transaction(self) -> str:
        return self.outcome.transaction_id or ""

    @property
    def steps(self) -> Iterator[StepOutcome]:
        """Yield the outcome of every step for every recipient."""
        return (step for activity in self.activities for step in _steps_of(activity))

    def why_nothing(self, *, nobody: str) -> str:
        """Return why nobody gets a message, or "" if somebody does; `nobody` if the trigger had no recipient."""
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
        """Return the answer of the API, with the recipients and the progress of the dispatch."""
        from inbox.service.trigger.dispatches import progress_view

        view = self.outcome.view() | {"recipients": [_recipient_view(activity) for activity in self.activities]}
        return view | {"dispatch": progress_view(self.progress)} if self.progress else view


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


async def _result_of(services: Services, environment: Environment, outcome: TriggerOutcome) -> Result:
    if outcome.status != "processed" or outcome.is_repeated or outcome.transaction_id is None:
        return Result(outcome, [], None)
    activities = await services.activity.of_transaction(environment, outcome.transaction_id)
    return Result(outcome, activities, await services.dispatches.progress(environment, outcome.transaction_id))


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
    """Yield outcomes in the order of the workflow's steps; their times give no order, since two clocks wrote them."""
    return chain.from_iterable(outcomes_by_step(activity))


def _print(result: Result) -> None:
    """Print the status and the transaction, then a line for each step of the first MAX_SHOWN recipients."""
    print(f"{result.outcome.status}\t{result.transaction}")
    for activity in result.activities[:MAX_SHOWN]:
        for step in _steps_of(activity):
            print("\t".join(filter(None, (activity.name, step.step_id, step.outcome, _reason(step)))))
    if len(result.activities) > MAX_SHOWN:
        counts = Counter(step.outcome for step in result.steps)
        totals = ", ".join(f"{count} {name}" for name, count in counts.items())
        print(f"… {len(result.activities)} recipients in all: {totals}")
    if result.progress:
        total = result.progress.total
        print(f"accepted for {total} recipients: delivered behind the request, --wait shows how far it is")


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
