"""A handshake without a valid token costs the store nothing: it is refused all the same while there is no store."""

from __future__ import annotations

from tests.conftest import RunServer, binary_of
from tests.support.stores import running_store

from .refusals import EXPIRING_SECONDS, attempt, attempts_of


async def test_a_refusal_asks_nothing_of_the_store(run_server: RunServer) -> None:
    with running_store(binary_of("valkey"), unix=True) as store:
        server = await run_server(redis_url=store.url, INBOX_TOKEN_TTL_SECONDS=str(EXPIRING_SECONDS))
        attempts = await attempts_of(server)
        store.kill()
        for path in attempts.values():
            await attempt(server.port, path, b"401")
        store.start()
