"""`inbox tail`: the activity as it happens."""

from __future__ import annotations

import asyncio
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated, Any

import orjson
import typer

from inbox.cli.printing import one_line, print_row
from inbox.cli.running import EnvironmentName, named_environment, with_services
from inbox.errors import BadRequest, StoreUnavailable
from inbox.models.activity import DETAIL
from inbox.models.dates import iso

if TYPE_CHECKING:
    from inbox.models.environment import Environment
    from inbox.service.activity.activity_rows import ResolvedRow
    from inbox.services import Services
    from inbox.store.activity import Ref

POLL_SECONDS = 0.5
MAX_SEARCHED = 1_000


def tail(
    subscriber: Annotated[str | None, typer.Option("--subscriber", help="Only of this subscriberId.")] = None,
    workflow: Annotated[str | None, typer.Option("--workflow", help="Only of this workflow.")] = None,
    transaction: Annotated[str | None, typer.Option("--transaction", help="Only of this transactionId.")] = None,
    outcome: Annotated[
        list[str] | None, typer.Option(help=f"Only this outcome; may be repeated; all: {', '.join(DETAIL)}.")
    ] = None,
    lines: Annotated[
        int, typer.Option("--lines", "-n", min=0, max=MAX_SEARCHED, help="How many earlier ones, of the last 1,000.")
    ] = 10,
    follow: Annotated[bool, typer.Option("--follow/--no-follow", help="Go on until Ctrl-C.")] = True,
    environment_name: EnvironmentName = None,
    json: Annotated[bool, typer.Option("--json", help="Print a JSON object a line.")] = False,
) -> None:
    """Show what triggers come to, as it happens: time, outcome, subscriber, workflow, step, transaction, reason."""
    if unknown := set(outcome or []) - set(DETAIL):
        raise BadRequest(f"--outcome: there is no {', '.join(sorted(unknown))}, there are {', '.join(DETAIL)}")
    wanted = {"name": subscriber, "identifier": workflow, "transaction": transaction}

    def takes(row: ResolvedRow) -> bool:
        if outcome and row.step.outcome not in outcome:
            return False
        return all(value in (None, getattr(row.record, field)) for field, value in wanted.items())

    def show(rows: list[ResolvedRow]) -> None:
        for row in rows:
            if json:
                print(_json_line(row))
            else:
                print_row(*_columns(row))
        sys.stdout.flush()

    async def run(services: Services) -> None:
        environment = await named_environment(services, environment_name)
        earlier, newest = await services.activity.newest_rows(environment, MAX_SEARCHED)
        matches = [row for row in earlier if takes(row)]
        show(matches[-lines:] if lines else [])
        while follow:
            await asyncio.sleep(POLL_SECONDS)
            newest = await _show_new(services, environment, newest, lambda rows: show([*filter(takes, rows)]))

    with suppress(KeyboardInterrupt):
        with_services("tail", run)


async def _show_new(services: Services, environment: Environment, newest: Ref | None, show: Any) -> Ref | None:
    """Show the rows after `newest`, and return the newest now. Go on through an outage of the store."""
    try:
        rows, last = await services.activity.rows_after(environment, newest)
    except StoreUnavailable as error:
        print(f"inbox: {error.reason}", file=sys.stderr)
        return newest
    show(rows)
    return last


def _columns(row: ResolvedRow) -> list[str]:
    record, step = row.record, row.step
    reason = step.reason or ("" if step.outcome == "delivered" else DETAIL[step.outcome])
    columns = (iso(step.ms), step.outcome, record.name, record.identifier, step.step_id, record.transaction)
    return [*columns, *([one_line(reason)] if reason else [])]


def _json_line(row: ResolvedRow) -> str:
    record, step = row.record, row.step
    view = {
        "time": iso(step.ms),
        "outcome": step.outcome,
        "subscriberId": record.name,
        "workflowId": record.identifier,
        "stepId": step.step_id,
        "transactionId": record.transaction,
        "notificationId": row.activity_id,
        **({"messageId": step.message.id} if step.message else {}),
        **({"reason": step.reason} if step.reason else {}),
    }
    return orjson.dumps(view).decode()
