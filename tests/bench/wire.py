"""A connection that costs the measured server nothing but its commands."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import hiredis

from inbox.store.client import Command

IN_FLIGHT = 16


@dataclass(frozen=True, slots=True)
class Operation:
    """Commands as they go over the wire, and how many replies they get."""

    data: bytes
    replies: int


def pack(commands: Sequence[Command]) -> Operation:
    return Operation(b"".join(_encode(command) for command in commands), len(commands))


def _encode(command: Command) -> bytes:
    packed: bytes = hiredis.pack_command(command)  # type: ignore[arg-type]  # its types know tuples of one part only
    return packed


class Wire:
    """A blocking connection to a server on a unix socket."""

    def __init__(self, url: str) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.connect(url.removeprefix("unix://"))
        self._reader = hiredis.Reader()

    def run(self, operations: Sequence[Operation]) -> None:
        """Sends them, 16 in flight, and returns when all are answered. Raises hiredis.ReplyError for a failed one."""
        for start in range(0, len(operations), IN_FLIGHT):
            batch = operations[start : start + IN_FLIGHT]
            self._socket.sendall(b"".join(operation.data for operation in batch))
            for reply in self._replies(sum(operation.replies for operation in batch)):
                _refuse_errors(reply)

    def call(self, *command: str | bytes | int) -> Any:
        """The reply of one command."""
        self._socket.sendall(_encode(command))
        [reply] = self._replies(1)
        _refuse_errors(reply)
        return reply

    def close(self) -> None:
        self._socket.close()

    def _replies(self, count: int) -> Iterator[Any]:
        while count:
            reply = self._reader.gets()
            if reply is False:
                self._reader.feed(self._socket.recv(1 << 16))
                continue
            count -= 1
            yield reply


def _refuse_errors(reply: Any) -> None:
    for part in reply if isinstance(reply, list) else [reply]:
        if isinstance(part, hiredis.HiredisError):
            raise part
