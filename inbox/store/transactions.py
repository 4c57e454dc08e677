"""Explicit transaction ids and Idempotency-Keys of triggers in Redis: what each was first used for."""

from __future__ import annotations

from inbox.store.client import Client
from inbox.store.keys import IDEMPOTENCY_TTL_SECONDS, Keys, bucket_of


class TransactionStore:
    """Remembers a transaction for 24 h."""

    def __init__(self, client: Client, keys: Keys) -> None:
        self._client = client
        self._keys = keys

    async def claim(self, environment: int, transaction_id: str, fingerprint: bytes) -> bool:
        """True for the first use of a transaction id and for repetitions with the same fingerprint."""
        key = self._keys.bucket(environment, bucket_of(transaction_id)).transaction(transaction_id)
        return await self._claim(key, fingerprint)

    async def claim_key(self, environment: int, idempotency_key: str, fingerprint: bytes) -> bool:
        """The same of the Idempotency-Key of a trigger."""
        key = self._keys.bucket(environment, bucket_of(idempotency_key)).trigger_key(idempotency_key)
        return await self._claim(key, fingerprint)

    async def _claim(self, key: str, fingerprint: bytes) -> bool:
        known = await self._client.execute("SET", key, fingerprint, "NX", "GET", "EX", IDEMPOTENCY_TTL_SECONDS)
        return known is None or known == fingerprint
