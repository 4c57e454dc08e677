"""The connection to the store against servers that answer what a real one seldom does."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import hiredis
import pytest

from inbox.errors import StartupError, StoreUnavailable
from inbox.realtime.listener import Listener
from inbox.store.client import Client, open_client
from inbox.store.connection import wire
from inbox.store.connection.cluster import Cluster
from inbox.store.connection.errors import ConnectionLost, ReplyError, as_unavailable
from inbox.store.connection.node import StoreNode
from inbox.store.connection.sentinel import SentinelPrimary
from inbox.store.connection.slots import SLOTS
from inbox.store.connection.topology import SingleServer
from inbox.store.connection.url import Address, Login, parse_store_url
from inbox.store.connection.wire import deadline, pack
from inbox.store.outage import OutageWatch
from tests.support.processes import free_port
from tests.support.waiting import until

Answer = Callable[[list[bytes]], bytes | None]
"""Returns the reply to a command as it goes over the wire; None: none."""

OK = b"+OK\r\n"
REFUSED = b"-NOPERM no permissions\r\n"
INFO = b"$20\r\ncluster_state:ok\r\n\r\n\r\n"
LIMIT_SECONDS = 20.0
"""A bound for what would never end."""


class FakeServer:
    """Answers each command by `answer`. Knows its open connections, how many there were, and all commands."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        self.commands: list[list[bytes]] = []
        self.connections = 0
        self.open: set[asyncio.StreamWriter] = set()
        self.address = Address()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        parser = hiredis.Reader()
        self.open.add(writer)
        self.connections += 1
        try:
            while data := await reader.read(65_536):
                parser.feed(data)
                while (command := parser.gets()) is not False:
                    self.commands.append(command)
                    if (reply := self.answer(command)) is not None:
                        writer.write(reply)
        except ConnectionError:
            pass
        finally:
            self.open.discard(writer)
            writer.close()

    async def has_no_connection(self) -> bool:
        return not self.open


@asynccontextmanager
async def fake_server(answer: Answer = lambda _: OK) -> AsyncIterator[FakeServer]:
    fake = FakeServer(answer)
    server = await asyncio.start_server(fake.serve, "127.0.0.1")
    fake.address = Address("127.0.0.1", server.sockets[0].getsockname()[1])
    try:
        yield fake
    finally:
        server.close()
        for writer in list(fake.open):
            writer.close()
        await until(fake.has_no_connection)


@asynccontextmanager
async def node_of(address: Address, **options: Any) -> AsyncIterator[StoreNode]:
    node = StoreNode(address, Login(), **options)
    try:
        yield node
    finally:
        await node.close()


def slots_reply(*nodes: tuple[int, int, str, int]) -> bytes:
    """The reply to CLUSTER SLOTS: first and last slot, host and port of its primary."""
    ranges = [
        b"*3\r\n:%d\r\n:%d\r\n*3\r\n$%d\r\n%s\r\n:%d\r\n$1\r\nx\r\n" % (first, last, len(host), host.encode(), port)
        for first, last, host, port in nodes
    ]
    return b"*%d\r\n" % len(ranges) + b"".join(ranges)


# one server


async def test_a_command_right_after_a_full_connection_broke_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "MAX_IN_FLIGHT_BYTES", 10)
    async with fake_server(lambda command: None if command[0] == b"GET" else OK) as server:
        connection = await wire.open_wire(server.address, Login())
        waits = connection.request(pack(("GET", "a long key")))
        assert connection.is_full
        connection.drop("broken")
        assert not connection.is_full  # else a node would wait for room again and again, without ever giving way
        with pytest.raises(ConnectionLost):
            await waits


async def test_a_server_that_may_not_be_asked_for_its_role_keeps_no_connection() -> None:
    async with fake_server(lambda command: REFUSED if command[0] == b"ROLE" else OK) as server:

        async def find() -> Address:
            return server.address

        async with node_of(Address(), find=find) as node:
            for _ in range(3):
                with pytest.raises(ReplyError, match="NOPERM"):
                    await node.dial()
            await until(server.has_no_connection)
        assert server.connections == 3


async def test_a_cancelled_dial_keeps_no_connection() -> None:
    asked = asyncio.Event()

    def answer(command: list[bytes]) -> bytes | None:
        if command[0] != b"ROLE":
            return OK
        asked.set()
        return None

    async with fake_server(answer) as server:

        async def find() -> Address:
            return server.address

        async with node_of(Address(), find=find) as node:
            dialing = asyncio.create_task(node.dial())
            await asked.wait()
            dialing.cancel()
            with pytest.raises(asyncio.CancelledError):
                await dialing
            await until(server.has_no_connection)


