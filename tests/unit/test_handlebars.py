"""v1 templates: paths into payload, subscriber and the rest; anything more is refused."""

from __future__ import annotations

from typing import Any

import pytest

from inbox.rendering.handlebars import compile_handlebars
from inbox.rendering.templates import TemplateError

SCOPE: dict[str, Any] = {
    "payload": {"name": "<Ann> & co", "order": {"id": 7, "items": ["tea", {"n": 2}]}, "ok": True},
    "subscriber": {"firstName": "Ada"},
    "tenant": {"data": {"plan": "pro"}},
}


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("plain", "plain"),
        ("", ""),
        ("Hi {{subscriber.firstName}}!", "Hi Ada!"),
        ("{{name}}", "<Ann> & co"),
        ("{{{name}}}", "<Ann> & co"),
        ("{{ payload.name }}", "<Ann> & co"),
        ("{{order.id}}/{{ order.items.0 }}/{{order.items.1.n}}", "7/tea/2"),
        ("{{order/id}} {{order.items.[0]}} {{this.ok}}", "7 tea true"),
        ("{{tenant.data.plan}}{{! a remark }}", "pro"),
        ("a {{~ name ~}} b", "a<Ann> & cob"),
        ("{{missing}}{{order.missing.deeper}}{{order.items.9}}{{step.digest}}", ""),
        ("{ {{order.id}} }", "{ 7 }"),
    ],
)
def test_paths_are_looked_up(source: str, text: str) -> None:
    assert compile_handlebars(source, "content").render(SCOPE) == text


@pytest.mark.parametrize(
    "source",
    [
        "{{#if a}}x{{/if}}",
        "{{#each items}}{{this}}{{/each}}",
        "{{> part}}",
        "{{upper name}}",
        "{{else}}",
        "{{name",
        "{{@root.a}}",
        "{{a b=c}}",
        "{{}}",
        "{{'text'}}",
        "{{../a}}",
    ],
)
def test_what_is_no_path_is_refused(source: str) -> None:
    with pytest.raises(TemplateError) as refused:
        compile_handlebars(source, "steps.0.template.content")
    assert "steps.0.template.content" in refused.value.fields


def test_it_is_known_what_a_template_names() -> None:
    assert compile_handlebars("{{name}}", "x").paths == {("payload", "name")}
    assert compile_handlebars("{{subscriber.a}}{{actor.b}}", "x").paths == {("subscriber", "a"), ("actor", "b")}
