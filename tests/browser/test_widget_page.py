"""What a page does with the widget: events it can prevent, items and words of its own, properties, looks, tokens."""

from __future__ import annotations

import json
from typing import Any

import pytest
from playwright.async_api import Route, expect

from tests.conftest import RunServer
from tests.support.client import Api, create_session
from tests.support.server import Server

from .conftest import OpenWindow
from .pages import show_page, tag
from .test_widget import has, send
from .window import Window

pytestmark = [pytest.mark.browser, pytest.mark.needs("valkey"), pytest.mark.asyncio(loop_scope="session")]

POLICY = {"Content-Security-Policy": "default-src 'self'"}
HEAR = """(prevented) => {
  window.heard = [];
  window.counts = [];
  const names = ["open", "close", "notification", "action", "navigate", "count", "error"];
  for (const name of names) {
    document.addEventListener(`inbox-${name}`, (event) => {
      const { detail } = event;
      if (name === "count") counts.push(detail.unread);
      else heard.push([name, detail?.action ?? detail?.url ?? detail?.notification?.subject ?? null]);
      if (prevented.includes(name)) event.preventDefault();
    });
  }
}"""


async def page_of(open_window: OpenWindow, service: Server, subscriber: str, more: str = "") -> Window:
    window = await open_window("about:blank")
    await show_page(window, service, tag(service, subscriber, more), POLICY)
    await window.is_live()
    return window


async def heard(window: Window) -> list[list[Any]]:
    """Return what the page heard since the last call, without counts."""
    events: list[list[Any]] = await window.page.evaluate("heard.splice(0)")
    return events


async def last_count(window: Window) -> int:
    """Return the count heard last. There is one more when what was shown for a second is reported as seen."""
    count: int = await window.page.evaluate("counts.at(-1)")
    return count


async def test_a_page_may_say_no(open_window: OpenWindow, service: Server) -> None:
    await send(service, "no", "Kept")
    window = await page_of(open_window, service, "no")
    await window.page.evaluate(HEAR, ["open"])
    await window.bell.click()
    assert await heard(window) == [["open", None]]
    await expect(window.panel).to_be_hidden()
    await window.page.evaluate("document.querySelector('inbox-bell').open = true")
    assert await heard(window) == [["open", None]]
    await window.page.reload()
    await window.is_live()
    await window.page.evaluate(HEAR, ["close", "action"])
    await window.open_panel()
    await window.item("Kept").get_by_role("button", name="Mark as read").click()
    await window.item("Kept").get_by_role("button", name="Kept b").click()
    await window.page.keyboard.press("e")
    await window.page.keyboard.press("Escape")
    await window.bell.click()
    assert await heard(window) == [
        ["open", None],
        ["action", "read"],
        ["action", "open"],
        ["action", "archive"],
        ["close", None],
        ["close", None],
    ]
    await expect(window.panel).to_be_visible()
    await expect(window.item("Kept")).to_have_class("item unread")
    await has(service, "no", "isRead")


async def test_a_page_hears_what_happens(open_window: OpenWindow, service: Server) -> None:
    window = await page_of(open_window, service, "hears")
    await window.page.evaluate(HEAR, [])
    await send(service, "hears", "New")
    await expect(window.badge).to_have_text("1")
    assert await heard(window) == [["notification", "New"]]
    assert await last_count(window) == 1
    await window.open_panel()
    await window.page.keyboard.press("Shift+I")
    await expect(window.badge).to_be_hidden()
    assert await heard(window) == [["open", None], ["action", "readAll"]]
    assert await last_count(window) == 0


async def test_the_label_is_exact_where_the_badge_is_short(open_window: OpenWindow, service: Server) -> None:
    async with Api.open(service) as api:
        events = [{"name": "welcome", "to": "many", "payload": {"subject": f"{n}", "body": "b"}} for n in range(99)]
        await api.data("POST", "/v1/events/trigger/bulk", 201, {"events": events})
        for severity in ("high", "high", "medium"):
            payload = {"subject": severity, "body": "b"}
            await api.trigger("many", payload, workflow="welcome", overrides={"severity": severity})
    window = await page_of(open_window, service, "many")
    await expect(window.badge).to_have_text("99+")
    await expect(window.bell).to_have_accessible_name("Notifications, 102 unread, 2 urgent")
    await expect(window.badge).to_have_attribute("data-severity", "high")


