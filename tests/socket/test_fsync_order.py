"""With INBOX_DURABILITY=fsync the reply and the push leave after the data is on disk.

A kill -9 proves nothing about this, since the page cache survives it: the order of the system calls does. The service
and its embedded store run under one strace, so one clock orders the calls of both.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.client import Api
from tests.support.server import running_server
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


async def trace_triggers(directory: Path, durability: str) -> tuple[list[str], list[Call]]:
    """Marked triggers to a service with an embedded store, both under strace; the markers and the calls."""
    options = ["-f", "-y", "-s", "4000", "-e", CALLS, "-e", "signal=none", "-o", str(directory / "trace")]
    # -D: strace stands aside and the process stays the service itself, so that it gets the signals meant for it
    wrapper = ["strace", "-D", *options]
    markers = [f"marked-{number:04}" for number in range(TRIGGERS)]
    async with running_server(directory, wrapper=wrapper, INBOX_DURABILITY=durability) as server:
        async with Api.open(server) as api, PlainSocket.open(server, "ada") as socket:
            await api.create_workflow()
            for marker in markers:
                await api.trigger("ada", {"n": 1}, transactionId=marker)
                await socket.expect_exactly(RECEIVED, UNSEEN, UNREAD)
        await server.terminate()
    return markers, finished_calls((directory / "trace").read_text(errors="replace"))


def is_append(call: Call, marker: str) -> bool:
    """The store writes the message to its append-only file."""
    return call.name in ("write", "writev", "pwrite64") and ".aof>" in call.text and marker in call.text


def is_sync(call: Call) -> bool:
    return call.name in ("fdatasync", "fsync") and ".aof>" in call.text and call.text.rstrip().endswith("= 0")


def is_reply(call: Call, marker: str) -> bool:
    return "acknowledged" in call.text and marker in call.text


def is_push(call: Call, marker: str) -> bool:
    """The message and both counts, which leave in one write."""
    return all(part in call.text for part in (RECEIVED, marker, UNSEEN, UNREAD))


def find(calls: list[Call], start: int, what: str, matches: Callable[[Call], bool]) -> int:
    """The index of the first call from `start` on that matches."""
    found = next((index for index in range(start, len(calls)) if matches(calls[index])), None)
    assert found is not None, f"the trace shows no {what} among {len(calls)} calls"
    return found


def leaves_after_sync(calls: list[Call], marker: str) -> bool:
    """Whether both the reply and the push of a message leave after the sync that follows its append."""
    append = find(calls, 0, f"append of {marker}", lambda call: is_append(call, marker))
    reply = find(calls, 0, f"reply to {marker}", lambda call: is_reply(call, marker))
    push = find(calls, 0, f"push of {marker}", lambda call: is_push(call, marker))
    return any(is_sync(call) for call in calls[append : min(reply, push)])


@pytest.mark.needs("strace", "valkey")
async def test_reply_and_push_leave_after_the_fdatasync(tmp_path: Path) -> None:
    markers, calls = await trace_triggers(tmp_path, "fsync")
    assert [marker for marker in markers if not leaves_after_sync(calls, marker)] == []


@pytest.mark.needs("strace", "valkey")
async def test_the_trace_can_tell_the_difference(tmp_path: Path) -> None:
    """With everysec, replies do not wait for the disk: had the trace shown otherwise, it would show nothing."""
    markers, calls = await trace_triggers(tmp_path, "everysec")
    assert any(not leaves_after_sync(calls, marker) for marker in markers)
