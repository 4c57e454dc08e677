"""With INBOX_DURABILITY=fsync the reply and the push leave after the data is on disk.

A kill -9 proves nothing about this, since the page cache survives it: the order of the system calls does. The service
and its embedded store run under one strace, so one clock orders the calls of both.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.conftest import RunServer
from tests.support.client import Api
from tests.support.server import Server, running_server
from tests.support.sockets import RECEIVED, UNREAD, UNSEEN, PlainSocket

CALLS = "trace=fdatasync,fsync,write,writev,pwrite64,send,sendto,sendmsg"
TRIGGERS = 20


@dataclass(frozen=True)
class Call:
    """One finished system call of the trace: what it was, and what it carried."""

    name: str
    text: str


def finished_calls(trace: str) -> list[Call]:
    """The calls in the order in which they returned; a call that another thread interrupted is put together again."""
    calls: list[Call] = []
    begun: dict[str, str] = {}
    for line in trace.splitlines():
        pid, _, rest = line.partition(" ")
        rest = rest.strip()
        if rest.endswith("<unfinished ...>"):
            begun[pid] = rest
        elif resumed := re.match(r"<\.\.\. (\w+) resumed>(.*)", rest):
            calls.append(Call(resumed[1], begun.pop(pid, "") + resumed[2]))
        elif call := re.match(r"(\w+)\((.*)", rest):
            calls.append(Call(call[1], call[2]))
    return calls


@pytest.fixture
async def traced(tmp_path: Path, run_server: RunServer) -> AsyncIterator[Server]:
    """A service with an embedded store, both under strace."""
    # -D: strace stands aside and the process stays the service itself, so that it gets the signals meant for it
    wrapper = [
        "strace",
        "-D",
        "-f",
        "-y",
        "-s",
        "2000",
        "-e",
        CALLS,
        "-e",
        "signal=none",
        "-o",
        str(tmp_path / "trace"),
    ]
    async with running_server(tmp_path, wrapper=wrapper, INBOX_DURABILITY="fsync") as server:
        yield server


def is_append(call: Call, marker: str) -> bool:
    """The store writes the message to its append-only file."""
    return call.name in ("write", "writev", "pwrite64") and ".aof>" in call.text and marker in call.text


def is_sync(call: Call) -> bool:
    return call.name in ("fdatasync", "fsync") and ".aof>" in call.text and call.text.rstrip().endswith("= 0")


def is_reply(call: Call, marker: str) -> bool:
    return "HTTP/1.1 201" in call.text and marker in call.text


def is_push(call: Call, marker: str) -> bool:
    return RECEIVED in call.text and marker in call.text


def index(calls: list[Call], matches: list[bool], what: str) -> int:
    assert any(matches), f"the trace shows no {what} among {len(calls)} calls"
    return matches.index(True)


@pytest.mark.needs("strace")
async def test_reply_and_push_leave_after_the_fdatasync(traced: Server, tmp_path: Path) -> None:
    markers = [f"marked-{number:04}" for number in range(TRIGGERS)]
    async with Api.open(traced) as api, PlainSocket.open(traced, "ada") as socket:
        await api.create_workflow()
        for marker in markers:
            await api.trigger("ada", {"n": 1}, transactionId=marker)
            await socket.expect_exactly(RECEIVED, UNSEEN, UNREAD)
    await traced.terminate()
    calls = finished_calls((tmp_path / "trace").read_text(errors="replace"))
    for marker in markers:
        append = index(calls, [is_append(call, marker) for call in calls], f"append of {marker}")
        sync = append + index(calls[append:], [is_sync(call) for call in calls[append:]], f"sync after {marker}")
        reply = index(calls, [is_reply(call, marker) for call in calls], f"reply to {marker}")
        push = index(calls, [is_push(call, marker) for call in calls], f"push of {marker}")
        assert append < sync < min(reply, push)
