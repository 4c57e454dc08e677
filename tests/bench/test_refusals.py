"""A refused handshake costs at most 100 us of CPU more than one that has nowhere to go, in the same run."""

from __future__ import annotations

from tests.conftest import RunServer

from .refusals import EXPIRING_SECONDS, attempts_of, measure

MOST_MORE_US = 100.0


async def test_a_refusal_is_cheap(run_server: RunServer) -> None:
    server = await run_server(INBOX_TOKEN_TTL_SECONDS=str(EXPIRING_SECONDS))
    for name, path in (await attempts_of(server)).items():
        found = await measure(server, path, rounds=7, handshakes=100)
        assert found.more_us <= MOST_MORE_US, f"{name}: {found}"
