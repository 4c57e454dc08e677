"""`/static/…`: the files of the widget."""

from __future__ import annotations

from pathlib import Path

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

_INSTALLED = Path(__file__).parents[1] / "static"
_CHECKOUT = Path(__file__).parents[2] / "static"

STATIC_FOLDER = _INSTALLED if _INSTALLED.is_dir() else _CHECKOUT
"""Inside the package when installed from a wheel, beside it in a checkout."""


class Modules(StaticFiles):
    """Files that browsers revalidate each time (304 by ETag), since modules of two releases must never mix."""

    def get_path(self, scope: Scope) -> str:
        """Return the path of a file in the folder for what follows `/static/`."""
        return super().get_path({**scope, "path": f"/{scope['path_params']['path']}"})

    async def get_response(self, path: str, scope: Scope) -> Response:
        if scope["path"].endswith("/"):  # normalizing would drop the slash and serve the file under a second address
            raise HTTPException(404)
        response = await super().get_response(path, scope)
        response.headers["Cache-Control"] = "no-cache"
        return response


static_files = Modules(directory=STATIC_FOLDER)


async def static_file(request: Request) -> Response:
    """GET /static/{path} → the file of this path."""
    return await static_files.get_response(static_files.get_path(request.scope), request.scope)
