"""Session tokens: which ones are believed, and whose profile a session may set."""

from __future__ import annotations

import base64
import hmac
import json
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import jwt
import pytest
from msgspec import structs

from inbox.errors import Conflict, Unauthorized
from inbox.ids import SubscriberId
from inbox.models.environment import Environment
from inbox.models.subscriber import Subscriber
from inbox.service.subscribers import tokens
from inbox.service.subscribers.sessions import Session, SessionService

ENVIRONMENT = Environment(1, "e" * 24, "0" * 24, "Development", "app")
SECRET = "s" * 32
ADA = Subscriber("a" * 24, SubscriberId("ada"), 1_000, 1_000, profile={"firstName": "A", "email": "a@example.org"})


class Environments:
    """The one environment, and the key that signs tokens."""

    token_secret = SECRET

    async def find_by_id(self, environment_id: str) -> Environment | None:
        return ENVIRONMENT if environment_id == ENVIRONMENT.id else None

    async def note_session(self, _: Environment) -> None:
        """Nothing to remember."""


class Subscribers:
    """Subscribers in memory, as store and as service. `late` appears only after it was first looked for."""

    def __init__(self, *known: Subscriber, late: Subscriber | None = None) -> None:
        self.known = {subscriber.subscriber_id: subscriber for subscriber in known}
        self.late = late

    async def get(self, _: int | Environment, subscriber_id: SubscriberId) -> Subscriber | None:
        found = self.known.get(subscriber_id)
        if self.late:
            self.known[self.late.subscriber_id] = self.late
        return found

    async def get_by_oid(self, _: int, oid: str) -> Subscriber | None:
        return next((subscriber for subscriber in self.known.values() if subscriber.oid == oid), None)

    async def create(self, _: Environment, subscriber_id: SubscriberId, profile: Mapping[str, Any]) -> Subscriber:
        if subscriber_id in self.known:
            raise Conflict
        return await self.upsert(_, subscriber_id, profile)

    async def upsert(self, _: Environment, subscriber_id: SubscriberId, profile: Mapping[str, Any]) -> Subscriber:
        before = self.known.get(subscriber_id) or Subscriber("b" * 24, subscriber_id, 2_000, 2_000)
        self.known[subscriber_id] = replace(before, profile={**before.profile, **profile})
        return self.known[subscriber_id]


def service(subscribers: Subscribers, ttl_seconds: int = 60) -> SessionService:
    return SessionService(Environments(), subscribers, subscribers, ttl_seconds)  # type: ignore[arg-type]


async def opened(subscribers: Subscribers, *, trusted: bool, **profile: Any) -> Subscriber:
    sessions = service(subscribers)
    token, subscriber = await sessions.open(ENVIRONMENT, ADA.subscriber_id, profile, trusted=trusted)
    session = await sessions.verify(token)
    assert (session.environment, session.subscriber, session.contexts) == (ENVIRONMENT, subscriber, "")
    return subscriber


async def test_a_trusted_session_sets_the_profile() -> None:
    assert (await opened(Subscribers(ADA), trusted=True, firstName="B")).profile["firstName"] == "B"


async def test_any_other_leaves_it() -> None:
    assert await opened(Subscribers(ADA), trusted=False, firstName="M") == ADA


@pytest.mark.parametrize("trusted", [True, False])
async def test_one_who_is_not_known_is_created(trusted: bool) -> None:
    created = await opened(Subscribers(), trusted=trusted, firstName="B")
    assert (created.subscriber_id, created.profile) == ("ada", {"firstName": "B"})


async def test_one_created_at_the_same_time_keeps_its_profile() -> None:
    assert await opened(Subscribers(late=ADA), trusted=False, firstName="M") == ADA


def token(secret: str = SECRET, algorithm: str = "HS256", **changed: Any) -> str:
    """A good token but for what is changed; None leaves a claim out."""
    now = int(time.time())
    good = {"_id": ADA.oid, "environmentId": ENVIRONMENT.id, "iss": "novu_api", "aud": "widget_user", "generation": 0}
    claims = {**good, "iat": now, "exp": now + 60, **changed}
    kept = {name: value for name, value in claims.items() if value is not None}
    return jwt.encode(kept, secret, algorithm)


def signed(header: dict[str, Any], payload: bytes = b"") -> str:
    """A token of these parts (by default a good one's claims), signed with HMAC-SHA-256 whatever its header says."""
    claims = payload or base64.urlsafe_b64decode(token().split(".")[1] + "==")
    parts = [base64.urlsafe_b64encode(part).rstrip(b"=") for part in (json.dumps(header).encode(), claims)]
    signature = hmac.digest(SECRET.encode(), b".".join(parts), "sha256")
    return b".".join([*parts, base64.urlsafe_b64encode(signature).rstrip(b"=")]).decode()


async def test_a_good_token_is_believed() -> None:
    exp = int(time.time()) + 30
    assert await service(Subscribers(ADA)).verify(token(exp=exp)) == Session(ENVIRONMENT, ADA, "", exp)


@pytest.mark.parametrize("header", [{"typ": "JWT", "alg": "HS256", "kid": "1"}, {"alg": "HS256"}])
async def test_so_is_one_that_another_library_has_signed(header: dict[str, Any]) -> None:
    assert (await service(Subscribers(ADA)).verify(signed(header))).subscriber == ADA


async def test_one_of_several_audiences_is_enough() -> None:
    given = token(aud=["dashboard", "widget_user"])
    assert (await service(Subscribers(ADA)).verify(given)).subscriber == ADA


