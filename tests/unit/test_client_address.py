"""Whose address a request has: the nearest that no trusted proxy has, whatever the client itself sent."""

from __future__ import annotations

import pytest

from inbox.http.client_address import ClientAddress

PROXIES = ("127.0.0.1/32", "10.0.0.0/8", "fd00::/8")


@pytest.mark.parametrize(
    ("peer", "forwarded", "expected"),
    [
        ("203.0.113.9", [], "203.0.113.9"),
        ("203.0.113.9", ["192.0.2.1"], "203.0.113.9"),
        ("127.0.0.1", [], "127.0.0.1"),
        ("127.0.0.1", ["203.0.113.9"], "203.0.113.9"),
        ("127.0.0.1", ["192.0.2.1, 203.0.113.9"], "203.0.113.9"),
        ("127.0.0.1", ["192.0.2.1, 203.0.113.9,10.1.2.3"], "203.0.113.9"),
        ("127.0.0.1", ["192.0.2.1", "203.0.113.9, 10.1.2.3"], "203.0.113.9"),
        ("127.0.0.1", ["10.9.9.9"], "10.9.9.9"),
        ("127.0.0.1", ["192.0.2.1, unknown, 10.1.2.3"], "10.1.2.3"),
        ("127.0.0.1", [""], "127.0.0.1"),
        ("::ffff:127.0.0.1", ["2001:db8::1"], "2001:db8::1"),
        ("fd00::1", ["203.0.113.9"], "203.0.113.9"),
    ],
)
def test_the_nearest_address_that_is_not_trusted(peer: str, forwarded: list[str], expected: str) -> None:
    headers = [(b"x-forwarded-for", value.encode()) for value in forwarded]
    scope = {"client": (peer, 1234), "headers": [(b"host", b"localhost"), *headers]}
    assert ClientAddress(PROXIES).of(scope) == expected


def test_a_peer_without_an_address() -> None:
    assert ClientAddress(PROXIES).of({"client": None, "headers": []}) is None
