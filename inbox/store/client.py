"""The only access to Redis: commands, batches, transactions and scripts, on one server, behind Sentinel or on Cluster.

Callers pass plain tuples; `connection/` carries them. Nothing is retried here: the caller knows whether a step may run
twice.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Coroutine, Generator, Sequence
from typing import Any

from inbox.errors import StartupError, StoreUnavailable
from inbox.masking import mask_url
from inbox.store.connection.cluster import Cluster
from inbox.store.connection.errors import NEEDS_LOGIN, ConnectionLost, ReplyError, as_unavailable
from inbox.store.connection.node import StoreNode
from inbox.store.connection.sentinel import SentinelPrimary
from inbox.store.connection.topology import SingleServer, Topology
from inbox.store.connection.url import Kind, parse_store_url
from inbox.store.connection.wire import Argument as Argument
from inbox.store.connection.wire import Command as Command
from inbox.store.scripts import Reply, Script
from inbox.tasks import end_tasks, start_detached

log = logging.getLogger(__name__)

MINIMUM_VERSION = (7, 0)


class PendingReplies:
    """Commands that were sent; awaiting them returns the list of replies."""

    __slots__ = ("_client", "_future", "_is_dropped", "commands")

    def __init__(self, client: Client, commands: Sequence[Command], future: asyncio.Future[Any]) -> None:
        self._client = client
        self._future = future
        self._is_dropped = False
        self.commands = commands

    def __await__(self) -> Generator[Any, None, list[Any]]:
        return self._client.finish(self.commands, self._future).__await__()

    def call_back(self, take: Callable[[list[Any] | None], None]) -> None:
        """Have `take` called with the replies, or with None if one of them is an error. After `drop` it is not called.

        It is for several commands, in place of awaiting them.
        """

        def on_done(future: asyncio.Future[Any]) -> None:
            if not self._is_dropped and not future.cancelled():
                failed = future.exception() is not None or any(type(one) is ReplyError for one in future.result())
                take(None if failed else future.result())

        self._future.add_done_callback(on_done)

    def drop(self) -> None:
        """Ignore the replies, and a failure. If they are there already, their callback is due and must do nothing."""
        self._is_dropped = True
        if not self._future.cancel() and not self._future.cancelled():
            self._future.exception()


class Client:
    """Sends commands to the store. Raises StoreUnavailable, or WriteRefused, for every failure of the store."""

    def __init__(self, topology: Topology) -> None:
        self.topology = topology
        self.on_failure: Callable[[Exception], None] = lambda _: None
        """It is called with every failure of the store itself."""
        self._background: set[asyncio.Task[None]] = set()

    @property
    def is_cluster(self) -> bool:
        """Return whether keys are spread over several servers."""
        return self.topology.is_cluster

    async def execute(self, *command: Argument) -> Any:
        """Run a command, on a cluster at the server of its first key, and return the reply."""
        try:
            return await self.topology.send(command)
        except (ReplyError, ConnectionLost) as error:
            raise self._failure(error) from error

    def begin(self, commands: Sequence[Command]) -> PendingReplies:
        """Send commands of one slot that only read in this turn of the loop, and return what to await for the replies.

        So they share a round trip with the caller's next commands, without a task. Whoever begins them awaits or drops
        them. Raise StoreUnavailable.
        """
        try:
            return PendingReplies(self, commands, self.topology.begin(commands))
        except ConnectionLost as error:
            raise self._failure(error) from error

    async def finish(self, commands: Sequence[Command], future: asyncio.Future[Any]) -> list[Any]:
        """Return the replies to commands that were begun. Send them again after an error, as one that redirects."""
        try:
            reply = await future
        except ReplyError:
            return await self.read(commands)
        except ConnectionLost as error:
            raise self._failure(error) from error
        if len(commands) == 1:
            return [reply]
        return await self.read(commands) if any(type(one) is ReplyError for one in reply) else reply

    async def claim(self, key: str, seconds: int) -> bool:
        """Claim a key for `seconds`. Return whether nobody in the installation held it."""
        return bool(await self.execute("SET", key, 1, "NX", "EX", seconds))

    async def batch(self, commands: Sequence[Command]) -> list[Any]:
        """Run commands together, not atomically; return the replies. Raise the first error once all have run."""
        return self._checked(await self._tolerant(commands))

    async def read(self, commands: Sequence[Command]) -> list[Any]:
        """Run read commands together, those of one slot in order; return the replies. Raise the first error."""
        try:
            return self._checked(await self.topology.send_reads(commands))
        except ConnectionLost as error:
            raise self._failure(error) from error

    async def transaction(self, commands: Sequence[Command]) -> list[Any]:
        """Run commands as one MULTI/EXEC and return the replies. On a cluster all keys must share a slot."""
        try:
            return self._checked(await self.topology.send_unit(commands))
        except (ReplyError, ConnectionLost) as error:
            raise self._failure(error) from error

    async def run(self, script: Script[Reply], keys: Sequence[str], args: Sequence[Argument] = ()) -> Reply:
        """Run a script and return its decoded reply. A server that does not know the script is sent its text."""
        try:
            return script.decode(await self.topology.send(("EVALSHA", script.sha, len(keys), *keys, *args)))
        except (ReplyError, ConnectionLost) as error:
            if not _is_unknown_script(error):
                raise self._failure(error) from error
        return script.decode(await self.execute("EVAL", script.text, len(keys), *keys, *args))

    async def run_many(
        self, script: Script[Reply], calls: Sequence[tuple[Sequence[str], Sequence[Argument]]]
    ) -> list[Reply]:
        """Run one script for many (keys, args), sent together; each call is atomic by itself. Return replies in order.

        A server that does not know the script is sent its text. Raise the first error once all have run.
        """
        replies = await self._tolerant([("EVALSHA", script.sha, len(keys), *keys, *args) for keys, args in calls])
        unknown = [index for index, reply in enumerate(replies) if _is_unknown_script(reply)]
        texts = [("EVAL", script.text, len(calls[index][0]), *calls[index][0], *calls[index][1]) for index in unknown]
        for index, reply in zip(unknown, await self._tolerant(texts), strict=True):
            replies[index] = reply
        return [script.decode(reply) for reply in self._checked(replies)]

    async def config_get(self, name: str) -> str:
        """Return a parameter of the server's configuration (of one node, on a cluster); empty if there is none."""
        flat = await self.execute_at(self.primaries[0], "CONFIG", "GET", name)
        return flat[1].decode() if flat else ""

    async def info(self, primary: StoreNode, section: str) -> dict[str, str]:
        """Return a section of a server's INFO."""
        text = (await self.execute_at(primary, "INFO", section)).decode()
        lines = (line.partition(":") for line in text.splitlines() if ":" in line)
        return {name: value for name, _, value in lines}

    def node_of(self, key: str) -> StoreNode:
        """Return the server that has a key. Raise StoreUnavailable if none has."""
        try:
            return self.topology.node_of(key)
        except ConnectionLost as error:
            raise self._failure(error) from error

    @property
    def primaries(self) -> Sequence[StoreNode]:
        """Return every server that accepts writes."""
        return self.topology.primaries

    async def execute_at(self, primary: StoreNode, *command: Argument) -> Any:
        """Run a command without a key on one server."""
        try:
            return await primary.send(command)
        except (ReplyError, ConnectionLost) as error:
            raise self._failure(error) from error

    async def check(self, key: str) -> None:
        """Write a key that expires after a second, and ping every primary. Raise StoreUnavailable."""
        await self.execute("SET", key, "", "PX", 1000)
        for primary in self.primaries:
            await self.execute_at(primary, "PING")

    async def scan(self, pattern: str, slice_size: int) -> AsyncIterator[list[str]]:
        """Yield the keys that match a glob, server by server, after each scan of about `slice_size` keys.

        A key that exists all the time is yielded at least once. For rare requests only: this scans every key.
        """
        for primary in self.primaries:
            cursor: Argument = 0
            while True:
                cursor, keys = await self.execute_at(primary, "SCAN", cursor, "MATCH", pattern, "COUNT", slice_size)
                if keys:
                    yield [key.decode() for key in keys]
                if int(cursor) == 0:
                    break

    async def scan_hash(self, key: str, slice_size: int) -> AsyncIterator[list[tuple[bytes, bytes]]]:
        """Yield every field and value of a hash, about `slice_size` at a time.

        A field that exists from the first slice to the last is yielded at least once.
        """
        cursor: Argument = 0
        while True:
            cursor, fields = await self.execute("HSCAN", key, cursor, "COUNT", slice_size)
            yield list(pairs(fields).items())
            if int(cursor) == 0:
                return

    def run_in_background(self, work: Coroutine[Any, Any, None]) -> None:
        """Start work that nobody awaits. `close` cancels it if it is not finished."""
        task = start_detached(work)
        self._background.add(task)
        task.add_done_callback(self._background.discard)

    async def close(self) -> None:
        """Close every connection; safe to call twice."""
        await end_tasks(*self._background)
        await self.topology.close()

    async def _tolerant(self, commands: Sequence[Command]) -> list[Any]:
        """Run commands together and return the replies, errors among them."""
        try:
            return await self.topology.send_all(commands)
        except ConnectionLost as error:
            raise self._failure(error) from error

    def _checked(self, replies: list[Any]) -> list[Any]:
        """Return the replies. Raise the first error among them."""
        for reply in replies:
            if isinstance(reply, ReplyError | ConnectionLost):
                raise self._failure(reply) from reply
        return replies

    def _failure(self, error: ReplyError | ConnectionLost) -> Exception:
        """Return the exception to raise. Report a failure of the store itself to `on_failure` and the topology."""
        unavailable = as_unavailable(error)
        if unavailable is None:
            return error
        self.on_failure(error)
        if isinstance(error, ReplyError):
            self.topology.note_error(error.code)
        return unavailable


