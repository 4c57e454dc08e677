"""What the tests of the console share: an environment of a test's own, and answers to its questions."""

from __future__ import annotations

import copy
import secrets

from playwright.async_api import Dialog

from tests.support.client import Api
from tests.support.server import Server

from .window import Window


async def see_from_own_environment(service: Server) -> Server:
    """Return the running service as a caller of a new environment with one stored key sees it."""
    async with Api.open(service) as api:
        made = await api.data("POST", "/v1/environments", 201, {"name": secrets.token_hex(8)})
    seen = copy.copy(service)
    names = {"INBOX_API_KEY": made["apiKeys"][0]["key"], "INBOX_APPLICATION_IDENTIFIER": made["identifier"]}
    seen.settings = {**service.settings, **names}
    return seen


def accept(window: Window) -> list[str]:
    """Say yes to every question; return what was asked."""
    asked = list[str]()

    async def agree(dialog: Dialog) -> None:
        asked.append(dialog.message)
        await dialog.accept()

    window.page.on("dialog", agree)
    return asked
