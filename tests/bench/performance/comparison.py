"""One run: its sizes, the servers that are installed, the progress bar, and the tables that it makes."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from statistics import median
from typing import Any, TextIO, TypeVar

from tests.bench.tables import markdown

from .client import Arrivals, Socket, open_sockets
from .targets import OTHERS, Peer, Target

T = TypeVar("T")
BAR = 24
LOST_SECONDS = 180.0
QUIET_SECONDS, POLL_SECONDS, QUIET_SHARE = 60.0, 0.25, 0.1
Cell = str | float | None


@dataclass(frozen=True, slots=True)
class Size:
    """How much is measured. `rounds` take all servers in turn; the figure of a table is their median."""

    rounds: int = 5
    triggers: int = 2_000
    """In each round, as are `requests` and `pushes`."""
    requests: int = 500
    pushes: int = 20
    sockets: int = 1_000
    many_sockets: int = 10_000
    idle_sockets: int = 5_000
    long_feed: int = 10_000
    idle_seconds: float = 60.0
    rates: Sequence[int] = (200, 1_000)

    @classmethod
    def scaled(cls, divisor: int) -> Size:
        """Return a smaller size, to see that everything works: its figures mean little."""
        full = cls()
        return cls(
            rounds=3,
            triggers=full.triggers // divisor,
            requests=full.requests // divisor,
            pushes=max(2, full.pushes // divisor),
            sockets=full.sockets // divisor,
            many_sockets=full.many_sockets // divisor,
            idle_sockets=full.idle_sockets // divisor,
            long_feed=max(100, full.long_feed // divisor),
            idle_seconds=full.idle_seconds / divisor,
            rates=full.rates,
        )


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its head, and how its numbers are written."""

    head: str
    form: str = "{:,.1f}"

    def show(self, cell: Cell) -> str:
        if cell is None:
            return ""
        return cell if isinstance(cell, str) else self.form.format(cell)


@dataclass(frozen=True, slots=True)
class Table:
    """A title, columns, rows, and what has to be known to read them."""

    title: str
    columns: Sequence[Column]
    rows: Sequence[Sequence[Cell]]
    note: str = ""

    def markdown(self) -> str:
        shown = [[column.show(cell) for column, cell in zip(self.columns, row, strict=False)] for row in self.rows]
        parts = [f"### {self.title}", self.note, markdown([column.head for column in self.columns], shown)]
        return "\n\n".join(filter(None, parts))

    def as_json(self) -> dict[str, Any]:
        heads = [column.head for column in self.columns]
        return {"title": self.title, "note": self.note, "columns": heads, "rows": [list(row) for row in self.rows]}


class Progress:
    """A bar on standard error: which part of how many, and what it does."""

    def __init__(self, parts: int, stream: TextIO = sys.stderr) -> None:
        self._parts = parts
        self._stream = stream
        self._part, self._name = 0, ""

    def begin(self, name: str) -> None:
        self._part, self._name = self._part + 1, name
        self.tell("")

    def tell(self, what: str) -> None:
        if self._stream.isatty():
            done = BAR * (self._part - 1) // self._parts
            bar = "#" * done + "." * (BAR - done)
            self._stream.write(f"\r\x1b[K[{bar}] {self._part}/{self._parts} {self._name}: {what}"[:160])
            self._stream.flush()
        elif not what:
            print(f"{self._part}/{self._parts} {self._name}", file=self._stream, flush=True)

    def end(self, failure: str = "") -> None:
        """Take the bar away, and say why the part has failed if it has."""
        if self._stream.isatty():
            self._stream.write("\r\x1b[K")
        if failure:
            print(failure, file=self._stream, flush=True)


@dataclass
class Comparison:
    """What all tables share. `left_out` names what could not be measured, and why."""

    size: Size
    progress: Progress
    peers: Sequence[Peer] = OTHERS
    left_out: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        for peer in self.peers:
            if reason := peer.missing():
                self.left_out.append(f"{peer.name} is not installed: {reason}")
        self.peers = [peer for peer in self.peers if not peer.missing()]

    @asynccontextmanager
    async def opened(self, *peers: Peer) -> AsyncIterator[list[Target]]:
        """Yield these servers, running; they end with the block. One that does not start is left out."""
        async with AsyncExitStack() as stack:
            targets = []
            for peer in peers:
                self.progress.tell(f"starting {peer.name}")
                try:
                    targets.append(await stack.enter_async_context(peer.open()))
                except AssertionError as error:
                    self.left_out.append(f"{peer.name} does not start: {str(error)[-500:]}")
            yield targets

    async def rounds(
        self, what: str, names: Sequence[str], measure: Callable[[str], Awaitable[T]], rounds: int | None = None
    ) -> dict[str, list[T]]:
        """Measure each of these in turn, round by round, after a first round that does not count.

        A peer that loses a message is left out from then on. Raise AssertionError if the service does.
        """
        found: dict[str, list[T]] = {name: [] for name in names}
        for number in range(1 + (rounds or self.size.rounds)):
            for name in list(found):
                self.progress.tell(f"{what}, round {number}, {name}")
                try:
                    result = await measure(name)
                except AssertionError as error:
                    if name not in {peer.name for peer in self.peers}:
                        raise
                    self.left_out.append(f"{what}, {error}")
                    del found[name]
                    continue
                if number:
                    found[name].append(result)
        return found


def medians(found: Mapping[str, Sequence[float]]) -> dict[str, float]:
    return {name: median(values) for name, values in found.items()}


def percentile(values: Sequence[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


class Crowd:
    """The open sockets of a target, and the messages on their way to them."""

    def __init__(self, target: Target) -> None:
        self.target = target
        self.arrivals = Arrivals()
        self.sockets: list[Socket] = []

    async def open(self, users: Sequence[int]) -> None:
        """Open a socket for each of these users; one may be named several times."""
        handshakes = [self.target.socket(user) for user in users]
        self.sockets += await open_sockets(handshakes, self.arrivals.note)

    async def arrived(self, landed: asyncio.Future[None]) -> None:
        """Wait for the copies of a message. Raise AssertionError if one does not arrive."""
        try:
            async with asyncio.timeout(LOST_SECONDS):
                await landed
        except TimeoutError:
            missing = self.arrivals.missing
            raise AssertionError(f"{self.target.name}: {missing:,} copies have not arrived") from None

    def close(self) -> None:
        for socket in self.sockets:
            socket.close()
        self.sockets.clear()

    @property
    def faults(self) -> str:
        """Return how many messages came that nobody had sent, or had come before; empty if none."""
        return f"{self.arrivals.unexpected} unexpected" if self.arrivals.unexpected else ""


@asynccontextmanager
async def crowd_of(target: Target, users: Sequence[int]) -> AsyncIterator[Crowd]:
    """Yield the sockets of these users; they are closed at the end."""
    await target.prepare(max(users) + 1)
    crowd = Crowd(target)
    try:
        await crowd.open(users)
        yield crowd
    finally:
        crowd.close()
        await _is_quiet(target)


async def _is_quiet(target: Target) -> None:
    """Wait until a server has done what it does for closed sockets, but no longer than a minute."""
    for _ in range(round(QUIET_SECONDS / POLL_SECONDS)):
        before = target.cpu_us()
        await asyncio.sleep(POLL_SECONDS)
        if target.cpu_us() - before < QUIET_SHARE * POLL_SECONDS * 1e6:
            return
