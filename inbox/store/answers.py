"""Answers kept for repeated requests, one key each: first a claim under a lease, then the answer itself."""

from __future__ import annotations

import msgspec

from inbox.store.client import Client
from inbox.store.keys import Keys, bucket_of


class Answer(msgspec.Struct, frozen=True, array_like=True):
    """What a request was answered with, and which request that was. Status 0: it is still being carried out."""

    fingerprint: bytes
    status: int = 0
    media_type: str = ""
    body: bytes = b""

    @property
    def is_claim(self) -> bool:
        return self.status == 0


_encoder, _decoder = msgspec.msgpack.Encoder(), msgspec.msgpack.Decoder(Answer)


class AnswerStore:
    """One answer per environment and Idempotency-Key."""

    def __init__(self, client: Client, keys: Keys) -> None:
        self._client = client
        self._keys = keys

    async def claim(self, environment: int, idempotency_key: str, fingerprint: bytes, lease_ms: int) -> Answer | None:
        """None when the key is now this request's for `lease_ms`; else what stands there."""
        claim = _encoder.encode(Answer(fingerprint))
        key = self._key(environment, idempotency_key)
        known = await self._client.execute("SET", key, claim, "NX", "GET", "PX", lease_ms)
        return _decoder.decode(known) if known is not None else None

    async def keep(self, environment: int, idempotency_key: str, answer: Answer, ttl_seconds: int) -> None:
        """Puts the answer in the claim's place."""
        key = self._key(environment, idempotency_key)
        await self._client.execute("SET", key, _encoder.encode(answer), "EX", ttl_seconds)

    async def release(self, environment: int, idempotency_key: str) -> None:
        """Gives the key up, so that a repetition is carried out."""
        await self._client.execute("DEL", self._key(environment, idempotency_key))

    def _key(self, environment: int, idempotency_key: str) -> str:
        return self._keys.bucket(environment, bucket_of(idempotency_key)).answer(idempotency_key)
