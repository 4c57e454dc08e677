"""The JavaScript client in apps that installed it: whatever happens on the way, they show what the service has."""

from __future__ import annotations

import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import pytest
import pytest_asyncio
from playwright.async_api import Locator, Page, Request, Route, expect

from tests.conftest import RunServer
from tests.support.client import Api, InboxApi, Json, create_session, subscriber_hash
from tests.support.client_package import build_apps, run
from tests.support.environments import environment_of, services_of
from tests.support.link import Link
from tests.support.server import Server
from tests.support.waiting import until

from .conftest import OpenWindow
from .shop import SHOP
from .window import LONGEST_TRY_MS

pytestmark = [
    pytest.mark.browser,
    pytest.mark.needs("valkey", "node", "npm"),
    pytest.mark.asyncio(loop_scope="session"),
]

LOST = ("Failed to load resource", "WebSocket connection to", "Access to fetch")  # of a service that is away or refuses
AGREE_SECONDS = 60.0
MAX_TRIES = 6
ADA = "ada"
TRANSPORTS = ("socket", "events", "polling")
SEVERITIES = ("high", "medium", "low", "none")
BADGE = ('{"seen":false}', '{"read":false,"snoozed":false}')
COUNTED = (*BADGE, *(f'{{"read":false,"snoozed":false,"severity":"{one}"}}' for one in SEVERITIES))
TAB = '{"tags":["sale"],"read":false}'


