"""Redis or Valkey behind Sentinel for the tests: a primary, its replicas, and the sentinels that watch them."""

from __future__ import annotations

import secrets
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from .processes import wait_until
from .stores import StoreServer, connect, kill_together, replicate, start_together

NAME = "inbox-primary"
QUORUM = 2
SENTINELS = 3
DOWN_AFTER_MS = 4_000
FAILOVER_SECONDS = 60.0
PERIODS_MS = {"INFO-PERIOD": 500, "PUBLISH-PERIOD": 500, "PING-PERIOD": 200, "TILT-TRIGGER": 60_000}
"""How often a sentinel asks and tells, so that it learns of a change within a second. The trigger: one that stood still
for two seconds, as it does on a busy machine, would decide nothing for half a minute."""


class Follower(StoreServer):
    """A server that replicates `primary` when it starts."""

    def __init__(self, binary: str, directory: Path, primary: StoreServer | None) -> None:
        follow = ["--replicaof", f"{primary.host} {primary.port}"] if primary else []
        super().__init__(binary, directory, options=[*follow, "--repl-diskless-sync-delay", "0"])


class SentinelServer(StoreServer):
    """One sentinel; it keeps what it knows in its configuration file."""

    def __init__(self, binary: str, directory: Path) -> None:
        super().__init__(binary, directory)
        self.id = secrets.token_hex(20)
        self.configuration = directory / "sentinel.conf"

    def command(self) -> list[str]:
        return [self.binary, str(self.configuration), "--sentinel"]

    def wait(self) -> None:
        super().wait()
        self.call("SENTINEL", "DEBUG", *(word for period in PERIODS_MS.items() for word in period))

    def configure(
        self,
        primary: StoreServer,
        replicas: Sequence[StoreServer],
        others: Sequence[SentinelServer],
        down_after_ms: int,
    ) -> None:
        """Writes what it would learn from the servers within some seconds."""
        lines = [f"port {self.port}", f"bind {self.host}", f"dir {self.directory}", f"sentinel myid {self.id}"]
        lines.append(f"sentinel monitor {NAME} {primary.host} {primary.port} {QUORUM}")
        lines.append(f"sentinel down-after-milliseconds {NAME} {down_after_ms}")
        lines.append(f"sentinel failover-timeout {NAME} 3000")
        lines += [f"sentinel known-replica {NAME} {one.host} {one.port}" for one in replicas]
        lines += [f"sentinel known-sentinel {NAME} {one.host} {one.port} {one.id}" for one in others]
        self.configuration.write_text("\n".join(lines) + "\n")

    def primary_port(self) -> int:
        return int(self.call("SENTINEL", "GET-MASTER-ADDR-BY-NAME", NAME)[1])


class Watched:
    """`servers`: the primary, then the replicas, as they began. `url` names all sentinels."""

    def __init__(self, servers: Sequence[StoreServer], sentinels: Sequence[SentinelServer]) -> None:
        self.servers = servers
        self.sentinels = sentinels
        addresses = ",".join(f"{sentinel.host}:{sentinel.port}" for sentinel in sentinels)
        self.url = f"redis+sentinel://{addresses}/{NAME}"

    @property
    def primary(self) -> StoreServer:
        """The server that the first sentinel that runs names."""
        sentinel = next(sentinel for sentinel in self.sentinels if sentinel.is_running)
        return next(server for server in self.servers if server.port == sentinel.primary_port())

    @property
    def replicas(self) -> list[StoreServer]:
        """Every other server."""
        primary = self.primary
        return [server for server in self.servers if server is not primary]

    def replicate(self) -> None:
        """Returns once the replicas that run have all that the primary has."""
        replicate(self.primary, [replica for replica in self.replicas if replica.is_running])

    def fail_over(self) -> StoreServer:
        """Makes a replica the primary while the old one runs; returns it, once every sentinel names it."""
        old = self.primary
        sentinel = next(sentinel for sentinel in self.sentinels if sentinel.is_running)
        sentinel.call("SENTINEL", "FAILOVER", NAME)
        return self.wait_for_failover(old)

    def wait_for_failover(self, old: StoreServer) -> StoreServer:
        """Returns the new primary once every sentinel that runs names it."""

        def is_over() -> bool:
            return all(sentinel.primary_port() != old.port for sentinel in self.sentinels if sentinel.is_running)

        wait_until(is_over, "the sentinels name another primary", FAILOVER_SECONDS)
        return self.primary

    def wait_until_ready(self) -> None:
        """Returns once every sentinel could start a failover now: all servers run, and the replicas follow."""
        wait_until(self._is_ready, "the sentinels know everybody", FAILOVER_SECONDS)

    def _is_ready(self) -> bool:
        return all(map(self._knows_everybody, self.sentinels))

    def _knows_everybody(self, sentinel: SentinelServer) -> bool:
        def is_up(one: dict[str, Any]) -> bool:
            return {"s_down", "disconnected"}.isdisjoint(one["flags"].split(","))

        with connect(sentinel.url) as client:
            replicas = client.sentinel_slaves(NAME)
            others = client.sentinel_sentinels(NAME)
        linked = [one for one in replicas if is_up(one) and one["master-link-status"] == "ok"]
        return len(linked) == len(self.servers) - 1 and sum(map(is_up, others)) == len(self.sentinels) - 1


@contextmanager
def running_sentinel(binary: str, replicas: int = 1, down_after_ms: int = DOWN_AFTER_MS) -> Iterator[Watched]:
    """A new primary with its replicas and three sentinels, two of which have to agree that it is down."""
    with tempfile.TemporaryDirectory(prefix="inbox-sentinel-") as directory:

        def home() -> Path:
            return Path(tempfile.mkdtemp(dir=directory))

        primary = Follower(binary, home(), None)
        followers = [Follower(binary, home(), primary) for _ in range(replicas)]
        sentinels = [SentinelServer(binary, home()) for _ in range(SENTINELS)]
        for sentinel in sentinels:
            others = [other for other in sentinels if other is not sentinel]
            sentinel.configure(primary, followers, others, down_after_ms)
        watched = Watched([primary, *followers], sentinels)
        try:
            start_together([*watched.servers, *sentinels])
            watched.wait_until_ready()
            watched.replicate()
            yield watched
        finally:
            kill_together([*watched.servers, *sentinels])
