"""The widget with a long feed: how soon fifty notifications are painted, and how long frames take while it scrolls.

    python -m tests.bench.widget [--items 10000] [--trace test-results/widget-trace.json]

Chromium shows `<inbox-feed>` full page. It scrolls down, a view at a time, to the last notification and back up. The
trace opens in Chromium's own performance panel. The times of tasks come from it: the CPU that each task of the page's
main thread took, which other work on the machine does not lengthen as it does frames.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from playwright.async_api import Page, async_playwright

from tests.browser.conftest import FLAGS
from tests.support.client import Api
from tests.support.server import Server, running_server

from .tables import markdown

SUBSCRIBER = "reader"
CATEGORIES = ["toplevel", "devtools.timeline", "disabled-by-default-devtools.timeline", "__metadata"]
TASK = "ThreadControllerImpl::RunTask"
BATCH = 100
PAGE = 50
PAINT = """() => new Promise((done) => {
  const feed = document.querySelector("inbox-feed");
  const root = feed.shadowRoot;
  const { session } = feed;
  const before = performance.now();
  const look = () => {
    if (session.state.items.length < %d) return;
    const at = performance.now(); // the data is there
    unsubscribe();
    const wait = () => requestAnimationFrame(() => {
      if (!root.querySelector(".item")) return wait();
      requestAnimationFrame(() => done(performance.now() - at)); // the frame with the rows was painted
    });
    wait();
  };
  const unsubscribe = session.inbox.subscribe(look);
  const timer = setInterval(() => (look(), session.state.items.length && clearInterval(timer)), 0);
})"""
SCROLL = """async (last) => {
  const root = document.querySelector("inbox-feed").shadowRoot;
  const scroller = root.querySelector(".scroller");
  const frames = [];
  let rows = 0;
  let before = performance.now();
  const frame = async (step) => {
    scroller.scrollBy(0, step);
    await new Promise(requestAnimationFrame);
    const now = performance.now();
    frames.push(now - before);
    before = now;
    rows = Math.max(rows, root.querySelectorAll(".item").length);
  };
  const isAtEnd = () => [...root.querySelectorAll(".item")].at(-1)?.ariaPosInSet === String(last);
  while (!isAtEnd()) await frame(scroller.clientHeight / 2);
  while (scroller.scrollTop > 0) await frame(-scroller.clientHeight);
  return { frames, rows };
}"""


@dataclass(frozen=True, slots=True)
class Scrolled:
    """`paint_ms` from the data to the painted rows, times of frames and tasks, and the most rows in the page."""

    paint_ms: float
    frames: list[float]
    rows: int
    task_cpu_ms: list[float]

    def percentile(self, share: float) -> float:
        return sorted(self.frames)[min(int(len(self.frames) * share), len(self.frames) - 1)]


async def fill(api: Api, items: int) -> None:
    body = "Parcel 4711 left the warehouse and arrives tomorrow between 9 and 12. " * 2
    for first in range(0, items, BATCH):
        numbers = range(first, min(first + BATCH, items))
        payloads = [{"subject": f"Order {n} is on its way", "body": body[: 20 + n % 120]} for n in numbers]
        events = [{"name": "welcome", "to": SUBSCRIBER, "payload": payload} for payload in payloads]
        await api.data("POST", "/v1/events/trigger/bulk", 201, {"events": events})


async def open_feed(page: Page, server: Server) -> float:
    """Show the feed and return the milliseconds from its data to its paint."""
    html = (
        '<!doctype html><html lang="en"><title>Feed</title><style>body { margin: 0; --inbox-height: 100vh }</style>'
        f'<script type="module" src="{server.url}/static/inbox.js"></script>'
    )
    await page.route("**/feed-page", lambda route: route.fulfill(body=html, content_type="text/html"))
    await page.goto(f"{server.url}/feed-page")
    await page.evaluate(
        """async ([applicationIdentifier, subscriber]) => {
          await import("/static/widget/view.js"); // as when the modules are cached
          const feed = Object.assign(document.createElement("inbox-feed"), { applicationIdentifier, subscriber });
          document.body.append(feed);
        }""",
        [server.application_identifier, SUBSCRIBER],
    )
    paint: float = await page.evaluate(PAINT % PAGE)
    return paint


def tasks_of(trace: Path) -> list[float]:
    """The CPU time of each task of the main thread with the most of them, in ms."""
    events = json.loads(trace.read_text())["traceEvents"]
    threads = [(one["pid"], one["tid"]) for one in events if one.get("args", {}).get("name") == "CrRendererMain"]
    found: dict[tuple[int, int], list[float]] = {thread: [] for thread in threads}
    for event in events:
        if event.get("name") == TASK and (thread := (event["pid"], event["tid"])) in found:
            found[thread].append(event.get("tdur", 0) / 1000)
    return max(found.values(), key=len)


async def measure(items: int, trace: Path) -> Scrolled:
    with tempfile.TemporaryDirectory(prefix="inbox-bench-") as directory:
        async with (
            running_server(Path(directory), demo=True, INBOX_MAX_FEED_LENGTH=str(max(items, BATCH))) as server,
            Api.open(server) as api,
            async_playwright() as playwright,
        ):
            await fill(api, items)
            browser = await playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
            page = await browser.new_page(viewport={"width": 800, "height": 900})
            trace.parent.mkdir(parents=True, exist_ok=True)
            await browser.start_tracing(page=page, path=trace, categories=CATEGORIES)
            paint = await open_feed(page, server)
            found = await page.evaluate(SCROLL, items)
            await browser.stop_tracing()
            await browser.close()
            return Scrolled(paint, found["frames"], found["rows"], tasks_of(trace))


def render(found: Scrolled, items: int) -> str:
    rows = [
        [f"{PAGE} notifications painted after their data", f"{found.paint_ms:.0f} ms"],
        [f"frames while {items:,} are scrolled through, down and up", f"{len(found.frames):,}"],
        ["median frame, 99th percentile", f"{found.percentile(0.5):.1f} ms, {found.percentile(0.99):.1f} ms"],
        ["longest task of the main thread, CPU", f"{max(found.task_cpu_ms):.0f} ms"],
        ["tasks over 50 ms of CPU", str(sum(task > 50 for task in found.task_cpu_ms))],
        ["most rows in the page", str(found.rows)],
    ]
    return markdown(["Widget", f"load {os.getloadavg()[0]:.1f}"], rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--items", type=int, default=10_000)
    parser.add_argument("--trace", type=Path, default=Path("test-results/widget-trace.json"))
    options = parser.parse_args()
    print(render(asyncio.run(measure(options.items, options.trace)), options.items))


if __name__ == "__main__":
    main()
