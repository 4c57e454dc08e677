"""A window: one page that holds a bell, as a person uses it."""

from __future__ import annotations

import asyncio

from playwright.async_api import ConsoleMessage, Error, Locator, Page, expect

LONGEST_TRY_MS = 45_000  # a window waits up to 30 s from one try to the next, then has to connect


class Window:
    """Locators of the bell and its panel, and everything the console complained about."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.complaints: list[str] = []
        page.on("console", self._hear)
        page.on("pageerror", self._fail)
        self.bell = page.locator("inbox-bell .bell")
        self.badge = page.locator("inbox-bell .badge")
        self.panel = page.locator("inbox-bell .panel")
        self.items = page.locator("inbox-bell .item")
        self.status = page.locator("inbox-bell .status")
        self.problem = page.locator("inbox-bell .problem-text")

    def _hear(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(message.text)

    def _fail(self, error: Error) -> None:
        self.complaints.append(str(error))

    def item(self, subject: str) -> Locator:
        return self.items.filter(has_text=subject)

    async def block_push(self) -> None:
        """Let no WebSocket and no stream through from now on: the bell polls, and all its calls are requests."""
        await self.page.route_web_socket("**/v1/socket", lambda route: route.close(code=1011))
        await self.page.route("**/v1/inbox/events*", lambda route: route.abort())

    async def open_panel(self) -> None:
        await self.bell.click()
        await expect(self.panel).to_be_visible()

    async def is_live(self) -> None:
        """Returns once the connection is open and the feed was loaded after that."""
        live = self.page.locator("inbox-bell .bell[data-status=live]")
        try:
            await expect(live).to_be_attached(timeout=LONGEST_TRY_MS)
        except AssertionError as error:
            error.add_note(f"console: {self.complaints}")
            raise
        await expect(self.page.locator("inbox-bell .bell[data-busy=false]")).to_be_attached()

    async def scroll_to_end(self) -> None:
        await self.page.locator("inbox-bell .scroller").evaluate("list => list.scrollTo(0, list.scrollHeight)")

    async def scroll_until_shown(self, item: Locator) -> None:
        """Goes to the end of the list, as it grows, until the item is part of it."""
        async with asyncio.timeout(60):
            while not await item.count():
                await self.scroll_to_end()
        await expect(item).to_be_visible()

    async def subjects(self) -> list[str]:
        """All subjects, from the top: only rows near the view are in the page, so it is scrolled through."""
        scroller = self.page.locator("inbox-bell .scroller")
        subjects: list[str] = await scroller.evaluate(
            """async (scroller) => {
              const found = new Map();
              const frame = () => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
              scroller.scrollTop = 0;
              for (let before = -1; before !== scroller.scrollTop; scroller.scrollTop += scroller.clientHeight) {
                before = scroller.scrollTop;
                await frame();
                for (const row of scroller.querySelectorAll(".item")) {
                  found.set(Number(row.ariaPosInSet), row.querySelector("strong").textContent);
                }
              }
              return [...found].sort(([one], [other]) => one - other).map(([, subject]) => subject);
            }"""
        )
        return subjects