@pytest.mark.parametrize("ahead", [{"iat": 5}, {"iat": 3_600}, {"nbf": 5}])
async def test_the_clock_that_a_token_was_made_by_may_be_ahead(ahead: dict[str, int]) -> None:
    [(claim, seconds)] = ahead.items()
    made = token(**{claim: int(time.time()) + seconds})
    assert (await service(Subscribers(ADA)).verify(made)).subscriber == ADA


FORGED = {
    "expired": token(exp=int(time.time()) - 1),
    "without an end": token(exp=None),
    "from before a key was revoked": token(generation=-1),
    "without a generation": token(generation=None),
    "of another audience": token(aud="dashboard"),
    "without an audience": token(aud=None),
    "of another issuer": token(iss="someone"),
    "of another service": token("t" * 32),
    "not yet valid": token(nbf=int(time.time()) + 3_600),
    "valid from a day without a number": token(nbf="tomorrow"),
    "without a subscriber": token(_id=None),
    "of an unknown subscriber": token(_id="f" * 24),
    "of no id": token(_id="../" * 8),
    "of a number": token(_id=7),
    "of another environment": token(environmentId="f" * 24),
    "without an environment": token(environmentId=None),
    "with another algorithm": token("s" * 64, "HS512"),
    "unsigned": token("", "none"),
    "whose header names another algorithm": signed({"alg": "HS512", "typ": "JWT"}),
    "whose header names none": signed({"alg": "none"}),
    "without an algorithm": signed({"typ": "JWT"}),
    "that needs an extension": signed({"alg": "HS256", "crit": ["b64"], "b64": False}),
    "of several other audiences": token(aud=["dashboard", "widget"]),
    "of an environment that is no text": token(environmentId=[ENVIRONMENT.id]),
    "cut": token()[:-1],
    "longer": token() + "A",
    "with an end that is no number": token(exp="tomorrow"),
    "that ends now": token(exp=int(time.time())),
    "of no claims": signed({"alg": "HS256"}, b"[]"),
    "of no JSON": signed({"alg": "HS256"}, b"{"),
    "of no UTF-8": signed({"alg": "HS256"}, b'{"_id":"\xff"}'),
    "nothing": "",
    "no token": "null",
    "dots": "..",
    "not ASCII": "ä.ö.ü",
    "half a character": "\ud800",
}


@pytest.mark.parametrize("name", FORGED)
async def test_any_other_token_is_not(name: str) -> None:
    with pytest.raises(Unauthorized):
        await service(Subscribers(ADA)).verify(FORGED[name])


@pytest.mark.parametrize("name", ["expired", "of another service", "cut", "nothing", "no token"])
async def test_one_that_needs_no_store_to_be_refused_asks_none(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Such attempts are repeated for ever by pages that nobody reloads."""

    async def ask(*_: object) -> None:
        raise AssertionError("the store was asked")

    monkeypatch.setattr(Environments, "find_by_id", ask)
    monkeypatch.setattr(Subscribers, "get_by_oid", ask)
    with pytest.raises(Unauthorized):
        await service(Subscribers(ADA)).verify(FORGED[name])


async def test_a_token_is_decoded_once(monkeypatch: pytest.MonkeyPatch) -> None:
    decoded: list[str] = []
    read = tokens.read

    def note(given: str, secret: str) -> Any:
        decoded.append(given)
        return read(given, secret)

    monkeypatch.setattr(tokens, "read", note)
    sessions, given = service(Subscribers(ADA)), token()
    assert [(await sessions.verify(given)).subscriber for _ in range(3)] == [ADA] * 3
    assert decoded == [given]


async def test_one_that_was_believed_ends_with_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    sessions, given = service(Subscribers(ADA)), token(exp=int(time.time()) + 60)
    await sessions.verify(given)
    monkeypatch.setattr("inbox.service.subscribers.sessions.now_seconds", lambda: time.time() + 61)
    with pytest.raises(Unauthorized):
        await sessions.verify(given)


async def test_one_that_was_believed_ends_when_a_key_is_revoked(monkeypatch: pytest.MonkeyPatch) -> None:
    sessions, given = service(Subscribers(ADA)), token()
    await sessions.verify(given)

    async def find_revoked(*_: object) -> Environment:
        return structs.replace(ENVIRONMENT, generation=1)

    monkeypatch.setattr(Environments, "find_by_id", find_revoked)
    with pytest.raises(Unauthorized):
        await sessions.verify(given)


async def test_one_that_was_believed_ends_with_its_subscriber() -> None:
    subscribers = Subscribers(ADA)
    sessions, given = service(subscribers), token()
    await sessions.verify(given)
    subscribers.known.clear()
    with pytest.raises(Unauthorized):
        await sessions.verify(given)


async def test_a_token_lives_as_long_as_settings_say() -> None:
    given = await service(Subscribers(ADA), ttl_seconds=7).issue_token(ENVIRONMENT, "ada")
    claims = jwt.decode(given, SECRET, algorithms=["HS256"], audience="widget_user")
    assert claims["exp"] - claims["iat"] == 7


async def test_a_token_of_one_deleted_and_made_again_is_not_believed() -> None:
    given = await service(Subscribers(ADA)).issue_token(ENVIRONMENT, "ada")
    with pytest.raises(Unauthorized):
        await service(Subscribers(replace(ADA, oid="c" * 24))).verify(given)


async def test_a_token_is_issued_for_one_who_is_not_known_yet() -> None:
    subscribers = Subscribers()
    given = await service(subscribers).issue_token(ENVIRONMENT, "new")
    assert (await service(subscribers).verify(given)).subscriber.subscriber_id == "new"
