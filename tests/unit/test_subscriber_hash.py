"""The forms of a subscriber hash: what is valid, for whom, and until when."""

from __future__ import annotations

import hashlib
import hmac

import pytest

from inbox import subscriber_hash
from inbox.subscriber_hash import bound_hash, is_valid_hash, plain_hash

KEYS, APP, NOW = ["first key", "second key"], "app1", 1_000.5
LATER = 1_001


def valid(
    given: str, *, kind: subscriber_hash.HashKind = "subscriber", app: str = APP, bound_only: bool = False
) -> bool:
    return is_valid_hash(given, KEYS, kind, app, "ada", NOW, bound_only=bound_only)


def test_the_plain_form_is_that_of_the_original() -> None:
    expected = hmac.new(b"first key", b"ada", hashlib.sha256).hexdigest()
    assert plain_hash("first key", "ada") == expected


def test_the_bound_form_is_as_the_docs_say() -> None:
    signed = hmac.new(b"k", b"inbox.v2 subscriber app1 1001 ada", hashlib.sha256).hexdigest()
    assert bound_hash("k", "subscriber", APP, LATER, "ada") == f"v2.1001.{signed}"


@pytest.mark.parametrize("key", KEYS)
def test_either_key_will_do_in_any_case(key: str) -> None:
    for given in (plain_hash(key, "ada"), bound_hash(key, "subscriber", APP, LATER, "ada")):
        assert valid(given)
        assert valid(given.upper())


def test_no_other_key_will_do() -> None:
    assert not valid(plain_hash("third key", "ada"))
    assert not valid(bound_hash("third key", "subscriber", APP, LATER, "ada"))


def test_a_bound_one_ends() -> None:
    assert not valid(bound_hash(KEYS[0], "subscriber", APP, 1_000, "ada"))
    assert valid(bound_hash(KEYS[0], "subscriber", APP, 999_999_999_999, "ada"))


def test_its_end_cannot_be_moved() -> None:
    _, _, signed = bound_hash(KEYS[0], "subscriber", APP, 1_000, "ada").split(".")
    assert not valid(f"v2.{LATER}.{signed}")


def test_a_bound_one_opens_nothing_else() -> None:
    given = bound_hash(KEYS[0], "subscriber", APP, LATER, "ada")
    assert not valid(given, app="app2")
    assert not valid(given, kind="context")
    assert not is_valid_hash(given, KEYS, "subscriber", APP, "bob", NOW, bound_only=False)


def test_only_the_bound_form_where_it_is_demanded() -> None:
    assert not valid(plain_hash(KEYS[0], "ada"), bound_only=True)
    assert valid(bound_hash(KEYS[0], "subscriber", APP, LATER, "ada"), bound_only=True)


ZEROS = "0" * 64


@pytest.mark.parametrize("given", ["", "v2", "v2..", f"v2.-1.{ZEROS}", f"v2.1e9.{ZEROS}", f"v1.9.{ZEROS}", "ä💥"])
def test_anything_else_is_none(given: str) -> None:
    assert not valid(given)


@pytest.mark.parametrize("given", ["", ZEROS, plain_hash(KEYS[0], "ada"), f"v2.{LATER}.{ZEROS}", f"v2.1.{ZEROS}"])
def test_every_key_is_compared_in_constant_time(monkeypatch: pytest.MonkeyPatch, given: str) -> None:
    """A comparison with `==` would leak where it ends. No early end tells which key, or whether it had expired."""
    compared: list[tuple[bytes, bytes]] = []

    in_constant_time = hmac.compare_digest

    def compare(one: bytes, other: bytes) -> bool:
        compared.append((one, other))
        return in_constant_time(one, other)

    monkeypatch.setattr(hmac, "compare_digest", compare)
    valid(given)
    assert [other for _, other in compared] == [given.encode()] * len(KEYS)
