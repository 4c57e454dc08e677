"""The one way to Redis: commands, batches, transactions and scripts, on one server, behind Sentinel or on Cluster.

Commands are plain tuples and never leave this module as redis-py objects, so that the connection underneath can be
replaced (an auto-batched one is planned) without touching a caller. Nothing is retried here: whoever calls knows
whether a step may run twice.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from typing import Any, cast
from urllib.parse import unquote, urlsplit

from redis.asyncio import BlockingConnectionPool, Redis, RedisCluster, Sentinel
from redis.asyncio.cluster import ClusterNode
from redis.asyncio.connection import SSLConnection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import (
    AuthenticationError,
    BusyLoadingError,
    ClusterDownError,
    ConnectionError,
    MaxConnectionsError,
    NoPermissionError,
    NoScriptError,
    OutOfMemoryError,
    ReadOnlyError,
    RedisClusterException,
    RedisError,
    ResponseError,
    TimeoutError,
    TryAgainError,
)

from inbox.errors import StartupError, StoreUnavailable
from inbox.settings import mask_url
from inbox.store.scripts import Script
from inbox.tasks import end_tasks

log = logging.getLogger(__name__)

Argument = str | bytes | int | float
Command = tuple[Argument, ...]
Primary = ClusterNode | None
"""A server that takes writes, for `execute_at`; None is the only one."""

MINIMUM_VERSION = (7, 0)
COMMAND_TIMEOUT_SECONDS = 5.0
POOL_SIZE = 64

_UNAVAILABLE = (
    ConnectionError,
    TimeoutError,
    MaxConnectionsError,
    BusyLoadingError,
    ReadOnlyError,
    OutOfMemoryError,
    ClusterDownError,
    TryAgainError,
    RedisClusterException,
    OSError,
)
_RAW_REPLIES = ("SET", "HGETALL", "XRANGE", "XREVRANGE", "SMEMBERS", "ZRANGE")
"""Commands whose replies come as the server sends them: lists of bytes, so that every connection gives the same."""

_NODE_OPTIONS = ("username", "password", "protocol", "socket_timeout", "socket_connect_timeout")
_UNAVAILABLE_WORDS = ("OOM", "MISCONF", "MASTERDOWN", "NOREPLICAS", "LOADING", "READONLY", "CLUSTERDOWN")


class Client:
    """Commands to the store; every failure of the store itself is raised as StoreUnavailable."""

    def __init__(self, redis: Redis | RedisCluster) -> None:
        self.redis = redis
        self.on_failure: Callable[[Exception], None] = _ignore
        """Called with every failure of the store itself."""
        self._asides: set[asyncio.Task[None]] = set()
        for command in _RAW_REPLIES:
            redis.response_callbacks.pop(command, None)

    @property
    def is_cluster(self) -> bool:
        return isinstance(self.redis, RedisCluster)

    async def execute(self, *command: Argument) -> Any:
        """The reply of one command."""
        return await self._guarded(self.redis.execute_command(*command))

    async def batch(self, commands: Sequence[Command]) -> list[Any]:
        """The replies of commands sent together; they are not atomic. An error of one is raised after all ran."""
        return await self._pipeline(commands, transaction=False)

    async def transaction(self, commands: Sequence[Command]) -> list[Any]:
        """The replies of commands run as one MULTI/EXEC; on a cluster all keys must share a slot."""
        return await self._pipeline(commands, transaction=True)

    async def run(self, script: Script, keys: Sequence[str], args: Sequence[Argument] = ()) -> Any:
        """The reply of a script. A server that does not know it yet is given it, and the call is made again."""
        call = ("EVALSHA", script.sha, len(keys), *keys, *args)
        try:
            return await self.execute(*call)
        except NoScriptError:
            await self._load(script, keys)
        return await self.execute(*call)

    async def run_many(self, script: Script, calls: Sequence[tuple[Sequence[str], Sequence[Argument]]]) -> list[Any]:
        """The replies of one script for many (keys, args), sent together; each call is atomic by itself.

        Calls that a server did not know the script for are made again after it was given it. The first other error is
        raised after all have run.
        """
        replies = await self._pipeline(
            [("EVALSHA", script.sha, len(keys), *keys, *args) for keys, args in calls], transaction=False, tolerant=True
        )
        for place, reply in enumerate(replies):
            if isinstance(reply, NoScriptError):
                try:
                    replies[place] = await self.run(script, *calls[place])
                except ResponseError as error:
                    replies[place] = error
        for reply in replies:
            if isinstance(reply, Exception):
                await self._guarded(_failed(reply))
        return replies

    async def config_get(self, name: str) -> str:
        """One parameter of the server's configuration (of one node, on a cluster); empty when it has none."""
        target = {"target_nodes": RedisCluster.RANDOM} if isinstance(self.redis, RedisCluster) else {}
        reply = await self._guarded(self.redis.execute_command("CONFIG GET", name, **target))
        found = next(iter(reply.values())) if self.is_cluster and name not in reply else reply.get(name)
        value = found.get(name, "") if isinstance(found, dict) else found
        return str(value or "")

    def connect_to(self, node: ClusterNode) -> Redis:
        """A client of one node of the cluster, with the same credentials, TLS and time-outs."""
        known = dict(node.connection_kwargs)
        known = {name: known[name] for name in known if name in _NODE_OPTIONS or name.startswith("ssl_")}
        is_tls = issubclass(node.connection_class, SSLConnection)
        return Redis(host=node.host, port=int(node.port), ssl=is_tls, retry=_never_again(), **known)

    @property
    def primaries(self) -> Sequence[Primary]:
        """Every server that takes writes."""
        return self.redis.get_primaries() if isinstance(self.redis, RedisCluster) else [None]

    async def execute_at(self, primary: Primary, *command: Argument) -> Any:
        """The reply of a command that concerns a server and no key."""
        target = {"target_nodes": primary} if primary else {}
        return await self._guarded(self.redis.execute_command(*command, **target))

    async def check(self, key: str) -> None:
        """Write a key that is gone after a second, and ask every primary for a word. Raises StoreUnavailable."""
        await self.execute("SET", key, "", "PX", 1000)
        for primary in self.primaries:
            await self.execute_at(primary, "PING")

    async def scan(self, pattern: str, slice_size: int) -> AsyncIterator[list[str]]:
        """Every key that a glob takes, server by server, about `slice_size` keys looked at each time.

        Whoever is there all the while is given at least once. It looks at every key there is: not for a request of
        every day.
        """
        for primary in self.primaries:
            cursor: Argument = 0
            while True:
                at, keys = await self.execute_at(primary, "SCAN", cursor, "MATCH", pattern, "COUNT", slice_size)
                if keys:
                    yield [key.decode() for key in keys]
                cursor = next(iter(at.values())) if isinstance(at, dict) else at
                if int(cursor) == 0:
                    break

    def aside(self, work: Coroutine[Any, Any, None]) -> None:
        """Starts work that nobody waits for and that need not be finished: `close` ends it wherever it is."""
        task = asyncio.create_task(work)
        self._asides.add(task)
        task.add_done_callback(self._asides.discard)

    async def close(self) -> None:
        """Closes every connection; safe to call twice."""
        await end_tasks(*self._asides)
        await self.redis.aclose()
        if isinstance(self.redis, RedisCluster):  # after a failed call it takes itself for closed and closes nothing
            await self.redis.nodes_manager.aclose()
            await self.redis.nodes_manager.aclose("startup_nodes")

    async def _load(self, script: Script, keys: Sequence[str]) -> None:
        if isinstance(self.redis, RedisCluster):
            node = self.redis.get_node_from_key(keys[0])
            load = self.redis.execute_command("SCRIPT LOAD", script.text, target_nodes=node)
            await self._guarded(load)
        else:
            await self.execute("SCRIPT LOAD", script.text)

    async def _pipeline(
        self, commands: Sequence[Command], *, transaction: bool, tolerant: bool = False
    ) -> list[Any]:
        """The replies; with `tolerant`, what the server refused stands among them as an exception."""
        pipeline = self.redis.pipeline(transaction=transaction)
        for command in commands:
            pipeline.execute_command(*command)
        return cast("list[Any]", await self._guarded(pipeline.execute(raise_on_error=not tolerant)))

    async def _guarded(self, reply: Awaitable[Any]) -> Any:
        try:
            return await reply
        except NoScriptError:
            raise
        except _UNAVAILABLE as error:
            self.on_failure(error)
            raise StoreUnavailable from error
        except ResponseError as error:
            if str(error).startswith(_UNAVAILABLE_WORDS):
                self.on_failure(error)
                raise StoreUnavailable from error
            raise


