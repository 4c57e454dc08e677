"""Parses the URL of a store: its kind, its servers, and how to log in to them."""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field
from enum import Enum
from urllib.parse import parse_qsl, unquote, urlsplit

from inbox.errors import StartupError

DEFAULT_PORT = 6379
DEFAULT_SENTINEL_PORT = 26379
DEFAULT_SERVICE = "mymaster"

_TLS_OPTIONS = ("ssl_ca_certs", "ssl_certfile", "ssl_keyfile", "ssl_cert_reqs", "ssl_check_hostname")
_OPTIONS = ("db", "username", "password", *_TLS_OPTIONS)
_FALSE = ("0", "no", "none", "false")


class Kind(Enum):
    """How the servers of a URL belong together."""

    SINGLE = "single"
    SENTINEL = "sentinel"
    CLUSTER = "cluster"


@dataclass(frozen=True, slots=True)
class Address:
    """Where a server listens: host and port, or the path of a unix socket."""

    host: str = ""
    port: int = 0
    path: str = ""

    def __str__(self) -> str:
        if self.path:
            return self.path
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Login:
    """How a connection introduces itself. Without a user and a password it does not authenticate."""

    user: str | None = None
    password: str | None = field(default=None, repr=False)
    database: int = 0
    tls: ssl.SSLContext | None = None


@dataclass(frozen=True, slots=True)
class StoreUrl:
    """A store: one server, some nodes of a cluster, or the sentinels that know the primary of `service`."""

    kind: Kind
    addresses: tuple[Address, ...]
    login: Login
    service: str = ""


def parse_store_url(url: str) -> StoreUrl:
    """Parse a redis, rediss, unix, redis+sentinel, rediss+sentinel, redis+cluster or rediss+cluster URL.

    Raise StartupError for an option that does not exist or needs TLS, and for TLS files that cannot be read.
    """
    scheme, _, rest = url.partition("://")
    rest, _, query = rest.partition("?")
    options = dict(parse_qsl(query, keep_blank_values=True))
    if unknown := sorted(set(options) - set(_OPTIONS)):
        known = ", ".join(_OPTIONS)
        raise StartupError(f"INBOX_REDIS_URL has an option {unknown[0]} that does not exist. The options are {known}")
    is_encrypted = scheme.startswith("rediss")
    if not is_encrypted and (useless := sorted(set(options) & set(_TLS_OPTIONS))):
        raise StartupError(
            f"INBOX_REDIS_URL has the option {useless[0]}, but {scheme}:// is not encrypted. Write rediss:// for TLS"
        )
    credentials, at, location = ("", "", rest) if rest.startswith("/") else rest.rpartition("@")
    user, _, password = credentials.partition(":") if at else ("", "", "")
    tls = _tls(options) if is_encrypted else None
    login = Login(
        user=unquote(user) or options.get("username"),
        password=unquote(password) or options.get("password"),
        database=_database(options.get("db", "")),
        tls=tls,
    )
    if scheme == "unix":
        return StoreUrl(Kind.SINGLE, (Address(path=unquote(location)),), login)
    hosts, _, path = location.partition("/")
    kind = Kind(scheme.partition("+")[2] or "single")
    if kind is Kind.SENTINEL:
        return StoreUrl(kind, _addresses(hosts, DEFAULT_SENTINEL_PORT), login, unquote(path) or DEFAULT_SERVICE)
    if kind is Kind.SINGLE and path:
        login = Login(login.user, login.password, _database(path), tls)
    return StoreUrl(kind, _addresses(hosts, DEFAULT_PORT), login)


def _addresses(hosts: str, default_port: int) -> tuple[Address, ...]:
    split = [urlsplit(f"//{host}") for host in hosts.split(",")]
    return tuple(Address(part.hostname or "127.0.0.1", part.port or default_port) for part in split)


def _database(text: str) -> int:
    if text and not text.isdecimal():
        raise StartupError(f"INBOX_REDIS_URL names a database {text!r}; databases are numbers")
    return int(text or 0)


def _tls(options: dict[str, str]) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=options.get("ssl_ca_certs"))
        if "ssl_certfile" in options:
            context.load_cert_chain(options["ssl_certfile"], options.get("ssl_keyfile"))
    except OSError as error:
        raise StartupError(f"A TLS file of INBOX_REDIS_URL cannot be used: {error}") from error
    is_verified = options.get("ssl_cert_reqs", "required").lower() not in _FALSE
    context.check_hostname = is_verified and options.get("ssl_check_hostname", "yes").lower() not in _FALSE
    context.verify_mode = ssl.CERT_REQUIRED if is_verified else ssl.CERT_NONE
    return context
