"""Which addresses a webhook that was set by the API may reach."""

from __future__ import annotations

import asyncio
import socket

import pytest

from inbox.errors import ValidationFailed
from inbox.service.webhooks.hosts import PrivateHost, ReachableHosts

PUBLIC = ["8.8.8.8", "1.1.1.1", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808", "2002:808:808::1"]
PRIVATE = [
    *("127.0.0.1", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "198.18.0.1"),
    *("224.0.0.1", "240.0.0.1", "255.255.255.255", "168.63.129.16"),
    *("192.0.0.9", "192.0.0.10", "192.0.0.170", "192.88.99.2", "3fff::1", "3fff:fff::1"),
    *("::", "::1", "fe80::1%eth0", "fc00::1", "fd00:ec2::254", "fec0::1", "ff02::1", "2001:db8::1"),
    *("::ffff:127.0.0.1", "::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe", "64:ff9b:1::a00:1", "2002:7f00:1::1"),
]


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_are_reachable(address: str) -> None:
    assert ReachableHosts([]).is_reachable(address)


@pytest.mark.parametrize("address", PRIVATE)
def test_private_and_special_addresses_are_not(address: str) -> None:
    assert not ReachableHosts([]).is_reachable(address)


def test_networks_are_allowed_one_by_one_however_the_address_is_written() -> None:
    hosts = ReachableHosts(["10.1.0.0/16", "fd00::1/128"])
    assert [hosts.is_reachable(one) for one in ("10.1.2.3", "::ffff:10.1.2.3", "fd00::1")] == [True] * 3
    assert [hosts.is_reachable(one) for one in ("10.2.0.1", "fd00::2", "127.0.0.1")] == [False] * 3


def resolve_to(monkeypatch: pytest.MonkeyPatch, *addresses: str) -> None:
    async def getaddrinfo(_: object, host: str, port: int, **__: object) -> list[tuple[object, ...]]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in addresses]

    monkeypatch.setattr(asyncio.BaseEventLoop, "getaddrinfo", getaddrinfo)


async def test_of_several_addresses_only_the_reachable_ones_are_used(monkeypatch: pytest.MonkeyPatch) -> None:
    resolve_to(monkeypatch, "10.0.0.1", "8.8.8.8", "8.8.8.8", "1.1.1.1")
    assert await ReachableHosts([]).resolve("some.example", 443) == ["8.8.8.8", "1.1.1.1"]


async def test_a_host_with_private_addresses_only_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    resolve_to(monkeypatch, "10.0.0.1", "127.0.0.1")
    with pytest.raises(PrivateHost):
        await ReachableHosts([]).resolve("some.example", 443)
    with pytest.raises(ValidationFailed) as refused:
        await ReachableHosts([]).check("https://some.example/in", "some.example", 443, 60)
    assert refused.value.values == {"url": "https://some.example/in"}


async def test_a_host_without_an_address_may_get_one_later(monkeypatch: pytest.MonkeyPatch) -> None:
    async def getaddrinfo(*_: object, **__: object) -> None:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(asyncio.BaseEventLoop, "getaddrinfo", getaddrinfo)
    await ReachableHosts([]).check("https://some.example/in", "some.example", 443, 60)
