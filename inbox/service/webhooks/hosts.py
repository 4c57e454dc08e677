"""Decides which hosts a webhook may reach that was set by the API: whoever has an API key could name any."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from inbox.errors import invalid

NAT64 = (IPv6Network("64:ff9b::/96"), IPv6Network("64:ff9b:1::/48"))
"""They end in an IPv4 address that a gateway connects to."""
SPECIAL = (
    *(IPv4Network("192.0.0.0/24"), IPv4Network("192.88.99.0/24")),
    IPv6Network("3fff::/20"),
)
"""Networks of protocols and documentation that some versions of Python take for public."""
AZURE_HOST = IPv4Address("168.63.129.16")
"""It looks public, and is the machine below every virtual machine of Azure."""

IPAddress = IPv4Address | IPv6Address


class PrivateHost(Exception):
    """The host has private addresses only; INBOX_WEBHOOK_PRIVATE_NETWORKS may allow some"""


class ReachableHosts:
    """Public hosts, and private ones in the given networks."""

    def __init__(self, private_networks: Sequence[str]) -> None:
        self._networks = [ip_network(text) for text in private_networks]

    async def resolve(self, host: str, port: int) -> list[str]:
        """Return the addresses of a host that may be reached. Raise PrivateHost if there are none, and OSError."""
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
        addresses = list(dict.fromkeys(str(address[0]) for *_, address in found))
        reachable = [address for address in addresses if self.is_reachable(address)]
        if not reachable:
            raise PrivateHost((PrivateHost.__doc__ or "").strip())
        return reachable

    async def check(self, url: str, host: str, port: int, timeout_seconds: float) -> None:
        """Raise ValidationFailed for a host with private addresses only; one without an address now may get some."""
        try:
            async with asyncio.timeout(timeout_seconds):
                await self.resolve(host, port)
        except PrivateHost as error:
            raise invalid("url", str(error), url) from None
        except OSError:
            return

    def is_reachable(self, address: str) -> bool:
        """Return whether an address is public or in one of the networks."""
        parsed = _embedded(ip_address(address.partition("%")[0]))
        if any(parsed in network for network in self._networks):
            return True
        is_site_local = isinstance(parsed, IPv6Address) and parsed.is_site_local
        if any(parsed in network for network in SPECIAL):
            return False
        is_special = parsed.is_multicast or parsed.is_reserved or is_site_local or parsed == AZURE_HOST
        return parsed.is_global and not is_special


def _embedded(address: IPAddress) -> IPAddress:
    """Return the IPv4 address that an IPv6 address stands for, else the address."""
    if isinstance(address, IPv4Address):
        return address
    if any(address in network for network in NAT64):
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo else None) or address
