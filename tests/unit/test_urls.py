"""Which links may reach a browser, and what a step makes of one that may not."""

from __future__ import annotations

import pytest

from inbox.models.workflow import Step, Workflow
from inbox.rendering.urls import Guard, UnsafeLink, check_link, guard_of
from inbox.steps.in_app import CompiledInApp, Rendered
from inbox.steps.in_app_controls import ActionUpsert, InAppControlsUpsert, RedirectUpsert


@pytest.mark.parametrize(
    "url",
    [
        "https://example.com/a?b=c#d",
        "http://x",
        "/path",
        "/path:with",
        "#part",
        "x?y=z:1",
        "mailto:a@example.com",
        "tel:1",
        "myapp://open",
        "/x?next=javascript:alert(1)",
        "//other.example/x",
        "",
    ],
)
def test_a_link_stays_without_the_space_around_it(url: str) -> None:
    assert check_link(f" {url}\n") == url


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)",
        "JavaScript:alert(1)",
        " \x01\x1fjavascript:alert(1)",
        "java\tscr\nipt:alert(1)",
        " " * 500 + "javascript:alert(1)",
        "\u2000javascript:x",
        "\u00a0vbscript:x",
        "\u3000data:x",
        "data:text/html,<script>alert(1)</script>",
        "vbscript:msgbox(1)",
        "blob:x",
        "file:///x",
        "view-source:x",
    ],
)
def test_a_link_that_could_run_code_is_refused(url: str) -> None:
    with pytest.raises(UnsafeLink, match="of the kind"):
        check_link(url)


@pytest.mark.parametrize("url", ["/a", "/", "/a//b", "/a/\\b", " /a ", "/?next=//x", "/#//x", "/.//x", ""])
def test_a_path_stays_a_path(url: str) -> None:
    assert check_link(url, Guard.PATH) == url.strip()


@pytest.mark.parametrize(
    "url",
    [
        "//evil.example/login",
        "/\\evil.example",
        "\\\\evil.example",
        "\\/evil.example",
        "/\t/evil.example",
        "/\n/evil.example",
        "/\r\\evil.example",
        "\x00//evil.example",
        " \x1f/\x01/evil.example",
        "/\u2028/evil.example",
        "https://evil.example",
        "evil.example",
    ],
)
def test_a_path_never_leads_to_another_site(url: str) -> None:
    with pytest.raises(UnsafeLink, match="another one"):
        check_link(url, Guard.PATH)


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("/{{payload.path}}", Guard.PATH),
        (" /x", Guard.PATH),
        ("/", Guard.PATH),
        ("/\\x", Guard.PATH),
        ("{%- if true -%}/{{payload.path}}{%- endif -%}", Guard.PATH),
        ("{% comment %} x {% endcomment %}/{{payload.path}}", Guard.PATH),
        ("{{payload.base}}/{{payload.path}}", Guard.HOST),
        ("//cdn.example/x", Guard.NONE),
        ("{{payload.url}}", Guard.NONE),
        ("https://x/{{payload.path}}", Guard.NONE),
        ("", Guard.NONE),
    ],
)
def test_what_a_template_promises(template: str, expected: Guard) -> None:
    assert guard_of(template) is expected


def test_a_path_behind_a_value_may_have_a_host_but_is_none_itself() -> None:
    assert check_link("https://shop.example/a", Guard.HOST) == "https://shop.example/a"
    assert check_link("/a", Guard.HOST) == "/a"
    with pytest.raises(UnsafeLink):
        check_link("//evil.example", Guard.HOST)


def rendered(path: str) -> Rendered:
    link = RedirectUpsert("/{{payload.path}}", "_self")
    controls = InAppControlsUpsert(
        body="x", redirect=link, primary_action=ActionUpsert("Go", link), secondary_action=ActionUpsert("Stay", link),
        avatar="/{{payload.path}}",
    )  # fmt: skip
    step = Step("1" * 24, "in-app", "In-app")
    workflow = Workflow("2" * 24, "w", "W", 1, 1, [step])
    return CompiledInApp(workflow, step, controls, "").render({"payload": {"path": path}})


def test_a_step_leaves_out_the_links_that_are_refused_and_says_which() -> None:
    fine = rendered("orders")
    assert (fine.cta["data"], fine.avatar, fine.refused_links) == ({"url": "/orders", "target": "_self"}, "/orders", ())
    evil = rendered("/evil.example/login")
    assert (evil.cta["data"], evil.avatar) == ({}, None)
    assert evil.cta["action"]["buttons"] == [
        {"type": "primary", "content": "Go"},
        {"type": "secondary", "content": "Stay"},
    ]
    assert [one.partition(":")[0] for one in evil.refused_links] == [
        "avatar", "redirect.url", "primaryAction.redirect.url", "secondaryAction.redirect.url"
    ]  # fmt: skip
    assert all("//evil.example/login" in one for one in evil.refused_links)
