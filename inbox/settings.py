"""The settings of the service, read from INBOX_* variables.

`inbox settings` and docs/settings.md show the description and the `unit` of each field.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import AliasChoices, Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from inbox import setting_checks as checks
from inbox.errors import StartupError
from inbox.masking import mask_url, show_value
from inbox.origins import ANY

PREFIX = "INBOX_"
MAX_FEED_LENGTH = 10_000
DRAIN_SECONDS = 5.0
"""In production: a proxy that asks `/ready` every two seconds notices in time."""
LOOPBACK = ("127.0.0.1/32", "::1/128")

Durability = Literal["memory", "everysec", "fsync"]
LogFormat = Literal["text", "json"]
LogLevel = Literal["debug", "info", "warning", "error"]
Mode = Literal["development", "production"]
WebSockets = Literal["inbox", "websockets"]


def _setting(default: Any, help_text: str, *, unit: str = "", **limits: Any) -> Any:
    return Field(default=default, description=help_text, json_schema_extra={"unit": unit}, **limits)


class Settings(BaseSettings):
    """The settings, checked one by one and together. Build it with `load_settings`, in tests by its field names."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_ignore_empty=True,
        allow_inf_nan=False,
        extra="forbid",
        frozen=True,
        populate_by_name=True,
        hide_input_in_errors=True,  # an invalid secret or URL must not be printed
    )

    host: str = _setting("127.0.0.1", "The address to listen on; 0.0.0.0 for every IPv4 address.", min_length=1)
    port: int = _setting(
        8000,
        "The port to listen on; 0 takes a free one. PORT is used when this is not set.",
        ge=0,
        le=65535,
        validation_alias=AliasChoices(f"{PREFIX}PORT", "PORT"),
    )
    workers: int = _setting(
        1,
        "How many processes serve on the port; they share one store. More than one need a POSIX system.",
        unit="processes",
        ge=1,
    )
    base_path: str = _setting(
        "",
        "Path prefix under which a proxy serves inbox, e.g. /inbox. The proxy may strip it or pass it on.",
    )
    mode: Mode = _setting(
        "production",
        "Names the environment that the key and identifier belong to. development allows the demo and any origin, "
        "and asks for no subscriber hash.",
    )
    cors_origins: Annotated[tuple[str, ...], NoDecode] = _setting(
        (),
        "The origins whose pages may use the browser side, separated by commas, or * for any. Besides "
        "https://app.example.org: https://*.example.org (one label), http://localhost:* (any port), those of apps and "
        "extensions like capacitor://localhost, and null (files, sandboxed frames). When not set: any in development, "
        "none in production.",
    )
    console: bool | None = _setting(
        None,
        "Whether the console is served at /console, where an operator logs in by an API key. When not set: in "
        "development only.",
    )
    require_subscriber_hash: bool | None = _setting(
        None,
        "Whether a browser session needs a valid subscriber hash. When not set: what the environment's in-app "
        "integration says, else in the environment Production yes, in others no.",
    )

    require_bound_hash: bool = _setting(
        False,
        "Whether subscriber and context hashes must be of the form that is bound to an environment and an expiry "
        "(v2.…); the plain form is then refused.",
    )

    page_subscriptions: bool = _setting(
        True,
        "Whether a page may subscribe its subscriber to any topic that it can name; this makes the topic where it does "
        "not exist. Otherwise only a backend subscribes; a page still sees, changes and ends what its subscriber has.",
    )

    data_dir: Path = _setting(
        Path("data"), "The directory of the embedded store and its lock. Not together with INBOX_REDIS_URL."
    )
    redis_url: str | None = _setting(
        None,
        "A Redis (7.0 or newer) or Valkey to use in place of the embedded store: redis://, rediss://, unix://, "
        "redis+sentinel://host:port,host:port/service, redis+cluster://host:port,host:port; with TLS "
        "rediss+sentinel:// and rediss+cluster://. Options follow a question mark: ssl_ca_certs, ssl_certfile, "
        "ssl_keyfile, ssl_cert_reqs (none), ssl_check_hostname (no), db, username, password.",
    )
    key_prefix: str = _setting("inbox:", "What every key and channel in the store begins with.", min_length=1)
    durability: Durability = _setting(
        "everysec",
        "What the embedded store keeps: memory (nothing outlives it), everysec (a power cut loses up to a second, and "
        "so does a kill while the disk is slow), fsync (replies leave after the data is on disk). Not together with "
        "INBOX_REDIS_URL.",
    )

    wait_replicas: int = _setting(
        0, "How many replicas must have what a trigger stored before it is acknowledged; 0 waits for none.", ge=0
    )
    wait_replicas_seconds: float = _setting(
        1.0,
        "How long a trigger waits for the replicas of INBOX_WAIT_REPLICAS; then it is answered 503.",
        unit="seconds",
        gt=0,
        le=4,
    )

    api_key: SecretStr | None = _setting(
        None,
        "The API key of the producers; it is not stored, so commands need it too. Another one in its place "
        "ends the sessions that were opened under it. When not set, one is made at the "
        "first start and kept in the store.",
    )
    former_api_key: SecretStr | None = _setting(
        None,
        "The API key before INBOX_API_KEY: both are accepted, so that callers can change over. Once it is removed "
        "here, it is refused, and the sessions that were opened under it end.",
    )
    application_identifier: str | None = _setting(
        None, "The public name of the environment, used by browsers. When not set, one is made and kept likewise."
    )
    secret_key: SecretStr | None = _setting(
        None,
        "Encrypts the secrets that the store keeps (API key, signing key of session tokens). When not set, they are "
        "stored readably.",
        unit=f"at least {checks.SECRET_KEY_LENGTH} characters",
    )
    workflows: Path | None = _setting(
        None,
        "A file or folder of workflows (YAML, TOML) that the environment of INBOX_MODE has at every start; "
        "what the API changes afterwards holds until the next.",
    )

    token_ttl_seconds: int = _setting(15 * 86400, "How long a browser's session token is valid.", unit="seconds", ge=1)

    idempotency_seconds: int = _setting(
        86400,
        "How long the answer to a backend's POST or PATCH that carries an Idempotency-Key is kept for its repetition; "
        "0 keeps none. Triggers have their transaction in any case.",
        unit="seconds",
        ge=0,
    )
    rate_limit_per_key: str | None = _setting(
        None, "How often an API key may be used, e.g. 100/second. When not set: without limit."
    )
    rate_limit_per_subscriber: str | None = _setting(
        None,
        "How often the session tokens of one subscriber may be used, e.g. 600/minute. When not set: without limit.",
    )

    presence_lease_seconds: float = _setting(
        60.0, "After how long a process that died is no longer counted as holding sockets.", unit="seconds", ge=1
    )
    presence_grace_seconds: float = _setting(
        5.0, "How long after a subscriber's last socket closed it goes offline.", unit="seconds", ge=0
    )
    work_lease_seconds: float = _setting(
        10.0,
        "How long background work stays with a process that stopped working on it.",
        unit="seconds",
        ge=1,
    )
    webhook_timeout_seconds: float = _setting(
        10.0,
        "How long a webhook may take to answer before an event counts as not delivered.",
        unit="seconds",
        gt=0,
        le=60,
    )
    webhook_retry_seconds: float = _setting(
        86400.0, "How old an event becomes before a webhook that fails is not tried any more.", unit="seconds", ge=0
    )
    webhook_private_networks: Annotated[tuple[str, ...] | None, NoDecode] = _setting(
        None,
        "Private addresses and networks that a webhook may reach whose URL was set by the API, separated by commas. "
        "When not set: 127.0.0.1 and ::1 in development, in production none. Public addresses can always be reached; "
        "a webhook that was set by command reaches every host.",
    )
    websockets: WebSockets = _setting(
        "inbox",
        "What reads and writes the frames of sockets: inbox, or websockets, the library, which takes more CPU and "
        "memory.",
    )
    max_sockets: int | None = _setting(
        None,
        "Open sockets of all subscribers at one process; more are refused. When not set: the process's limit of "
        "descriptors (ulimit -n) minus 256 for requests and the store; if the limit is small, minus half.",
        unit="sockets",
        ge=1,
    )
    max_sockets_per_subscriber: int = _setting(
        100, "Open sockets of one subscriber at one process; more are refused.", unit="sockets", ge=1
    )
    max_socket_queue_events: int = _setting(
        256, "Events waiting for one slow socket before it is closed.", unit="events", ge=1
    )
    max_socket_queue_bytes: int = _setting(
        1024 * 1024, "Bytes waiting for one slow socket before it is closed.", unit="bytes", ge=1024
    )
    max_socket_queue_total_bytes: int = _setting(
        64 * 1024 * 1024,
        "Bytes waiting for all slow sockets of a process before the one with the most is closed.",
        unit="bytes",
        ge=1024 * 1024,
    )
    max_feed_length: int = _setting(
        1_000,
        "How many messages a feed keeps, the newest; up to 64 more stand until the next trim.",
        unit="messages",
        ge=10,
        le=MAX_FEED_LENGTH,
    )
    drain_seconds: float | None = _setting(
        None,
        "How long the service goes on to serve after SIGTERM, with /ready at 503, so that a proxy stops using it. "
        "When not set: 5 in production, 0 in development.",
        unit="seconds",
        ge=0,
    )
    shutdown_seconds: int = _setting(
        10, "How long requests and sockets may take to end when the service stops.", unit="seconds", ge=0
    )

    metrics_host: str = _setting("127.0.0.1", "The address on which INBOX_METRICS_PORT is opened.", min_length=1)
    metrics_port: int | None = _setting(
        None,
        "A port of its own for /metrics, in the format of Prometheus; 0 takes a free one. When not set: no metrics.",
        ge=0,
        le=65535,
    )
    metrics_token: SecretStr | None = _setting(
        None, "The bearer token that a scrape of /metrics needs. When not set: none."
    )

    log_level: LogLevel = _setting("info", "The least severe lines that are logged.")
    log_format: LogFormat = _setting("text", "How a log line is written: text, or json for one object a line.")
    log_requests: bool = _setting(
        False, "Whether each request has a log line: method, path without its query, status, duration and caller."
    )

    log_slow_seconds: float = _setting(
        1.0,
        "How long a request may take until its answer before a line says so; at most one a second, 0 for none.",
        unit="seconds",
        ge=0,
    )

    opentelemetry: bool = _setting(
        False,
        "Whether each request, and each call of the store within it, has a span that is sent by OTLP over HTTP, as the "
        "OTEL_* variables say. It needs the extra otel: pip install inbox-server[otel].",
    )

    trusted_proxies: Annotated[tuple[str, ...], NoDecode] = _setting(
        (),
        "Addresses and networks of the proxies in front, separated by commas. Log lines of requests then have the "
        "client's address, as these proxies name it in X-Forwarded-For.",
    )

    @property
    def allowed_origins(self) -> tuple[str, ...]:
        """The origins that browsers may come from, `("*",)` for any."""
        if self.cors_origins or self.mode == "production":
            return self.cors_origins
        return (ANY,)

    @property
    def reachable_private_networks(self) -> tuple[str, ...]:
        """The private networks that webhooks set by the API may reach."""
        if self.webhook_private_networks is None and self.mode == "development":
            return LOOPBACK
        return self.webhook_private_networks or ()

    @property
    def drains_for_seconds(self) -> float:
        if self.drain_seconds is not None:
            return self.drain_seconds
        return DRAIN_SECONDS if self.mode == "production" else 0.0

    _lower_case = field_validator("log_level", "log_format", "mode", "durability", mode="before")(checks.lower_case)
    _origins = field_validator("cors_origins", mode="before")(checks.origins)
    _networks = field_validator("trusted_proxies", "webhook_private_networks", mode="before")(checks.networks)
    _base_path = field_validator("base_path")(checks.base_path)
    _redis_url = field_validator("redis_url")(checks.redis_url)
    _rate = field_validator("rate_limit_per_key", "rate_limit_per_subscriber")(checks.rate)
    _key_prefix = field_validator("key_prefix")(checks.key_prefix)
    _credential = field_validator("api_key", "former_api_key", "application_identifier", "secret_key", "metrics_token")(
        checks.credential
    )
    _application_identifier = field_validator("application_identifier")(checks.application_identifier)
    _secret_key = field_validator("secret_key")(checks.secret_key)

    @model_validator(mode="after")
    def _check_together(self) -> Self:
        if self.former_api_key is not None and self.api_key in (None, self.former_api_key):
            raise checks.problem(f"{PREFIX}FORMER_API_KEY needs another {PREFIX}API_KEY that takes its place")
        if self.redis_url is None:
            return self
        for name in ("data_dir", "durability"):
            if name in self.model_fields_set:
                raise checks.problem(
                    f"{variable_name(name)} applies to the embedded store only: remove it, or {PREFIX}REDIS_URL"
                )
        return self