RENDER = """() => {
  document.querySelector("inbox-bell").renderItem = ({ subject, data }, h) =>
    subject === "Ours" ? null : h("article", { class: "own-item", onclick: () => (window.pressed = subject) },
      h("b", { style: "color: red", onmouseover: "window.owned = 1" }, subject, "<i>"),
      h("a", { href: "javascript:window.owned = 1" }, "bad"), h("a", { href: "/good" }, "good"), [null, false, "text"]);
}"""


async def test_a_page_renders_items_of_its_own(open_window: OpenWindow, service: Server) -> None:
    await send(service, "render", "Ours", "Theirs")
    window = await page_of(open_window, service, "render")
    await window.page.evaluate(RENDER)
    await window.open_panel()
    await expect(window.item("Ours").locator("strong")).to_have_text("Ours")
    own = window.page.locator("inbox-bell .own-item")
    await expect(own).to_have_text("Theirs<i>badgoodtext")
    links = await own.locator("a").evaluate_all("all => all.map((one) => [one.getAttribute('href'), one.rel])")
    assert links == [[None, "noopener noreferrer"], [f"{service.url}/good", "noopener noreferrer"]]
    assert await own.locator("b").evaluate("b => [b.getAttribute('style'), b.onmouseover]") == [None, None]
    refused = await window.page.evaluate(
        """async () => {
          const { h } = await import("/static/widget/factory.js");
          return ["script", "IFRAME", "style", "object"].filter((tag) => {
            try { return !h(tag); } catch { return true; }
          });
        }"""
    )
    assert refused == ["script", "IFRAME", "style", "object"]
    await own.locator("b").click()
    await expect(window.item("Theirs")).to_have_class("item")
    assert await window.page.evaluate("pressed") == "Theirs"
    await window.page.keyboard.press("j")
    await window.page.keyboard.press("j")
    await window.page.keyboard.press("Enter")
    await has(service, "render", "isRead", "Ours", "Theirs")


async def test_a_press_beside_the_text_follows_the_link(open_window: OpenWindow, service: Server) -> None:
    """Of ours, and of an item that the page renders."""
    async with Api.open(service) as api:
        link = {"url": "/somewhere", "target": "_self"}
        await api.create_workflow("widget-link", subject="{{payload.subject}}", redirect=link)
    for subject in ("Ours", "Theirs"):
        await send(service, f"link {subject}", subject, workflow="widget-link")
        window = await page_of(open_window, service, f"link {subject}")
        await window.page.evaluate(RENDER)
        await window.page.evaluate(HEAR, ["navigate"])
        await window.open_panel()
        await window.item(subject).click(position={"x": 200, "y": 4})
        await expect(window.item(subject)).to_have_class("item")
        assert ["navigate", f"{service.url}/somewhere"] in await heard(window)
        assert window.page.url == f"{service.url}/page"


async def test_an_item_that_the_page_cannot_render_is_ours(open_window: OpenWindow, service: Server) -> None:
    await send(service, "throws", "One", "Bad", "Two")
    said = "inbox-bell: render failed: Error: Bad has no such field"
    window = await open_window("about:blank", tolerated=(said,))
    await show_page(window, service, tag(service, "throws"), POLICY)
    await window.is_live()
    await window.page.evaluate(
        """() => {
          document.querySelector("inbox-bell").renderItem = ({ subject }, h) => {
            if (subject === "Bad") throw new Error("Bad has no such field");
            return h("article", {}, subject);
          };
        }"""
    )
    await window.open_panel()
    await expect(window.items).to_have_count(3)
    await expect(window.page.locator("inbox-bell article")).to_have_text(["Two", "One"])
    await expect(window.item("Bad").locator("strong")).to_have_text("Bad")
    assert said in window.complaints


async def test_a_link_for_another_window_is_left_to_the_browser(open_window: OpenWindow, service: Server) -> None:
    async with Api.open(service) as api:
        body = "See [the page](/page)"
        await api.create_workflow("widget-window", subject="{{payload.subject}}", body=body, bodyFormat="markdown")
    await send(service, "modifier", "Linked", workflow="widget-window")
    window = await page_of(open_window, service, "modifier")
    await window.page.evaluate(HEAR, ["navigate"])
    await window.open_panel()
    link = window.item("Linked").get_by_role("link", name="the page")
    async with window.page.context.expect_page() as opened:
        await link.click(modifiers=["Control"])
    assert (await opened.value).url == f"{service.url}/page"
    assert await heard(window) == [["open", None]]
    await link.click()
    assert await heard(window) == [["navigate", f"{service.url}/page"]]