def _ignore(_: Exception) -> None:
    pass


async def _failed(error: Exception) -> None:
    raise error


async def open_client(url: str) -> Client:
    """A client for redis, rediss, unix, redis+sentinel or redis+cluster URLs, checked to be usable.

    Raises StartupError, with one line that tells what to do, when nothing answers, the password is wrong, the server is
    too old or the URL's kind does not fit the server.
    """
    client = Client(_connect(url))
    try:
        await _check(client)
    except (StoreUnavailable, RedisError) as error:
        await client.close()
        raise StartupError(_explain(url, error.__cause__ or error)) from error
    except StartupError:
        await client.close()
        raise
    return client


def _connect(url: str) -> Redis | RedisCluster:
    scheme, _, rest = url.partition("://")
    options: dict[str, Any] = {
        "protocol": 2,
        "socket_timeout": COMMAND_TIMEOUT_SECONDS,
        "socket_connect_timeout": COMMAND_TIMEOUT_SECONDS,
        "retry": _never_again(),
    }
    if scheme in ("redis+cluster", "rediss+cluster"):
        user, password, hosts, _ = _authority(rest)
        nodes = [ClusterNode(host, port) for host, port in hosts]
        ssl = scheme == "rediss+cluster"
        return RedisCluster(startup_nodes=nodes, username=user, password=password, ssl=ssl, **options)
    if scheme == "redis+sentinel":
        user, password, hosts, service = _authority(rest)
        sentinel = Sentinel(hosts, sentinel_kwargs={"password": password, **options})
        return cast(Redis, sentinel.master_for(service or "mymaster", username=user, password=password, **options))
    pool = BlockingConnectionPool.from_url(url, max_connections=POOL_SIZE, timeout=COMMAND_TIMEOUT_SECONDS, **options)
    return Redis.from_pool(pool)