@pytest.fixture(scope="module")
def apps(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_apps(tmp_path_factory.mktemp("apps"))


@dataclass(eq=False)
class Device:
    """A page with an app, and the service as the same person sees it."""

    page: Page
    server: Server
    sessions: list[str] = field(default_factory=list)
    """The requests of the page that opened sessions."""

    def __post_init__(self) -> None:
        self.page.on("request", self._note)

    def _note(self, request: Request) -> None:
        if request.method == "POST" and request.url.endswith("/session"):
            self.sessions.append(request.url)

    def item(self, subject: str) -> Locator:
        return self.page.get_by_role("listitem").filter(has=self.page.get_by_text(subject, exact=True))

    async def press(self, subject: str, button: str) -> None:
        await self.item(subject).get_by_role("button", name=button, exact=True).click()

    async def has_status(self, status: str) -> None:
        await expect(self.page.locator("main")).to_have_attribute("data-status", status, timeout=LONGEST_TRY_MS)

    async def is_live(self, transport: str, *, timeout_ms: float = LONGEST_TRY_MS) -> None:
        live = f"main[data-status=live][data-transport={transport}]"
        await expect(self.page.locator(live)).to_be_attached(timeout=timeout_ms)

    async def comes_back_to(self, transport: str) -> None:
        """Returns once a try of a better transport has succeeded; each comes up to twice as late as the one before."""
        for _ in range(MAX_TRIES):
            await self.page.clock.fast_forward(60_000)
            with contextlib.suppress(AssertionError):
                return await self.is_live(transport, timeout_ms=10_000)
        return await self.is_live(transport)

    async def shown(self) -> Json:
        """What the page shows: its list, whether there is more, and its counts."""
        state: Json = await self.page.evaluate("log.renders.at(-1)")
        return {name: state[name] for name in ("items", "hasMore", "counts", "tab")}

    async def agrees(self) -> None:
        """Return once the page shows what a fresh listing does."""
        async with InboxApi.open(self.server, ADA) as inbox:
            try:
                await until(lambda: self._agrees_with(inbox), AGREE_SECONDS)
            except TimeoutError:
                assert await self.shown() == await fresh(inbox)

    async def _agrees_with(self, inbox: InboxApi) -> bool:
        return await self.shown() == await fresh(inbox)

    async def check_history(self) -> None:
        """No list that was shown held anything twice or out of order, or became empty; nothing was received twice."""
        log = await self.page.evaluate("log")
        for state in log["renders"]:
            sequences = [item["sequence"] for item in state["items"]]
            assert sequences == sorted(set(sequences), reverse=True)
        loaded = [state["isLoaded"] for state in log["renders"]]
        assert loaded == sorted(loaded)
        assert len(log["received"]) == len(set(log["received"]))


async def fresh(inbox: InboxApi) -> Json:
    """What a page that shows all must show."""
    items = await inbox.notifications(archived="false", snoozed="false")
    unseen, unread, *severities, tab = await inbox.count(*COUNTED, TAB)
    counts = {"unseen": unseen, "unread": unread, "severity": dict(zip(SEVERITIES, severities, strict=True))}
    return {"items": items, "hasMore": False, "counts": counts, "tab": tab}


@dataclass(eq=False)
class Scene:
    """A service behind a link, a backend that triggers, and the pages of one person."""

    server: Server
    link: Link
    api: Api
    apps: Path
    open_window: OpenWindow
    devices: list[Device]

    async def send(self, *numbers: int) -> None:
        for number in numbers:
            await self.api.trigger(ADA, {"n": number}, workflow="news")

    async def token(self) -> str:
        return str((await create_session(self.server, ADA))["token"])

    async def open(
        self,
        transport: str = "socket",
        *,
        app: str = "react",
        beside: Device | None = None,
        html: str | None = None,
        new_token: Callable[[], Awaitable[str]] | None = None,
        **options: Any,
    ) -> Device:
        """Open an app that prefers this transport, in a tab `beside` another one or on a new device.

        `html` is what a server rendered. Without a token it opens sessions by itself. Its clock can be put forward.
        """
        window = await self.open_window("about:blank", tolerated=LOST)
        page = await beside.page.context.new_page() if beside else window.page
        if new_token:
            await page.expose_function("newToken", new_token)
        elif "token" not in options:
            options["session"] = self.session
        transports = TRANSPORTS[TRANSPORTS.index(transport) :]
        settings = {"url": self.link.url, "transports": transports, "pollMs": 200, **options}
        await page.add_init_script(f"window.settings = {json.dumps(settings)}")
        await page.clock.install()
        device = Device(page, self.server)
        await show_shop(page, self.apps / app / "dist", html)
        self.devices.append(device)
        return device

    @property
    def session(self) -> Json:
        return {
            "applicationIdentifier": self.server.application_identifier,
            "subscriberId": ADA,
            "subscriberHash": subscriber_hash(self.server.api_key, ADA),
        }


async def show_shop(page: Page, dist: Path, html: str | None) -> None:
    """Show the built app, with `html` in its place."""

    async def serve(route: Route) -> None:
        name = route.request.url.removeprefix(f"{SHOP}/")
        if name:
            await route.fulfill(path=dist / name)
            return
        index = (dist / "index.html").read_text()
        body = index.replace('<div id="root"></div>', f'<div id="root">{html or ""}</div>')
        await route.fulfill(body=body, content_type="text/html")

    await page.route(f"{SHOP}/**", serve)
    await page.goto(f"{SHOP}/")


class NewScene(Protocol):
    """Starts a service with these settings, and what stands before it."""

    async def __call__(self, **settings: str) -> Scene: ...


@pytest_asyncio.fixture(loop_scope="session")
async def new_scene(
    run_server: RunServer, open_window: OpenWindow, apps: Path, valkey_url: str, key_prefix: str
) -> AsyncIterator[NewScene]:
    async with AsyncExitStack() as stack:
        scenes: list[Scene] = []

        async def start(**settings: str) -> Scene:
            settings = {"INBOX_KEY_PREFIX": key_prefix, "INBOX_CORS_ORIGINS": SHOP, **settings}
            server = await run_server(redis_url=valkey_url, **settings)
            link = await stack.enter_async_context(Link.to(server.port))
            api = await stack.enter_async_context(Api.open(server))
            await api.create_workflow("news", tags=["sale"])
            scenes.append(Scene(server, link, api, apps, open_window, []))
            return scenes[-1]

        yield start
        for scene in scenes:
            for device in scene.devices:
                await device.check_history()


@pytest_asyncio.fixture(loop_scope="session")
async def scene(new_scene: NewScene) -> Scene:
    return await new_scene()


@pytest.fixture(params=TRANSPORTS)
def transport(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.mark.parametrize("app", ["react", "vue"])
async def test_an_app_shows_what_the_service_has(scene: Scene, transport: str, app: str) -> None:
    await scene.send(*range(1, 26))
    device = await scene.open(transport, app=app)
    await device.is_live(transport)
    await expect(device.page.get_by_role("listitem")).to_have_count(20)
    await device.page.get_by_role("button", name="More").click()
    await device.agrees()
    await expect(device.page.get_by_role("listitem")).to_have_count(25)

    await device.press("Message 25", "Read")
    await expect(device.item("Message 25")).not_to_have_class("unread")
    await device.press("Message 24", "Accept")
    await expect(device.item("Message 24")).not_to_have_class("unread")
    await device.press("Message 23", "Archive")
    await expect(device.item("Message 23")).to_have_count(0)
    await device.press("Message 22", "Delete")
    await expect(device.item("Message 22")).to_have_count(0)
    await device.agrees()

    await scene.send(26)
    await expect(device.item("Message 26")).to_have_class("unread")
    await device.agrees()
    async with InboxApi.open(scene.server, ADA) as inbox:
        await inbox.read_all()
    await expect(device.page.get_by_role("heading")).to_have_text("0 unread")
    await device.press("Message 26", "Unread")
    await expect(device.item("Message 26")).to_have_class("unread")
    await device.agrees()
    await device.page.get_by_role("button", name="Read all").click()
    await expect(device.page.get_by_role("heading")).to_have_text("0 unread")
    await device.agrees()


async def test_what_a_server_rendered_is_taken_over(scene: Scene, transport: str) -> None:
    html = run("node", "react/server/server.js", cwd=scene.apps).strip()
    assert "unread" in html
    await scene.send(1)
    device = await scene.open(transport, html=html)
    await device.is_live(transport)
    await device.agrees()


async def test_a_minute_without_a_network(scene: Scene, transport: str) -> None:
    """The browser knows it: what is sent meanwhile shows as soon as the network is back."""
    await scene.send(1, 2)
    device = await scene.open(transport)
    await device.is_live(transport)
    await device.agrees()
    await device.page.context.set_offline(True)
    await scene.link.fall_silent()  # the browser only refuses new connections
    await device.has_status("offline")
    await scene.send(3)
    async with InboxApi.open(scene.server, ADA) as inbox:
        await inbox.change((await inbox.notifications())[-1]["id"], "read")
    await device.page.clock.fast_forward(60_000)
    await device.has_status("offline")
    await expect(device.page.get_by_role("listitem")).to_have_count(2)
    await scene.link.mend()
    await device.page.context.set_offline(False)
    await device.is_live(transport)
    await device.agrees()


async def test_a_network_that_falls_silent(scene: Scene, transport: str) -> None:
    """Nothing tells the page; it finds out by itself, and a change that it sends meanwhile is taken back."""
    await scene.send(1, 2)
    device = await scene.open(transport)
    await device.is_live(transport)
    await scene.link.fall_silent()
    await scene.send(3)
    await device.page.clock.fast_forward(40_000)
    await expect(device.page.locator("main:not([data-status=live])")).to_be_attached(timeout=LONGEST_TRY_MS)
    await device.press("Message 1", "Archive")
    await expect(device.item("Message 1")).to_have_count(1)
    assert "change: The service cannot be reached" in await device.page.evaluate("log.failures")
    await scene.link.mend()
    await device.page.clock.fast_forward(30_000)
    await device.is_live(transport)
    await device.agrees()


async def test_a_restart_of_the_service(scene: Scene, transport: str) -> None:
    await scene.send(1, 2)
    device = await scene.open(transport)
    await device.is_live(transport)
    await device.agrees()
    await scene.server.kill()
    await expect(device.page.locator("main:not([data-status=live])")).to_be_attached(timeout=LONGEST_TRY_MS)
    await scene.server.start()
    await scene.send(3)
    await device.comes_back_to(transport)
    await device.agrees()
    await scene.server.terminate()
    await scene.server.start()
    await scene.send(4)
    await device.comes_back_to(transport)
    await device.agrees()


async def test_a_hidden_tab_is_shown_again(scene: Scene, transport: str) -> None:
    """While it is hidden its timers stand still and its connections die unnoticed, as on a phone."""
    await scene.send(1, 2)
    device = await scene.open(transport)
    await device.is_live(transport)
    await device.agrees()
    await show(device.page, "hidden")
    await device.page.clock.pause_at(await later(device.page, 1))
    await scene.link.fall_silent()
    await scene.send(3, 4)
    await scene.link.mend()
    await device.page.clock.set_system_time(await later(device.page, 600))
    await show(device.page, "visible")
    await device.page.clock.resume()
    await device.is_live(transport)
    await device.agrees()


async def later(page: Page, seconds: float) -> float:
    """The time of the page's clock after so many seconds (Unix seconds)."""
    return float(await page.evaluate("Date.now()")) / 1000 + seconds


async def show(page: Page, state: str) -> None:
    """Hide or show the tab: Playwright keeps every tab visible, so the page is told in the browser's place."""
    await page.evaluate(
        """state => {
            Object.defineProperty(document, "visibilityState", { value: state, configurable: true });
            document.dispatchEvent(new Event("visibilitychange"));
        }""",
        state,
    )


async def test_transports_that_a_proxy_blocks(scene: Scene) -> None:
    """From socket to stream to polling, and back as soon as the better one gets through again."""
    await scene.send(1)
    device = await scene.open()
    await device.is_live("socket")
    await scene.link.block("/v1/socket")
    await device.is_live("events")
    await scene.send(2)
    await device.agrees()
    await scene.link.block("/v1/socket", "/v1/inbox/events")
    await device.is_live("polling")
    await scene.send(3)
    await device.agrees()
    await scene.link.block("/v1/socket")
    await device.comes_back_to("events")
    await scene.send(4)
    await device.agrees()
    await scene.link.block()
    await device.comes_back_to("socket")
    await scene.send(5)
    await device.agrees()


async def test_a_token_that_expires_is_renewed(new_scene: NewScene, transport: str) -> None:
    """No state but `live` is shown from the first connection on."""
    scene = await new_scene(INBOX_TOKEN_TTL_SECONDS="5")
    await scene.send(1)
    tokens: list[str] = []

    async def new_token() -> str:
        tokens.append(await scene.token())
        return tokens[-1]

    device = await scene.open(transport, new_token=new_token)
    await device.is_live(transport)
    await until(lambda: has_at_least(tokens, 3), AGREE_SECONDS)
    await scene.send(2)
    await device.agrees()
    await device.is_live(transport)
    assert "unauthorized" not in await statuses(device)


async def has_at_least(values: list[str], count: int) -> bool:
    return len(values) >= count


async def statuses(device: Device) -> set[str]:
    """Every status that was shown."""
    return set(await device.page.evaluate("log.renders.map(({ status }) => status)"))


async def test_a_token_that_expires_for_good(new_scene: NewScene, transport: str) -> None:
    """Without renewal the page says so, keeps what it shows, and asks for nothing more."""
    scene = await new_scene(INBOX_TOKEN_TTL_SECONDS="5")
    await scene.send(1)
    device = await scene.open(transport, token=await scene.token())
    await device.has_status("unauthorized")
    requests: list[str] = []
    device.page.on("request", lambda request: requests.append(request.url))
    device.page.on("websocket", lambda socket: requests.append(socket.url))
    await device.page.clock.fast_forward(3_600_000)
    await device.has_status("unauthorized")
    assert requests == []
    assert await device.page.evaluate("log.failures.filter((text) => text.startsWith('connect')).length") == 1


@pytest.mark.parametrize("has_session", [True, False], ids=["session", "token"])
async def test_a_revoked_key_ends_the_session(scene: Scene, transport: str, has_session: bool) -> None:
    await scene.send(1)
    options = {} if has_session else {"token": await scene.token()}
    device = await scene.open(transport, **options)
    await device.is_live(transport)
    async with services_of(scene.server) as services:
        environment = await environment_of(services, scene.server)
        key = await services.environments.keys.create(environment)
        await services.environments.keys.revoke(environment, key)
    if not has_session:
        await device.has_status("unauthorized")
        return
    await until(lambda: has_at_least(device.sessions, 2), AGREE_SECONDS)
    await scene.send(2)
    await device.is_live(transport)
    await device.agrees()


async def test_two_tabs_and_two_devices(scene: Scene, transport: str) -> None:
    await scene.send(*range(1, 6))
    first = await scene.open(transport)
    devices = [
        first,
        await scene.open(transport, app="vue", beside=first),
        await scene.open("polling"),
        await scene.open(transport, app="vue"),
    ]
    for device in devices:
        await device.agrees()
    for number, (device, button) in enumerate(zip(devices, ("Read", "Archive", "Delete", "Accept"), strict=True), 1):
        await device.press(f"Message {number}", button)
    await scene.send(6)
    gone = [first.item("Message 2"), first.item("Message 3")]
    for item in gone:
        await expect(item).to_have_count(0)
    for device in devices:
        await expect(device.item("Message 6")).to_have_count(1)
        await device.agrees()
