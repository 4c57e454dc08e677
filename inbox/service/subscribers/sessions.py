"""Sessions of browsers: a token that opens one subscriber's feed and nothing else (rest-inbox.md §2, §5)."""

from __future__ import annotations

import base64
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jwt
import orjson

from inbox.clock import now_seconds
from inbox.errors import BadRequest, Conflict, NotFound, Unauthorized
from inbox.ids import SubscriberId, is_object_id
from inbox.models.context_keys import feed_name
from inbox.models.environment import Environment
from inbox.models.subscriber import Subscriber
from inbox.service.environments.environments import EnvironmentService
from inbox.service.subscribers.subscribers import SubscriberService
from inbox.store.subscribers import SubscriberStore

ALGORITHM = "HS256"
ISSUER = "novu_api"
AUDIENCE = "widget_user"
_CLAIMS: jwt.types.Options = {
    "require": ["exp", "_id", "environmentId"],
    "verify_exp": False,
    "verify_iat": False,
    "verify_nbf": False,
}
"""The library would ask this machine's clock; `_is_current` asks the store's."""
LEEWAY_SECONDS = 60
_NAMES = ("firstName", "lastName", "email")


@dataclass(frozen=True, slots=True)
class Session:
    """What a token stands for: whose feed of which context keys (sorted, joined by commas), until when (Unix s)."""

    environment: Environment
    subscriber: Subscriber
    contexts: str
    expires_at: float


