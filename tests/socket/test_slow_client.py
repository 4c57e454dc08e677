"""A client that never reads costs no more than its bound, is ended by name, and holds nobody else up."""

from __future__ import annotations

import asyncio
import socket as sockets
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from urllib.parse import quote

from websockets.asyncio.client import ClientConnection, connect

from inbox.realtime.connection import FULL_BUFFER_BYTES
from tests.conftest import RunServer
from tests.support.client import Api, create_session
from tests.support.processes import resident_bytes
from tests.support.server import Server
from tests.support.sockets import PlainSocket

QUEUE_BYTES = 256 * 1024
STUCK = 20
MESSAGES = 800
TEXT = "x" * 28_000  # in the payload and in the rendered body: some 56 KB a frame, 45 MB in all
KERNEL_BUFFER_BYTES = 4096
DEAF, TOTAL_BYTES = 500, 4 * 1024 * 1024
MAX_GROWTH_BYTES = 24 * 1024 * 1024  # the bound of every socket, and the allocator's slack


@asynccontextmanager
async def stuck_socket(server: Server, subscriber_id: str) -> AsyncIterator[ClientConnection]:
    """A connection that is accepted and then never reads a frame nor answers a ping."""
    token = (await create_session(server, subscriber_id))["token"]
    with sockets.socket() as raw:
        raw.setsockopt(sockets.SOL_SOCKET, sockets.SO_RCVBUF, KERNEL_BUFFER_BYTES)
        raw.connect(("127.0.0.1", server.port))
        connection = await connect(
            f"{server.ws_url}?token={quote(token)}", sock=raw, compression=None, max_queue=1, close_timeout=0.1
        )
        try:
            yield connection
        finally:
            connection.transport.abort()


async def test_a_client_that_never_reads_is_bounded_and_ended_by_name(
    run_server: RunServer, valkey_url: str, key_prefix: str
) -> None:
    server = await run_server(
        redis_url=valkey_url, INBOX_KEY_PREFIX=key_prefix, INBOX_MAX_SOCKET_QUEUE_BYTES=str(QUEUE_BYTES)
    )
    async with Api.open(server) as api, AsyncExitStack() as stack:
        await api.create_workflow(body="{{payload.text}}")
        healthy = await stack.enter_async_context(PlainSocket.open(server, "ada"))
        for _ in range(STUCK):
            await stack.enter_async_context(stuck_socket(server, "ada"))
        before = resident_bytes(server.pid)
        most = before
        sent = []
        for number in range(MESSAGES):
            reply = await api.trigger("ada", {"n": number, "text": TEXT})
            sent.append(reply["transactionId"])
            most = max(most, resident_bytes(server.pid))
        await healthy.reach(sent[-1])
        assert healthy.received() == sent
        assert most - before < MAX_GROWTH_BYTES, f"grew by {most - before} bytes"
        assert server.log().count("slow_consumer") >= STUCK


@asynccontextmanager
async def deaf_sockets(server: Server, token: str, count: int) -> AsyncIterator[None]:
    """So many open sockets that take nothing beyond the answer to their handshake."""
    loop = asyncio.get_running_loop()
    request = (
        f"GET /ws?token={quote(token)} HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\nConnection: Upgrade\r\n"
        "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\n\r\n"
    ).encode()
    with ExitStack() as stack:
        for _ in range(count):
            deaf = stack.enter_context(sockets.socket())
            deaf.setsockopt(sockets.SOL_SOCKET, sockets.SO_RCVBUF, KERNEL_BUFFER_BYTES)
            deaf.setblocking(False)
            await loop.sock_connect(deaf, ("127.0.0.1", server.port))
            await loop.sock_sendall(deaf, request)
            assert (await loop.sock_recv(deaf, 12)).startswith(b"HTTP/1.1 101")
        yield


async def test_all_stalled_clients_together_are_bounded(
    run_server: RunServer, valkey_url: str, key_prefix: str
) -> None:
    """Long before the bound of a single socket the largest queues go, until the others are within the bound of all."""
    server = await run_server(
        redis_url=valkey_url,
        INBOX_KEY_PREFIX=key_prefix,
        INBOX_MAX_SOCKETS_PER_SUBSCRIBER=str(DEAF + 1),
        INBOX_MAX_SOCKET_QUEUE_TOTAL_BYTES=str(TOTAL_BYTES),
    )
    async with Api.open(server) as api, AsyncExitStack() as stack:
        await api.create_workflow(body="{{payload.text}}")
        token = (await create_session(server, "ada"))["token"]
        healthy = await stack.enter_async_context(PlainSocket.open(server, "ada"))
        await stack.enter_async_context(deaf_sockets(server, token, DEAF))
        sent = []
        for number in range(12):  # of some 56 KB: far more than all buffers take, far less than a queue may hold
            sent.append((await api.trigger("ada", {"n": number, "text": TEXT}))["transactionId"])
        await healthy.reach(sent[-1])
        assert healthy.received() == sent
        assert server.log().count("bytes of all sockets") >= DEAF - TOTAL_BYTES // FULL_BUFFER_BYTES


async def test_a_stop_waits_for_no_stuck_client(run_server: RunServer, valkey_url: str, key_prefix: str) -> None:
    server = await run_server(redis_url=valkey_url, INBOX_KEY_PREFIX=key_prefix, INBOX_SHUTDOWN_SECONDS="3")
    async with Api.open(server) as api, stuck_socket(server, "ada"):
        await api.create_workflow(body="{{payload.text}}")
        for number in range(8):  # fills the kernel's buffers, and stays below every limit of ours
            await api.trigger("ada", {"n": number, "text": TEXT})
        assert await server.terminate() == 0
