"""What a page is for those who do not see it: axe's rules, and the tree that a screen reader reads."""

from __future__ import annotations

from functools import cache

from playwright.async_api import Page

from tests.support.npm import install_packages

RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
FIND_PROBLEMS = """async ([scope, runOnly]) => {
  await Promise.all(document.getAnimations().map((animation) => animation.finished.catch(() => {})));
  const options = { runOnly, resultTypes: ["violations"] };
  const { violations } = await axe.run(scope, options);
  return violations.flatMap(({ id, nodes }) => nodes.map(({ html, failureSummary: why }) => `${id}: ${html} ${why}`));
}"""


@cache
def axe_source() -> str:
    return (install_packages() / "node_modules" / "axe-core" / "axe.min.js").read_text()


async def find_problems(page: Page, scope: str = "inbox-bell", *, rule: str | None = None) -> list[str]:
    """What axe finds in an element of the page and its shadow tree, as it is now. Its script passes by any policy.

    `rule`: look for this one alone.
    """
    if not await page.evaluate("'axe' in globalThis"):
        await page.evaluate(f"{axe_source()}; null")
    problems: list[str] = await page.evaluate(FIND_PROBLEMS, [scope, [rule] if rule else RULES])
    return problems
