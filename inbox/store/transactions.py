"""Explicit transaction ids and Idempotency-Keys of triggers: the fingerprint of the request that used each first."""

from __future__ import annotations

from inbox.store.base import BaseStore
from inbox.store.keys import IDEMPOTENCY_TTL_SECONDS


class TransactionStore(BaseStore):
    """Remembers a transaction for 24 h."""

    async def claim(self, environment: int, transaction_id: str, fingerprint: bytes) -> bool:
        """Return True for the first use of a transaction id and for repetitions with the same fingerprint."""
        key = self._bucket_of(environment, transaction_id).transaction(transaction_id)
        return await self._claim(key, fingerprint)

    async def claim_key(self, environment: int, idempotency_key: str, fingerprint: bytes) -> bool:
        """Do as `claim` does, for the Idempotency-Key of a trigger."""
        key = self._bucket_of(environment, idempotency_key).trigger_key(idempotency_key)
        return await self._claim(key, fingerprint)

    async def note_trace(self, environment: int, transaction_id: str, traceparent: str) -> None:
        """Note the trace of the request that triggered a transaction, for the events that it causes."""
        key = self._bucket_of(environment, transaction_id).trace(transaction_id)
        await self._client.execute("SET", key, traceparent, "EX", IDEMPOTENCY_TTL_SECONDS)

    async def trace_of(self, environment: int, transaction_id: str) -> str:
        """Return the trace of a transaction; empty if it has none."""
        stored = await self._client.execute("GET", self._bucket_of(environment, transaction_id).trace(transaction_id))
        return stored.decode() if stored else ""

    async def _claim(self, key: str, fingerprint: bytes) -> bool:
        stored = await self._client.execute("SET", key, fingerprint, "NX", "GET", "EX", IDEMPOTENCY_TTL_SECONDS)
        return stored is None or stored == fingerprint
