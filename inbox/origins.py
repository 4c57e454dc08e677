"""The origins that browsers may come from: one matcher for CORS and for the handshakes of sockets.

An origin is compared as browsers mean it: letter case, the scheme's default port and a trailing slash make no
difference, and `ws`/`wss`, which some native clients send, mean the page's `http`/`https`.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from typing import NamedTuple

import idna

ANY = "*"
OPAQUE = "null"
"""What browsers send for a page without an origin of its own: a file, a sandboxed frame, a `data:` URL."""

_DEFAULT_PORTS = {"http": "80", "https": "443"}
_PAGE_SCHEMES = {"ws": "http", "wss": "https"}
_WITHOUT_HOST = ("file",)
_OPAQUE_SCHEMES = ("about", "blob", "data", "javascript")
_PARTS = re.compile(r"([a-z][a-z0-9+.-]*)://(\[[0-9a-f:.]+\]|[^/?#@:\[\]\s]*)(?::([0-9]{1,5}|\*)?)?/?")
_PRIVATE_LABELS = frozenset(
    ("localhost", "test", "example", "invalid", "local", "internal", "intranet", "private", "corp", "home", "lan")
)
"""Top-level labels below which nobody can register a name for everybody (RFC 6761, RFC 6762 appendix G)."""
_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?")


class Origin(NamedTuple):
    """Scheme, host and port; the port is empty when it is the scheme's own. In a pattern host and port may hold `*`."""

    scheme: str
    host: str
    port: str

    def __str__(self) -> str:
        return f"{self.scheme}://{self.host}" + (f":{self.port}" if self.port else "")

    def matches(self, origin: Origin) -> bool:
        """Return whether this pattern covers an origin: `*` stands for one label of the host, or for any port."""
        if self.scheme != origin.scheme or self.port not in (ANY, origin.port):
            return False
        if self.host == origin.host:
            return True
        first, _, parent = self.host.partition(".")
        label, _, rest = origin.host.partition(".")
        return first == ANY and bool(label) and parent == rest


class AllowedOrigins:
    """The listed origins, patterns among them."""

    def __init__(self, listed: Iterable[str]) -> None:
        texts = frozenset(listed)
        self.allows_any = ANY in texts
        self._allows_opaque = OPAQUE in texts
        self._patterns = [pattern for text in texts if (pattern := _read(text))]

    def allows(self, origin: str) -> bool:
        """Return whether a page of this origin, as its browser wrote it, may call."""
        if self.allows_any:
            return True
        if origin == OPAQUE:
            return self._allows_opaque
        read = _read(origin)
        return read is not None and ANY not in read.port and any(pattern.matches(read) for pattern in self._patterns)


def is_of_host(origin: str, host: str | None) -> bool:
    """Return whether an origin is that of the server which a request names in its Host header.

    Who ends TLS in front of the service is not known here, so that either scheme is right.
    """
    read = _read(origin)
    if read is None or host is None or read.scheme not in _DEFAULT_PORTS:
        return False
    return read == _read(f"{read.scheme}://{host}")


def parse_listed(text: str) -> str:
    """Return an entry of the list in its canonical form. Raise ValueError, in words, for one that can match nothing."""
    if text in (ANY, OPAQUE):
        return text
    if "@" in text or not text.isprintable():
        raise ValueError("an origin holds no user, no password and no control characters")
    scheme, separator, rest = text.partition("://")
    if scheme.partition(":")[0].lower() in _OPAQUE_SCHEMES:
        raise ValueError(f"pages of {text} send the origin {OPAQUE}: list {OPAQUE}")
    host, _, path = rest.partition("/")
    origin = _read(f"{scheme}://{_to_ascii(host, text)}") if separator else None
    if origin is None or "?" in host or "#" in host:
        raise ValueError(f"{text} is no origin: write it like https://app.example.org, or {OPAQUE}, or {ANY}")
    if path:
        raise ValueError(f"{text} has a path, which no origin has: write {origin}")
    _check_host(origin, text)
    if origin.port not in ("", ANY) and not 0 < int(origin.port) < 65536:
        raise ValueError(f"{text} has a port that is no number from 1 to 65535")
    return str(origin)


def _read(text: str) -> Origin | None:
    """Return the parts of an origin, None for what is none."""
    found = _PARTS.fullmatch(text.lower()) if text.isascii() else None
    if found is None:
        return None
    scheme, host, port = _PAGE_SCHEMES.get(found[1], found[1]), found[2], found[3] or ""
    if not host and scheme not in _WITHOUT_HOST:
        return None
    if port.isdigit():
        port = str(int(port))
    return Origin(scheme, host, "" if port == _DEFAULT_PORTS.get(scheme) else port)


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


def _check_host(origin: Origin, text: str) -> None:
    if not origin.host or origin.host.startswith("["):
        return
    labels = origin.host.split(".")
    if len(labels) > 1 and not labels[-1]:
        labels.pop()  # the root: browsers send the dot as it was typed, and keep it apart from the name without it
    is_wildcard = labels[0] == ANY
    if is_wildcard and len(labels) == 1 and origin.scheme in _DEFAULT_PORTS:
        raise ValueError(f"{text} names no host: * stands for one label, as in https://*.example.org")
    if any(not _LABEL.fullmatch(label) for label in labels[is_wildcard:]):
        raise ValueError(f"{text} has a host that no browser sends (* stands for the whole first label only)")
    if is_wildcard and len(labels) == 2 and origin.scheme in _DEFAULT_PORTS and labels[1] not in _PRIVATE_LABELS:
        raise ValueError(f"{text} names every host of a top-level domain: name yours, as in https://*.example.org")
    if origin.scheme in _DEFAULT_PORTS and labels[-1].isdigit():
        _check_address(origin.host, text)


def _check_address(host: str, text: str) -> None:
    """Browsers write every IPv4 address in four decimal parts, so nothing else that ends in a number matches."""
    try:
        ipaddress.IPv4Address(host)
    except ValueError:
        raise ValueError(f"{text} has an address that no browser sends") from None
