"""`/static/…`: the widget's files, as they are written."""

from __future__ import annotations

from pathlib import Path

from starlette.staticfiles import StaticFiles

_INSTALLED = Path(__file__).parents[1] / "static"
_CHECKOUT = Path(__file__).parents[2] / "static"

STATIC_FOLDER = _INSTALLED if _INSTALLED.is_dir() else _CHECKOUT
"""Inside the package when installed from a wheel, beside it in a checkout."""

static_files = StaticFiles(directory=STATIC_FOLDER)
