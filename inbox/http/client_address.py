"""The address of the client of a request, behind proxies that are trusted to name it."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator

from starlette.types import Scope

FORWARDED_FOR = b"x-forwarded-for"

IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address


class ClientAddress:
    """Finds the nearest address that belongs to no trusted proxy.

    Each proxy adds the address of its peer at the end of `X-Forwarded-For`. What stands before the first one that is
    not trusted may be made up.
    """

    def __init__(self, trusted: Iterable[str]) -> None:
        self._trusted = [ipaddress.ip_network(network) for network in trusted]

    def of(self, scope: Scope) -> str | None:
        """Return the address of a request's client; None for a peer without one."""
        nearest: IpAddress | None = None
        for address in _hops(scope):
            nearest = address
            if not any(address in network for network in self._trusted):
                break
        return str(nearest) if nearest else None


def _hops(scope: Scope) -> Iterator[IpAddress]:
    """Yield the peer, and what each proxy says that its peer was, up to what is no address."""
    lists = [value.decode("latin-1") for name, value in scope["headers"] if name == FORWARDED_FOR]
    named = [hop.strip() for hop in ",".join(lists).split(",")]
    peer = scope.get("client")
    for text in ([peer[0]] if peer else []) + named[::-1]:
        try:
            address = ipaddress.ip_address(text)
        except ValueError:
            return
        mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
        yield mapped or address
