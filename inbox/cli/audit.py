"""`inbox audit`: recount every feed now."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer

from inbox.cli.printing import AsJson, count_of, print_json, print_table, progress_bar
from inbox.cli.running import with_services
from inbox.models.json_values import JsonObject

if TYPE_CHECKING:
    from inbox.services import Services

OneEnvironment = Annotated[
    str | None, typer.Option("--environment", "-e", help="The name of an environment; without it, all of them.")
]


def audit(environment_name: OneEnvironment = None, json: AsJson = False) -> None:
    """Recount every feed and correct counts that differ from its messages. The exit code is 1 if there were any."""
    result: dict[str, Any] = {}

    async def recount(services: Services) -> None:
        result.update(await _audit(services, environment_name))

    with_services("audit", recount)
    if json:
        print_json(result)
    else:
        _print(result)
    if result["drift"]:
        raise typer.Exit(1)


async def _audit(services: Services, environment_name: str | None) -> dict[str, Any]:
    from inbox.service.feed.audit import drift_view

    audit, environments = services.counts_audit, services.environments.all()
    if environment_name is not None:
        environments = [await services.environments.find_by_name(environment_name)]
    subscribers = sum([await audit.size(environment) for environment in environments])
    feeds, drifts = 0, list[JsonObject]()
    with progress_bar("recounting", subscribers) as advance:
        for environment in environments:
            async for bite in audit.audit(environment):
                feeds += bite.feeds
                drifts += [drift_view(environment, drift) for drift in bite.drifts]
                advance(bite.subscribers)
    return {"feeds": feeds, "drift": drifts, "corrected": await audit.corrected()}


def _print(result: dict[str, Any]) -> None:
    """Print which counts were wrong, and how many."""
    print_table(("ENVIRONMENT", "SUBSCRIBER", "CONTEXT", "COUNT", "STORED", "COUNTED"), _wrong_counts(result["drift"]))
    feeds = count_of(result["feeds"], "feed")
    print(f"{feeds} recounted, {len(result['drift'])} corrected now, {result['corrected']} so far")


def _wrong_counts(drifts: Iterable[JsonObject]) -> Iterator[tuple[object, ...]]:
    for drift in drifts:
        feed = (drift["environment"], drift["subscriberId"], ",".join(drift["contextKeys"]) or "-")
        for name, counted in drift["counted"].items():
            if (stored := drift["stored"][name]) != counted:
                yield (*feed, name, stored, counted)