def _is_unknown_script(reply: Any) -> bool:
    return isinstance(reply, ReplyError) and reply.code == "NOSCRIPT"


def pairs(flat: Sequence[bytes]) -> dict[bytes, bytes]:
    """Return the fields and values of a flat reply."""
    return dict(zip(flat[::2], flat[1::2], strict=True))


async def open_client(url: str) -> Client:
    """Connect to a redis, rediss, unix, redis+sentinel or redis+cluster URL and check the server.

    Raise StartupError, with a line that says what to do, if the server is unreachable, too old or of another kind than
    the URL, or refuses the password.
    """
    client = Client(topology_of(url))
    try:
        await client.topology.start()
        await _check(client)
    except (ReplyError, ConnectionLost, StoreUnavailable) as error:
        await client.close()
        raise StartupError(_explain(url, error.__cause__ or error)) from error
    except BaseException:
        await client.close()
        raise
    return client


def topology_of(url: str) -> Topology:
    """Return the servers of a URL; nothing is connected yet. Raise StartupError for an option that does not exist."""
    store = parse_store_url(url)
    if store.kind is Kind.CLUSTER:
        return Cluster(store)
    if store.kind is Kind.SENTINEL:
        return SentinelPrimary(store)
    return SingleServer(StoreNode(store.addresses[0], store.login))


async def _check(client: Client) -> None:
    info = await client.info(client.primaries[0], "server")
    version = tuple(int(part) for part in info["redis_version"].split(".")[:2])
    if version < MINIMUM_VERSION:
        raise StartupError(f"Redis {info['redis_version']} is too old: 7.0 or newer (or Valkey) is needed")
    mode = info.get("redis_mode") or info.get("server_mode")  # Valkey has another name for it
    if not client.is_cluster and mode == "cluster":
        raise StartupError("This Redis is a cluster: write its URL as redis+cluster://host:port,host:port")


def _explain(url: str, error: BaseException) -> str:
    masked_url = mask_url(url)
    if isinstance(error, ConnectionLost) and error.__cause__ is not None:
        error = error.__cause__  # the first attempt to connect ended so
    if isinstance(error, ReplyError) and error.code in NEEDS_LOGIN:
        return f"Redis at {masked_url} refuses the user or password given in INBOX_REDIS_URL"
    if isinstance(error, ReplyError):
        return f"Redis at {masked_url} cannot be used: {error}"
    return f"Redis at {masked_url} cannot be reached: {' '.join(str(error).split()) or type(error).__name__}"
