"""The bell on pages that are not ours: another origin, a strict Content-Security-Policy, a page that hooks in."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from playwright.async_api import expect

from tests.conftest import RunServer
from tests.support.client import Api, subscriber_hash
from tests.support.processes import REPOSITORY
from tests.support.server import Server

from .conftest import OpenWindow
from .pages import show_page, tag
from .window import Window

LOST = ("Failed to load resource", "WebSocket connection to")
EXAMPLE = REPOSITORY / "docs/examples/inbox-client.mjs"
pytestmark = [pytest.mark.browser, pytest.mark.needs("valkey"), pytest.mark.asyncio(loop_scope="session")]


@asynccontextmanager
async def other_origin(page: str) -> AsyncIterator[str]:
    """A web server of somebody else's, which answers every request with that page."""
    body = f'<!doctype html><html lang="en"><title>Shop</title><body>{page}</body></html>'.encode()
    head = f"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(head.encode() + body)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"


async def test_a_page_of_another_origin_shows_a_live_message(open_window: OpenWindow, service: Server) -> None:
    async with other_origin(tag(service, "ida")) as url, Api.open(service) as api:
        window = await open_window(url)
        await window.is_live()
        await api.trigger("ida", {"subject": "Across origins", "body": "Hello"}, workflow="welcome")
        await expect(window.badge).to_have_text("1")
        await window.open_panel()
        await expect(window.item("Across origins")).to_be_visible()
        await window.item("Across origins").get_by_role("button", name="Mark as read").click()
        await expect(window.badge).to_be_hidden()


async def test_a_file_opened_from_disk_shows_a_live_message(
    open_window: OpenWindow, service: Server, tmp_path: Path
) -> None:
    file = tmp_path / "page.html"
    file.write_text(f'<!doctype html><html lang="en"><title>File</title>{tag(service, "jo")}')
    async with Api.open(service) as api:
        window = await open_window(file.as_uri())
        await window.is_live()
        await api.trigger("jo", {"subject": "From a file", "body": "Hello"}, workflow="welcome")
        await window.open_panel()
        await expect(window.item("From a file")).to_be_visible()


async def test_works_under_a_strict_content_security_policy(open_window: OpenWindow, service: Server) -> None:
    window = await open_window("about:blank")
    await show_page(window, service, tag(service, "kim"), {"Content-Security-Policy": "default-src 'self'"})
    async with Api.open(service) as api:
        await window.is_live()
        await api.trigger("kim", {"subject": "Under a policy", "body": "Hello"}, workflow="welcome")
        await window.open_panel()
        await expect(window.item("Under a policy")).to_be_visible()
    assert await window.panel.evaluate("panel => getComputedStyle(panel).position") == "fixed"  # its styles apply


async def test_production_lets_in_by_the_subscriber_s_hash(run_server: RunServer, open_window: OpenWindow) -> None:
    server = await run_server()
    refused = await open_window(
        "about:blank",
        tolerated=("Failed to load resource", "inbox-bell: session failed (400): Please provide a valid HMAC hash"),
    )
    await show_page(refused, server, tag(server, "max"))
    await refused.open_panel()
    await expect(refused.problem).to_contain_text("Your notifications are not available.")
    window = await open_window("about:blank")
    by_hash = f'subscriber-hash="{subscriber_hash(server.api_key, "max")}"'
    await show_page(window, server, tag(server, "max", by_hash))
    await window.is_live()
    async with Api.open(server) as api:
        await api.create_workflow("plain")
        await api.trigger("max", {"n": 1}, workflow="plain")
    await expect(window.badge).to_have_text("1")


HEAR_ERRORS = """(quiet) => {
  window.errors = [];
  document.addEventListener("inbox-error", (event) => {
    errors.push(event.detail);
    if (quiet) event.preventDefault();
  });
}"""


async def errors_of(window: Window, count: int) -> list[dict[str, object]]:
    """The details of the page's `inbox-error` events, once there are so many."""
    wait = """(count) => new Promise((done) => {
      const look = () => (errors.length < count ? setTimeout(look, 20) : done(errors));
      look();
    })"""
    errors: list[dict[str, object]] = await window.page.evaluate(wait, count)
    return errors


async def test_a_refusal_is_told_to_the_developer_and_not_to_the_person(
    open_window: OpenWindow, service: Server
) -> None:
    said = "inbox-bell: session failed (400): Please provide a valid application identifier"
    for quiet in (True, False):
        window = await open_window(f"{service.url}/?subscriber=lou", tolerated=("Failed to load resource",))
        await window.is_live()
        await window.page.evaluate(HEAR_ERRORS, quiet)
        bell = window.page.locator("inbox-bell")
        await bell.evaluate("bell => bell.setAttribute('application-identifier', 'nobody')")
        await window.open_panel()
        await expect(window.problem).to_have_text("Your notifications are not available. Please sign in again.")
        message = "Please provide a valid application identifier"
        refusal = {"operation": "session", "status": 400, "message": message, "isFinal": True}
        assert await errors_of(window, 1) == [refusal]
        assert [text for text in window.complaints if text.startswith("inbox-bell")] == ([] if quiet else [said])
        window.complaints.clear()


