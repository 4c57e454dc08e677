"""Connects to reachable hosts only. A name is resolved and checked for each connection, so a name whose address changes
after the check (DNS rebinding) leads nowhere else.

It is imported when the first event is sent: httpx and httpcore are slow to load.
"""

from __future__ import annotations

from collections.abc import Iterable

import httpcore
import httpx

from inbox.service.webhooks.hosts import PrivateHost, ReachableHosts


class CheckedTransport(httpx.AsyncHTTPTransport):
    """Sends requests over a pool whose connections are checked."""

    def __init__(self, hosts: ReachableHosts, limits: httpx.Limits) -> None:
        super().__init__(limits=limits)
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=httpx.create_ssl_context(),
            max_connections=limits.max_connections,
            max_keepalive_connections=limits.max_keepalive_connections,
            keepalive_expiry=limits.keepalive_expiry,
            network_backend=_CheckedNetwork(hosts),
        )


class _CheckedNetwork(httpcore.AnyIOBackend):
    def __init__(self, hosts: ReachableHosts) -> None:
        self._hosts = hosts

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - the signature is httpcore's
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Connect to the first address that answers. Raise ConnectError."""
        try:
            addresses = await self._hosts.resolve(host, port)
        except (PrivateHost, OSError, UnicodeError) as error:
            raise httpcore.ConnectError(str(error)) from error
        for address in addresses[:-1]:
            try:
                return await super().connect_tcp(address, port, timeout, local_address, socket_options)
            except httpcore.ConnectError:
                continue  # as with a name of several addresses
        return await super().connect_tcp(addresses[-1], port, timeout, local_address, socket_options)
