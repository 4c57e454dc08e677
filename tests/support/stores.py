"""A real store server for the tests, in a directory of its own: on a unix socket, on TCP or on TLS.

`cluster.py` and `sentinel.py` beside this module join several of them.
"""

from __future__ import annotations

import signal
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import redis

from .certificates import Certificates
from .processes import ChildProcess, free_port, wait_until

EVERYTHING = ("~*", "&*", "+@all")
"""The rules of a user who may do all."""


def connect(url: str) -> redis.Redis:
    """A plain blocking client, without retries so that a test sees what happened."""
    return redis.Redis.from_url(url, socket_timeout=5, retry=None)


def call(node: Any, *words: str | int) -> Any:
    """One command, words as they go over the wire; redis-py types only its named methods."""
    return node.execute_command(*words)


def answers(url: str) -> bool:
    try:
        with connect(url) as client:
            return bool(client.ping())
    except redis.RedisError:  # not listening yet, or still loading its data
        return False


def server_urls(store_url: str) -> list[str]:
    """Each server to which a service at this URL may send commands."""
    scheme, _, rest = store_url.partition("://")
    addresses, _, name = rest.partition("/")
    if scheme == "redis+cluster":
        return [f"redis://{address}" for address in addresses.split(",")]
    if scheme == "redis+sentinel":
        with connect(f"redis://{addresses.split(',')[0]}") as sentinel:
            host, port = call(sentinel, "SENTINEL", "GET-MASTER-ADDR-BY-NAME", name)
        return [f"redis://{host.decode()}:{port.decode()}"]
    return [store_url]


class StoreServer:
    """One Redis or Valkey server that keeps an append-only file in `directory`; `url` is where it listens.

    It does not run before `start`, or `launch` and then `wait`, which start several at the same time.
    """

    def __init__(
        self,
        binary: str,
        directory: Path,
        *,
        unix: bool = False,
        host: str = "127.0.0.1",
        certificates: Certificates | None = None,
        options: Sequence[str] = (),
    ) -> None:
        self.binary = binary
        self.directory = directory
        self.host = host
        self.certificates = certificates
        self.options = list(options)
        self.port = 0 if unix else free_port()
        self.process: ChildProcess | None = None
        self.is_frozen = False
        self.url = self._url()
        self._admin = connect(self.url)

    def _url(self) -> str:
        if not self.port:
            return f"unix://{self.directory}/store.sock"
        address = f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"
        if self.certificates:
            return f"rediss://{address}?ssl_ca_certs={self.certificates.authority}"
        return f"redis://{address}"

    def _listen(self) -> list[str]:
        if not self.port:
            return ["--port", "0", "--unixsocket", f"{self.directory}/store.sock", "--unixsocketperm", "700"]
        if not self.certificates:
            return ["--port", str(self.port), "--bind", self.host]
        files = ["--tls-cert-file", self.certificates.certificate, "--tls-key-file", self.certificates.key]
        files += ["--tls-ca-cert-file", self.certificates.authority, "--tls-auth-clients", "no"]
        return ["--port", "0", "--tls-port", str(self.port), "--bind", self.host, *map(str, files)]

    def command(self) -> list[str]:
        return [
            *(self.binary, *self._listen(), "--dir", str(self.directory)),
            *("--appendonly", "yes", "--appendfsync", "everysec", "--save", "", "--daemonize", "no"),
            *("--auto-aof-rewrite-percentage", "0"),  # only when a test says so
            *self.options,
        ]

    @property
    def is_running(self) -> bool:
        """Whether it can answer: it has not ended and is not frozen."""
        return self.has_process and not self.is_frozen

    @property
    def has_process(self) -> bool:
        return self.process is not None and self.process.exit_code is None

    def launch(self) -> None:
        """Starts it (again), with the data it left."""
        self.is_frozen = False
        self.process = ChildProcess(self.command(), log_path=self.directory / "store.log")

    def wait(self) -> None:
        """Returns once it answers."""
        wait_until(self._answers, f"{self.binary} answers")

    def start(self) -> None:
        self.launch()
        self.wait()

    def _answers(self) -> bool:
        assert self.process.exit_code is None, self.process.log()
        return answers(self.url)

    def kill(self) -> None:
        """SIGKILL, for a crash or for data that nobody will read."""
        kill_together([self])

    def freeze(self) -> None:
        """SIGSTOP: connections stay open, and the kernel accepts new ones, but nothing is answered."""
        self.is_frozen = True
        self.process.signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self.process.signal(signal.SIGCONT)
        self.is_frozen = False

    def stop(self) -> None:
        self._admin.close()
        if self.has_process:
            self.thaw()
            self.process.terminate()

    def call(self, *words: str | int) -> Any:
        """One command of the test itself, as the user that may do all."""
        return call(self._admin, *words)

    def set_user(self, name: str, password: str, *rules: str) -> str:
        """Creates the user, or gives it this password and no other; returns the URL with both."""
        self.call("ACL", "SETUSER", name, "on", "resetpass", f">{password}", *(rules or EVERYTHING))
        scheme, _, address = self.url.partition("://")
        return f"{scheme}://{name}:{password}@{address}"


def start_together(servers: Iterable[StoreServer]) -> None:
    """Starts all of them at the same time; returns once each answers."""
    started = list(servers)
    for server in started:
        server.launch()
    for server in started:
        server.wait()


def kill_together(servers: Iterable[StoreServer]) -> None:
    """Ends those that still run, at the same time."""
    running = [server for server in servers if server.has_process]
    for server in running:
        server._admin.close()
        server.process.signal(signal.SIGKILL)
    for server in running:
        server.process.wait()


def replicate(primary: StoreServer, replicas: Iterable[StoreServer]) -> None:
    """Returns once each of the replicas has all that the primary has now."""
    offset = primary.call("INFO")["master_repl_offset"]
    for replica in replicas:
        wait_until(lambda: replica.call("INFO").get("slave_repl_offset", -1) >= offset, "the replica has everything")  # noqa: B023


@contextmanager
def running_store(
    binary: str,
    *,
    unix: bool = False,
    host: str = "127.0.0.1",
    certificates: Certificates | None = None,
    options: Sequence[str] = (),
) -> Iterator[StoreServer]:
    """A server with an empty directory, gone with all its data at the end."""
    # not pytest's tmp_path: the path of a unix socket has to stay below 108 bytes
    with tempfile.TemporaryDirectory(prefix="inbox-store-") as directory:
        server = StoreServer(binary, Path(directory), unix=unix, host=host, certificates=certificates, options=options)
        server.start()
        try:
            yield server
        finally:
            server.stop()


@contextmanager
def running_tls_store(binary: str, user: str = "inbox", password: str = "s3cret") -> Iterator[tuple[StoreServer, str]]:
    """A server that speaks only TLS and lets only this user in, and the URL with the user and the authority."""
    with (
        tempfile.TemporaryDirectory(prefix="inbox-certificates-") as directory,
        running_store(binary, certificates=Certificates(Path(directory))) as server,
    ):
        url = server.set_user(user, password)
        server.call("ACL", "SETUSER", "default", "off")
        yield server, url
