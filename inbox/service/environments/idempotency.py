"""Idempotent requests: requests with the same Idempotency-Key get the response to the first one.

Triggers do not use this: their transaction, derived from the key, has the same effect without a stored response.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass

from inbox.errors import BadRequest, StoreUnavailable, UnprocessableEntity
from inbox.models.environment import Environment
from inbox.store.idempotent_responses import Answer, IdempotentResponseStore

log = logging.getLogger(__name__)

MAX_KEY_LENGTH = 255
MAX_ANSWER_BYTES = 16 * 1024
LEASE_MS = 10_000
KEY_USED = "This Idempotency-Key was used for another request: take a new one"
FIRST_PAUSE_SECONDS, MAX_PAUSE_SECONDS = 0.02, 0.25


@dataclass(eq=False)
class IdempotencyService:
    """Decides whether a request is carried out or gets a stored response."""

    _store: IdempotentResponseStore
    _ttl_seconds: int

    async def begin(self, environment: Environment, key: str, fingerprint: bytes) -> Answer | None:
        """Return the stored response, or None: then carry the request out and call `finish`.

        Wait while another request with the key is under way; its lease ends after 10 s. Raise UnprocessableEntity if
        the key was used for a different request.
        """
        pause = FIRST_PAUSE_SECONDS
        while stored := await self._store.claim(environment.number, key, fingerprint, LEASE_MS):
            if stored.fingerprint != fingerprint:
                raise UnprocessableEntity(KEY_USED)
            if not stored.is_claim:
                return stored
            await asyncio.sleep(pause)
            pause = min(2 * pause, MAX_PAUSE_SECONDS)
        return None

    async def finish(self, environment: Environment, key: str, answer: Answer | None) -> None:
        """Store the response for repetitions, unless it is None, a 5xx, a 429 or larger than 16 KiB.

        The request is already carried out, so a failure of the store is only logged.
        """
        try:
            if answer and answer.status < 500 and answer.status != 429 and len(answer.body) <= MAX_ANSWER_BYTES:
                await self._store.keep(environment.number, key, answer, self._ttl_seconds)
            else:
                await self._store.release(environment.number, key)
        except StoreUnavailable:
            log.warning("an answer was not kept for repetitions", extra={"action": "answer_not_kept"})


def check_key(key: str) -> None:
    """Raise BadRequest if the key is too long."""
    if len(key) > MAX_KEY_LENGTH:
        raise BadRequest(f"Idempotency-Key must not be longer than {MAX_KEY_LENGTH} characters")
