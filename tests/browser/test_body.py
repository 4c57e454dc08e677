"""What a notification says: text by default, or a small part of Markdown that makes a few harmless elements only."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

Run = Callable[[str], Awaitable[object]]
FUZZED = 3_000
LARGEST_BODY = 64 * 1024


async def html_of(run_module: Run, body: str, body_format: str | None = "markdown") -> Any:
    return await run_module(
        f"""
        const {{ renderBody }} = await import("/static/widget/body.js");
        const host = document.createElement("div");
        host.append(renderBody({{ body: {json.dumps(body)}, bodyFormat: {json.dumps(body_format)} ?? undefined }}));
        return host.innerHTML.replaceAll(' rel="noopener noreferrer"', "").replaceAll(location.origin, "");
        """
    )


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("plain", "plain"),
        ("**bold** and *italic* and _too_", "<strong>bold</strong> and <em>italic</em> and <em>too</em>"),
        ("**bold *and italic***", "<strong>bold <em>and italic</em></strong>"),
        ("***both*** a", "<strong><em>both</em></strong> a"),
        ("`a **b** <i>`", "<code>a **b** &lt;i&gt;</code>"),
        ("one\ntwo", "one<br>two"),
        ("- one\n- **two**\nafter", "<ul><li>one</li><li><strong>two</strong></li></ul>after"),
        ("1. one\n2. two\n\n- three", "<ol><li>one</li><li>two</li></ol><ul><li>three</li></ul>"),
        ("[text](/path)", '<a href="/path" target="_self">text</a>'),
        ("[**a**](https://x.example/)", '<a href="https://x.example/" target="_blank"><strong>a</strong></a>'),
        ("[mail](mailto:a@x.example)", '<a href="mailto:a@x.example">mail</a>'),
        ("[x](javascript:alert`1`)", "x"),
        ("[x](JAVASCRIPT:y) [z](data:text/html,z)", "x z"),
        ("[](/path) [x]() [x] (y)", '<a href="/path" target="_self">/path</a> x [x] (y)'),
        ("<b>no</b> <img src=x onerror=y>", "&lt;b&gt;no&lt;/b&gt; &lt;img src=x onerror=y&gt;"),
        ("snake_case_name 2*3*4 a * b", "snake_case_name 2<em>3</em>4 a * b"),
        (r"\*not\* \[a](b) \\ \a", r"*not* [a](b) \ \a"),
        ("**never closed", "**never closed"),
        ("*a **b* c**", "<em>a **b</em> c**"),
        ("", ""),
    ],
)
async def test_markdown(run_module: Run, body: str, expected: str) -> None:
    assert await html_of(run_module, body) == expected


@pytest.mark.parametrize("body_format", [None, "text", "html"])
async def test_any_other_body_is_text(run_module: Run, body_format: str | None) -> None:
    assert await html_of(run_module, "**a** <b>\n[x](/y)", body_format) == "**a** &lt;b&gt;\n[x](/y)"


async def test_a_few_harmless_elements_come_of_anything(run_module: Run) -> None:
    """Whatever a body holds: no other element or attribute, no link that must not be followed, no lost text."""
    problems = await run_module(
        f"""
        const {{ findProblems }} = await import("/fakes/markdown.js");
        return findProblems({FUZZED}, 20261201).slice(0, 3);
        """
    )
    assert problems == []


@pytest.mark.parametrize(
    ("part", "signs"),
    [
        ("**a ", ""),
        ("*a", "*"),
        ("_a ", ""),
        ("[", ""),
        ("[a](", ""),
        ("`", ""),
        ("\\*", "\\"),
        ("- a ", "- "),
        ("[**](", "*"),
        ("![", ""),
        ("**_*`[", "*_`"),
    ],
)
async def test_a_hostile_body_keeps_its_text(run_module: Run, part: str, signs: str) -> None:
    """Only signs that mean something may go. A body that took squared time would end the test by its time limit."""
    body = part * (LARGEST_BODY // len(part))
    text = await run_module(
        f"""
        const {{ bodyText }} = await import("/static/widget/body.js");
        return bodyText({{ body: {json.dumps(body)}, bodyFormat: "markdown" }});
        """
    )
    without_signs = str.maketrans("", "", signs)
    assert str(text).translate(without_signs) == body.translate(without_signs) != ""
