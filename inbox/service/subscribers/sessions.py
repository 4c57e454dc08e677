"""Sessions of browsers: a token that opens one subscriber's feed and nothing else."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from inbox.clock import now_seconds
from inbox.errors import BadRequest, Conflict, NotFound, Unauthorized, WriteRefused, existing
from inbox.ids import SubscriberId, is_object_id
from inbox.lru_cache import LruCache
from inbox.models.context_keys import feed_name
from inbox.models.environment import Environment
from inbox.models.subscriber import Subscriber
from inbox.service.environments.environments import EnvironmentService
from inbox.service.subscribers import tokens
from inbox.service.subscribers.subscribers import SubscriberService
from inbox.store.subscribers import SubscriberRead, SubscriberStore
from inbox.subscriber_hash import HashKind

LEEWAY_SECONDS = 60
CACHED_TOKENS = 10_000


class Claims(msgspec.Struct, frozen=True):
    """The content of a token that this service signed, whether or not it is valid now."""

    environment_id: str
    generation: int | None
    subscriber_oid: str
    contexts: str
    begins_at: float
    expires_at: float

    def is_current(self) -> bool:
        """Return whether the token is valid now, by the store's clock, with a minute of leeway at its beginning.

        `iat` does not count: one in the future only shows that two clocks differ.
        """
        return self.begins_at - LEEWAY_SECONDS <= now_seconds() < self.expires_at


class Session(msgspec.Struct, frozen=True):
    """The content of a token: `contexts` are sorted context keys joined by commas, `expires_at` is in Unix seconds."""

    environment: Environment
    subscriber: Subscriber
    contexts: str
    expires_at: float


@dataclass(eq=False)
class SessionService:
    """Issues and verifies session tokens."""

    _environments: EnvironmentService
    _subscribers: SubscriberService
    _store: SubscriberStore
    _ttl_seconds: int
    _signed: LruCache[bytes, Claims] = field(init=False, default_factory=lambda: LruCache(CACHED_TOKENS))
    """By the digest of the token, which may be long."""

    async def authorize(self, identifier: str, subscriber_id: SubscriberId, subscriber_hash: str | None) -> Environment:
        """Return the environment with this identifier if the hash is the subscriber's, or is neither sent nor required.

        Raise BadRequest for an unknown identifier and for a missing or wrong hash, NotFound if the environment's
        in-app integration is not active.
        """
        environment = await self._environments.find_by_identifier(identifier)
        if environment is None:
            raise BadRequest("Please provide a valid application identifier")
        if not environment.in_app_active:
            raise NotFound("The in-app integration is not active")
        if not self._is_vouched(environment, "subscriber", subscriber_id, subscriber_hash):
            raise BadRequest("Please provide a valid HMAC hash")
        return environment

    def authorize_context(
        self, environment: Environment, canonical: str, context_hash: str | None, *, required: bool
    ) -> None:
        """Raise BadRequest if a context's hash is wrong, or missing where `required` and the environment needs hashes.

        `canonical`: the context's JSON, keys sorted, no spaces.
        """
        if not self._is_vouched(environment, "context", canonical, context_hash, required=required):
            raise BadRequest("Please provide a valid context HMAC hash")

    def _is_vouched(
        self, environment: Environment, kind: HashKind, text: str, hashed: str | None, *, required: bool = True
    ) -> bool:
        if hashed is None:
            return not (required and self._environments.is_hash_required(environment))
        return self._environments.is_hash(environment, kind, text, hashed)

    async def open(
        self,
        environment: Environment,
        subscriber_id: SubscriberId,
        profile: Mapping[str, Any],
        *,
        trusted: bool,
        context_keys: Sequence[str] = (),
    ) -> tuple[str, Subscriber]:
        """Return a token for the feed of exactly these context keys, and the subscriber, created if missing.

        The profile of an existing subscriber changes only if `trusted`, and not while the store takes no changes.
        """
        write = self._find_or_update if trusted else self._find_or_create
        try:
            subscriber = await write(environment, subscriber_id, profile)
            await self._environments.note_session(environment)
        except WriteRefused:
            existing = await self._store.get(environment.number, subscriber_id)
            if existing is None:
                raise
            subscriber = existing
        return self._token(environment, subscriber, context_keys), subscriber

    async def _find_or_update(
        self, environment: Environment, subscriber_id: SubscriberId, profile: Mapping[str, Any]
    ) -> Subscriber:
        """Return the subscriber with this profile. Most sessions change nothing; a reading costs less than a write."""
        subscriber = await self._store.get(environment.number, subscriber_id)
        if subscriber and subscriber.has_profile(profile):
            return subscriber
        return await self._subscribers.upsert(environment, subscriber_id, profile)

    async def _find_or_create(
        self, environment: Environment, subscriber_id: SubscriberId, profile: Mapping[str, Any]
    ) -> Subscriber:
        if subscriber := await self._store.get(environment.number, subscriber_id):
            return subscriber
        try:
            return await self._subscribers.create(environment, subscriber_id, profile)
        except Conflict:  # created by another request meanwhile: keep its profile
            return await self._subscribers.get(environment, subscriber_id)

    async def issue_token(self, environment: Environment, subscriber_id: str) -> str:
        """Return a session token for a subscriber, created if missing."""
        subscriber = await self._find_or_create(environment, SubscriberId(subscriber_id), {})
        return self._token(environment, subscriber, ())

    async def verify(self, token: str) -> Session:
        """Return the session of a token.

        Raise Unauthorized if the token is malformed, expired or of another audience, if a key of its environment was
        revoked since, or if its subscriber was deleted. The token has the subscriber's `_id`, which changes if
        a subscriber is created again under the same subscriberId.
        """
        environment, claims = await self.check(token)
        subscriber = await self.subscriber(environment, claims, None)
        return Session(environment, subscriber, claims.contexts, claims.expires_at)

    async def check(self, token: str) -> tuple[Environment, Claims]:
        """Return the environment and the content of a token, whose subscriber may no longer exist. Raise Unauthorized.

        It asks the store nothing, unless the environments were last read more than a second ago.
        """
        claims = self._claims(token)
        if not claims.is_current():
            raise Unauthorized
        environment = await self._environments.find_by_id(claims.environment_id)
        if environment is None or claims.generation != environment.generation:
            raise Unauthorized
        return environment, claims

    def is_allowed(self, environment: Environment, claims: Claims) -> bool:
        """Return whether a token of this content is still allowed, without asking the store. Also False if unknown."""
        cached = self._environments.cached_by_id(claims.environment_id)
        return claims.is_current() and cached is not None and cached.generation == environment.generation

    async def subscriber(self, environment: Environment, claims: Claims, record: list[bytes] | None) -> Subscriber:
        """Return the subscriber of a token, of its `record` if that was read. Raise Unauthorized if it was deleted."""
        oid = claims.subscriber_oid
        found = self._store.parse(oid, record) if record else await self._store.get_by_oid(environment.number, oid)
        return existing(found, Unauthorized())

    def begin(self, environment: Environment, claims: Claims) -> SubscriberRead:
        """Begin to read the subscriber of a token, in one round trip with what the caller sends next."""
        return self._store.begin(environment.number, claims.subscriber_oid)

    def _token(self, environment: Environment, subscriber: Subscriber, context_keys: Sequence[str]) -> str:
        now = int(now_seconds())
        claims = {
            "_id": subscriber.oid,
            "subscriberId": subscriber.subscriber_id,
            **subscriber.texts("firstName", "lastName", "email"),
            "organizationId": environment.organization_id,
            "environmentId": environment.id,
            "contextKeys": [*context_keys],
            "generation": environment.generation,
            "iat": now,
            "exp": now + self._ttl_seconds,
        }
        return tokens.sign(claims, self._environments.token_secret)

    def _claims(self, token: str) -> Claims:
        """Return the claims of a token, which are read once. Raise Unauthorized if this service did not sign it."""
        if not token.isascii():
            raise Unauthorized
        digest = hashlib.sha256(token.encode()).digest()
        claims = self._signed.get(digest)
        if claims is None:
            claims = _read_claims(token, self._environments.token_secret)
            self._signed.put(digest, claims)
        return claims


def _read_claims(token: str, secret: str) -> Claims:
    claims = tokens.read(token, secret)
    oid, environment_id, begins, ends = claims["_id"], claims["environmentId"], claims.get("nbf", 0), claims["exp"]
    if not is_object_id(oid) or not isinstance(environment_id, str):
        raise Unauthorized
    if not isinstance(begins, int | float) or not isinstance(ends, int | float):
        raise Unauthorized
    contexts = feed_name(_context_keys(claims))
    return Claims(environment_id, claims.get("generation"), oid, contexts, float(begins), float(ends))


def _context_keys(claims: Mapping[str, Any]) -> list[str]:
    """Return the context keys of a token, which an older release may have issued without any."""
    keys = claims.get("contextKeys")
    return [key for key in keys if isinstance(key, str)] if isinstance(keys, list) else []
