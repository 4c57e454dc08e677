"""A Redis or Valkey cluster for the tests: primaries, replicas, failovers, and slots that move while others write."""

from __future__ import annotations

import functools
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise, permutations
from pathlib import Path
from typing import Any

from .processes import free_port, wait_until
from .stores import StoreServer, kill_together, replicate, start_together

SLOTS = 16384
CLUSTER_SIZE = 3
NODE_TIMEOUT_MS = 30_000
"""A node that is only held up for seconds must not be taken for dead by the others."""
MIGRATED_KEYS = 100


class Node(StoreServer):
    """A server of a cluster. `primary` is the one that it replicates at first; None: it is one itself."""

    def __init__(self, binary: str, directory: Path, node_timeout_ms: int, primary: Node | None) -> None:
        self.bus_port = free_port()
        self.primary = primary
        options = [
            *("--cluster-enabled", "yes", "--cluster-config-file", "nodes.conf"),
            *("--cluster-node-timeout", str(node_timeout_ms), "--cluster-port", str(self.bus_port)),
            *("--repl-diskless-sync-delay", "0"),
        ]
        super().__init__(binary, directory, options=options)

    @functools.cached_property
    def id(self) -> str:
        return str(self.call("CLUSTER", "MYID"), "ascii")

    def known_nodes(self) -> Iterator[tuple[str, list[str]]]:
        """The id and the flags of every node that it has met, itself included."""
        for line in str(self.call("CLUSTER", "NODES"), "ascii").splitlines():
            node, _, flags = line.split()[:3]
            if "handshake" not in flags:
                yield node, flags.split(",")


class Cluster:
    """`servers`: the primaries, then the replicas in the order of their primaries; both as the cluster began."""

    def __init__(self, servers: Sequence[Node]) -> None:
        self.servers = servers
        self.url = "redis+cluster://" + ",".join(f"127.0.0.1:{server.port}" for server in servers)

    def slots(self) -> list[list[Any]]:
        """[first, last, primary, replica, …] for each range; a node is [host, port, id, …]. One server's view."""
        server = next(server for server in self.servers if server.is_running)
        return server.call("CLUSTER", "SLOTS")

    def _server(self, port: int) -> Node:
        return next(server for server in self.servers if server.port == port)

    def primary_of(self, slot: int) -> Node:
        """The server that serves the slot now."""
        return next(self._server(entry[2][1]) for entry in self.slots() if entry[0] <= slot <= entry[1])

    def replicas_of(self, primary: Node) -> list[Node]:
        """The replicas that follow this primary now."""
        ports = {node[1] for entry in self.slots() if entry[2][1] == primary.port for node in entry[3:]}
        return [self._server(port) for port in sorted(ports)]

    def slots_of(self, primary: Node) -> list[int]:
        """Every slot that it serves now, in order."""
        ranges = [range(entry[0], entry[1] + 1) for entry in self.slots() if entry[2][1] == primary.port]
        return sorted(slot for slots in ranges for slot in slots)

    def is_healthy(self) -> bool:
        """Every server that runs knows all others with their roles, sees all slots served, and follows its primary."""
        running = [server for server in self.servers if server.is_running]
        followers = {server.id for server in running if server.call("INFO")["role"] == "slave"}
        return all(self._is_well(server, followers) for server in running)

    def _is_well(self, server: Node, followers: set[str]) -> bool:
        view = server.call("CLUSTER INFO")
        if view["cluster_state"] != "ok" or int(view["cluster_known_nodes"]) != len(self.servers):
            return False
        if int(view["cluster_slots_ok"]) != SLOTS or server.call("INFO").get("master_link_status", "up") != "up":
            return False
        # a replica is left out of the slots until it is heard that it has copied something
        if followers != {str(node[2], "ascii") for entry in server.call("CLUSTER", "SLOTS") for node in entry[3:]}:
            return False
        return followers == {id for id, flags in server.known_nodes() if "slave" in flags and "fail" not in flags}

    def replicate(self) -> None:
        """Returns once every replica has what its primary has."""
        for server in self.servers:
            if server.is_running:
                replicate(server, self.replicas_of(server))

    def begin_move(self, slot: int, target: Node) -> SlotMove:
        """Opens the slot for a move to `target`: what its primary does not hold is asked for there (ASK)."""
        return SlotMove(self, slot, target)

    def move_slots(self, count: int, source: Node, target: Node) -> list[int]:
        """Moves that many slots with their keys, one after another, while others write; returns them."""
        moved = self.slots_of(source)[:count]
        for slot in moved:
            self.begin_move(slot, target).finish()
        return moved


