"""nginx in front of a service, with the configuration of `deploy/`, changed for a prefix as docs/deploying.md says."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from .certificates import Certificates
from .processes import REPOSITORY, ChildProcess, free_port, wait_until
from .tools import TOOLS

PAGE = REPOSITORY / "docs" / "deploying.md"
CONFIGURATION = REPOSITORY / "deploy" / "nginx.conf"
SERVER = "server 127.0.0.1:8000 max_fails=0;"
STRIPPED = "proxy_pass http://inbox$inbox_path;"
EVENTS = "worker_rlimit_nofile 16384; events { worker_connections 8192; }"
HTTP = ("access_log off;", "keepalive_requests 1000000;", "keepalive_timeout 1h;")
"""A client that stands still for a while finds its connections as they were."""
TEMPORARY = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")


def prefix_map() -> str:
    """The piece of configuration of the page that removes a prefix."""
    [block] = re.findall(r"^```nginx\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    return str(block)


def configuration(
    listen: int, services: Sequence[int], prefix: str, *, strips: bool, certificates: Certificates | None
) -> str:
    """The configuration on this machine's ports, without TLS if there are no certificates."""
    text = re.sub(r"^ *(server_name|access_log) .*\n", "", CONFIGURATION.read_text(), flags=re.MULTILINE)
    servers = "\n    ".join(SERVER.replace("8000", str(service)) for service in services)
    changes = [(SERVER, servers)]
    if certificates:
        names = {"ssl_certificate": certificates.certificate, "ssl_certificate_key": certificates.key}
        text = re.sub(r"(ssl_\w+) .*;", lambda found: f"{found[1]} {names[found[1]]};", text)
        changes.append(("listen 443 ssl http2;", f"listen 127.0.0.1:{listen} ssl http2;"))
    else:
        text = re.sub(r"^ *ssl_\w+ .*\n", "", text, flags=re.MULTILINE)
        changes.append(("listen 443 ssl http2;", f"listen 127.0.0.1:{listen};"))
    if prefix:
        changes.append(("location / {", f"location {prefix}/ {{"))
    if strips:
        assert STRIPPED in PAGE.read_text()
        changes.append(("proxy_pass http://inbox;", STRIPPED))
        text = prefix_map().replace("/inbox", prefix) + text
    for old, new in changes:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    return text


def _whole(http: str, directory: Path) -> str:
    paths = [f"{name}_temp_path {directory}/{name};" for name in TEMPORARY]
    head = [f"pid {directory}/nginx.pid;", "daemon off;", "error_log stderr;", EVENTS]
    return "\n".join([*head, "http {", *HTTP, *paths, http, "}"])


@contextmanager
def running_nginx(
    *services: int,
    prefix: str = "",
    strips: bool = False,
    certificates: Certificates | None = None,
    faults: Mapping[str, str] | None = None,
) -> Iterator[int]:
    """nginx in front of the services at these ports; the port it listens on itself.

    `faults`: what the configuration has in the place of something that the page shows.
    """
    program = TOOLS["nginx"].find()
    assert program is not None, TOOLS["nginx"].install
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="inbox-nginx-") as home:
        directory = Path(home)
        directory.chmod(0o755)  # root's nginx puts large bodies there as another user
        file = directory / "nginx.conf"
        text = configuration(port, services, prefix, strips=strips, certificates=certificates)
        for right, wrong in (faults or {}).items():
            assert text.count(right) == 1, right
            text = text.replace(right, wrong)
        file.write_text(_whole(text, directory))
        command = [program, "-p", home, "-c", str(file), "-e", "stderr"]
        process = ChildProcess(command, log_path=directory / "nginx.log")

        def listens() -> bool:
            assert process.exit_code is None, process.log()
            return (directory / "nginx.pid").exists() and bool((directory / "nginx.pid").read_text())

        try:
            wait_until(listens, "nginx listens")
            yield port
        finally:
            process.terminate()