def load_settings(**overrides: Any) -> Settings:
    """Return the settings of the INBOX_* variables and PORT. `overrides` replace them by field name, unless None.

    Raise StartupError with one line that lists every problem: unknown variables, invalid values, contradictions.
    """
    values = {name: value for name, value in overrides.items() if value is not None}
    problems = [*_unknown_variables(os.environ)]
    try:
        settings = Settings(**values)
    except ValidationError as error:
        problems += [_describe(details) for details in error.errors(include_url=False, include_input=False)]
    if problems:
        raise StartupError("invalid settings: " + "; ".join(problems))
    return settings


def mask_settings(settings: Settings) -> dict[str, str]:
    """Return each setting's variable and value as text, with secrets and passwords in URLs masked."""
    return {variable_name(name): _masked(name, getattr(settings, name)) for name in Settings.model_fields}


def variable_name(field: str) -> str:
    return PREFIX + field.upper()


def unit_of(field: FieldInfo) -> str:
    extra = field.json_schema_extra
    return str(extra.get("unit", "")) if isinstance(extra, dict) else ""


def _describe(details: ErrorDetails) -> str:
    if not details["loc"]:
        return details["msg"]
    name = str(details["loc"][0])
    variable = name if name.isupper() else variable_name(name)
    return f"{variable}: {details['msg'].removeprefix('Input ')}"


def _unknown_variables(environ: Mapping[str, str]) -> Iterator[str]:
    variables = [variable_name(name) for name in Settings.model_fields]
    for name in sorted(environ):
        if name.upper().startswith(PREFIX) and name.upper() not in variables:
            close = difflib.get_close_matches(name.upper(), variables, n=1, cutoff=0.75)
            yield f"{name} is no setting of this version" + (f", did you mean {close[0]}?" if close else "")


def _masked(name: str, value: Any) -> str:
    return mask_url(value) if name == "redis_url" and value else show_value(value)
