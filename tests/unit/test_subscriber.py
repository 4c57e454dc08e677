"""A subscriber: which profiles are accepted, what is stored, what is shown."""

from __future__ import annotations

from typing import Any

import msgspec
import orjson
import pytest

from inbox.errors import BadRequest, ValidationFailed
from inbox.ids import SubscriberId
from inbox.models.environment import Environment
from inbox.models.session import SessionRequest
from inbox.models.subscriber import Profile, Subscriber, notification_to, parse_record, subscriber_card, subscriber_view

ENVIRONMENT = Environment(1, "e" * 24, "0" * 24, "Development", "app")
OID = "a" * 24
TEXTS = ("firstName", "lastName", "phone", "avatar")
FORMATTED = ("email", "locale", "timezone")


def changes(**sent: Any) -> dict[str, Any]:
    return msgspec.convert(sent, Profile).changes()


def problems(**sent: Any) -> dict[str, list[str]]:
    with pytest.raises(ValidationFailed) as refused:
        changes(**sent)
    return refused.value.fields


def test_only_what_was_sent_is_changed() -> None:
    assert changes() == {}
    assert changes(firstName="A", unknown=1) == {"firstName": "A"}


@pytest.mark.parametrize("name", [*TEXTS, *FORMATTED, "data", "channels"])
def test_null_clears_every_field(name: str) -> None:
    assert changes(**{name: None}) == {name: None}


@pytest.mark.parametrize("name", TEXTS)
def test_a_plain_text_may_be_empty(name: str) -> None:
    assert changes(**{name: ""}) == {name: ""}


@pytest.mark.parametrize("email", ["a@example.org", "a+b@sub.example.org", "ä@exämple.org", "a.b@c.de"])
def test_an_email(email: str) -> None:
    assert changes(email=email) == {"email": email}


@pytest.mark.parametrize("name", FORMATTED)
def test_an_empty_text_where_none_is_possible_is_as_if_it_was_not_sent(name: str) -> None:
    assert changes(**{name: "", "firstName": ""}) == {"firstName": ""}


@pytest.mark.parametrize(
    "email", ["a", "a@", "@b.c", "a@b", "a b@c.de", "a@b@c.de", "a@b.", "a@.c\n", "a@b.c\n", "a\0@b.c"]
)
def test_no_email(email: str) -> None:
    assert problems(email=email) == {"email": ["email must be an email"]}


@pytest.mark.parametrize("locale", ["en", "en_US", "en-US", "zh_Hans_CN", "fil", "es-419"])
def test_a_locale(locale: str) -> None:
    assert changes(locale=locale) == {"locale": locale}


@pytest.mark.parametrize("locale", ["e", "english", "en US", "en_", "en--US", "en_US.UTF-8", "12", "en\n"])
def test_no_locale(locale: str) -> None:
    assert "locale" in problems(locale=locale)


@pytest.mark.parametrize("timezone", ["Europe/Berlin", "UTC", "America/Argentina/Buenos_Aires", "Etc/GMT+5"])
def test_a_timezone(timezone: str) -> None:
    assert changes(timezone=timezone) == {"timezone": timezone}


@pytest.mark.parametrize(
    "timezone", ["Mars/Olympus", "+02:00", "../etc/passwd", "/etc/localtime", "a\0b", "x" * 400, "Europe"]
)
def test_no_timezone(timezone: str) -> None:
    assert "timezone" in problems(timezone=timezone)


def test_every_wrong_field_is_named_with_its_value() -> None:
    with pytest.raises(ValidationFailed) as refused:
        changes(email="none", locale="no locale", firstName="A")
    assert set(refused.value.fields) == {"email", "locale"}
    assert refused.value.values == {"email": "none", "locale": "no locale"}


@pytest.mark.parametrize("name", TEXTS)
def test_a_text_may_be_long_but_not_endless(name: str) -> None:
    assert changes(**{name: "x" * 2_048})
    assert name in problems(**{name: "x" * 2_049})


@pytest.mark.parametrize("sent", [{"firstName": 7}, {"data": []}, {"data": "x"}, {"channels": {}}, {"channels": [1]}])
def test_a_wrong_type_is_refused(sent: dict[str, Any]) -> None:
    with pytest.raises(msgspec.ValidationError):
        changes(**sent)


def record(**fields: Any) -> dict[bytes, bytes]:
    known = {"id": "ada", "created": 1_000, "updated": 2_000}
    return {name.encode(): str(value).encode() for name, value in {**known, **fields}.items()}


def test_a_record_is_read() -> None:
    stored = record(
        firstName='"A"', data='{"k":[1]}', online=1, last_online=3_000, **{"#": 7, "#t:a": 8, "@process": 1}
    )
    assert parse_record(OID, stored) == Subscriber(
        OID, SubscriberId("ada"), 1_000, 2_000, True, 3_000, {"firstName": "A", "data": {"k": [1]}}, {"": 7, "t:a": 8}
    )


