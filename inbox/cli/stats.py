"""`inbox stats`: figures of the installation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from inbox import __version__
from inbox.cli.printing import AsJson, print_json, print_row, print_table
from inbox.cli.running import needs_services
from inbox.clock import now_ms
from inbox.models.cursor_page import CursorQuery

if TYPE_CHECKING:
    from inbox.models.environment import Environment
    from inbox.services import Services

HOUR_MS = 3_600_000
COLUMNS = ("ENVIRONMENT", "SUBSCRIBERS", "ONLINE", "TOPICS", "WORKFLOWS", "LAST HOUR", "WEBHOOK")


@needs_services
async def stats(services: Services, json: AsJson = False) -> None:
    """Show figures: processes, Redis, and for each environment what it has and what the last hour brought."""
    rows = [await _environment_row(services, environment) for environment in services.environments.all()]
    processes = await services.presence.count_processes()
    redis = [await _redis_row(services, primary) for primary in services.client.primaries]
    if json:
        print_json({"version": __version__, "processes": processes, "redis": redis, "environments": rows})
        return
    print_row("inbox", f"{__version__}, processes: {processes}")
    for row in redis:
        used = f"{row['usedBytes'] / 2**20:,.0f} MiB"
        limit = f" of {row['maxBytes'] / 2**20:,.0f} MiB" if row["maxBytes"] else ""
        print_row("redis", f"{row['version']}, {used}{limit}, {row['commandsPerSecond']} commands/s")
    print_table(COLUMNS, map(_columns, rows))


def _columns(row: dict[str, Any]) -> tuple[object, ...]:
    outcomes = ", ".join(f"{count} {name}" for name, count in row["lastHour"].items()) or "nothing"
    waiting = f"{row['webhook']['waiting']} waiting, {row['webhook']['failed']} failed"
    counts = (row["subscribers"], row["online"], row["topics"], row["workflows"])
    return row["environment"], *counts, outcomes, waiting


async def _environment_row(services: Services, environment: Environment) -> dict[str, Any]:
    from inbox.service.topics.topics import TopicFilter

    topics = await services.topics.list_page(environment, CursorQuery(1), "created", TopicFilter())
    backlog = await services.webhooks.backlog(environment)
    outcomes = await services.activity.count_since(environment, now_ms() - HOUR_MS)
    return {
        "environment": environment.name,
        "subscribers": await services.subscriber_list.count(environment),
        "online": await services.subscriber_list.count_online(environment),
        "topics": topics.total,
        "workflows": len(await services.workflows.all(environment)),
        "lastHour": dict(outcomes.most_common()),
        "webhook": {"waiting": backlog.waiting, "dropped": backlog.dropped, "failed": backlog.failed},
    }


async def _redis_row(services: Services, primary: Any) -> dict[str, Any]:
    server = await services.client.info(primary, "server")
    memory = await services.client.info(primary, "memory")
    activity = await services.client.info(primary, "stats")
    return {
        "server": primary.name,
        "version": server.get("valkey_version") or server["redis_version"],
        "usedBytes": int(memory["used_memory"]),
        "maxBytes": int(memory.get("maxmemory", 0)),
        "commandsPerSecond": int(activity.get("instantaneous_ops_per_sec", 0)),
    }
