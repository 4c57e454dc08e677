"""Authentication: the API key of a backend, or the session token of a subscriber."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from starlette.requests import Request

from inbox.errors import Unauthorized
from inbox.http.requests import header_of
from inbox.models.environment import Environment
from inbox.models.subscriber import Subscriber
from inbox.service.environments.rate_limits import CallerKind

ALLOWANCE = "inbox.allowance"
"""The key of the scope for the `Allowance` of the caller, if it has a limit."""
CALLER = "inbox.caller"
"""The key of the scope for the authenticated caller, for the log."""
MAX_SCHEME_LENGTH = 32

if TYPE_CHECKING:
    from inbox.services import Services


class ApiCaller(msgspec.Struct, frozen=True):
    """A backend with an API key of this environment."""

    environment: Environment


class SessionCaller(msgspec.Struct, frozen=True):
    """A subscriber's browser with a session token for the feed of one set of context keys ("" none)."""

    environment: Environment
    subscriber: Subscriber
    contexts: str = ""


def services_of(request: Request) -> Services:
    services: Services = request.scope["app"].services
    return services


async def authenticate(request: Request) -> ApiCaller:
    """Return the backend of `Authorization: ApiKey <key>`. Raise Unauthorized."""
    scheme, secret = _credentials(request)
    if scheme.lower() != "apikey":
        raise Unauthorized(f"Invalid authentication scheme: {_scheme_shown(scheme, secret)}")
    services = services_of(request)
    environment = await services.environments.find_by_key(secret)
    if environment is None:
        raise Unauthorized
    if services.rate_limiter.limits("key"):
        await count_request(request, "key", environment, secret)
    caller = request.scope[CALLER] = ApiCaller(environment)
    return caller


async def authenticate_session(request: Request) -> SessionCaller:
    """Return the subscriber of `Authorization: Bearer <session token>`. Raise Unauthorized, also for a deleted one."""
    session = await services_of(request).sessions.verify(bearer_of(request))
    return await note_session(request, session.environment, session.subscriber, session.contexts)


def bearer_of(request: Request) -> str:
    """Return the session token of a request. Raise Unauthorized."""
    scheme, secret = _credentials(request)
    if scheme.lower() != "bearer":
        raise Unauthorized
    return secret


def key_of(request: Request) -> str:
    """Return the API key of a request that was authenticated by it."""
    return _credentials(request)[1]


async def note_session(
    request: Request, environment: Environment, subscriber: Subscriber, contexts: str
) -> SessionCaller:
    """Note who calls, and count the request against the limit. Raise TooManyRequests."""
    caller = request.scope[CALLER] = SessionCaller(environment, subscriber, contexts)
    if services_of(request).rate_limiter.limits("subscriber"):
        await count_request(request, "subscriber", environment, subscriber.oid)
    return caller


async def count_request(request: Request, kind: CallerKind, environment: Environment, caller: str) -> None:
    """Count this request once against the limit of its caller; keep the allowance in the scope, for headers.

    Raise TooManyRequests.
    """
    limiter = services_of(request).rate_limiter
    if not limiter.limits(kind) or ALLOWANCE in request.scope:
        return
    allowance = await limiter.take(kind, environment.number, caller)
    if allowance is not None:
        request.scope[ALLOWANCE] = allowance
        allowance.check()


def _credentials(request: Request) -> tuple[str, str]:
    header = header_of(request, b"authorization")
    if not header:
        raise Unauthorized("Missing authorization header")
    scheme, _, secret = header.partition(" ")
    return scheme, secret.strip()


def _scheme_shown(scheme: str, secret: str) -> str:
    """Return the scheme, unless it may be a key that was sent without a scheme: an answer never shows a key."""
    if secret and scheme.isalpha() and len(scheme) <= MAX_SCHEME_LENGTH:
        return scheme
    return "send `Authorization: ApiKey <key>`"
