"""The store servers are what they say, and keep what they were told."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import pytest
import redis
from redis.cluster import RedisCluster

from .stores import SLOTS, connect, running_store
from .tools import find_valkey


@contextmanager
def client_of(url: str) -> Iterator[redis.Redis | RedisCluster]:
    if url.startswith("redis+cluster:"):
        node = urlsplit(url.split(",")[0])
        with RedisCluster(host=str(node.hostname), port=int(node.port or 0)) as cluster:
            yield cluster
    else:
        with connect(url) as client:
            yield client


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
    binary = find_valkey()
    assert binary is not None
    with running_store(binary, unix=True) as server:
        with connect(server.url) as client:
            client.set("kept", "yes")
        server.kill()
        server.start()
        with connect(server.url) as client:
            assert client.get("kept") == b"yes"