@pytest.mark.parametrize(
    ("change", "another"),
    [
        ("locale = 'de'", "locale = 'fr'"),
        ("strings = { 'bell.title': 'Post' }", "strings = { 'bell.title': 'Mail' }"),
        ("renderItem = () => null", "renderItem = () => undefined"),
    ],
    ids=["locale", "strings", "renderItem"],
)
async def test_the_focus_stays_when_the_list_is_made_anew(
    open_window: OpenWindow, service: Server, change: str, another: str
) -> None:
    subscriber = f"anew {change.split()[0]}"
    await send(service, subscriber, *(f"Item {n:02}" for n in range(20)))
    window = await page_of(open_window, service, subscriber)
    await window.bell.focus()
    await window.page.keyboard.press("Enter")
    await expect(window.panel).to_be_focused()

    async def remake(change: str) -> None:
        await window.page.evaluate(
            f"() => {{ const bell = document.querySelector('inbox-bell'); window.former = bell.view; bell.{change}; }}"
        )
        await window.page.wait_for_function(
            "() => { const { view } = document.querySelector('inbox-bell'); return view !== former && view?.isShown; }"
        )

    await remake(change)
    await expect(window.panel).to_be_focused()
    for _ in range(15):
        await window.page.keyboard.press("j")
    await window.item("Item 05").locator(".toggle").focus()
    await remake(another)
    await expect(
        window.item("Item 05").locator(".toggle, [data-control=open]").and_(window.page.locator(":focus"))
    ).to_be_visible()
    await window.panel.locator(".filter").focus()
    await remake(change)
    await expect(window.panel).to_be_focused()
    await window.page.keyboard.press("Escape")
    await expect(window.panel).to_be_hidden()
    await expect(window.bell).to_be_focused()


@pytest.mark.parametrize("page", ["preferences", "keys"])
async def test_what_is_shown_in_place_of_the_list_stays_in_another_language(
    open_window: OpenWindow, service: Server, page: str
) -> None:
    await send(service, f"away-{page}", "Behind")
    window = await page_of(open_window, service, f"away-{page}")
    await window.open_panel()
    await expect(window.item("Behind")).to_be_visible()
    if page == "keys":
        await window.page.keyboard.press("?")
    else:
        await window.panel.get_by_role("button", name="Preferences").click()
    await window.page.locator("inbox-bell").evaluate("(bell) => (bell.locale = 'de')")
    titles = {"preferences": "Einstellungen", "keys": "Tastaturkürzel"}
    await expect(window.panel.get_by_role("heading", name=titles[page])).to_be_visible()
    await expect(window.item("Behind")).to_be_hidden()
    backs = {"preferences": "Zurück", "keys": "Schließen"}
    back = window.panel.get_by_role("button", name=backs[page]).first
    await expect(back).to_be_focused()
    await back.click()
    await expect(window.item("Behind")).to_be_visible()


async def test_a_link_in_a_body_is_offered_too(open_window: OpenWindow, service: Server) -> None:
    """It stands beside the button that opens the notification, not in it, and leaves it unread."""
    async with Api.open(service) as api:
        body = "See **the** [manual](/manual)\n- one"
        await api.create_workflow("widget-markdown", subject="{{payload.subject}}", body=body, bodyFormat="markdown")
    await send(service, "marked", "Formatted", workflow="widget-markdown")
    window = await page_of(open_window, service, "marked")
    await window.page.evaluate(HEAR, ["navigate"])
    await window.open_panel()
    row = window.item("Formatted")
    await expect(row.get_by_role("button", name="Formatted", exact=True)).to_have_count(1)
    await expect(row.locator(".body li")).to_have_text("one")
    await row.get_by_role("link", name="manual").click()
    assert (await heard(window))[-1] == ["navigate", f"{service.url}/manual"]
    assert window.page.url == f"{service.url}/page"
    await expect(row).to_have_class("item unread")
    await row.locator(".body li").click()
    await expect(row).to_have_class("item")
    await row.get_by_role("link", name="manual").focus()
    await window.page.keyboard.press("e")  # the row, not the list in it
    await expect(row).to_have_count(0)


