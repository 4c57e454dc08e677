"""A window in one look: how it is opened, walked through, and measured at each step."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import Any

from playwright.async_api import Locator, expect

from tests.support.server import Server

from .accessibility import find_problems
from .geometry import find_misplaced, find_unfocused, find_unmirrored, stands_out
from .pages import show_page, tag
from .window import Window

PAGE = """<style>:root {{ color-scheme: light dark }} body {{ margin: 0; background: Canvas; font-family: sans-serif }}
header {{ display: flex; justify-content: space-between; align-items: center; padding: 8px 16px }}</style>
<main><header><b>Shop</b>{bell}</header></main>"""
LONG = "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft"
ENGLISH = {
    "tabs": ["All", "Orders", "Nothing at all"],
    "plain": ("Ada invited you", "To the project Northern Lights, where four people already work."),
    "buttons": ("Please approve the holiday of Carol", "From 3 to 14 August."),
    "labels": ("Approve", "Decline"),
    "long": (LONG, f"https://example.com/{'very-long-path/' * 8}"),
    "alarm": ("The payment failed", "Your card was declined. Please use another one."),
    "link": ("Your order is on its way", "It arrives tomorrow between nine and eleven."),
}
ARABIC = {
    "tabs": ["الكل", "الطلبات", "لا شيء على الإطلاق"],
    "plain": ("دعتك ليلى", "إلى مشروع أضواء الشمال، حيث يعمل أربعة أشخاص بالفعل."),
    "buttons": ("يرجى الموافقة على إجازة سارة", "من 3 إلى 14 أغسطس."),
    "labels": ("موافقة", "رفض"),
    "long": (LONG, f"https://example.com/{'very-long-path/' * 8}"),
    "alarm": ("فشل الدفع", "رُفضت بطاقتك. يُرجى استخدام بطاقة أخرى."),
    "link": ("طلبك في الطريق", "يصل غدًا بين التاسعة والحادية عشرة."),
}
JAPANESE = {
    "tabs": ["すべて", "ご注文", "何もありません"],
    "plain": ("花子さんから招待が届きました", "すでに四人が参加しているプロジェクト「北極光」に参加しませんか。"),
    "buttons": ("休暇の申請を承認してください", "8月3日から8月14日まで。"),
    "labels": ("承認する", "却下する"),
    "long": (LONG, "とても長い文章" * 20),
    "alarm": ("お支払いに失敗しました", "カードが拒否されました。別のカードをお使いください。"),
    "link": ("ご注文の商品を発送しました", "明日の午前九時から十一時の間に届きます。"),
}
WORDS = {"ar": ARABIC, "ja": JAPANESE}


@dataclass(frozen=True)
class Look:
    is_phone: bool
    scheme: str
    locale: str
    more: dict[str, Any] = field(default_factory=dict)
    attributes: str = ""

    def __str__(self) -> str:
        more = [value for value in self.more.values() if isinstance(value, str)]
        return "-".join(["phone" if self.is_phone else "desk", self.scheme, self.locale, *more])

    @property
    def words(self) -> dict[str, Any]:
        return WORDS.get(self.locale, ENGLISH)

    @property
    def options(self) -> dict[str, Any]:
        size = {"viewport": {"width": 390, "height": 760}, "has_touch": True, "is_mobile": True}
        return {"color_scheme": self.scheme, **(size if self.is_phone else {}), **self.more}


SMALL = {"viewport": {"width": 320, "height": 568}}
SMALL_PHONES = [Look(True, "light", locale, SMALL) for locale in ("de", "es", "fr", "ja")]
LOOKS = [Look(*look) for look in product([False, True], ["light", "dark"], ["en", "ar"])]
LOOKS += [
    Look(False, "dark", "en", {"contrast": "more", "reduced_motion": "reduce"}, 'density="compact"'),
    Look(True, "light", "ar", {"forced_colors": "active"}, 'density="compact"'),
]


@dataclass
class Walk:
    """One window in one look, and what was found wrong on the way through it."""

    look: Look
    window: Window
    service: Server
    subscriber: str
    problems: list[str] = field(default_factory=list)

    async def check(self, step: str, *, window: Window | None = None, focus: bool = False) -> None:
        window = window or self.window
        page = window.page
        if folder := os.environ.get("INBOX_TEST_PICTURES"):
            await page.screenshot(path=Path(folder) / f"{self.look}-{step}.png")
        found = await find_misplaced(page, 44 if self.look.is_phone else 24)
        if self.look.locale == "en":  # its mirror image has the same colours
            found += await find_unmirrored(page)
            found += await find_problems(page, ":is(inbox-bell, inbox-feed)", rule="color-contrast")
        if focus:
            found += await find_unfocused(page)
        for name in (".toast", ".news", ".item.failed"):
            if await page.locator(f"inbox-bell {name}").is_visible() and not await stands_out(page, name):
                found.append(f"{name} does not stand out")
        self.problems += [f"{step}: {problem}" for problem in found]

    @property
    def menu(self) -> Locator:
        return self.window.page.locator("inbox-bell .menu")

    def part(self, name: str) -> Locator:
        return self.window.panel.locator(name)

    async def press(self, name: str) -> None:
        await self.part(name).first.click()

    async def choose(self, number: int) -> None:
        await self.menu.locator(".menu-item").nth(number).click()

    def row(self, name: str) -> Locator:
        return self.window.item(self.look.words[name][0])

    async def change(self, name: str, action: str) -> None:
        """Press one of the tools of a row, which a phone has in a menu."""
        row = self.row(name)
        await row.scroll_into_view_if_needed()
        if self.look.is_phone:
            await row.locator(".options").click()
            await self.choose(["toggle", "archive", "snooze", "delete"].index(action))
        else:
            await row.hover()
            await row.locator(f"[data-control={action}]").click()

    async def undo(self) -> None:
        await self.press(".toast .undo")
        await expect(self.part(".toast")).to_be_hidden()

    async def another(self, name: str = "inbox-bell", subscriber: str | None = None) -> Window:
        """One more page of the same context."""
        window = Window(await self.window.page.context.new_page())
        await self.show(window, name, subscriber)
        return window

    async def show(self, window: Window, name: str = "inbox-bell", subscriber: str | None = None) -> None:
        labels = self.look.words["tabs"]
        tabs = [{"label": labels[0]}, {"label": labels[1], "tags": ["order"]}, {"label": labels[2], "tags": ["none"]}]
        more = f"{self.look.attributes} tabs='{json.dumps(tabs)}'"
        element = tag(self.service, self.subscriber if subscriber is None else subscriber, more, name)
        await show_page(window, self.service, PAGE.format(bell=element), root=self.language)

    @property
    def language(self) -> str:
        return f'lang="{self.look.locale}" dir="{"rtl" if self.look.locale == "ar" else "ltr"}"'
