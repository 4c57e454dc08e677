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

BELL_BYTES = 16_500
"""What a page with a bell loads, gzipped, before anybody opens it."""
OPEN_BYTES = 33_900
"""With the list and the preferences, once the bell is opened."""
ALL_BYTES = 35_900
"""With alerts too; a language other than English comes to it."""
LANGUAGES = {path.stem for path in (STATIC / "widget" / "locales").glob("*.js")}


def gzipped(script: Path) -> int:
    """Bytes of what the service sends to a browser that takes gzip."""
    return script.with_name(f"{script.name}.gz").stat().st_size


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
        loaded[name] = gzipped(path)
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
    assert sum(loaded.values()) <= OPEN_BYTES, loaded
    assert sources == [], "modules that are in no bundle"
    assert window.complaints == []
    await page.close()


@pytest.mark.asyncio(loop_scope="session")
async def test_the_service_is_where_the_script_came_from(chromium: Browser, service: Server, bundle: Path) -> None:
    """Also below a base path, and whichever file of the bundle the code is in."""

    async def serve(route: Route) -> None:
        name = route.request.url.partition("/static/")[2]
        await route.fulfill(path=bundle / name, content_type="text/javascript")

    page = await chromium.new_page()
    await page.route("**/below/static/**", serve)
    await page.route("**/page", lambda route: route.fulfill(body="<title>Page</title>", content_type="text/html"))
    await page.goto(f"{service.url}/page")
    async with page.expect_request("**/v1/inbox/session") as asked:
        await page.evaluate(
            """async () => {
              await import("/below/static/inbox.js");
              document.body.innerHTML = `<inbox-bell application-identifier="a" subscriber="b"></inbox-bell>`;
            }"""
        )
    assert (await asked.value).url == f"{service.url}/below/v1/inbox/session"
    await page.close()


def test_everything_together_is_small(bundle: Path) -> None:
    scripts = [path for path in bundle.glob("*.js") if path.name.partition("-")[0] not in LANGUAGES]
    sizes = {path.name: gzipped(path) for path in scripts}
    assert {name.partition("-")[0].removesuffix(".js") for name in sizes} == {"inbox", "view", "alerts"}
    assert sum(sizes.values()) <= ALL_BYTES, sizes


def test_each_script_is_there_as_small_as_each_encoding_makes_it(bundle: Path) -> None:
    for script in bundle.rglob("*.js"):
        smaller = script.with_name(f"{script.name}.gz")
        assert gzip.decompress(smaller.read_bytes()) == script.read_bytes()
        brotli = script.with_name(f"{script.name}.br").stat().st_size
        assert 0 < brotli < gzipped(script) < len(gzip.compress(script.read_bytes()))


def test_an_error_can_be_traced_to_its_source(bundle: Path) -> None:
    """Each script names its source map, and the map holds the sources as they were written."""
    written = [path.read_text() for path in STATIC.rglob("*.js")]
    for script in bundle.rglob("*.js"):
        name = script.read_text().rpartition("//# sourceMappingURL=")[2].strip()
        mapped = json.loads((script.parent / name).read_text())
        assert len(mapped["sourcesContent"]) == len(mapped["sources"])
        assert all(text in written for text in mapped["sourcesContent"])