async def test_the_focus_comes_back_from_a_menu_whose_row_changed(open_window: OpenWindow, service: Server) -> None:
    await send(service, "menu", "Changing")
    window = await page_of(open_window, service, "menu")
    await window.open_panel()
    await window.item("Changing").hover()
    await window.item("Changing").get_by_role("button", name="Snooze").click()
    async with Api.open(service) as api:
        await api.mark_all("menu", "read")  # as in another window
    await expect(window.item("Changing")).to_have_class("item")
    await window.page.keyboard.press("Escape")
    await expect(window.item("Changing").get_by_role("button", name="Snooze")).to_be_focused()
    await expect(window.panel).to_be_visible()


async def test_a_menu_of_a_feed_stays_at_its_button_and_closes_at_a_press_on_the_page(
    open_window: OpenWindow, service: Server
) -> None:
    window = await open_window("about:blank")
    feed_tag = tag(service, "feed-menu", name="inbox-feed")
    await show_page(window, service, f'<h1>Ours</h1>{feed_tag}<p style="height: 2000px">Below</p>')
    feed = window.page.locator("inbox-feed")
    button, menu = feed.locator(".filter"), feed.locator(".menu")

    async def gap() -> float:
        [above, below] = [await part.bounding_box() for part in (button, menu)]
        assert above is not None
        assert below is not None
        return below["y"] - above["y"]

    await button.click()
    await expect(menu).to_be_visible()
    before = await gap()
    await window.page.evaluate(
        """() => new Promise((done) => {
          document.addEventListener("scroll", () => requestAnimationFrame(done), { once: true });
          scrollTo(0, 40);
        })"""
    )
    assert await gap() == before
    await window.page.get_by_text("Ours").click()
    await expect(menu).to_be_hidden()
    await expect(button).to_have_attribute("aria-expanded", "false")
    await button.click()
    await expect(menu).to_be_visible()
    await button.click()
    await expect(menu).to_be_hidden()


async def test_properties_count_before_the_script_is_loaded(open_window: OpenWindow, service: Server) -> None:
    await send(service, "early", "There")
    window = await open_window("about:blank")
    await show_page(window, service, "<inbox-bell></inbox-bell>")
    settings = {
        "applicationIdentifier": service.application_identifier,
        "subscriber": "early",
        "tabs": [{"label": "Only"}],
        "strings": {"bell.title": "Post", "bell.unread": "Post, {count} new"},
        "theme": "dark",
        "filters": "all",
        "open": True,
    }
    await window.page.evaluate(
        """async ([settings, url]) => {
          Object.assign(document.querySelector("inbox-bell"), settings);
          await import(url);
        }""",
        [settings, f"{service.url}/static/inbox.js"],
    )
    await window.is_live()
    await expect(window.bell).to_have_accessible_name("Post, 1 new")
    await expect(window.panel).to_be_visible()
    await expect(window.panel).to_have_accessible_name("Post")
    await expect(window.panel.get_by_role("tab")).to_have_text(["Only1"])
    await expect(window.panel.locator(".filter")).to_be_hidden()
    await window.page.evaluate("document.querySelector('inbox-bell').strings = null")
    await expect(window.bell).to_have_accessible_name("Notifications, 1 unread")
    await expect(window.panel).to_have_accessible_name("Notifications")
    assert await window.panel.evaluate("panel => getComputedStyle(panel).backgroundColor") == "rgb(28, 32, 40)"
    told = "bell => [bell.tabs, bell.getAttribute('application-identifier'), bell.inbox.getSnapshot().counts.unread]"
    assert await window.page.locator("inbox-bell").evaluate(told) == [
        [{"label": "Only"}],
        service.application_identifier,
        1,
    ]


