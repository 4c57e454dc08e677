"""Novu's headless browser client (`@novu/js`), unmodified, over each kind of socket."""

from __future__ import annotations

import pytest

from tests.support.node import run_node_tests
from tests.support.npm import JAVASCRIPT
from tests.support.server import Server

FLAVOURS = ("plain", "socket.io")


@pytest.mark.needs("node", "npm")
@pytest.mark.parametrize("flavour", FLAVOURS)
async def test_novu_js(flavour: str, server: Server) -> None:
    await run_node_tests(JAVASCRIPT / "browser" / "inbox.test.mjs", server, INBOX_FLAVOUR=flavour)
