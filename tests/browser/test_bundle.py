"""The widget as a release serves it: its bundle works as its sources do, and stays small."""

from __future__ import annotations

import gzip
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.async_api import Browser, Route, expect

from inbox.routes.static import BUNDLE
from tests.support.bundle import make_bundle
from tests.support.client import Api
from tests.support.server import Server

from .conftest import STATIC
from .window import Window

pytestmark = [pytest.mark.browser, pytest.mark.needs("valkey", "node", "npm")]

BELL_BYTES = 20_000
"""What a page with a bell loads, gzipped, before anybody opens it."""
OPENED_BYTES = 34_000
"""That, and the list, which is loaded when somebody comes near the bell."""


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The bundle of these sources. The service serves its own files; the pages of these tests get this one instead."""
    folder = tmp_path_factory.mktemp("bundle") / "static"
    shutil.copytree(STATIC, folder)
    make_bundle(folder)
    yield folder / BUNDLE
    shutil.rmtree(folder.parent)


@pytest.mark.asyncio(loop_scope="session")
async def test_the_bundle_works_and_is_small(chromium: Browser, service: Server, bundle: Path) -> None:
    loaded: dict[str, int] = {}
    sources: list[str] = []

    async def serve(route: Route) -> None:
        name = route.request.url.partition("/static/")[2]
        path = bundle / name
        if not path.is_file():
            if name.startswith(("widget/", "client/")):
                sources.append(name)
            return await route.continue_()
        loaded[name] = len(gzip.compress(path.read_bytes()))
        await route.fulfill(path=path, content_type="text/javascript")

    page = await chromium.new_page(locale="en-GB")
    window = Window(page)
    await page.route("**/static/**", serve)
    await page.goto(f"{service.url}/?subscriber=bundled")
    await window.is_live()
    assert sum(loaded.values()) <= BELL_BYTES, loaded
    async with Api.open(service) as api:
        await api.trigger("bundled", {"subject": "Small", "body": "b"}, workflow="welcome")
    await window.open_panel()
    await expect(window.item("Small")).to_be_visible()
    await window.item("Small").get_by_role("button", name="Mark as read").click()
    await expect(window.badge).to_be_hidden()
    assert sum(loaded.values()) <= OPENED_BYTES, loaded
    assert sources == [], "modules that are in no bundle"
    assert window.complaints == []
    await page.close()


def test_an_error_can_be_traced_to_its_source(bundle: Path) -> None:
    """Each script names its source map, and the map holds the sources as they were written."""
    written = [path.read_text() for path in STATIC.rglob("*.js")]
    for script in bundle.rglob("*.js"):
        name = script.read_text().rpartition("//# sourceMappingURL=")[2].strip()
        mapped = json.loads((script.parent / name).read_text())
        assert len(mapped["sourcesContent"]) == len(mapped["sources"])
        assert all(text in written for text in mapped["sourcesContent"])
