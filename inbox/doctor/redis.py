"""Checks of Redis: version, what it evicts and keeps, memory, writes, latency, clock, publications."""

from __future__ import annotations

import statistics
import time
from collections.abc import Mapping

from inbox.doctor.report import CheckedPart
from inbox.errors import StoreUnavailable, WriteRefused
from inbox.ids import new_object_id
from inbox.realtime.listener import Listener
from inbox.settings import Settings
from inbox.store.client import Client
from inbox.store.connection.errors import ReplyError
from inbox.store.connection.node import StoreNode
from inbox.store.keys import Keys

PINGS = 20
SLOW_MS = 10.0
"""Above this a trigger, which takes some round trips, is noticeably slow."""
CLOCK_SECONDS = 2.0
FULL_PERCENT = 80
REFUSED = {
    "OOM": "Redis is full: raise maxmemory, or let environments keep messages for fewer days",
    "MISCONF": "Redis cannot write its files: free disk space and look at its log",
    "READONLY": "this is a replica: put the address of the primary, or of the sentinels, into INBOX_REDIS_URL",
    "NOREPLICAS": "start the replicas that min-replicas-to-write asks for",
}


async def check_redis(client: Client, settings: Settings, part: CheckedPart) -> bool:
    """Check every server that takes writes, then whether changes are stored and publications arrive.

    Return whether both are so.
    """
    is_embedded, keys = settings.redis_url is None, Keys(settings.key_prefix)
    for primary in client.primaries:
        one = part.report.part(primary.name) if client.is_cluster else part
        await _check_server(client, primary, one)
        await _check_persistence(client, primary, one, is_embedded=is_embedded)
        await _check_latency(client, primary, one)
        await _check_clock(client, primary, one)
    return await _check_writes(client, keys, part) and await _check_publications(client, keys, part)


async def _check_server(client: Client, primary: StoreNode, part: CheckedPart) -> None:
    server, memory = await client.info(primary, "server"), await client.info(primary, "memory")
    name = "Valkey" if "valkey_version" in server else "Redis"
    part.ok("version", f"{name} {server.get('valkey_version') or server['redis_version']}")
    policy = memory.get("maxmemory_policy", "noeviction")
    if policy == "noeviction":
        part.ok("eviction", policy)
    else:
        part.fail(
            "eviction", f"maxmemory-policy is {policy}: a full Redis drops messages", "set maxmemory-policy noeviction"
        )
    _check_memory(memory, part)


def _check_memory(memory: Mapping[str, str], part: CheckedPart) -> None:
    used, limit = int(memory["used_memory"]), int(memory.get("maxmemory", 0))
    percent = 100 * used // limit if limit else 0
    detail = f"{used / 2**20:,.0f} MiB used" + (f", {percent} % of maxmemory" if limit else ", no maxmemory")
    if percent >= FULL_PERCENT:
        part.warn("memory", detail, "raise maxmemory before it is full: then nothing more is stored")
    else:
        part.ok("memory", detail)


async def _check_persistence(client: Client, primary: StoreNode, part: CheckedPart, *, is_embedded: bool) -> None:
    state = await client.info(primary, "persistence")
    failing = [name for name in ("aof_last_write_status", "aof_last_bgrewrite_status") if state.get(name) == "err"]
    if failing:
        part.fail("persistence", f"{', '.join(failing)}: err", "free disk space, and look at the log of Redis")
    elif state.get("aof_enabled") == "1":
        part.ok("persistence", "append-only file")
    elif (save := await _snapshots(client)) is None:
        part.warn("persistence", "no append-only file; Redis does not tell its snapshots", "set appendonly yes")
    elif save:
        part.warn("persistence", f"snapshots only ({save}): a crash loses minutes", "set appendonly yes")
    elif is_embedded:
        part.warn("persistence", "INBOX_DURABILITY=memory: a restart loses everything", "set everysec or fsync")
    else:
        part.fail("persistence", "Redis keeps nothing over a restart", "set appendonly yes")


async def _snapshots(client: Client) -> str | None:
    """Return when the server makes snapshots; None if it does not tell, as managed ones."""
    try:
        return await client.config_get("save")
    except (ReplyError, StoreUnavailable):
        return None


async def _check_latency(client: Client, primary: StoreNode, part: CheckedPart) -> None:
    took: list[float] = []
    for _ in range(PINGS):
        start = time.perf_counter()
        await client.execute_at(primary, "PING")
        took.append((time.perf_counter() - start) * 1000)
    median, worst = statistics.median(took), max(took)
    detail = f"{median:.2f} ms a round trip, at most {worst:.2f} ms of {PINGS}"
    if median > SLOW_MS:
        part.warn("latency", detail, "put Redis nearer: a trigger takes some round trips, one after the other")
    else:
        part.ok("latency", detail)


async def _check_clock(client: Client, primary: StoreNode, part: CheckedPart) -> None:
    """Compare both clocks. The service goes by that of Redis; hashes and dates of a backend go by the machine's."""
    before = time.time()
    seconds, microseconds = await client.execute_at(primary, "TIME")
    after = time.time()
    apart = clocks_apart(int(seconds) + int(microseconds) / 1_000_000, before, after)
    if apart > CLOCK_SECONDS:
        advice = "set both machines by NTP; the service uses the time of Redis"
        part.warn("clock", f"the clocks of Redis and of this machine are {apart:.1f} s apart", advice)
    else:
        part.ok("clock", "the same as here")


def clocks_apart(theirs: float, before: float, after: float) -> float:
    """Return by how many seconds two clocks differ at least; ours was read before and after the question."""
    return max(before - theirs, theirs - after, 0.0)


async def _check_writes(client: Client, keys: Keys, part: CheckedPart) -> bool:
    try:
        await client.check(keys.write_probe(new_object_id()))
    except WriteRefused as error:
        part.fail("writes", f"Redis takes no changes ({error.refusal})", REFUSED[error.refusal])
    except StoreUnavailable as error:
        part.fail("writes", error.reason, "look at the log of Redis")
    else:
        part.ok("writes", "changes are stored")
        return True
    return False


async def _check_publications(client: Client, keys: Keys, part: CheckedPart) -> bool:
    failures = list[Exception]()
    client.on_failure = failures.append
    listener = Listener(client, keys.probe(new_object_id()), lambda *_: None, lambda _: None)
    try:
        await listener.start()
        await listener.probe()
    except StoreUnavailable as error:
        reason = str(failures[-1]) if failures else error.reason
        channels = f"&{keys.prefix}*"
        advice = (
            f"let the user of INBOX_REDIS_URL use pub/sub (+@pubsub {channels}), with nothing between that drops it"
        )
        part.fail("publications", f"published events do not arrive: {reason}", advice)
    else:
        part.ok("publications", "published events arrive")
        return True
    finally:
        await listener.close()
    return False
