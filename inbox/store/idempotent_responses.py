"""Responses stored for repeated requests, one key each: first a claim under a lease, then the response itself."""

from __future__ import annotations

import msgspec

from inbox.store.base import BaseStore


class Answer(msgspec.Struct, frozen=True, array_like=True):
    """A response and the fingerprint of its request. Status 0: the request is still being carried out."""

    fingerprint: bytes
    status: int = 0
    media_type: str = ""
    body: bytes = b""

    @property
    def is_claim(self) -> bool:
        return self.status == 0


_encoder, _decoder = msgspec.msgpack.Encoder(), msgspec.msgpack.Decoder(Answer)


class IdempotentResponseStore(BaseStore):
    """Stores one response per environment and Idempotency-Key."""

    async def claim(self, environment: int, idempotency_key: str, fingerprint: bytes, lease_ms: int) -> Answer | None:
        """Claim the key for `lease_ms` and return None; return the stored response or claim if there is one."""
        claim = _encoder.encode(Answer(fingerprint))
        key = self._key(environment, idempotency_key)
        stored = await self._client.execute("SET", key, claim, "NX", "GET", "PX", lease_ms)
        return _decoder.decode(stored) if stored is not None else None

    async def keep(self, environment: int, idempotency_key: str, answer: Answer, ttl_seconds: int) -> None:
        """Replace the claim by the response."""
        key = self._key(environment, idempotency_key)
        await self._client.execute("SET", key, _encoder.encode(answer), "EX", ttl_seconds)

    async def release(self, environment: int, idempotency_key: str) -> None:
        """Remove the claim, so that a repeated request is carried out."""
        await self._client.execute("DEL", self._key(environment, idempotency_key))

    def _key(self, environment: int, idempotency_key: str) -> str:
        return self._bucket_of(environment, idempotency_key).answer(idempotency_key)
