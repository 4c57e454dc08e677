"""The matcher of origins: what may be listed, and what of it a browser's Origin matches."""

from __future__ import annotations

import pytest

from inbox.origins import AllowedOrigins, is_of_host, parse_setting


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("*", "*"),
        ("null", "null"),
        ("https://App.Example.org:443/", "https://app.example.org"),
        ("http://localhost:5173", "http://localhost:5173"),
        ("http://localhost:*", "http://localhost:*"),
        ("https://*.tenant.example", "https://*.tenant.example"),
        ("https://*.Tenant.example:8443", "https://*.tenant.example:8443"),
        ("wss://app.example.org", "https://app.example.org"),
        ("https://b\u00fccher.example", "https://xn--bcher-kva.example"),
        ("https://*.B\u00dcCHER.example:*", "https://*.xn--bcher-kva.example:*"),
        ("http://127.0.0.1:*", "http://127.0.0.1:*"),
        ("http://[0:0:0:0:0:0:0:1]:3000", "http://[::1]:3000"),
        ("capacitor://localhost", "capacitor://localhost"),
        ("tauri://localhost", "tauri://localhost"),
        ("chrome-extension://abcdefghijklmnop", "chrome-extension://abcdefghijklmnop"),
        ("moz-extension://*", "moz-extension://*"),
        ("file://", "file://"),
        ("https://App.example.org.", "https://app.example.org."),
        ("https://*.example.org.:8443", "https://*.example.org.:8443"),
        ("https://b\u00fccher.example.", "https://xn--bcher-kva.example."),
        ("http://*.localhost:*", "http://*.localhost:*"),
        ("https://*.internal", "https://*.internal"),
    ],
)
def test_what_may_be_listed(text: str, canonical: str) -> None:
    assert parse_setting(text) == canonical
    assert parse_setting(canonical) == canonical


@pytest.mark.parametrize(
    "text",
    [
        "app.example.org",
        "https://",
        "https://*",
        "*://app.example.org",
        "https://*app.example.org",
        "https://app*.example.org",
        "https://a.*.example.org",
        "https://**.example.org",
        "https://app.example.org/path",
        "https://app.example.org?query",
        "https://app.example.org#part",
        "https://user:password@app.example.org",
        "https://app.example.org:0",
        "https://app.example.org:65536",
        "https://app.example.org:80*",
        "https://app..example.org",
        "https://-app.example.org",
        "https://app example.org",
        "https://app.example.org\n",
        "https://\u2024.example.org",
        "http://127.1",
        "http://*.0.0.1",
        "http://[::g]",
        "http://[::1",
        "capacitor://",
        "data:text/html,x",
        "javascript://x",
        "https://app.example.org..",
        "https://.",
        "https://*.",
        "https://*.com",
        "https://*.com.",
        "https://*.xn--p1ai:*",
        "http://127.0.0.1.",
    ],
)
def test_what_can_match_nothing_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"origin|host|path|port|address") as refused:
        parse_setting(text)
    assert "\n" not in str(refused.value)
    assert "password@" not in str(refused.value)


@pytest.mark.parametrize(
    ("listed", "origin"),
    [
        ("https://app.example.org", "https://app.example.org"),
        ("https://app.example.org", "https://APP.example.org/"),
        ("https://app.example.org", "https://app.example.org:443"),
        ("https://app.example.org", "wss://app.example.org"),
        ("https://*.tenant.example", "https://one.tenant.example"),
        ("https://*.tenant.example", "https://xn--bcher-kva.tenant.example"),
        ("http://localhost:*", "http://localhost"),
        ("http://localhost:*", "http://localhost:5173"),
        ("https://*.tenant.example:*", "https://one.tenant.example:8443"),
        ("http://[::1]:*", "http://[::1]:3000"),
        ("https://b\u00fccher.example", "https://xn--bcher-kva.example"),
        ("capacitor://localhost", "capacitor://localhost"),
        ("chrome-extension://ABC", "chrome-extension://abc"),
        ("moz-extension://*", "moz-extension://0b1e-22"),
        ("file://", "file://"),
        ("null", "null"),
        ("https://app.example.org.", "https://app.example.org."),
        ("https://*.tenant.example.", "https://one.tenant.example.:443"),
        ("*", "https://anything.example"),
        ("*", "null"),
    ],
)
def test_what_a_listed_origin_lets_in(listed: str, origin: str) -> None:
    assert AllowedOrigins(["https://other.example", parse_setting(listed)]).allows(origin)


