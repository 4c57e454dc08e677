"""The bundle of the widget, which `make bundle` writes to `static/dist`: few and minified modules, by esbuild."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from inbox.routes.static import BUNDLE, DIGEST, digest_of_sources

from .npm import install_packages
from .processes import REPOSITORY

ENTRIES = ("inbox.js", "client/index.js")
FLAGS = (
    *("--bundle", "--splitting", "--format=esm", "--target=es2022", "--minify", "--legal-comments=none"),
    *("--sourcemap", f"--source-root={BUNDLE}/", "--log-level=warning"),
)


def make_bundle(folder: Path) -> None:
    """Write the bundle of a folder's scripts into it, in the place of an older one."""
    bundle = folder / BUNDLE
    shutil.rmtree(bundle, ignore_errors=True)
    esbuild = install_packages() / "node_modules" / ".bin" / "esbuild"
    command = [esbuild, *ENTRIES, *FLAGS, f"--outbase={folder}", f"--outdir={bundle}"]
    ended = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    (bundle / DIGEST).write_text(f"{digest_of_sources(folder)}\n")


if __name__ == "__main__":
    make_bundle(REPOSITORY / "static")