class SessionService:
    """Gives out session tokens and checks them."""

    def __init__(
        self,
        environments: EnvironmentService,
        subscribers: SubscriberService,
        store: SubscriberStore,
        ttl_seconds: int,
    ) -> None:
        self._environments = environments
        self._subscribers = subscribers
        self._store = store
        self._ttl_seconds = ttl_seconds

    async def admit(self, identifier: str, subscriber_id: SubscriberId, given_hash: str | None) -> Environment:
        """The environment that a page names, once its hash, if it sent one or needs one, is the subscriber's.

        Raises BadRequest for an unknown identifier and for a hash that is missing or wrong, NotFound when the
        environment's in-app integration is not active.
        """
        environment = await self._environments.find_by_identifier(identifier)
        if environment is None:
            raise BadRequest("Please provide a valid application identifier")
        if not environment.in_app_active:
            raise NotFound("The in-app integration is not active")
        is_needed = given_hash is not None or self._environments.is_hash_required(environment)
        if is_needed and not self._environments.is_hash(environment, "subscriber", subscriber_id, given_hash or ""):
            raise BadRequest("Please provide a valid HMAC hash")
        return environment

    def admit_context(self, environment: Environment, canonical: str, given_hash: str | None, *, named: bool) -> None:
        """Raises BadRequest unless the hash of a page's context is its own. It is needed where hashes are and a context
        is `named`, and checked whenever it is sent. `canonical`: the context's JSON, keys sorted, no spaces.
        """
        is_needed = given_hash is not None or (named and self._environments.is_hash_required(environment))
        if is_needed and not self._environments.is_hash(environment, "context", canonical, given_hash or ""):
            raise BadRequest("Please provide a valid context HMAC hash")

    async def open(
        self,
        environment: Environment,
        subscriber_id: SubscriberId,
        profile: Mapping[str, Any],
        *,
        trusted: bool,
        context_keys: Sequence[str] = (),
    ) -> tuple[str, Subscriber]:
        """A token and the subscriber, made if missing. The profile of a known one changes only when `trusted`.

        The token opens the feed of exactly these context keys.
        """
        write = self._subscribers.upsert if trusted else self._find_or_create
        subscriber = await write(environment, subscriber_id, profile)
        await self._environments.note_session(environment)
        return self._token(environment, subscriber, context_keys), subscriber

    async def _find_or_create(
        self, environment: Environment, subscriber_id: SubscriberId, profile: Mapping[str, Any]
    ) -> Subscriber:
        known = await self._store.get(environment.number, subscriber_id)
        if known:
            return known
        try:
            return await self._subscribers.create(environment, subscriber_id, profile)
        except Conflict:  # made by another request meanwhile: then its profile stands
            return await self._subscribers.get(environment, subscriber_id)

    async def issue_token(self, environment: Environment, subscriber_id: str) -> str:
        """A session token for a subscriber, who is made if missing."""
        subscriber = await self._find_or_create(environment, SubscriberId(subscriber_id), {})
        return self._token(environment, subscriber, ())

    async def verify(self, token: str) -> Session:
        """The session that a token stands for.

        Raises Unauthorized when it is malformed, expired, of another audience, when a key of its environment was
        revoked since, or when its subscriber was deleted: the token names the subscriber's `_id`, which a subscriber
        made again under the same subscriberId does not share.
        """
        claims = self._claims(token)
        environment = await self._environments.find_by_id(claims["environmentId"])
        if environment is None or claims.get("generation") != environment.generation:
            raise Unauthorized
        if not is_object_id(claims["_id"]):
            raise Unauthorized
        subscriber = await self._store.get_by_oid(environment.number, claims["_id"])
        if subscriber is None:
            raise Unauthorized
        return Session(environment, subscriber, feed_name(_context_keys(claims)), float(claims["exp"]))

    def _token(self, environment: Environment, subscriber: Subscriber, context_keys: Sequence[str]) -> str:
        now = int(now_seconds())
        names = {name: value for name in _NAMES if (value := subscriber.profile.get(name)) is not None}
        claims = {
            "_id": subscriber.oid,
            "subscriberId": subscriber.subscriber_id,
            **names,
            "organizationId": environment.organization_id,
            "environmentId": environment.id,
            "contextKeys": [*context_keys],
            "generation": environment.generation,
            "iss": ISSUER,
            "aud": AUDIENCE,
            "iat": now,
            "exp": now + self._ttl_seconds,
        }
        return jwt.encode(claims, self._environments.token_secret, ALGORITHM)

    def _claims(self, token: str) -> dict[str, Any]:
        if _is_hopeless(token, self._environments.token_secret):
            raise Unauthorized
        try:
            return jwt.decode(
                token,
                self._environments.token_secret,
                algorithms=[ALGORITHM],
                audience=AUDIENCE,
                issuer=ISSUER,
                options=_CLAIMS,
            )
        except (jwt.PyJWTError, ValueError, UnicodeError):
            raise Unauthorized from None


def _is_hopeless(token: str, secret: str) -> bool:
    """Whether a glance at signature and end is enough to refuse a token.

    A page whose token has expired repeats it for as long as it is open; the full check costs five times as much.
    """
    signed, _, signature = token.rpartition(".")
    if not token.isascii():
        return True
    expected = base64.urlsafe_b64encode(hmac.digest(secret.encode(), signed.encode(), "sha256")).rstrip(b"=")
    if not hmac.compare_digest(expected, signature.encode()):
        return True
    payload = signed.partition(".")[2]
    try:
        claims = orjson.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    except ValueError:
        return True
    return not isinstance(claims, dict) or not _is_current(claims)


def _is_current(claims: Mapping[str, Any]) -> bool:
    """Return whether a token has begun, give or take a minute, and has not ended, by the store's time.

    When it was issued (`iat`) decides nothing: a moment that seems to lie ahead shows only that two clocks differ.
    """
    begins, ends = claims.get("nbf", 0), claims.get("exp")
    if not isinstance(begins, int | float) or not isinstance(ends, int | float):
        return False
    return begins - LEEWAY_SECONDS <= now_seconds() < ends


def _context_keys(claims: Mapping[str, Any]) -> list[str]:
    """The context keys of a token; it is ours, but an older release may have made it."""
    listed = claims.get("contextKeys")
    return [key for key in listed if isinstance(key, str)] if isinstance(listed, list) else []
