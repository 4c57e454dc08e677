"""Caddy in front of a service, with the configuration of `deploy/`."""

from __future__ import annotations

import os
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .certificates import Certificates
from .processes import REPOSITORY, ChildProcess, free_port, wait_until
from .tools import TOOLS

CONFIGURATION = REPOSITORY / "deploy" / "Caddyfile"
NAME, PROXY, SERVICE = "inbox.example.com {", "\treverse_proxy 127.0.0.1:8000 {", "127.0.0.1:8000"


def configuration(listen: int, service: int, prefix: str, certificates: Certificates) -> str:
    """The configuration on this machine's ports, with a certificate of the tests; below a path as the page says."""
    text = CONFIGURATION.read_text().rstrip()
    site = f"https://127.0.0.1:{listen} {{\n\ttls {certificates.certificate} {certificates.key}"
    changes = {NAME: site, PROXY: PROXY.replace(SERVICE, f"127.0.0.1:{service}")}
    for old, new in changes.items():
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    if prefix:
        text = text.replace("\treverse_proxy", f"\thandle {prefix}/* {{\n\treverse_proxy") + "\n}"
    return f"{{\n\tadmin off\n\tauto_https disable_redirects\n\tskip_install_trust\n}}\n{text}\n"


@contextmanager
def running_caddy(service: int, certificates: Certificates, *, prefix: str = "") -> Iterator[int]:
    """Caddy in front of the service at this port; the port it listens on itself."""
    program = TOOLS["caddy"].find()
    assert program is not None, TOOLS["caddy"].install
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="inbox-caddy-") as home:
        file = Path(home, "Caddyfile")
        file.write_text(configuration(port, service, prefix, certificates))
        env = {"PATH": os.environ["PATH"], "HOME": home, "XDG_DATA_HOME": home, "XDG_CONFIG_HOME": home}
        command = [program, "run", "--config", str(file), "--adapter", "caddyfile"]
        process = ChildProcess(command, env=env, log_path=Path(home, "caddy.log"))

        def listens() -> bool:
            assert process.exit_code is None, process.log()
            with socket.socket() as probe:
                return probe.connect_ex(("127.0.0.1", port)) == 0

        try:
            wait_until(listens, "Caddy listens")
            yield port
        finally:
            process.terminate()
