"""Which links of a Markdown body reach a browser."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inbox.errors import ValidationFailed
from inbox.models.workflow import Step, Workflow
from inbox.rendering.markdown import unsafe_links, without_unsafe_links
from inbox.steps.in_app import CompiledInApp, Rendered
from inbox.steps.in_app_controls import InAppControlsUpsert, check

SIGNS = st.text(alphabet="[]()*_`\\ \n\tjavscript:http/.x{}", max_size=60)


def rendered(body: str, payload: dict[str, str], body_format: str = "markdown") -> Rendered:
    controls = InAppControlsUpsert(body=body, body_format=body_format)  # type: ignore[arg-type]
    step = Step("1" * 24, "in-app", "In-app")
    workflow = Workflow("2" * 24, "w", "W", 1, 1, [step])
    return CompiledInApp(workflow, step, controls, "").render({"payload": payload})


@pytest.mark.parametrize(
    "url", ["https://x.example/a?b#c", "HTTP://x", "mailto:a@x.example", "/path", "a/b", "#part", "?q", ""]
)
def test_a_safe_link_stays(url: str) -> None:
    body = f"Go [there]({url})."
    assert rendered("{{payload.body}}", {"body": body}) == rendered(body, {})
    assert rendered(body, {}).body == body


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert`1`",
        "JavaScript:x",
        "\x01javascript:x",
        "java\u200bscript:x",
        "data:text/html,x",
        "vbscript:x",
        "myapp:x",
        "tel:1",
    ],
)
def test_an_unsafe_link_leaves_its_text(url: str) -> None:
    made = rendered("Go [{{payload.text}}]({{payload.url}}).", {"text": "there", "url": url})
    assert made.body == "Go there."
    assert len(made.refused_links) == 1
    assert made.refused_links[0].startswith("body: a link of a body must begin with http:")


def test_the_text_of_an_unsafe_link_makes_no_other() -> None:
    body = "[" * 9 + "x" + "](javascript:y)" * 9
    assert unsafe_links(without_unsafe_links(body, lambda _: None)) == []


@given(SIGNS)
def test_no_unsafe_link_is_left_of_anything(body: str) -> None:
    refused: list[str] = []
    checked = without_unsafe_links(body, refused.append)
    assert unsafe_links(checked) == []
    if not refused:
        assert checked == body


def test_plain_text_is_not_read_as_markdown() -> None:
    body = "[x](javascript:y)"
    assert (rendered(body, {}, "text").body, rendered(body, {}, "text").body_format) == (body, None)


def test_a_workflow_with_an_unsafe_link_is_refused() -> None:
    check(InAppControlsUpsert(body="[x]({{payload.url}}) [y](/z)", body_format="markdown"), "controlValues")
    check(InAppControlsUpsert(body="[x](javascript:y)"), "controlValues")
    with pytest.raises(ValidationFailed, match="Validation"):
        check(InAppControlsUpsert(body="[x](javascript:{{payload.x}})", body_format="markdown"), "controlValues")
