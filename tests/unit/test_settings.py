"""The settings: read from the environment, refused with one line, masked for the log, told in docs/settings.md."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from pydantic import SecretStr, ValidationError

from inbox.errors import StartupError
from inbox.masking import MASK, mask_url
from inbox.settings import PREFIX, Settings, load_settings, mask_settings, unit_of, variable_name

DOCUMENT = Path(__file__).parents[2] / "docs" / "settings.md"


@pytest.fixture(autouse=True)
def empty_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith(PREFIX) or name == "PORT":
            monkeypatch.delenv(name)


def refusal(monkeypatch: pytest.MonkeyPatch, **environment: str) -> str:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(StartupError) as caught:
        load_settings()
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_defaults() -> None:
    settings = load_settings()
    assert (settings.host, settings.port, settings.mode) == ("127.0.0.1", 8000, "production")
    assert (settings.presence_lease_seconds, settings.presence_grace_seconds) == (60, 5)
    assert settings.token_ttl_seconds == 15 * 24 * 3600
    assert settings.redis_url is None


def test_every_setting_can_be_set(monkeypatch: pytest.MonkeyPatch) -> None:
    given = {
        "INBOX_HOST": "0.0.0.0",
        "INBOX_PORT": "0",
        "INBOX_WORKERS": "2",
        "INBOX_BASE_PATH": "/tools/inbox/",
        "INBOX_MODE": "Development",
        "INBOX_CORS_ORIGINS": "https://App.example.org, http://localhost:5173/, capacitor://localhost",
        "INBOX_CONSOLE": "true",
        "INBOX_REQUIRE_SUBSCRIBER_HASH": "true",
        "INBOX_REQUIRE_BOUND_HASH": "true",
        "INBOX_PAGE_SUBSCRIPTIONS": "false",
        "INBOX_DATA_DIR": "/srv/inbox",
        "INBOX_KEY_PREFIX": "shop:",
        "INBOX_DURABILITY": "fsync",
        "INBOX_WAIT_REPLICAS": "1",
        "INBOX_WAIT_REPLICAS_SECONDS": "0.5",
        "INBOX_API_KEY": "key-of-the-producers",
        "INBOX_APPLICATION_IDENTIFIER": "shop",
        "INBOX_SECRET_KEY": "s" * 32,
        "INBOX_TOKEN_TTL_SECONDS": "60",
        "INBOX_PRESENCE_LEASE_SECONDS": "2.5",
        "INBOX_PRESENCE_GRACE_SECONDS": "0",
        "INBOX_WEBSOCKETS": "websockets",
        "INBOX_MAX_SOCKETS": "1000",
        "INBOX_MAX_SOCKETS_PER_SUBSCRIBER": "3",
        "INBOX_MAX_SOCKET_QUEUE_EVENTS": "4",
        "INBOX_MAX_SOCKET_QUEUE_BYTES": "5000",
        "INBOX_MAX_SOCKET_QUEUE_TOTAL_BYTES": "5000000",
        "INBOX_MAX_FEED_LENGTH": "500",
        "INBOX_DRAIN_SECONDS": "2.5",
        "INBOX_SHUTDOWN_SECONDS": "0",
        "INBOX_METRICS_HOST": "0.0.0.0",
        "INBOX_FORMER_API_KEY": "key-before-it",
        "INBOX_METRICS_PORT": "9464",
        "INBOX_METRICS_TOKEN": "token-of-the-scraper",
        "INBOX_LOG_LEVEL": "DEBUG",
        "INBOX_LOG_FORMAT": "json",
        "INBOX_OPENTELEMETRY": "true",
        "INBOX_LOG_REQUESTS": "true",
        "INBOX_TRUSTED_PROXIES": "127.0.0.1, 10.0.0.0/8,fd00::/8",
        "INBOX_LOG_SLOW_SECONDS": "0.5",
        "INBOX_WORKFLOWS": "workflows",
        "INBOX_IDEMPOTENCY_SECONDS": "0",
        "INBOX_WORK_LEASE_SECONDS": "1.5",
        "INBOX_WEBHOOK_TIMEOUT_SECONDS": "3",
        "INBOX_WEBHOOK_RETRY_SECONDS": "60",
        "INBOX_WEBHOOK_PRIVATE_NETWORKS": "10.1.0.0/16, fd00::1",
        "INBOX_RATE_LIMIT_PER_KEY": "100/second",
        "INBOX_RATE_LIMIT_PER_SUBSCRIBER": "600/minute",
    }
    others = {"INBOX_REDIS_URL"}  # contradicts INBOX_DATA_DIR
    assert set(given) | others == {variable_name(name) for name in Settings.model_fields}
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    settings = load_settings()
    assert settings.model_fields_set == set(Settings.model_fields) - {"redis_url"}
    assert settings.cors_origins == ("https://app.example.org", "http://localhost:5173", "capacitor://localhost")
    assert (settings.mode, settings.log_level, settings.require_subscriber_hash) == ("development", "debug", True)
    assert settings.trusted_proxies == ("127.0.0.1/32", "10.0.0.0/8", "fd00::/8")
    assert settings.webhook_private_networks == ("10.1.0.0/16", "fd00::1/128")
    assert settings.api_key == SecretStr("key-of-the-producers")
    assert settings.base_path == "/tools/inbox"
    assert settings.presence_lease_seconds == 2.5


def test_only_production_drains_unless_told() -> None:
    assert load_settings().drains_for_seconds == 5
    assert load_settings(mode="development").drains_for_seconds == 0
    assert load_settings(mode="development", drain_seconds=2.5).drains_for_seconds == 2.5
    assert load_settings(drain_seconds=0).drains_for_seconds == 0


def test_only_in_development_a_webhook_set_by_the_api_reaches_this_machine_unless_told() -> None:
    assert load_settings().reachable_private_networks == ()
    assert load_settings(mode="development").reachable_private_networks == ("127.0.0.1/32", "::1/128")
    assert load_settings(webhook_private_networks="10.0.0.0/8").reachable_private_networks == ("10.0.0.0/8",)


def test_port_of_the_platform_is_used_when_ours_is_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORT", "9001")
    assert load_settings().port == 9001
    monkeypatch.setenv("INBOX_PORT", "9002")
    assert load_settings().port == 9002
    assert load_settings(port=9003, host=None).port == 9003


def test_empty_counts_as_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INBOX_API_KEY", "")
    monkeypatch.setenv("INBOX_REDIS_URL", "")
    monkeypatch.setenv("INBOX_DATA_DIR", "d")
    assert load_settings().api_key is None


def test_frozen() -> None:
    with pytest.raises(ValidationError):
        load_settings().port = 1


def test_every_problem_is_named_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    message = refusal(monkeypatch, INBOX_PORT="http", INBOX_MODE="staging", INBOX_DURABILTY="fsync", INBOX_X="1")
    assert "INBOX_PORT: " in message
    assert "INBOX_MODE: should be 'development' or 'production'" in message
    assert "INBOX_DURABILTY is no setting of this version, did you mean INBOX_DURABILITY?" in message
    assert "INBOX_X is no setting of this version" in message


def test_a_rate_is_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    message = refusal(monkeypatch, INBOX_RATE_LIMIT_PER_KEY="100")
    expected = "INBOX_RATE_LIMIT_PER_KEY: must be a number per second, minute or hour, like 100/second"
    assert message == f"invalid settings: {expected}"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("INBOX_PORT", "65536"),
        ("INBOX_PORT", "-1"),
        ("INBOX_BASE_PATH", "inbox"),
        ("INBOX_BASE_PATH", "/in box"),
        ("INBOX_BASE_PATH", "/a//b"),
        ("INBOX_BASE_PATH", "/a/../b"),
        ("INBOX_BASE_PATH", "/a%2Fb"),
        ("INBOX_BASE_PATH", "https://example.org/inbox"),
        ("INBOX_KEY_PREFIX", "a{b}"),
        ("INBOX_KEY_PREFIX", "a b"),
        ("INBOX_KEY_PREFIX", "a\x07"),
        ("INBOX_API_KEY", "two words"),
        ("INBOX_API_KEY", "schlüssel"),
        ("INBOX_FORMER_API_KEY", "two words"),
        ("INBOX_SECRET_KEY", "short"),
        ("INBOX_CORS_ORIGINS", "app.example.org"),
        ("INBOX_CORS_ORIGINS", "https://app.example.org/path"),
        ("INBOX_CORS_ORIGINS", "https://a.example,https://*b.example"),
        ("INBOX_TRUSTED_PROXIES", "10.0.0/8"),
        ("INBOX_WEBHOOK_PRIVATE_NETWORKS", "any"),
        ("INBOX_TRUSTED_PROXIES", "127.0.0.1,proxy.example.com"),
        ("INBOX_CORS_ORIGINS", "https://user:password@app.example.org"),
        ("INBOX_REQUIRE_SUBSCRIBER_HASH", "perhaps"),
        ("INBOX_REQUIRE_BOUND_HASH", "perhaps"),
        ("INBOX_PAGE_SUBSCRIPTIONS", "perhaps"),
        ("INBOX_APPLICATION_IDENTIFIER", "pk_keyless_1"),
        ("INBOX_RATE_LIMIT_PER_KEY", "7/week"),
        ("INBOX_RATE_LIMIT_PER_SUBSCRIBER", "0/second"),
        ("INBOX_IDEMPOTENCY_SECONDS", "-1"),
        ("INBOX_PRESENCE_LEASE_SECONDS", "inf"),
        ("INBOX_PRESENCE_LEASE_SECONDS", "0"),
        ("INBOX_PRESENCE_GRACE_SECONDS", "-1"),
        ("INBOX_WEBSOCKETS", "wsproto"),
        ("INBOX_MAX_SOCKETS", "0"),
        ("INBOX_MAX_SOCKET_QUEUE_EVENTS", "0"),
        ("INBOX_MAX_SOCKET_QUEUE_TOTAL_BYTES", "1023"),
        ("INBOX_TOKEN_TTL_SECONDS", "1.5"),
        ("INBOX_DRAIN_SECONDS", "-1"),
        ("INBOX_WORKERS", "0"),
        ("INBOX_LOG_FORMAT", "xml"),
        ("INBOX_REDIS_URL", "http://localhost"),
        ("INBOX_REDIS_URL", "localhost:6379"),
        ("INBOX_REDIS_URL", "redis://localhost:port"),
        ("INBOX_REDIS_URL", "redis+cluster://a:1,b:70000"),
        ("INBOX_REDIS_URL", "unix://?db=1"),
    ],
)
def test_invalid_value(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    message = refusal(monkeypatch, **{name: value})
    assert message.startswith(f"invalid settings: {name}: ")
    if "KEY" in name or "URL" in name:  # it may hold a secret
        assert value not in message


@pytest.mark.parametrize(
    "url",
    [
        "redis://localhost",
        "rediss://user:password@redis.example.org:6380/1",
        "unix:///run/redis.sock?db=1",
        "redis+sentinel://a:26379,b:26379/main",
        "redis+cluster://:password@a:1,b:2,c:3",
        "redis://[::1]:6379/0",
    ],
)
def test_redis_url(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("INBOX_REDIS_URL", url)
    assert load_settings().redis_url == url


@pytest.mark.parametrize("given", [{}, {"INBOX_API_KEY": "same"}])
def test_a_former_key_needs_a_successor(monkeypatch: pytest.MonkeyPatch, given: dict[str, str]) -> None:
    message = refusal(monkeypatch, INBOX_FORMER_API_KEY="same", **given)
    assert message == "invalid settings: INBOX_FORMER_API_KEY needs another INBOX_API_KEY that takes its place"


@pytest.mark.parametrize(("name", "value"), [("INBOX_DATA_DIR", "data"), ("INBOX_DURABILITY", "fsync")])
def test_settings_of_the_embedded_store_contradict_a_url(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    message = refusal(monkeypatch, INBOX_REDIS_URL="redis://localhost", **{name: value})
    assert message == f"invalid settings: {name} applies to the embedded store only: remove it, or INBOX_REDIS_URL"


def test_what_depends_on_the_mode() -> None:
    production, development = Settings(), Settings(mode="development")
    assert (production.allowed_origins, development.allowed_origins) == ((), ("*",))
    listed = Settings(mode="development", cors_origins=("https://a.example",))
    assert listed.allowed_origins == ("https://a.example",)


def test_no_secret_in_what_is_logged() -> None:
    secrets = {"api_key": "a" * 40, "secret_key": "b" * 40}
    settings = Settings(redis_url="redis://me:hidden@host/0?password=hidden2", **secrets)
    shown = mask_settings(settings)
    for secret in (*secrets.values(), "hidden"):
        assert secret not in str(shown)
        assert secret not in repr(settings).replace(settings.redis_url or "", "")
    assert shown["INBOX_API_KEY"] == MASK
    assert shown["INBOX_REDIS_URL"] == f"redis://me:{MASK}@host/0?password={MASK}"
    assert shown["INBOX_PORT"] == "8000"


def test_mask_url_leaves_the_rest_alone() -> None:
    for url in ("redis://localhost:6379/0", "unix:///a b/c.sock?db=1", "redis+cluster://a:1,b:2"):
        assert mask_url(url) == url


def test_every_setting_has_help_and_a_chapter_in_the_document() -> None:
    chapters = dict(re.findall(r"^### (\w+)\n\n(.*?)(?=^##|\Z)", DOCUMENT.read_text(), re.MULTILINE | re.DOTALL))
    assert set(chapters) == {variable_name(name) for name in Settings.model_fields}
    for name, field in Settings.model_fields.items():
        chapter = chapters[variable_name(name)]
        assert field.description
        assert field.description in chapter
        default = mask_settings(Settings())[variable_name(name)]
        assert (f"Default: `{default}`" if default else "Default: not set") in chapter
        assert unit_of(field) in chapter