async def test_a_further_connection_that_finds_another_primary_ends_those_to_the_old_one() -> None:
    """The announcement that follows names the server that is known by then: it would drop nothing."""

    def answer(command: list[bytes]) -> bytes:
        return b"*1\r\n$6\r\nmaster\r\n" if command[0] == b"ROLE" else OK

    async with fake_server(answer) as old, fake_server(answer) as new:
        found = [old.address]

        async def find() -> Address:
            return found[-1]

        async with node_of(Address(), find=find) as node:
            await node.send(("PING",))
            assert len(old.open) == 1
            found.append(new.address)
            further = await node.dial()
            await until(old.has_no_connection)
            assert further.address == node.address == new.address
            assert not further.lost.done()


async def test_a_host_that_no_resolver_takes_is_unavailable() -> None:
    async with asyncio.timeout(LIMIT_SECONDS), node_of(Address("a..b", 1)) as node:
        with pytest.raises(ConnectionLost):
            await node.send(("PING",))


async def test_an_attempt_that_fails_in_an_unknown_way_leaves_nobody_waiting() -> None:
    async def find() -> Address:
        raise RuntimeError("unknown")

    async with asyncio.timeout(LIMIT_SECONDS), node_of(Address(), find=find) as node:
        with pytest.raises(ConnectionLost, match="unknown"):
            await node.send(("PING",))


async def test_a_closed_server_is_dialed_no_more() -> None:
    async with fake_server() as server, node_of(server.address) as node:
        await node.close()
        with pytest.raises(ConnectionLost, match="closed"):
            await node.dial()
        assert server.connections == 0


async def test_what_outlives_a_request_has_not_its_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "REQUEST_SECONDS", 0.0)
    seen: list[float] = []

    async def find() -> Address:
        seen.append(deadline.get())
        raise ConnectionLost("away")

    async def is_available() -> None:
        seen.append(deadline.get())

    wire.limit_waiting()
    assert deadline.get() < float("inf")
    async with node_of(Address(), find=find) as node:
        with pytest.raises(ConnectionLost, match="away"):
            await node.send(("PING",))
    watch = OutageWatch(is_available)
    watch.note(ConnectionLost("away"))
    assert watch._watching is not None
    await watch._watching
    assert seen == [float("inf")] * 2


async def test_a_transaction_that_is_aborted_when_it_runs_is_unavailable() -> None:
    text = b"-EXECABORT Transaction discarded because of: OOM command not allowed\r\n"
    answers = {b"EXEC": text, b"SET": b"+QUEUED\r\n"}
    async with fake_server(lambda command: answers.get(command[0], OK)) as server, node_of(server.address) as node:
        with pytest.raises(StoreUnavailable):
            await Client(SingleServer(node)).transaction([("SET", "a", 1)])
    assert as_unavailable(ReplyError("ERR syntax error")) is None


# URLs


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("unix:///srv/a@b:c/store.sock", "/srv/a@b:c/store.sock"),
        ("unix:///srv/a%40b%3F/store.sock?db=2", "/srv/a@b?/store.sock"),
        ("unix://ada:pw@/srv/store.sock", "/srv/store.sock"),
    ],
)
def test_a_socket_may_have_any_path(url: str, path: str) -> None:
    assert parse_store_url(url).addresses == (Address(path=path),)


@pytest.mark.parametrize(
    ("url", "login"),
    [
        ("redis://ada@h", Login("ada")),
        ("redis://:p%40s%2Fs%3F@h", Login(None, "p@s/s?")),
        ("redis://ada:p@ss/w#rd@h/3", Login("ada", "p@ss/w#rd", 3)),
        ("redis://h?username=ada&password=p%2Bw&db=4", Login("ada", "p+w", 4)),
        ("unix://ada:pw@/srv/store.sock?db=1", Login("ada", "pw", 1)),
    ],
)
def test_users_passwords_and_databases(url: str, login: Login) -> None:
    assert parse_store_url(url).login == login


async def test_a_user_without_a_password_logs_in() -> None:
    """As the default user it might read what it must not."""
    async with fake_server() as server:
        (await wire.open_wire(server.address, Login("ada"))).drop("done")
        assert server.commands[0] == [b"AUTH", b"ada", b""]


@pytest.mark.parametrize("word", ["False", "NO", "0"])
def test_a_host_name_is_not_checked_in_any_spelling(word: str) -> None:
    login = parse_store_url(f"rediss://h?ssl_check_hostname={word}").login
    assert login.tls is not None
    assert not login.tls.check_hostname


@pytest.mark.parametrize("scheme", ["redis", "unix", "redis+sentinel", "redis+cluster"])
def test_a_tls_option_of_an_unencrypted_url_is_refused(scheme: str) -> None:
    with pytest.raises(StartupError, match=f"ssl_ca_certs, but {re.escape(scheme)}:// is not encrypted"):
        parse_store_url(f"{scheme}://h/x?ssl_ca_certs=/nowhere.pem")


# sentinels