class SlotMove:
    """A slot between two primaries, open until `finish`."""

    def __init__(self, cluster: Cluster, slot: int, target: Node) -> None:
        self.cluster = cluster
        self.slot = slot
        self.source = cluster.primary_of(slot)
        self.target = target
        target.call("CLUSTER", "SETSLOT", slot, "IMPORTING", self.source.id)
        self.source.call("CLUSTER", "SETSLOT", slot, "MIGRATING", target.id)

    def migrate(self, count: int) -> int:
        """Moves up to `count` keys; returns how many the source named."""
        keys = self.source.call("CLUSTER", "GETKEYSINSLOT", self.slot, count)
        if keys:
            self.migrate_keys(*keys)
        return len(keys)

    def migrate_keys(self, *keys: str) -> None:
        """Moves these keys; those that have gone meanwhile are passed over."""
        self.source.call("MIGRATE", "127.0.0.1", self.target.port, "", 0, 10_000, "KEYS", *keys)

    def finish(self) -> None:
        """Moves what is left and gives the slot to the target, on every primary."""
        while self.migrate(MIGRATED_KEYS):
            pass
        others = [self.cluster._server(entry[2][1]) for entry in self.cluster.slots()]
        for server in dict.fromkeys([self.target, self.source, *others]):
            if server.is_running:
                server.call("CLUSTER", "SETSLOT", self.slot, "NODE", self.target.id)


def _slot_ranges(count: int) -> Iterator[tuple[int, int]]:
    bounds = [SLOTS * part // count for part in range(count + 1)]
    return ((first, end - 1) for first, end in pairwise(bounds))


def _form(cluster: Cluster) -> None:
    """Joins empty servers, slots spread evenly. Each is introduced to all, so that no test waits for gossip."""
    primaries = [server for server in cluster.servers if server.primary is None]
    for epoch, (server, slots) in enumerate(zip(primaries, _slot_ranges(len(primaries)), strict=True), 1):
        server.call("CLUSTER", "SET-CONFIG-EPOCH", epoch)
        server.call("CLUSTER", "ADDSLOTSRANGE", *slots)
    for server, other in permutations(cluster.servers, 2):
        server.call("CLUSTER", "MEET", other.host, other.port, other.bus_port)
    for server in cluster.servers:
        if (primary := server.primary) is not None:
            wait_until(lambda: primary.id in dict(server.known_nodes()), "the replica knows its primary")  # noqa: B023
            server.call("CLUSTER", "REPLICATE", primary.id)
    wait_until(cluster.is_healthy, "the cluster is healthy", seconds=60)


@contextmanager
def running_cluster(
    binary: str, size: int = CLUSTER_SIZE, replicas: int = 0, node_timeout_ms: int = NODE_TIMEOUT_MS
) -> Iterator[Cluster]:
    """A new cluster on loopback: `size` primaries, each with so many replicas.

    A primary that does not answer for `node_timeout_ms` is taken for dead, and a replica takes its place.
    """
    with tempfile.TemporaryDirectory(prefix="inbox-cluster-") as directory:

        def add(primary: Node | None) -> Node:
            return Node(binary, Path(tempfile.mkdtemp(dir=directory)), node_timeout_ms, primary)

        primaries = [add(None) for _ in range(size)]
        cluster = Cluster([*primaries, *(add(primary) for _ in range(replicas) for primary in primaries)])
        try:
            start_together(cluster.servers)
            _form(cluster)
            yield cluster
        finally:
            kill_together(cluster.servers)
