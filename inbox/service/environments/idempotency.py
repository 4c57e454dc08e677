"""Repeated requests: the answer to the first stands for all that carry the same Idempotency-Key (rest-server.md §1.7).

Triggers take no part: their transaction, derived from the key, does the same without keeping an answer.
"""

from __future__ import annotations

import asyncio
import logging

from inbox.errors import BadRequest, StoreUnavailable, UnprocessableEntity
from inbox.models.environment import Environment
from inbox.store.answers import Answer, AnswerStore

log = logging.getLogger(__name__)

MAX_KEY_LENGTH = 255
MAX_ANSWER_BYTES = 16 * 1024
LEASE_MS = 10_000
KEY_USED = "This Idempotency-Key was used for another request: take a new one"
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.02, 0.25


class IdempotencyService:
    """Decides whether a request is carried out or answered with what its first one was."""

    def __init__(self, store: AnswerStore, ttl_seconds: int) -> None:
        self._store = store
        self._ttl_seconds = ttl_seconds

    async def begin(self, environment: Environment, key: str, fingerprint: bytes) -> Answer | None:
        """None: carry the request out, then call `finish`. Else the answer to give again.

        While the first request is under way this waits; after its lease of 10 s the next one in line is carried out.
        Raises UnprocessableEntity when the key was used for another request.
        """
        pause = FIRST_PAUSE_SECONDS
        while known := await self._store.claim(environment.number, key, fingerprint, LEASE_MS):
            if known.fingerprint != fingerprint:
                raise UnprocessableEntity(KEY_USED)
            if not known.is_claim:
                return known
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE_SECONDS)
        return None

    async def finish(self, environment: Environment, key: str, answer: Answer | None) -> None:
        """Keeps the answer for repetitions; None, a failure of ours (5xx), 429 and more than 16 KiB are not kept.

        The request was carried out by now, so a store that fails here changes nothing for its caller.
        """
        try:
            if answer is not None and _is_kept(answer):
                await self._store.keep(environment.number, key, answer, self._ttl_seconds)
            else:
                await self._store.release(environment.number, key)
        except StoreUnavailable:
            log.warning("an answer was not kept for repetitions", extra={"action": "answer_not_kept"})


def check_key(key: str) -> None:
    """Raises BadRequest for a key that is too long."""
    if len(key) > MAX_KEY_LENGTH:
        raise BadRequest(f"Idempotency-Key must not be longer than {MAX_KEY_LENGTH} characters")


def _is_kept(answer: Answer) -> bool:
    return answer.status < 500 and answer.status != 429 and len(answer.body) <= MAX_ANSWER_BYTES
