"""A certificate for servers on loopback, and the authority of the tests' own that signed it."""

from __future__ import annotations

import subprocess
from pathlib import Path

KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2")
ADDRESSES = "subjectAltName=IP:127.0.0.1,IP:::1,DNS:localhost"


class Certificates:
    """`authority`: what a client trusts. `certificate` and `key`: what a server shows."""

    def __init__(self, directory: Path) -> None:
        self.authority = directory / "authority.pem"
        self.certificate = directory / "server.pem"
        self.key = directory / "server.key"
        authority_key = directory / "authority.key"
        _certify(self.authority, authority_key, "basicConstraints=critical,CA:TRUE", "keyUsage=critical,keyCertSign")
        rights = ("basicConstraints=critical,CA:FALSE", "keyUsage=critical,digitalSignature", ADDRESSES)
        _certify(self.certificate, self.key, *rights, signer=("-CA", self.authority, "-CAkey", authority_key))


def _certify(certificate: Path, key: Path, *extensions: str, signer: tuple[str | Path, ...] = ()) -> None:
    added = [word for extension in extensions for word in ("-addext", extension)]
    command = ["openssl", "req", "-x509", *KEY, "-subj", f"/CN={certificate.stem}", *added, *signer]
    subprocess.run([*command, "-keyout", key, "-out", certificate], check=True, capture_output=True)
