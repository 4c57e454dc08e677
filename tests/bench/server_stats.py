"""What the store's server tells about its own work."""

from __future__ import annotations

from inbox.store.client import Client


async def info(client: Client, section: str) -> dict[str, str]:
    """A section of the INFO of a single server."""
    return await client.info(client.primaries[0], section)


async def command_stats(client: Client) -> dict[str, dict[str, float]]:
    """By command, how often it ran and for how long: `{"get": {"calls": 2, "usec": 3}}`."""
    stats = await info(client, "commandstats")
    parsed = {
        name.removeprefix("cmdstat_"): dict(part.split("=") for part in text.split(",")) for name, text in stats.items()
    }
    return {name: {field: float(value) for field, value in fields.items()} for name, fields in parsed.items()}


async def script_us(client: Client) -> float:
    """Return the microseconds that the server has spent in scripts."""
    stats = await command_stats(client)
    return sum(stats.get(name, {"usec": 0.0})["usec"] for name in ("eval", "evalsha", "evalsha_ro", "fcall"))
