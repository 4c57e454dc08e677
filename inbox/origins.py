"""The origins that may call: one matcher for CORS and for the handshakes of sockets.

Letter case, the scheme's default port and a trailing slash make no difference, and `ws`/`wss`, which some native
clients send, are the page's `http`/`https`.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from typing import NamedTuple

import idna

ANY = "*"
OPAQUE = "null"
"""The Origin of a page without one of its own: a file, a sandboxed frame, a `data:` URL."""

_DEFAULT_PORTS = {"http": "80", "https": "443"}
_PAGE_SCHEMES = {"ws": "http", "wss": "https"}
_WITHOUT_HOST = ("file",)
_OPAQUE_SCHEMES = ("about", "blob", "data", "javascript")
_PARTS = re.compile(r"([a-z][a-z0-9+.-]*)://(\[[0-9a-f:.]+\]|[^/?#@:\[\]\s]*)(?::([0-9]{1,5}|\*)?)?/?")
_PRIVATE_LABELS = frozenset(
    ("localhost", "test", "example", "invalid", "local", "internal", "intranet", "private", "corp", "home", "lan")
)
"""Top-level labels without public registration (RFC 6761, RFC 6762 appendix G)."""
_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?")


class WebOrigin(NamedTuple):
    """Scheme, host and port, which is empty if it is the default. In a pattern host and port may contain `*`."""

    scheme: str
    host: str
    port: str

    def __str__(self) -> str:
        return f"{self.scheme}://{self.host}" + (f":{self.port}" if self.port else "")

    def matches(self, origin: WebOrigin) -> bool:
        """Return whether this pattern matches an origin: `*` stands for one label of the host, or for any port."""
        if self.scheme != origin.scheme or self.port not in (ANY, origin.port):
            return False
        if self.host == origin.host:
            return True
        first, _, parent = self.host.partition(".")
        label, _, rest = origin.host.partition(".")
        return first == ANY and bool(label) and parent == rest


class AllowedOrigins:
    """The allowed origins, patterns among them."""

    def __init__(self, listed: Iterable[str]) -> None:
        texts = frozenset(listed)
        self.allows_any = ANY in texts
        self._allows_opaque = OPAQUE in texts
        self._patterns = [pattern for text in texts if (pattern := _parse(text))]

    def allows(self, origin: str) -> bool:
        """Return whether a page with this Origin header may call."""
        if self.allows_any:
            return True
        if origin == OPAQUE:
            return self._allows_opaque
        parsed = _parse(origin)
        return (
            parsed is not None and ANY not in parsed.port and any(pattern.matches(parsed) for pattern in self._patterns)
        )


def is_of_host(origin: str, host: str | None) -> bool:
    """Return whether an origin is that of a Host header, with either scheme: a proxy may end TLS."""
    parsed = _parse(origin)
    if parsed is None or host is None or parsed.scheme not in _DEFAULT_PORTS:
        return False
    return parsed == _parse(f"{parsed.scheme}://{host}")


def parse_setting(text: str) -> str:
    """Return an allowed origin in canonical form. Raise ValueError, which explains, for one that can match nothing."""
    if text in (ANY, OPAQUE):
        return text
    if "@" in text or not text.isprintable():
        raise ValueError("an origin holds no user, no password and no control characters")
    scheme, separator, rest = text.partition("://")
    if scheme.partition(":")[0].lower() in _OPAQUE_SCHEMES:
        raise ValueError(f"pages of {text} send the origin {OPAQUE}: list {OPAQUE}")
    host, _, path = rest.partition("/")
    origin = _parse(f"{scheme}://{_to_ascii(host, text)}") if separator else None
    if origin is None or "?" in host or "#" in host:
        raise ValueError(f"{text} is no origin: write it like https://app.example.org, or {OPAQUE}, or {ANY}")
    if path:
        raise ValueError(f"{text} has a path, which no origin has: write {origin}")
    _check_host(origin, text)
    if origin.port not in ("", ANY) and not 0 < int(origin.port) < 65536:
        raise ValueError(f"{text} has a port that is no number from 1 to 65535")
    return str(origin)


def _parse(text: str) -> WebOrigin | None:
    """Return an origin, or None if the text is none."""
    match = _PARTS.fullmatch(text.lower()) if text.isascii() else None
    if match is None:
        return None
    scheme, host, port = _PAGE_SCHEMES.get(match[1], match[1]), match[2], match[3] or ""
    if not host and scheme not in _WITHOUT_HOST:
        return None
    if port.isdigit():
        port = str(int(port))
    return WebOrigin(scheme, host, "" if port == _DEFAULT_PORTS.get(scheme) else port)


def _to_ascii(host: str, text: str) -> str:
    """Return a host as browsers send it: international names in Punycode, IPv6 addresses in their shortest form."""
    if host.startswith("["):
        address, bracket, port = host[1:].partition("]")
        try:
            return f"[{ipaddress.IPv6Address(address).compressed}]{port}" if bracket else host
        except ValueError:
            raise ValueError(f"{text} has an address that no browser sends") from None
    if host.isascii():
        return host
    name, colon, port = host.partition(":")
    wildcard, name = ("*.", name[2:]) if name.startswith("*.") else ("", name)
    try:
        return wildcard + idna.encode(name, uts46=True).decode() + colon + port
    except idna.IDNAError:
        raise ValueError(f"{text} has a host that no browser sends") from None


def _check_host(origin: WebOrigin, text: str) -> None:
    if not origin.host or origin.host.startswith("["):
        return
    labels = origin.host.split(".")
    if len(labels) > 1 and not labels[-1]:
        labels.pop()  # the root: browsers send a typed dot, and it makes another origin
    is_wildcard = labels[0] == ANY
    if is_wildcard and len(labels) == 1 and origin.scheme in _DEFAULT_PORTS:
        raise ValueError(f"{text} names no host: * stands for one label, as in https://*.example.org")
    if any(not _LABEL.fullmatch(label) for label in labels[is_wildcard:]):
        raise ValueError(f"{text} has a host that no browser sends (* stands for the whole first label only)")
    if is_wildcard and len(labels) == 2 and origin.scheme in _DEFAULT_PORTS and labels[1] not in _PRIVATE_LABELS:
        raise ValueError(f"{text} names every host of a top-level domain: name yours, as in https://*.example.org")
    if origin.scheme in _DEFAULT_PORTS and labels[-1].isdigit():
        try:
            ipaddress.IPv4Address(origin.host)  # browsers write every IPv4 address in four decimal parts
        except ValueError:
            raise ValueError(f"{text} has an address that no browser sends") from None