@pytest.mark.parametrize("reply", [OK, b":1\r\n", b"*1\r\n$2\r\nip\r\n", b"*2\r\n$2\r\nip\r\n$1\r\nh\r\n", b"*-1\r\n"])
async def test_a_sentinel_with_another_answer_is_told_at_the_start(reply: bytes) -> None:
    async with (
        asyncio.timeout(LIMIT_SECONDS),
        fake_server(lambda command: reply if command[0] == b"SENTINEL" else OK) as server,
    ):
        with pytest.raises(StartupError, match="no sentinel names a primary"):
            await open_client(f"redis+sentinel://{server.address}/x")


async def test_an_odd_sentinel_is_no_reason_to_lose_the_others() -> None:
    flat = [b"ip", b"127.0.0.1", b"port", b"7", b"config-epoch", b"1"]
    right = b"*6\r\n" + b"".join(b"$%d\r\n%s\r\n" % (len(part), part) for part in flat)
    async with (
        fake_server(lambda command: right if command[0] == b"SENTINEL" else OK) as one,
        fake_server() as odd,
    ):
        primary = SentinelPrimary(parse_store_url(f"redis+sentinel://{odd.address},{one.address}/x"))
        try:
            assert await primary._find() == Address("127.0.0.1", 7)
        finally:
            await primary.close()


# a cluster


async def test_a_cluster_that_may_not_be_asked_is_told_at_the_start() -> None:
    def answer(command: list[bytes]) -> bytes:
        slots = slots_reply((0, SLOTS - 1, *("127.0.0.1", 1)))
        return {b"INFO": REFUSED, b"SLOTS": slots}.get(command[1], OK) if command[0] == b"CLUSTER" else OK

    async with fake_server(answer) as server:
        with pytest.raises(StartupError):
            await open_client(f"redis+cluster://{server.address}")


@asynccontextmanager
async def fake_cluster(own: Callable[[FakeServer], bytes], get: Callable[[], bytes]) -> AsyncIterator[Cluster]:
    """One server, which answers CLUSTER SLOTS by `own` and GET by `get`."""

    def answer(command: list[bytes]) -> bytes:
        if command[0] == b"CLUSTER":
            return INFO if command[1] == b"INFO" else own(server)
        return {b"GET": get, b"EXEC": lambda: b"-EXECABORT\r\n"}.get(command[0], lambda: OK)()

    async with fake_server(answer) as server:
        cluster = Cluster(parse_store_url(f"redis+cluster://{server.address}"))
        try:
            await cluster.start()
            yield cluster
        finally:
            await cluster.close()


def all_slots(server: FakeServer) -> bytes:
    return slots_reply((0, SLOTS - 1, server.address.host, server.address.port))


@pytest.mark.parametrize("host", ["", "?"])
@pytest.mark.parametrize("way", ["MOVED", "ASK"])
async def test_a_redirection_without_a_host_leads_to_the_host_that_gave_it(host: str, way: str) -> None:
    async with fake_server(lambda command: b"$5\r\nfound\r\n" if command[0] == b"GET" else OK) as other:
        moved = f"-{way} 1 {host}:{other.address.port}\r\n".encode()
        async with fake_cluster(all_slots, lambda: moved) as cluster:
            assert await cluster.send(("GET", "a")) == b"found"


async def test_a_server_that_redirects_to_itself_is_unavailable() -> None:
    async with asyncio.timeout(LIMIT_SECONDS):
        replies: list[bytes] = []
        async with fake_cluster(all_slots, lambda: replies[0]) as cluster:
            replies.append(f"-MOVED 1 {cluster.primaries[0].name}\r\n".encode())
            with pytest.raises(StoreUnavailable):
                await Client(cluster).execute("GET", "a")
            with pytest.raises(StoreUnavailable):
                await Client(cluster).transaction([("GET", "a")])


async def test_a_server_without_slots_that_is_gone_is_left() -> None:
    """It would be dialed for ever, and each failure would read the slots of all others."""
    gone = Address("127.0.0.1", free_port())
    async with fake_cluster(all_slots, lambda: f"-ASK 1 {gone}\r\n".encode()) as cluster:
        with pytest.raises(ConnectionLost):
            await cluster.send(("GET", "a"))
        node = cluster._nodes[gone]

        async def is_left() -> bool:
            return node.is_closed and gone not in cluster._nodes

        await until(is_left)


async def test_a_link_to_a_server_that_was_left_ends() -> None:
    async with fake_server() as other, fake_server() as server:
        addresses = [server.address]

        def own(_: FakeServer) -> bytes:
            return slots_reply((0, SLOTS - 1, addresses[-1].host, addresses[-1].port))

        async with fake_cluster(own, lambda: OK) as cluster:
            listener = Listener(Client(cluster), "probe", lambda *_: None, lambda _: None)
            try:
                link = listener._link_for("probe")
                link.add("probe")
                addresses.append(other.address)
                await cluster.refresh()

                async def has_ended() -> bool:
                    return link._task.done() and list(listener._links) == cluster.primaries

                await until(has_ended)
                assert list(listener._links[cluster.primaries[0]].channels) == ["probe"]
            finally:
                await listener.close()
