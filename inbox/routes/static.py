"""`/static/…`: the files of the widget, from its bundle where there is one of just these sources."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import os
import stat
from collections.abc import Container
from contextlib import suppress
from pathlib import Path

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.staticfiles import NotModifiedResponse, StaticFiles
from starlette.types import Scope

_INSTALLED = Path(__file__).parents[1] / "static"
_CHECKOUT = Path(__file__).parents[2] / "static"

STATIC_FOLDER = _INSTALLED if _INSTALLED.is_dir() else _CHECKOUT
"""Inside the package when installed from a wheel, beside it in a checkout."""

BUNDLE = "dist"
"""The folder that `make bundle` writes: entry modules under the names of their sources, chunks, and source maps."""

DIGEST = "sources.sha256"
"""The file in it that says of which sources the bundle was made."""

_COMPRESSED = {"br": ".br", "gzip": ".gz"}
"""Encoding → how the file ends that a bundle has beside a script."""

_REVALIDATED = {"Cache-Control": "no-cache", "X-Content-Type-Options": "nosniff"}
"""Browsers ask each time (304 by ETag), since modules of two releases must never mix."""


def digest_of_sources(folder: Path) -> str:
    """Return a digest of every script in a folder but those of its bundle."""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*.js")):
        if folder / BUNDLE not in path.parents:
            digest.update(f"{path.relative_to(folder).as_posix()}\0".encode() + path.read_bytes() + b"\0")
    return digest.hexdigest()


def bundle_of(folder: Path) -> Path | None:
    """Return the bundle of a folder's scripts; None without one, and for one that was made of other sources."""
    bundle = folder / BUNDLE
    try:
        made_of = (bundle / DIGEST).read_text().strip()
    except OSError:
        return None
    return bundle if made_of == digest_of_sources(folder) else None


class StaticScript:
    """One script as it is sent: plain, gzipped, and by Brotli where the bundle has it so."""

    def __init__(self, path: str) -> None:
        plain = Path(path).read_bytes()
        files = {encoding: Path(f"{path}{suffix}") for encoding, suffix in _COMPRESSED.items()}
        self._bodies = {encoding: file.read_bytes() for encoding, file in files.items() if file.is_file()}
        self._bodies[""] = plain
        if "gzip" not in self._bodies:
            self._bodies["gzip"] = gzip.compress(plain, mtime=0)
        self._tag = hashlib.sha256(plain).hexdigest()[:32]

    def response(self, accepted: Container[str]) -> Response:
        """Return the answer in the best encoding that is accepted. Each encoding has an ETag of its own."""
        encoding = next((name for name in ("br", "gzip") if name in accepted and name in self._bodies), "")
        headers = {**_REVALIDATED, "Vary": "Accept-Encoding", "ETag": f'"{self._tag}{encoding and "-"}{encoding}"'}
        if encoding:
            headers["Content-Encoding"] = encoding
        return Response(self._bodies[encoding], headers=headers, media_type="text/javascript")


class Modules(StaticFiles):
    """The files of a folder, and in the place of scripts those of its bundle. A script is compressed once."""

    def __init__(self, folder: Path) -> None:
        super().__init__(directory=folder)
        if bundle := bundle_of(folder):
            self.all_directories = [bundle, folder]
        self._scripts: dict[str, tuple[int, StaticScript]] = {}
        self._prepared: set[str] = set()

    def get_path(self, scope: Scope) -> str:
        """Return the path of a file in the folder for what follows `/static/`."""
        return super().get_path({**scope, "path": f"/{scope['path_params']['path']}"})

    async def get_response(self, path: str, scope: Scope) -> Response:
        if scope["path"].endswith("/"):  # normalizing would drop the slash and serve the file under a second address
            raise HTTPException(404)
        if path.lower().endswith(".html"):  # a page is served by its own route, with its policy and where it may be
            raise HTTPException(404)
        if path.endswith(".js") and path not in self._prepared:
            await asyncio.to_thread(self._prepare, path)
        response = await super().get_response(path, scope)
        response.headers.update(_REVALIDATED)
        return response

    def file_response(
        self, full_path: str | os.PathLike[str], stat_result: os.stat_result, scope: Scope, status_code: int = 200
    ) -> Response:
        path, headers = str(full_path), Headers(scope=scope)
        if not path.endswith(".js"):
            return super().file_response(full_path, stat_result, scope, status_code)
        script = self._script(path, stat_result.st_mtime_ns)
        response = script.response(accepted_encodings(headers.get("accept-encoding", "")))
        return NotModifiedResponse(response.headers) if self.is_not_modified(response.headers, headers) else response

    def _prepare(self, path: str) -> None:
        """Compress a script, which holds up the process for 100 ms if it has a megabyte."""
        with suppress(OSError, ValueError):  # a path that is none gets its answer later
            full_path, stat_result = self.lookup_path(path)
            if stat_result and stat.S_ISREG(stat_result.st_mode):
                self._script(full_path, stat_result.st_mtime_ns)
                self._prepared.add(path)

    def _script(self, path: str, changed_at: int) -> StaticScript:
        """Return a script, read anew after it was changed on disk."""
        known = self._scripts.get(path)
        if known is None or known[0] != changed_at:
            known = self._scripts[path] = changed_at, StaticScript(path)
        return known[1]


def accepted_encodings(header: str) -> set[str]:
    """Return what an `Accept-Encoding` names without `q=0`; for `*`, gzip."""
    parts = (part.partition(";q=") for part in header.lower().replace(" ", "").split(","))
    accepted = {name: not quality or quality.strip("0.") != "" for name, _, quality in parts}
    named = {name for name, is_accepted in accepted.items() if is_accepted}
    return named | {"gzip"} if "*" in named and accepted.get("gzip", True) else named


static_files = Modules(STATIC_FOLDER)


async def static_file(request: Request) -> Response:
    """GET /static/{path} → the file of this path."""
    return await static_files.get_response(static_files.get_path(request.scope), request.scope)
