"""The store servers are what they say, and keep what they were told."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import pytest
import redis
from redis.cluster import RedisCluster
from redis.crc import key_slot

from tests.conftest import binary_of, every_store

from .cluster import SLOTS, Cluster, Node, running_cluster
from .processes import wait_until
from .sentinel import Watched, running_sentinel
from .stores import connect, running_store, running_tls_store, server_urls

NODE_TIMEOUT_MS = 2_000
DOWN_AFTER_MS = 2_000
KEYS = 300
SLOT = key_slot(b"moved")


@contextmanager
def client_of(url: str) -> Iterator[redis.Redis | RedisCluster]:
    if url.startswith("redis+cluster:"):
        node = urlsplit(server_urls(url)[0])
        with RedisCluster(host=str(node.hostname), port=int(node.port or 0)) as cluster:
            yield cluster
    else:
        with connect(server_urls(url)[0]) as client:
            yield client


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with running_cluster(binary_of("valkey"), replicas=1, node_timeout_ms=NODE_TIMEOUT_MS) as running:
        yield running


@pytest.fixture(scope="module")
def watched() -> Iterator[Watched]:
    with running_sentinel(binary_of("valkey"), replicas=2, down_after_ms=DOWN_AFTER_MS) as running:
        yield running


def other_primary(cluster: Cluster, source: Node) -> Node:
    return next(one for one in (cluster.primary_of(0), cluster.primary_of(SLOTS - 1)) if one is not source)


@every_store
def test_every_store_keeps_streams(store_url: str, key_prefix: str) -> None:
    with client_of(store_url) as client:
        for number in range(30):  # names without a hash tag: on a cluster they meet every primary
            client.xadd(f"{key_prefix}{number}", {"n": number}, id="1-0")
            assert client.xlen(f"{key_prefix}{number}") == 1


def test_the_cluster_serves_all_slots_from_three_primaries(cluster_url: str) -> None:
    with client_of(cluster_url) as client:
        assert isinstance(client, RedisCluster)
        owners = dict(client.cluster_slots())
    assert sum(last - first + 1 for first, last in owners) == SLOTS
    assert len({str(owner["primary"]) for owner in owners.values()}) == 3


def test_redis7_has_the_oldest_supported_version(redis7_url: str) -> None:
    with connect(redis7_url) as client:
        assert client.info("server")["redis_version"].startswith("7.")


@pytest.mark.needs("valkey")
def test_a_killed_store_comes_back_with_its_data() -> None:
    with running_store(binary_of("valkey"), unix=True) as server:
        server.call("SET", "kept", "yes")
        server.kill()
        server.start()
        assert server.call("GET", "kept") == b"yes"


@pytest.mark.needs("valkey")
def test_a_frozen_store_says_nothing_until_it_is_thawed() -> None:
    with running_store(binary_of("valkey"), unix=True) as server:
        server.freeze()
        with (
            redis.Redis.from_url(server.url, socket_timeout=0.1, retry=None) as client,
            pytest.raises(redis.TimeoutError),
        ):
            client.ping()
        assert not server.is_running
        server.thaw()
        assert server.call("PING")


@pytest.mark.needs("redis-server", "openssl")
def test_the_tls_store_lets_in_nobody_without_tls_authority_and_password() -> None:
    with running_tls_store(binary_of("redis-server")) as (server, url):
        with connect(url) as client:
            assert client.acl_whoami() == "inbox"
        refused = {
            url.replace("rediss:", "redis:").partition("?")[0]: redis.ConnectionError,
            url.partition("?")[0]: redis.ConnectionError,
            server.url: redis.AuthenticationError,
            url.replace("s3cret", "guess"): redis.AuthenticationError,
        }
        for other, error in refused.items():
            with connect(other) as client, pytest.raises(error):
                client.ping()


@pytest.mark.needs("valkey")
def test_each_primary_of_a_cluster_has_its_replica(cluster: Cluster) -> None:
    primaries = {cluster.primary_of(slot) for slot in (0, SLOTS // 2, SLOTS - 1)}
    replicas = [cluster.replicas_of(primary) for primary in primaries]
    assert sorted(map(len, replicas)) == [1, 1, 1]
    assert primaries.union(*replicas) == set(cluster.servers)


@pytest.mark.needs("valkey")
def test_slots_move_with_their_keys(cluster: Cluster) -> None:
    source = cluster.primary_of(SLOT)
    target = other_primary(cluster, source)
    for number in range(KEYS):
        source.call("SET", f"{{moved}}{number}", number)
    move = cluster.begin_move(SLOT, target)
    assert move.migrate(KEYS // 2) == KEYS // 2
    assert source.call("CLUSTER", "COUNTKEYSINSLOT", SLOT) == KEYS - KEYS // 2
    assert target.call("CLUSTER", "COUNTKEYSINSLOT", SLOT) == KEYS // 2
    move.finish()
    assert cluster.primary_of(SLOT) is target
    assert target.call("CLUSTER", "COUNTKEYSINSLOT", SLOT) == KEYS
    assert target.call("GET", f"{{moved}}{KEYS - 1}") == str(KEYS - 1).encode()
    moved = cluster.move_slots(20, source, target)
    assert len(moved) == 20
    assert {cluster.primary_of(slot) for slot in moved} == {target}
    wait_until(cluster.is_healthy, "all agree")


@pytest.mark.needs("valkey")
@pytest.mark.parametrize("how", ["killed", "frozen"])
def test_a_replica_takes_the_place_of_its_primary(cluster: Cluster, how: str) -> None:
    old = cluster.primary_of(0)
    [replica] = cluster.replicas_of(old)
    cluster.replicate()
    if how == "killed":
        old.kill()
    else:
        old.freeze()
    wait_until(lambda: cluster.primary_of(0) is replica, "the replica serves the slot")
    if how == "killed":
        old.start()
    else:
        old.thaw()
    wait_until(lambda: cluster.is_healthy() and cluster.replicas_of(replica) == [old], "the old primary follows")


@pytest.mark.needs("valkey")
@pytest.mark.parametrize("how", ["planned", "killed", "frozen"])
def test_sentinels_put_a_replica_in_the_place_of_the_primary(watched: Watched, how: str) -> None:
    old = watched.primary
    old.call("SET", "kept", how)
    watched.replicate()
    if how == "planned":
        new = watched.fail_over()
    else:
        old.kill() if how == "killed" else old.freeze()
        new = watched.wait_for_failover(old)
    assert new is not old
    assert new.call("GET", "kept") == how.encode()
    if how == "killed":
        old.start()
    elif how == "frozen":
        old.thaw()
    watched.wait_until_ready()
    assert old.call("INFO")["role"] == "slave"
