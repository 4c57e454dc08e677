"""Templates render as the original's engine renders them, but for the differences named here and in the docs."""

from __future__ import annotations

import re

import pytest

from inbox.rendering.liquid.parser import NOT_OFFERED, TAGS
from inbox.rendering.liquid.registry import FILTERS
from inbox.rendering.templates import RenderError, TemplateError, compile_template
from tests.support.processes import REPOSITORY

from .engines import Result, run_node
from .template_cases import SCOPE, templates

pytestmark = [pytest.mark.needs("node"), pytest.mark.needs("npm")]

MIN_CASES = 1_900
DIFFERENCES: dict[str, frozenset[str]] = {
    "A filter that does not exist is refused when the workflow is stored; the original passes the value on.": frozenset(
        {"{{ payload.word | nope }}"}
    ),
    "The tags `include`, `render`, `layout` and `block` are refused when the workflow is stored, since there are no "
    "other templates.": frozenset({"{% block x %}a{% endblock %}"}),
    "`capture` keeps quotes, backslashes and line breaks as they are; the original escapes them once more with each "
    "capture.": frozenset(
        {
            "{% capture x %}{{ payload.html }}{% endcapture %}{{ x }}",
            "{% capture x %}{{ payload.lines }}{% endcapture %}{{ x | size }}",
        }
    ),
    "A character of a text is never cut in half: `split: ''`, `text[0]` and the like take an emoji as one; the "
    "original takes the two halves of its UTF-16 form.": frozenset(
        {
            "{{ payload.emoji | split: '' | size }}|{{ payload.emoji[1] }}",
            "{{ payload.emoji | split: '' | size }}",
            "{{ payload.emoji[1] }}",
            "{{ payload.emoji | replace: '', '-' }}",
            "{{ payload.emoji | group_by: 2, payload.half }}",
        }
    ),
    "An expression or a path that a value gives to a filter (`where_exp: 'i', payload.e`) may have 1,000 characters "
    "and values nested 32 levels deep, and no unknown filter; the original takes it.": frozenset(
        {
            "{% assign e = 'i.n == 2 | nope' %}{{ payload.items | where_exp: 'i', e | size }}",
            f"{{% assign e = '{'[' * 40}i{']' * 40}' %}}{{{{ payload.items | where_exp: 'i', e | size }}}}",
            f"{{% assign e = '{'i' * 1_001}' %}}{{{{ payload.items | where: e | size }}}}",
        }
    ),
    "A text of more than 200 characters is no date; the original reads dates with any number of spaces and "
    "remarks.": frozenset({f"{{{{ '2024-02-29{' ' * 200}' | date: '%Y' }}}}"}),
    "The time zones `SystemV/…`, which JavaScript has kept from before 2020, are unknown.": frozenset(
        {"{{ payload.date | date: '%H:%M', 'SystemV/PST8' }}"}
    ),
}
"""Why a template differs → the templates of the corpus that do."""


def render(source: str) -> Result:
    """Return what ours makes of a template: its text, or the problem that it is refused or fails with."""
    try:
        return Result(compile_template(source, "body").render(SCOPE))
    except (TemplateError, RenderError) as error:
        return Result(error=error.message)


def test_templates_render_as_the_original_renders_them() -> None:
    sources = templates()
    assert len(sources) >= MIN_CASES
    originals = run_node("templates.mjs", [{"source": source, "scope": SCOPE} for source in sources])
    differing = {}
    for source, original in zip(sources, originals, strict=True):
        ours = render(source)
        if (ours.value, ours.error is None) != (original.value, original.error is None):
            differing[source] = (original, ours)
    unexplained = {source: both for source, both in differing.items() if source not in _explained()}
    assert not unexplained
    assert differing.keys() == _explained()


def _explained() -> set[str]:
    return {source for sources in DIFFERENCES.values() for source in sources}


def test_the_documentation_names_the_same_differences() -> None:
    page = (REPOSITORY / "docs" / "workflows.md").read_text()
    section = page.split("### Where templates differ from Novu's\n")[1].split("\n#")[0]
    items = re.findall(r"^- (.+(?:\n  .+)*)", section, re.MULTILINE)
    assert [re.sub(r"\s+", " ", item) for item in items] == list(DIFFERENCES)


def test_every_tag_and_filter_of_the_original_is_there() -> None:
    tags, filters = run_node("names.mjs", ["tags", "filters"])
    assert set(tags.value) == TAGS.keys() | NOT_OFFERED
    assert set(filters.value) == FILTERS.keys()
