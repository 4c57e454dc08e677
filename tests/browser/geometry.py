"""Where the parts of the widget stand: what is cut off, overlaps, is hard to press, or has no focus ring."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from playwright.async_api import Page

SOURCE = Path(__file__).with_suffix(".js")


async def _call(page: Page, name: str, *arguments: Any) -> Any:
    if not await page.evaluate("'geometry' in globalThis"):
        await page.evaluate(f"{SOURCE.read_text()}; null")
    return await page.evaluate("([name, more]) => geometry[name](...more)", [name, arguments])


async def stands_out(page: Page, selector: str) -> bool:
    """Whether a line, or a colour of its own, tells it apart from the panel."""
    return bool(await _call(page, "standsOut", selector))


async def _find(page: Page, what: str, *arguments: Any) -> list[str]:
    problems: list[str] = await _call(page, what, *arguments)
    return problems


async def find_misplaced(page: Page, pixels: int) -> list[str]:
    """What sticks out, is cut off, overlaps, or is no target of so many `pixels` for a press."""
    return await _find(page, "findMisplaced", pixels)


async def find_unmirrored(page: Page) -> list[str]:
    """What does not change sides when the page is written from right to left."""
    return await _find(page, "findUnmirrored")


async def find_unfocused(page: Page) -> list[str]:
    """Which control in view has no focus ring that is seen. The last one keeps the focus."""
    return await _find(page, "findUnfocused")