@pytest.mark.parametrize(
    ("tabs", "problem"),
    [
        ("[{", "no JSON"),
        ("[null]", "no list of objects with a label"),
        ('["All"]', "no list of objects with a label"),
        ('{"label": "All"}', "no list of objects with a label"),
    ],
)
async def test_an_attribute_of_another_kind_is_told(
    open_window: OpenWindow, service: Server, tabs: str, problem: str
) -> None:
    said = f"inbox-bell: attribute failed: tabs is {problem}"
    window = await open_window("about:blank", tolerated=(said,))
    await show_page(window, service, tag(service, "json", f"tabs='{tabs}'"))
    await window.is_live()
    await window.open_panel()
    await expect(window.panel).to_contain_text("No notifications yet.")
    await expect(window.panel.get_by_role("tab")).to_have_count(0)
    assert window.complaints == [said]


async def test_an_element_opens_one_session_whatever_it_is_made_of(open_window: OpenWindow, service: Server) -> None:
    window = await open_window("about:blank")
    sent: list[str] = []
    window.page.on("request", lambda one: sent.append(one.post_data or "") if one.url.endswith("/session") else None)
    await show_page(window, service, tag(service, "one-session", "locale=de context='{}'"))
    await window.is_live()
    await window.page.evaluate(
        """(applicationIdentifier) => {
          document.querySelector("inbox-bell").remove();
          const bell = document.createElement("inbox-bell");
          Object.assign(bell, { applicationIdentifier, subscriber: "one" });
          document.body.append(bell);
          Object.assign(bell, { subscriber: "two", context: {} });
        }""",
        service.application_identifier,
    )
    await window.is_live()
    subscribers = [json.loads(body)["subscriber"]["subscriberId"] for body in sent]
    assert subscribers == ["one-session", "one", "two"]


async def test_a_base_url_that_is_none_is_told(open_window: OpenWindow, service: Server) -> None:
    said = "inbox-bell: attribute failed: base-url is no URL"
    window = await open_window("about:blank", tolerated=(said,))
    await show_page(window, service, tag(service, "base-url", "base-url='http://'"))
    await window.is_live()
    assert window.complaints == [said]


@pytest.mark.parametrize("placement", ["bottom-end", "bottom-start", "top-end", "top-start"])
async def test_the_panel_is_placed_where_the_page_wants_it(
    open_window: OpenWindow, service: Server, placement: str
) -> None:
    window = await page_of(open_window, service, "placed", f"placement={placement}")
    await window.page.locator("inbox-bell").evaluate(
        "bell => (bell.style = 'position: fixed; top: 400px; left: 600px')"
    )
    await window.open_panel()
    await expect(window.panel).to_contain_text("No notifications yet.")
    panel, bell = await window.panel.bounding_box(), await window.bell.bounding_box()
    assert panel
    assert bell
    side, end = placement.split("-")
    if side == "top":
        assert panel["y"] + panel["height"] <= bell["y"]
    else:
        assert panel["y"] >= bell["y"] + bell["height"]
    if end == "start":
        assert panel["x"] == bell["x"]
    else:
        assert panel["x"] + panel["width"] == bell["x"] + bell["width"]


async def test_slots_stand_in_the_place_of_ours(open_window: OpenWindow, service: Server) -> None:
    window = await page_of(open_window, service, "slots")
    await window.page.locator("inbox-bell").evaluate(
        """bell => {
          for (const name of ["bell", "header", "empty", "footer"]) {
            const element = document.createElement("span");
            Object.assign(element, { slot: name, textContent: `my ${name}` });
            bell.append(element);
          }
        }"""
    )
    await expect(window.page.get_by_text("my bell")).to_be_visible()
    await expect(window.bell.locator("svg")).to_be_hidden()
    await window.open_panel()
    for name in ("header", "empty", "footer"):
        await expect(window.page.get_by_text(f"my {name}")).to_be_visible()


@pytest.mark.parametrize(("density", "theme"), [("compact", "light"), ("", "dark")])
async def test_looks(open_window: OpenWindow, service: Server, density: str, theme: str) -> None:
    await send(service, f"looks {theme}", "Row")
    window = await page_of(open_window, service, f"looks {theme}", f'density="{density}" theme="{theme}"')
    await window.open_panel()
    padding = await window.item("Row").evaluate("row => getComputedStyle(row).paddingTop")
    assert padding == ("8px" if density == "compact" else "14px")
    ground = await window.panel.evaluate("panel => getComputedStyle(panel).backgroundColor")
    assert ground == ("rgb(255, 255, 255)" if theme == "light" else "rgb(28, 32, 40)")


