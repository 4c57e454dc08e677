"""The bundle of the widget, which `make bundle` writes to `static/dist`: few and minified modules, by Rolldown."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import zopfli.gzip

from inbox.routes.static import BUNDLE, DIGEST, digest_of_sources

from .npm import install_packages
from .processes import REPOSITORY


def make_bundle(folder: Path) -> None:
    """Write the bundle of a folder's scripts into it, in the place of an older one."""
    bundle = folder / BUNDLE
    shutil.rmtree(bundle, ignore_errors=True)
    command = ["node", install_packages() / "bundle.mjs", folder, bundle]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    for script in bundle.rglob("*.js"):
        script.with_name(f"{script.name}.gz").write_bytes(zopfli.gzip.compress(script.read_bytes()))
    (bundle / DIGEST).write_text(f"{digest_of_sources(folder)}\n")


if __name__ == "__main__":
    make_bundle(REPOSITORY / "static")
