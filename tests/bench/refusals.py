"""What a refused handshake costs the service, beside one that has nowhere to go: `python -m tests.bench.refusals`.

A page whose token has expired tries again every ten seconds for as long as it is open, so refusing must be cheap. CPU
is the time that the service's threads were on a CPU; rounds of both kinds take turns, a figure is the median of the
rounds and a difference the median of the rounds' differences, so what else the machine does weighs on both.
"""

from __future__ import annotations

import asyncio
import base64
import tempfile
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from tests.support.client import create_session
from tests.support.server import Server, running_server

from .tables import markdown
from .usage import cpu_us

ROUNDS = 15
HANDSHAKES = 200
EXPIRING_SECONDS = 1
KEY = base64.b64encode(b"0123456789abcdef").decode()


@dataclass(frozen=True, slots=True)
class Refused:
    """Microseconds of CPU for one handshake, the bare refusal's, and how much more."""

    us: float
    bare_us: float
    more_us: float


async def attempts_of(server: Server) -> dict[str, str]:
    """Paths that are refused, by what is wrong with them; the server's tokens live for a second."""
    token = str((await create_session(server, "ada"))["token"])
    head, _, signature = token.rpartition(".")
    await asyncio.sleep(EXPIRING_SECONDS + 1)
    return {
        "expired token": f"/ws?token={token}",
        "bad signature": f"/ws?token={head}.{signature[::-1]}",
        "no token": "/ws",
    }


async def measure(server: Server, path: str, rounds: int, handshakes: int) -> Refused:
    """The cost of handshakes to `path`, all refused by a 401."""
    bare_path = "/nowhere" + path.removeprefix("/ws")
    pairs = []
    for _ in range(rounds):
        bare = await _spend(server, bare_path, b"404", handshakes)
        pairs.append((bare, await _spend(server, path, b"401", handshakes)))
    return Refused(
        median(us for _, us in pairs), median(bare for bare, _ in pairs), median(us - bare for bare, us in pairs)
    )


async def _spend(server: Server, path: str, status: bytes, handshakes: int) -> float:
    before = cpu_us(server.pid)
    for _ in range(handshakes):
        await attempt(server.port, path, status)
    return (cpu_us(server.pid) - before) / handshakes


async def attempt(port: int, path: str, status: bytes) -> None:
    """Shake hands in vain. Raise AssertionError for another answer than this status."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    lines = (
        f"GET {path} HTTP/1.1",
        f"Host: 127.0.0.1:{port}",
        "Connection: Upgrade",
        "Upgrade: websocket",
        "Sec-WebSocket-Version: 13",
        f"Sec-WebSocket-Key: {KEY}",
    )
    writer.write("\r\n".join((*lines, "", "")).encode())
    answer = await reader.read()
    writer.close()
    assert answer.split(b" ")[1] == status, answer[:80]


async def main() -> None:
    with tempfile.TemporaryDirectory(prefix="inbox-bench-") as home:
        async with running_server(Path(home), INBOX_TOKEN_TTL_SECONDS=str(EXPIRING_SECONDS)) as server:
            rows = []
            for name, path in (await attempts_of(server)).items():
                found = await measure(server, path, ROUNDS, HANDSHAKES)
                rows.append([name, f"{found.us:.0f} us", f"{found.bare_us:.0f} us", f"{found.more_us:+.0f} us"])
            print(markdown(["Refused for", "CPU", "nowhere", "more"], rows))


if __name__ == "__main__":
    asyncio.run(main())