async def test_a_token_of_the_page_opens_the_inbox(run_server: RunServer, open_window: OpenWindow) -> None:
    """In production, without the hash in the page; once the page has none any more, the person is asked to sign in."""
    server = await run_server()
    token = (await create_session(server, "tok"))["token"]
    window = await open_window("about:blank", tolerated=("Failed to load resource", "inbox-bell: session failed"))
    await show_page(window, server, f'<script type="module" src="{server.url}/static/inbox.js"></script><inbox-bell>')
    calls = 0

    async def give(route: Route) -> None:
        nonlocal calls
        calls += 1
        await route.fulfill(body=token)

    await window.page.route("**/token", give)
    await window.page.evaluate(
        "() => { document.querySelector('inbox-bell').token = async () => (await fetch('/token')).text() }"
    )
    await window.is_live()
    assert calls == 1
    await window.page.evaluate("() => { document.querySelector('inbox-bell').token = async () => '' }")
    await expect(window.bell).to_have_attribute("data-status", "unauthorized")
    await window.open_panel()
    await expect(window.problem).to_have_text("Your notifications are not available. Please sign in again.")
    await expect(window.panel.locator(".skeletons")).to_be_hidden()
    assert calls == 1


async def test_a_session_that_was_revoked_is_no_loop(run_server: RunServer, open_window: OpenWindow) -> None:
    """A token that the service refuses is asked for twice, not for ever."""
    server = await run_server()
    window = await open_window("about:blank", tolerated=("Failed to load", "inbox-bell: session", "WebSocket"))
    page = f'<script type="module" src="{server.url}/static/inbox.js"></script><inbox-bell></inbox-bell>'
    await show_page(window, server, page)
    await window.page.evaluate(
        """() => {
          window.asked = 0;
          document.querySelector("inbox-bell").token = () => ((asked += 1), "eyJhbGciOiJIUzI1NiJ9.e30.x");
        }"""
    )
    await expect(window.bell).to_have_attribute("data-status", "unauthorized")
    await window.open_panel()
    await expect(window.problem).to_be_visible()
    assert await window.page.evaluate("asked") == 2


async def test_a_service_that_does_not_list_the_origin(run_server: RunServer, open_window: OpenWindow) -> None:
    """The script came from elsewhere; the calls are refused by the browser. It is said, and tried again slowly."""
    strict = await run_server(INBOX_CORS_ORIGINS="https://listed.example")
    window = await open_window("about:blank", tolerated=("Access to fetch", "Failed to load", "inbox-", "WebSocket"))
    other = await run_server()
    body = (
        f'<script type="module" src="{other.url}/static/inbox.js"></script><inbox-bell base-url="{strict.url}" '
        f'application-identifier="{strict.application_identifier}" subscriber="cors"></inbox-bell>'
    )
    await show_page(window, other, body)
    await window.open_panel()
    await expect(window.status).to_have_text("The service cannot be reached. Trying again…")
    await expect(window.problem).to_have_text("Notifications could not be loaded.")
    await expect(window.panel.get_by_role("button", name="Try again")).to_be_visible()
    await expect(window.panel.locator(".skeletons")).to_be_hidden()


async def test_no_policy_is_violated_and_no_style_is_inline(open_window: OpenWindow, service: Server) -> None:
    await send(service, "strict", "One", "Two")
    window = await open_window("about:blank")
    await window.page.add_init_script(
        """window.violations = [];
        addEventListener("securitypolicyviolation", ({ violatedDirective }) => violations.push(violatedDirective));"""
    )
    tabs = json.dumps([{"label": "All"}, {"label": "Urgent", "severity": "high"}])
    more = f"tabs='{tabs}' alerts='title' locale='de'"
    await show_page(window, service, tag(service, "strict", more), POLICY)
    await window.is_live()
    await window.open_panel()
    await window.page.keyboard.press("j")
    await window.page.keyboard.press("h")
    await window.page.keyboard.press("Escape")
    await window.page.keyboard.press("?")
    await window.page.keyboard.press("Escape")
    await window.panel.locator(".gear").click()
    await expect(window.panel.locator(".preferences")).to_be_visible()
    root = "bell => [...bell.shadowRoot.querySelectorAll('style, script')].length"
    assert await window.page.locator("inbox-bell").evaluate(root) == 0
    assert await window.page.evaluate("violations") == []
