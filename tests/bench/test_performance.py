"""Each table of `python -m tests.bench.performance`, made at a hundredth of its size."""

from __future__ import annotations

import asyncio
import io
import sys

import pytest

from .performance.__main__ import TABLES, run
from .performance.client import connected, request
from .performance.comparison import Comparison, Progress, Size, Table
from .performance.sockets import opening
from .performance.targets import OTHERS

SIZE = Size.scaled(100)
MOST = 1.3
"""Times the memory of a plain socket that one of Socket.IO may take: a flavour is a codec and little more.

With 1,500 sockets it is 1.10 to 1.14; memory grows in blocks, so with 300 it was 1.13 to 1.27.
"""

pytestmark = [
    pytest.mark.needs("valkey"),
    pytest.mark.skipif(sys.platform != "linux", reason="CPU times come from /proc"),
]


def check(table: Table) -> None:
    """Each row has its cells, and figures among them."""
    assert table.rows
    for row in table.rows:
        assert len(row) == len(table.columns), table.markdown()
        assert any(isinstance(cell, float) and cell > 0 for cell in row), table.markdown()


async def test_a_lost_connection_answers_no_request() -> None:
    async def leave(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    async with (
        await asyncio.start_server(leave, "127.0.0.1", 0) as server,
        connected(server.sockets[0].getsockname()[1], 1) as [connection],
        asyncio.timeout(60),
    ):
        for _ in range(2):
            with pytest.raises(AssertionError, match="the connection was lost"):
                await connection.send(request("GET", "/health"))


@pytest.mark.parametrize("name", [name for name in TABLES if name != "opening"])
async def test_a_table_has_its_figures(name: str) -> None:
    peers = OTHERS if name == "trigger" else ()  # those that are installed: to start each of them takes seconds
    tables, left_out = await run(SIZE, [name], Progress(1, io.StringIO()), peers)
    assert tables, left_out
    for table in tables:
        check(table)


async def test_a_socket_of_a_flavour_takes_as_much_memory_as_any_other() -> None:
    [table] = await opening(Comparison(Size(idle_sockets=1_500), Progress(1, io.StringIO()), peers=()))
    check(table)
    memory = {row[0]: row[3] for row in table.rows}
    assert memory["inbox, Socket.IO"] <= MOST * memory["inbox"], memory
