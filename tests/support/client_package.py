"""The JavaScript client as an app has it: packed, installed, and built into the apps of `tests/js/apps`."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

from .npm import install_packages
from .processes import REPOSITORY

PACKAGE = REPOSITORY / "static" / "client"
RUN_SECONDS = 300


def run(*command: str | Path, cwd: Path = REPOSITORY) -> str:
    """Return what the command prints. Raise AssertionError with its output when it fails."""
    ended = subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=RUN_SECONDS, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


def install_client(home: Path) -> Path:
    """Pack the client and install it in a project of its own. Return its folder there."""
    (home / "package.json").write_text('{"private": true, "type": "module"}')
    [packed] = json.loads(run("npm", "pack", "--json", "--pack-destination", home, PACKAGE))
    run("npm", "install", "--offline", "--no-audit", "--no-fund", f"./{packed['filename']}", cwd=home)
    return home / "node_modules" / str(packed["name"])


def build_apps(home: Path) -> Path:
    """Build the apps in `home`, an empty folder: `react/dist`, `vue/dist`, `react/server/server.js` for a server."""
    packages = install_packages()
    shutil.copytree(packages / "apps", home, dirs_exist_ok=True)
    install_client(home)
    for package in (packages / "node_modules").iterdir():
        if not package.name.startswith("."):
            (home / "node_modules" / package.name).symlink_to(package)
    vite = ("node", "node_modules/vite/bin/vite.js", "build", "--config", "vite.config.js")
    run(*vite, "react", cwd=home)
    run(*vite, "react", "--ssr", "server.jsx", "--outDir", "server", cwd=home)
    run(*vite, "vue", cwd=home)
    return home
