"""The end of a listening socket: nobody who was let in is reset."""

from __future__ import annotations

import asyncio
import socket
import sys
from typing import cast

import pytest

from inbox.listening import bind, duplicate, empty_queues
from inbox.server import new_event_loop

CLIENTS = 40


class Echo(asyncio.Protocol):
    """Sends back what it gets."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.write = cast(asyncio.Transport, transport).write

    def data_received(self, data: bytes) -> None:
        self.write(data)


async def _close_with_clients_in_the_queue() -> None:
    loop = asyncio.get_running_loop()
    [listener] = bind("127.0.0.1", 0)
    address = listener.getsockname()
    server = await loop.create_server(Echo, sock=listener)
    clients = [socket.create_connection(address) for _ in range(CLIENTS)]  # the loop has accepted none of them yet
    late = socket.socket()
    try:
        for number, client in enumerate(clients):
            client.sendall(b"%02d" % number)
            client.setblocking(False)
        await empty_queues([listener])
        late.setblocking(False)
        refused = asyncio.create_task(loop.sock_connect(late, address))
        await asyncio.sleep(0)
        server.close()
        listener.close()
        for number, client in enumerate(clients):
            assert await loop.sock_recv(client, 2) == b"%02d" % number
        if sys.platform == "linux":  # elsewhere it gets in, and is reset
            with pytest.raises(ConnectionRefusedError):
                await refused
    finally:
        for client in (*clients, late):
            client.close()


def test_a_listener_that_closes_resets_no_waiting_connection_and_lets_in_no_other() -> None:
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        runner.run(asyncio.wait_for(_close_with_clients_in_the_queue(), 60))


async def _turns_until_all_are_accepted() -> int:
    loop = asyncio.get_running_loop()
    accepted = 0

    def accept() -> asyncio.Protocol:
        nonlocal accepted
        accepted += 1
        return asyncio.Protocol()

    listeners = duplicate(bind("127.0.0.1", 0))
    clients = [socket.create_connection(listeners[0].getsockname()) for _ in range(CLIENTS)]
    servers = [await loop.create_server(accept, sock=listener) for listener in listeners]
    turns = 0
    while accepted < CLIENTS:
        await asyncio.sleep(0)
        turns += 1
    for server in servers:
        server.close()
    for one in (*listeners, *clients):
        one.close()
    return turns


@pytest.mark.skipif(sys.platform != "linux", reason="descriptors are doubled on Linux")
def test_several_connections_are_accepted_in_a_loop_turn() -> None:
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        turns = runner.run(asyncio.wait_for(_turns_until_all_are_accepted(), 60))
    assert turns < CLIENTS / 2
