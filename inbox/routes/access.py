"""Who is calling: the API key of a backend, or the session token of a subscriber."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from starlette.requests import Request

from inbox.errors import Unauthorized
from inbox.models.environment import Environment
from inbox.models.subscriber import Subscriber
from inbox.service.environments.rate_limits import CallerKind

ALLOWANCE = "inbox.allowance"
"""Where the scope of a request holds the `Allowance` of its caller, when there is a limit."""
MAX_SCHEME_LENGTH = 32

if TYPE_CHECKING:
    from inbox.services import Services


@dataclass(frozen=True, slots=True)
class ApiCaller:
    """A backend, let in by an API key of this environment."""

    environment: Environment


@dataclass(frozen=True, slots=True)
class SessionCaller:
    """A subscriber's browser, let in by a session token for the feed of one set of context keys ("" none)."""

    environment: Environment
    subscriber: Subscriber
    contexts: str = ""


def services_of(request: Request) -> Services:
    """The verbs, as the app joined them."""
    services: Services = request.app.state.services
    return services


async def authenticate(request: Request) -> ApiCaller:
    """The backend behind `Authorization: ApiKey <key>`. Raises Unauthorized."""
    scheme, secret = _credentials(request)
    if scheme.lower() != "apikey":
        raise Unauthorized(f"Invalid authentication scheme: {_named(scheme, secret)}")
    environment = await services_of(request).environments.find_by_key(secret)
    if environment is None:
        raise Unauthorized
    await count_request(request, "key", environment, secret)
    return ApiCaller(environment)


async def authenticate_session(request: Request) -> SessionCaller:
    """The subscriber behind `Authorization: Bearer <session token>`. Raises Unauthorized, also when it was deleted."""
    scheme, secret = _credentials(request)
    if scheme.lower() != "bearer":
        raise Unauthorized
    session = await services_of(request).sessions.verify(secret)
    caller = SessionCaller(session.environment, session.subscriber, session.contexts)
    await count_request(request, "subscriber", caller.environment, caller.subscriber.oid)
    return caller


async def count_request(request: Request, kind: CallerKind, environment: Environment, caller: str) -> None:
    """Count this request against the limit of its caller, once. Raises TooManyRequests.

    What is left stands in the scope for the answer.
    """
    if ALLOWANCE in request.scope:
        return
    allowance = await services_of(request).rate_limiter.take(kind, environment.number, caller)
    if allowance is not None:
        request.scope[ALLOWANCE] = allowance
        allowance.check()


def _credentials(request: Request) -> tuple[str, str]:
    header = request.headers.get("authorization")
    if not header:
        raise Unauthorized("Missing authorization header")
    scheme, _, secret = header.partition(" ")
    return scheme, secret.strip()


def _named(scheme: str, secret: str) -> str:
    """The scheme, unless it may be the key itself, sent without one: a key is never shown in an answer."""
    if secret and scheme.isalpha() and len(scheme) <= MAX_SCHEME_LENGTH:
        return scheme
    return "send `Authorization: ApiKey <key>`"