@pytest.mark.parametrize(
    ("changes", "is_stored"),
    [
        ({}, True),
        ({"firstName": "Ada", "data": {"a": 1, "b": [True]}}, True),
        ({"phone": None}, True),
        ({"firstName": None}, False),
        ({"firstName": "Augusta"}, False),
        ({"lastName": "L"}, False),
        ({"data": {"a": True, "b": [True]}}, False),
        ({"data": {"a": 1.0, "b": [True]}}, False),
    ],
)
def test_whether_a_profile_is_stored_already(changes: dict[str, Any], is_stored: bool) -> None:
    stored = record(firstName='"Ada"', data='{"a":1,"b":[true]}')
    assert parse_record(OID, stored).has_profile(changes) is is_stored


def test_a_record_without_presence_is_offline() -> None:
    subscriber = parse_record(OID, record())
    assert (subscriber.is_online, subscriber.last_online_ms) == (False, None)


BARE = Subscriber(OID, SubscriberId("a/b"), 1_000, 2_000)
FULL = Subscriber(
    OID, SubscriberId("ada"), 1_000, 2_000, True, 3_000, {"firstName": "A", "avatar": "/a.png", "email": "a@b.cd"}
)


def test_the_view_of_a_bare_subscriber_has_every_required_field() -> None:
    assert subscriber_view(BARE, ENVIRONMENT) == {
        "_id": OID,
        "id": OID,
        "_organizationId": ENVIRONMENT.organization_id,
        "_environmentId": ENVIRONMENT.id,
        "subscriberId": "a/b",
        "channels": [],
        "data": {},
        "isOnline": False,
        "deleted": False,
        "createdAt": "1970-01-01T00:00:01.000Z",
        "updatedAt": "1970-01-01T00:00:02.000Z",
        "__v": 0,
    }


def test_the_view_adds_what_is_known() -> None:
    bare, full = subscriber_view(BARE, ENVIRONMENT), subscriber_view(FULL, ENVIRONMENT)
    added = {name: value for name, value in full.items() if name not in bare}
    assert added == {"lastOnlineAt": "1970-01-01T00:00:03.000Z", **FULL.profile}


def test_the_card_holds_ids_name_and_avatar_only() -> None:
    assert notification_to(BARE) == {"id": OID, "subscriberId": "a/b"}
    assert subscriber_card(BARE) == {"_id": OID, "id": OID, "subscriberId": "a/b"}
    assert subscriber_card(FULL) == {"_id": OID, "id": OID, "subscriberId": "ada", "firstName": "A", "avatar": "/a.png"}


def test_templates_see_profile_and_presence() -> None:
    assert BARE.variables() == {"subscriberId": "a/b", "isOnline": False}
    assert FULL.variables() == {
        "subscriberId": "ada",
        "isOnline": True,
        "lastOnlineAt": "1970-01-01T00:00:03.000Z",
        **FULL.profile,
    }


def target(**body: Any) -> tuple[str, dict[str, Any]]:
    return msgspec.convert({"applicationIdentifier": "app", **body}, SessionRequest).target()


@pytest.mark.parametrize(
    ("body", "subscriber_id", "profile"),
    [
        ({"subscriber": {"subscriberId": "a"}}, "a", {}),
        ({"subscriber": {"subscriberId": " a ", "firstName": "A", "id": "x"}}, "a", {"firstName": "A"}),
        ({"subscriber": "a"}, "a", {}),
        ({"subscriberId": "a"}, "a", {}),
        ({"subscriber": {"subscriberId": "a"}, "subscriberId": "b"}, "a", {}),
        ({"subscriber": "a", "subscriberId": "b"}, "a", {}),
    ],
)
def test_a_session_names_its_subscriber_in_three_forms(body: Any, subscriber_id: str, profile: Any) -> None:
    assert target(**body) == (subscriber_id, profile)


def test_a_browser_sets_no_channels() -> None:
    _, profile = target(subscriber={"subscriberId": "a", "channels": [{"providerId": "fcm"}]})
    assert profile == {}


@pytest.mark.parametrize("body", [{}, {"subscriber": {}}, {"subscriber": {"firstName": "A"}}, {"subscriber": " "}])
def test_a_session_without_a_subscriber_is_refused(body: Any) -> None:
    with pytest.raises(ValidationFailed):
        target(**body)


def test_a_session_with_nul_is_malformed() -> None:
    with pytest.raises(BadRequest):
        target(subscriberId="a\0")


def test_a_stored_profile_comes_back_as_it_was() -> None:
    profile = changes(firstName="ä 💥", data={"n": 1.5, "deep": {"k": [None, True]}})
    stored = record(**{name: orjson.dumps(value).decode() for name, value in profile.items()})
    assert parse_record(OID, stored).profile == profile