async def test_what_fails_is_told_to_the_developer(open_window: OpenWindow, service: Server) -> None:
    async with Api.open(service) as api:
        await api.trigger("moe", {"subject": "Kept", "body": "b"}, workflow="welcome")
    window = await open_window("about:blank", tolerated=LOST)
    await window.block_push()
    await window.page.goto(f"{service.url}/?subscriber=moe")
    await window.is_live()
    await window.page.evaluate(HEAR_ERRORS, True)
    await window.page.route("**/read", lambda route: route.fulfill(status=500, json={"message": "no"}), times=1)
    await window.page.route("**/seen", lambda route: route.abort(), times=1)
    async with window.page.expect_request_finished(lambda request: request.url.endswith("/read")):
        await window.open_panel()
        await window.item("Kept").get_by_role("button", name="Mark as read").click()
    await expect(window.problem).to_have_text("That change was not saved. Please try again.")
    errors = {one["operation"]: one for one in await errors_of(window, 2)}
    assert errors["change"] == {"operation": "change", "status": 500, "message": "no", "isFinal": False}
    assert errors["seen"]["message"] == "The service cannot be reached"


async def test_a_first_connection_that_fails_is_told_once(open_window: OpenWindow, service: Server) -> None:
    """A mistake of the set-up, other than a proxy that lets no WebSocket through or a connection that is lost later."""
    window = await open_window("about:blank", tolerated=LOST)
    await window.page.add_init_script(f"({HEAR_ERRORS})(true)")
    await window.block_push()
    await window.page.route("**/v1/inbox/session", lambda route: route.abort())
    await window.page.goto(f"{service.url}/?subscriber=ned")
    await errors_of(window, 1)
    for _ in range(3):
        async with window.page.expect_request("**/v1/inbox/session"):
            await window.page.evaluate("window.dispatchEvent(new Event('online'))")
    await window.page.unroute("**/v1/inbox/session")
    await window.is_live()
    (error,) = await errors_of(window, 1)
    assert (error["operation"], error["isFinal"]) == ("connection", False)


async def test_the_example_client_runs_in_a_browser(open_window: OpenWindow, service: Server) -> None:
    window = await open_window("about:blank")
    await window.page.route("**/inbox-client.mjs", lambda route: route.fulfill(path=EXAMPLE))
    await show_page(window, service, "")
    async with Api.open(service) as api:
        await window.page.evaluate(
            """async ([url, applicationIdentifier]) => {
              const { InboxClient } = await import("/inbox-client.mjs");
              const credentials = async () => ({ applicationIdentifier, subscriber: { subscriberId: "oz" } });
              window.shown = [];
              await new Promise((done) => {
                window.inbox = new InboxClient(url, credentials, (state) => (shown.push(state), done()));
                window.ended = inbox.run();
              });
            }""",
            [service.url, service.application_identifier],
        )
        await api.trigger("oz", {"subject": "In a browser", "body": "b"}, workflow="welcome")
        newest = """() => new Promise((done) => {
          const look = () => (shown.at(-1).items.length ? done(shown.at(-1)) : setTimeout(look, 20));
          look();
        })"""
        state = await window.page.evaluate(newest)
        assert [item["subject"] for item in state["items"]] == ["In a browser"]
        await window.page.evaluate("inbox.stop(); ended")


async def test_a_page_hooks_in_by_events(open_window: OpenWindow, service: Server) -> None:
    """It hears what arrives and what is pressed, and may keep a link from being followed."""
    window = await open_window(f"{service.url}/?subscriber=lea")
    await window.is_live()
    await window.page.evaluate(
        """() => {
          window.heard = [];
          const hear = (name, { notification }) => heard.push([name, notification.subject]);
          document.addEventListener("inbox-notification", ({ detail }) => hear("new", detail));
          document.addEventListener("inbox-action", ({ detail }) => hear(detail.action, detail));
          document.addEventListener("inbox-navigate", (event) => {
            hear(event.detail.url, event.detail);
            event.preventDefault();
          });
        }"""
    )
    async with Api.open(service) as api:
        payload = {"subject": "Linked", "body": "Hello", "actionLabel": "Go", "actionUrl": f"{service.url}/elsewhere"}
        await api.trigger("lea", payload, workflow="welcome")
    await window.open_panel()
    await window.item("Linked").get_by_role("link", name="Go").click()
    await expect(window.item("Linked").get_by_role("link", name="Go, done")).to_be_visible()
    pressed = [["primary", "Linked"], [f"{service.url}/elsewhere", "Linked"]]
    assert await window.page.evaluate("heard") == [["new", "Linked"], *pressed]
    assert window.page.url.endswith("subscriber=lea")
    assert len(window.page.context.pages) == 1
