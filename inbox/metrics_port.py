"""The port of `/metrics`: what serves it is loaded only if it is set."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from inbox.metrics_snapshot import ReadAll
from inbox.settings import Settings


@asynccontextmanager
async def metrics_port(settings: Settings, read_all: ReadAll) -> AsyncIterator[None]:
    """Serve metrics while the context is open, if a port is set. Raise StartupError if it is in use."""
    if settings.metrics_port is None:
        yield
        return
    from inbox.metrics_server import serve_metrics  # its library takes 2 MB and 50 ms

    async with serve_metrics(settings, read_all):
        yield
