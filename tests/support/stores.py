"""Real store servers for the tests: one server, or a cluster of three primaries, each in a directory of its own."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import redis

from .processes import ChildProcess, free_port, wait_until

SLOTS = 16384
CLUSTER_SIZE = 3


def connect(url: str) -> redis.Redis:
    """A plain blocking client, without retries so that a test sees what happened."""
    return redis.Redis.from_url(url, socket_timeout=5, retry=None)


def call(node: Any, *words: str | int) -> Any:
    """One command, words as they go over the wire; redis-py types only its named methods."""
    return node.execute_command(*words)


def answers(url: str) -> bool:
    try:
        with connect(url) as client:
            return bool(client.ping())
    except redis.RedisError:  # not listening yet, or still loading its data
        return False


class StoreServer:
    """One Redis or Valkey server that keeps an append-only file in `directory`; `url` is where it listens."""

    def __init__(self, binary: str, directory: Path, *, unix: bool = False, options: Sequence[str] = ()) -> None:
        self.binary = binary
        self.directory = directory
        self.options = list(options)
        self.port = 0 if unix else free_port()
        self.url = f"unix://{directory}/store.sock" if unix else f"redis://127.0.0.1:{self.port}"
        self.process = self.start()

    def command(self) -> list[str]:
        listen = ["--port", str(self.port), "--bind", "127.0.0.1"]
        if not self.port:
            listen += ["--unixsocket", f"{self.directory}/store.sock", "--unixsocketperm", "700"]
        return [
            *(self.binary, *listen, "--dir", str(self.directory)),
            *("--appendonly", "yes", "--appendfsync", "everysec", "--save", "", "--daemonize", "no"),
            *("--auto-aof-rewrite-percentage", "0"),  # only when a test says so
            *self.options,
        ]

    def start(self) -> ChildProcess:
        """Starts it (again), with the data it left, and returns once it answers."""
        self.process = ChildProcess(self.command(), log_path=self.directory / "store.log")
        wait_until(self._answers, f"{self.binary} answers")
        return self.process

    def _answers(self) -> bool:
        assert self.process.exit_code is None, self.process.log()
        return answers(self.url)

    def kill(self) -> None:
        self.process.kill()

    def stop(self) -> None:
        if self.process.exit_code is None:
            self.process.terminate()


@contextmanager
def running_store(binary: str, *, unix: bool = False, options: Sequence[str] = ()) -> Iterator[StoreServer]:
    """A server with an empty directory, gone with all its data at the end."""
    # not pytest's tmp_path: the path of a unix socket has to stay below 108 bytes
    with tempfile.TemporaryDirectory(prefix="inbox-store-") as directory:
        server = StoreServer(binary, Path(directory), unix=unix, options=options)
        try:
            yield server
        finally:
            server.stop()


def _cluster_options() -> list[str]:
    """No test ends a node: one that is only held up for seconds must not be taken for dead by the others."""
    return [
        *("--cluster-enabled", "yes", "--cluster-config-file", "nodes.conf"),
        *("--cluster-node-timeout", "30000", "--cluster-port", str(free_port())),
    ]


def _slot_ranges(count: int) -> Iterator[tuple[int, int]]:
    bounds = [SLOTS * part // count for part in range(count + 1)]
    return ((first, end - 1) for first, end in pairwise(bounds))


def _is_healthy(nodes: Sequence[redis.Redis]) -> bool:
    """Every node knows every other and sees all slots served."""
    views = [call(node, "CLUSTER INFO") for node in nodes]
    return all(
        view["cluster_state"] == "ok" and int(view["cluster_known_nodes"]) == len(nodes) for view in views
    ) and all(int(view["cluster_slots_ok"]) == SLOTS for view in views)


def form_cluster(servers: Sequence[StoreServer]) -> None:
    """Joins empty cluster-enabled servers into one cluster of primaries, slots spread evenly; returns once healthy."""
    nodes = [connect(server.url) for server in servers]
    for epoch, (node, (first, last)) in enumerate(zip(nodes, _slot_ranges(len(nodes)), strict=True), 1):
        call(node, "CLUSTER SET-CONFIG-EPOCH", epoch)
        call(node, "CLUSTER ADDSLOTSRANGE", first, last)
    for server in servers[1:]:
        bus_port = server.options[server.options.index("--cluster-port") + 1]
        call(nodes[0], "CLUSTER MEET", "127.0.0.1", server.port, bus_port)
    wait_until(lambda: _is_healthy(nodes), "the cluster is healthy", seconds=60)
    for node in nodes:
        node.close()


@contextmanager
def running_cluster(binary: str, size: int = CLUSTER_SIZE) -> Iterator[str]:
    """The redis+cluster:// URL of a new cluster of `size` primaries on loopback."""
    with tempfile.TemporaryDirectory(prefix="inbox-cluster-") as directory:
        servers: list[StoreServer] = []
        try:
            for number in range(size):
                home = Path(directory, str(number))
                home.mkdir()
                servers.append(StoreServer(binary, home, options=_cluster_options()))
            form_cluster(servers)
            yield "redis+cluster://" + ",".join(f"127.0.0.1:{server.port}" for server in servers)
        finally:
            for server in servers:
                server.stop()