@pytest.mark.parametrize(
    ("listed", "origin"),
    [
        ("https://app.example.org", "http://app.example.org"),
        ("https://app.example.org", "https://app.example.org:8443"),
        ("https://app.example.org", "https://app.example.org.evil.example"),
        ("https://app.example.org", "https://evil-app.example.org"),
        ("https://app.example.org", "https://app.example.org@evil.example"),
        ("https://app.example.org", "https://evil.example/https://app.example.org"),
        ("https://app.example.org", "https://app.example.org//"),
        ("https://app.example.org", "https://app.example.org\\.evil.example"),
        ("https://app.example.org", "null"),
        ("https://app.example.org", "https://app.example.org."),
        ("https://app.example.org.", "https://app.example.org"),
        ("https://*.tenant.example", "https://one.tenant.example."),
        ("https://app.example.org", ""),
        ("https://*.tenant.example", "https://tenant.example"),
        ("https://*.tenant.example", "https://.tenant.example"),
        ("https://*.tenant.example", "https://evil-tenant.example"),
        ("https://*.tenant.example", "https://a.b.tenant.example"),
        ("https://*.tenant.example", "https://one.tenant.example.evil.example"),
        ("https://*.tenant.example", "https://one.tenant.example:8443"),
        ("https://*.tenant.example", "https://evil.example#.tenant.example"),
        ("https://*.tenant.example", "https://evil.example:443@one.tenant.example"),
        ("https://*.tenant.example", "http://one.tenant.example"),
        ("http://localhost:*", "https://localhost:5173"),
        ("http://localhost:*", "http://localhost:*"),
        ("http://localhost:*", "http://localhost.evil.example:5173"),
        ("http://localhost:*", "http://localhost:5173@evil.example"),
        ("http://localhost:*", "http://localhost:5173.evil.example"),
        ("https://b\u00fccher.example", "https://b\u00fccher.example"),
        ("https://kube.example", "https://\u212aube.example"),
        ("file://", "null"),
        ("null", "file://"),
        ("capacitor://localhost", "ionic://localhost"),
    ],
)
def test_what_a_listed_origin_keeps_out(listed: str, origin: str) -> None:
    assert not AllowedOrigins([parse_setting(listed)]).allows(origin)


@pytest.mark.parametrize(
    ("origin", "host"),
    [
        ("https://inbox.example", "inbox.example"),
        ("http://inbox.example", "inbox.example"),
        ("wss://inbox.example", "inbox.example"),
        ("ws://inbox.example:8000", "inbox.example:8000"),
        ("HTTPS://Inbox.Example/", "inbox.example:443"),
        ("http://[::1]:8000", "[::1]:8000"),
    ],
)
def test_a_server_s_own_pages(origin: str, host: str) -> None:
    assert is_of_host(origin, host)


@pytest.mark.parametrize(
    ("origin", "host"),
    [
        ("https://inbox.example", None),
        ("https://inbox.example.", "inbox.example"),
        ("https://inbox.example", ""),
        ("https://inbox.example", "other.example"),
        ("https://inbox.example", "inbox.example:8000"),
        ("https://inbox.example:80", "inbox.example"),
        ("http://inbox.example:443", "inbox.example"),
        ("capacitor://inbox.example", "inbox.example"),
        ("null", "null"),
        ("http://", ""),
        ("//inbox.example", "inbox.example"),
        ("ftp://inbox.example", "inbox.example"),
        ("https://a@inbox.example", "a@inbox.example"),
    ],
)
def test_pages_of_others(origin: str, host: str | None) -> None:
    assert not is_of_host(origin, host)
