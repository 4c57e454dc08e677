"""The sockets that a process listens on: bound at its start, and closed at its end without resetting a connection."""

from __future__ import annotations

import asyncio
import ctypes
import errno
import selectors
import socket
import struct
import sys
from collections.abc import Sequence
from typing import Any

from inbox.errors import StartupError

BACKLOG = 2048
ACCEPTED_A_TURN = 8
SEND_BUFFER_BYTES = 64 * 1024
USER_TIMEOUT_MS = 20_000
WILDCARDS = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 (names them, binds nothing)

_SO_ATTACH_FILTER = 26
_DROP_SYN = b"".join(
    struct.pack("HBBI", *instruction)
    for instruction in (
        (0x30, 0, 0, 13),  # load the byte of the flags
        (0x45, 0, 1, 0x02),  # is SYN among them?
        (0x06, 0, 0, 0),  # then drop the packet,
        (0x06, 0, 0, 0xFFFFFFFF),  # else keep it
    )
)
"""A packet filter: no connection begins, while those that have begun go on."""


def bind(host: str, port: int, *, is_shared: bool = False, settings: str = "INBOX_") -> list[socket.socket]:
    """Return listening sockets, one for each address of the host; accepted sockets inherit their options.

    `is_shared`: other processes listen on the same port, and the kernel shares out the connections. `settings`: how the
    variables begin that host and port come from.
    A peer that stops reading holds at most 64 KiB in the kernel, and is dropped after 20 s on Linux. Raise StartupError
    when the host is unknown or the port is in use.
    """
    try:
        addresses = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (socket.gaierror, UnicodeError) as error:
        raise StartupError(f"the host {host} is not known: set {settings}HOST to an address of this machine") from error
    listeners: list[socket.socket] = []
    try:
        for family, kind, protocol, _, address in dict.fromkeys(addresses):
            bound_port = listeners[0].getsockname()[1] if listeners else port
            listeners.append(
                _listen(socket.socket(family, kind, protocol), (address[0], bound_port, *address[2:]), is_shared)
            )
    except OSError as error:
        for listener in listeners:
            listener.close()
        variable = settings + ("HOST" if error.errno == errno.EADDRNOTAVAIL else "PORT")
        raise StartupError(
            f"cannot listen on {host} port {port}: {error.strerror}; choose another with {variable}"
        ) from error
    return listeners


def _listen(listener: socket.socket, address: tuple[Any, ...], is_shared: bool) -> socket.socket:
    try:
        if is_shared:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if sys.platform == "linux":
            listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, USER_TIMEOUT_MS)
        if listener.family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listener.bind(address)
        listener.listen(BACKLOG)  # at once: only this fails for certain if the port is in use
    except OSError:
        listener.close()
        raise
    return listener


def duplicate(listeners: Sequence[socket.socket]) -> list[socket.socket]:
    """Return the listeners, each by several descriptors: uvloop accepts one connection of each descriptor a loop turn.

    With a single one, a request over a new connection waits for as many turns as connections came before it, when
    thousands of sockets come back at once.
    """
    copies = ACCEPTED_A_TURN - 1 if sys.platform == "linux" else 0
    return [*listeners, *(listener.dup() for listener in listeners for _ in range(copies))]


def service_url(host: str, port: int) -> str:
    """Return where a browser on this machine reaches the service."""
    name = WILDCARDS.get(host, host)
    return f"http://[{name}]:{port}" if ":" in name else f"http://{name}:{port}"


async def empty_queues(listeners: Sequence[socket.socket]) -> None:
    """Return once the event loop has accepted every connection that waits at the listeners, which may then be closed.

    The kernel resets connections that are still in the queue of a closed listener, although their clients may have
    sent requests. On Linux no new ones join the queue from now on: their clients try again a second later, and are
    refused.
    """
    if sys.platform == "linux":
        for listener in listeners:
            _drop_new_connections(listener)
    with selectors.DefaultSelector() as selector:
        for listener in listeners:
            selector.register(listener, selectors.EVENT_READ)
        for _ in range(BACKLOG):
            if not selector.select(0):
                return
            await asyncio.sleep(0)


def _drop_new_connections(listener: socket.socket) -> None:
    program = ctypes.create_string_buffer(_DROP_SYN)
    described = struct.pack("HP", len(_DROP_SYN) // 8, ctypes.addressof(program))
    listener.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, described)