def _never_again() -> Retry:
    return Retry(NoBackoff(), 0)


def _authority(rest: str) -> tuple[str | None, str | None, list[tuple[str, int]], str]:
    """user, password, hosts and path of `user:password@host:port,host:port/path`."""
    authority, _, path = rest.partition("/")
    credentials, _, hosts = authority.rpartition("@")
    user, _, password = credentials.partition(":")
    split = [urlsplit(f"//{host}") for host in hosts.split(",")]
    addresses = [(part.hostname or "127.0.0.1", part.port or 6379) for part in split]
    return unquote(user) or None, unquote(password) or None, addresses, path


async def _check(client: Client) -> None:
    info = await client.execute("INFO", "server")
    first = next(iter(info.values())) if client.is_cluster and "redis_version" not in info else info
    version = tuple(int(part) for part in str(first["redis_version"]).split(".")[:2])
    if version < MINIMUM_VERSION:
        raise StartupError(f"Redis {first['redis_version']} is too old: 7.0 or newer (or Valkey) is needed")
    mode = first.get("redis_mode") or first.get("server_mode")  # Valkey names it anew
    if not client.is_cluster and mode == "cluster":
        raise StartupError("This Redis is a cluster: write its URL as redis+cluster://host:port,host:port")


def _explain(url: str, error: BaseException) -> str:
    where = mask_url(url)
    if isinstance(error, AuthenticationError | NoPermissionError):
        return f"Redis at {where} refuses the user or password given in INBOX_REDIS_URL"
    return f"Redis at {where} cannot be reached: {' '.join(str(error).split()) or type(error).__name__}"
