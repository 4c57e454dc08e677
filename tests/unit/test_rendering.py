"""Templates: what they give, that the direct lookup gives what Liquid gives, and that none can stall the process."""

from __future__ import annotations

import contextlib
from itertools import count
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inbox.models.workflow import Step, Workflow
from inbox.rendering.budget import MAX_ITEMS, MAX_OUTPUT_BYTES, MAX_TEXT_LENGTH, MAX_WORK, working
from inbox.rendering.liquid import LiquidError, parse
from inbox.rendering.liquid.registry import FILTERS
from inbox.rendering.paths import FieldPaths
from inbox.rendering.templates import RenderError, TemplateError, compile_template
from inbox.steps import check_templates, compile_steps
from inbox.steps.in_app import CompiledInApp
from inbox.steps.in_app_controls import ActionUpsert, InAppControlsUpsert, RedirectUpsert
from inbox.work import TooMuchWork, Work

PAYLOAD: dict[str, Any] = {
    "name": "Ada",
    "count": 3,
    "price": 12.5,
    "whole": 2.0,
    "tiny": 1e-7,
    "yes": True,
    "nothing": None,
    "items": ["a", 1, None, True],
    "order": {"id": "A1", "size": 5, "lines": [{"sku": "x"}]},
    "big": "x" * 60_000,
    "html": "<b>&amp;</b>",
}


def render(source: str, **scope: Any) -> str:
    given = {"payload": PAYLOAD, "subscriber": None, "actor": None, **scope}
    return compile_template(source, "body").render(given)


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("", ""),
        ("plain } } text {", "plain } } text {"),
        ("Hello {{payload.name}}!", "Hello Ada!"),
        ("{{ payload.name }}{{payload.count}}", "Ada3"),
        ("{{payload.price}} {{payload.whole}} {{payload.tiny}}", "12.5 2 1e-7"),
        ("{{payload.yes}}", "true"),
        ("[{{payload.nothing}}{{payload.missing}}{{payload.missing.deeper}}{{payload.name.deeper}}]", "[]"),
        ("[{{subscriber.firstName}}{{actor}}{{unknown.x}}{{ steps.a.b }}]", "[]"),
        ("{{payload.items}}", "['a',1,null,true]"),
        ("{{payload.order}}", "{'id':'A1','size':5,'lines':[{'sku':'x'}]}"),
        ("{{payload.order.size}} {{payload.items.size}} {{payload.items.first}}", "5 4 a"),
        ("{{payload.order.lines[0].sku}}", "x"),
        ("{{payload['name']}}", "Ada"),
        ("{{payload.html}}", "<b>&amp;</b>"),
        ("{% if payload.count > 2 %}many{% else %}few{% endif %}", "many"),
        ("{% for item in payload.items %}{{ item }},{% endfor %}", "a,1,,true,"),
        ("{% assign x = payload.name | upcase %}{{ x }}{% echo x %}", "ADAADA"),
        ("{% raw %}{{payload.name}}{% endraw %}", "{{payload.name}}"),
        ("a {{- payload.name -}} b", "aAdab"),
        ("{{ 'x' | append: payload.name }}", "xAda"),
        ("{{ payload.__class__ }}{{ payload.name.__len__ }}", ""),
        ("{% for i in (1..payload.count) %}{{ i }}{% endfor %}", "123"),
    ],
)
def test_what_a_template_gives(source: str, text: str) -> None:
    assert render(source) == text


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("{{ payload.items | json }}", "['a',1,null,true]"),
        ("{{ payload.name | json }}", "Ada"),
        ("{{ payload.missing | json }}", ""),
        ("{{ payload.order.lines | json: 2 }}", r"[\n  {\n    'sku': 'x'\n  }\n]"),
        ("{{ payload.items | pluralize: 'item' }}", "4 items"),
        ("{{ payload.order.lines | pluralize: 'entry' }}", "1 entry"),
        ("{{ payload.count | pluralize: 'entry' }}", "3 entries"),
        ("{{ payload.count | pluralize: 'day' }}", "3 days"),
        ("{{ '2' | pluralize: 'box' }}", "2 boxes"),
        ("{{ 2 | pluralize: 'child', 'children' }}", "2 children"),
        ("{{ 1 | pluralize: 'child', 'children' }}", "1 child"),
        ("{{ 0 | pluralize: 'item' }}{{ payload.missing | pluralize: 'item' }}{{ 'x' | pluralize: 'item' }}", ""),
        ("{{ payload.order | pluralize: 'field' }}", "3 fields"),
        ("{{ 1.5 | pluralize: 'day' }}", "1.5 days"),
        ("{{ payload.missing | toSentence }}{{ payload.name | toSentence }}", ""),
        ("{{ 'Ann' | split: ',' | toSentence }}", "Ann"),
        ("{{ 'Ann,Ben' | split: ',' | toSentence }}", "Ann and Ben"),
        ("{{ 'Ann,Ben,Cy' | split: ',' | toSentence }}", "Ann, Ben, and 1 other"),
        ("{{ 'Ann,Ben,Cy' | split: ',' | toSentence: '', 3 }}", "Ann, Ben, and Cy"),
        ("{{ 'Ann,Ben,Cy,Di' | split: ',' | toSentence: '', 1 }}", "Ann and 3 others"),
        ("{{ 'Ann,Ben,Cy' | split: ',' | toSentence: '', 2, 'other', ' + ', ' or ', ' & ' }}", "Ann + Ben & 1 other"),
        ("{{ 'Ann,Ben,Cy' | split: ',' | digest }}", "Ann, Ben and 1 other"),
        ("{{ payload.order.lines | digest: 2, 'sku' }}", "x"),
        ("{{ 2 | pluralize: 'box', '', 'false' }}", "boxes"),
        ("{{ payload.order.lines | toSentence: 'sku' }}", "x"),
        ("{{ payload.order.lines | toSentence: 'sku.deeper' }}", ""),
    ],
)
def test_the_added_filters(source: str, text: str) -> None:
    assert render(source) == text


words = st.text(st.sampled_from("ab {}%\"'\\\n<äß💥"), max_size=8)
scalars = st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | words
json_values = st.recursive(
    scalars | st.floats(allow_nan=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=12,
)
variables = st.dictionaries(st.sampled_from("abc"), json_values, max_size=3)
plain_text = st.text(st.sampled_from("xy} \n'\""), max_size=6)


def texts(shortest_path: int) -> st.SearchStrategy[str]:
    """Templates of plain text and lookups, their paths at least so many steps below the root."""
    lookups = st.builds(
        lambda root, path, space: "{{" + space + ".".join([root, *path]) + space + "}}",
        st.sampled_from(["payload", "subscriber", "actor"]),
        st.lists(st.sampled_from("abcd"), min_size=shortest_path, max_size=3),
        st.sampled_from(["", " ", "\n"]),
    )
    return st.lists(lookups | plain_text, min_size=1, max_size=5).map("".join)


@settings(deadline=None)
@given(texts(0), variables, st.none() | variables, st.none() | variables)
def test_a_direct_lookup_gives_what_liquid_gives(
    source: str, payload: dict[str, Any], subscriber: dict[str, Any] | None, actor: dict[str, Any] | None
) -> None:
    scope = {"payload": payload, "subscriber": subscriber, "actor": actor}
    template = compile_template(source, "body")
    assert type(template).__name__ in ("Lookups", "_Literal")
    assert template.render(scope) == parse(source).render(Work(MAX_WORK), scope)


@settings(max_examples=200, deadline=None)
@given(st.text(st.sampled_from("{}%-| .:'payloadforinendif(1)9[]"), max_size=60))
def test_any_text_is_rendered_or_refused_and_nothing_else(source: str) -> None:
    with contextlib.suppress(TemplateError, RenderError):
        assert isinstance(render(source), str)


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        ("{{ payload.name", "'{{' is never closed (line 1, column 1)"),
        ("{% if payload.name %}x", "'if' has no 'endif' (line 1, column 1)"),
        ("a\n b {% nope %}", "tag 'nope' is unknown or stands where it must not (line 2, column 4)"),
        ("{% include 'x' %}", "tag 'include' is not offered"),
        ("{% render 'x' %}", "tag 'render' is not offered"),
        ("{{ payload.name | nope }}", "unknown filter 'nope' (line 1, column 19)"),
        ("{% if payload.name %}{{ payload.name | nope }}{% endif %}", "unknown filter 'nope' (line 1, column 40)"),
        ("{{ payload.name | append }}", "filter 'append' takes 1 argument, not 0 (line 1, column 19)"),
        ("{{ payload.items | where_exp: 'i' }}", "filter 'where_exp' takes 2 arguments, not 1"),
        ("{{ payload.items | where_exp: 'i', 'i.a | nope' }}", "unknown filter 'nope' (line 1, column 7)"),
        ("{{ }}", "a value is expected (line 1, column 4)"),
        ("{{{ payload.name }}}", "a value is expected"),
        ("{{ payload.name upcase: }}", "'|' is expected before a filter"),
        ("{{ payload.name | upcase downcase }}", "':' is expected after the name of a filter"),
        ("{% assign x payload.name %}", "{% assign name = value %}"),
        ("{% for x of payload.items %}{% endfor %}", "{% for item in list %}"),
        ("{% if true %}a{% else %}b{% else %}c{% endif %}", "'else' stands after 'else'"),
        ("{{ (1,3) }}", "a range is written (first..last)"),
        ("{{ payload[0 }}", "'[' is never closed"),
        ("{% # a\nb %}", "every line of a comment begins with '#'"),
        ("{% raw %}x", "'{% raw %}' is never closed"),
    ],
)
def test_what_does_not_parse_is_refused_with_its_field(source: str, problem: str) -> None:
    with pytest.raises(TemplateError) as caught:
        compile_template(source, "steps.0.controlValues.body")
    assert list(caught.value.fields) == ["steps.0.controlValues.body"]
    assert problem in caught.value.message
    assert caught.value.values == {"steps.0.controlValues.body": source}


@pytest.mark.parametrize(
    "source",
    [
        "{{" + " " * 16_000,
        "{{" + " " * 900 + "}}",
        "{{" * 8_000,
        "{%" * 8_000,
        "{{" * 8_000 + "}}",
        "{% raw %}" * 1_800,
        "{{ a" * 4_000,
        "{{ " + "a[" * 400 + "}}",
        "{{ " + "(1.." * 400 + "}}",
        "{% if a %}" * 1_600,
        "{% if a %}" * 65 + "{% endif %}" * 65,
        "{{ '" + "\\" * 16_000 + "}}",
        "{{ a }}" + "x" * 16_384,
    ],
)
def test_a_monstrous_template_is_refused(source: str) -> None:
    with pytest.raises(TemplateError):
        compile_template(source, "body")


FAR = {"far": 10**12, "nines": int("9" * 4_000), "digits": "9" * 4_000}


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        ("{% for i in (1..100000000) %}x{% endfor %}", f"more than {MAX_ITEMS} items"),
        ("{% for i in (1..payload.far) reversed %}x{% endfor %}", f"more than {MAX_ITEMS} items"),
        ("{% for i in (1..payload.digits) %}x{% endfor %}", f"more than {MAX_ITEMS} items"),
        ("{% tablerow i in (1..payload.nines) %}x{% endtablerow %}", f"more than {MAX_ITEMS} items"),
        ("{{ (1..payload.far) | join: 'x' }}", f"more than {MAX_ITEMS} items"),
        ("{% for a in (1..1000) %}{% for b in (1..1000) %}x{% endfor %}{% endfor %}", "too much work"),
        ("{% for a in (1..3000) %}x{% endfor %}" * 20, "too much work"),
        ("{% assign s = payload.big %}" + "{% assign s = s | append: s %}" * 40, f"longer than {MAX_TEXT_LENGTH}"),
        ("{% capture s %}" + "{{ payload.big }}" * 30 + "{% endcapture %}", f"longer than {MAX_TEXT_LENGTH}"),
        ("{{ payload.big | replace: 'x', payload.big }}", f"longer than {MAX_TEXT_LENGTH}"),
        ("{{ payload.big | replace: '', payload.big }}", f"longer than {MAX_TEXT_LENGTH}"),
        ("{{ payload.big | split: '' | join: payload.big }}", f"longer than {MAX_TEXT_LENGTH}"),
        ("{{ '2024-03-05' | date: '%9999999Y' }}", f"longer than {MAX_TEXT_LENGTH}"),
        ("{{ payload.big | append: payload.big | append: payload.big | split: '' }}", f"more than {MAX_ITEMS} items"),
        ("{{ payload.big | append: payload.big | upcase }}", f"larger than {MAX_OUTPUT_BYTES} bytes"),
        ("{{ payload.big }}{{ payload.big }}", f"larger than {MAX_OUTPUT_BYTES} bytes"),
        ("{{ payload.items | where_exp: 'i', payload.big }}", "an expression is longer than"),
        ("{{ '100%' | url_decode }}", "URI malformed"),
        ("{{ 1 | date: '%Y', 'Nowhere' }}", "unknown time zone: Nowhere"),
    ],
)
def test_what_cannot_or_must_not_be_rendered_fails_in_words(source: str, problem: str) -> None:
    template = compile_template(source, "body")
    with pytest.raises(RenderError) as caught:
        template.render({"payload": {**PAYLOAD, **FAR}})
    assert list(caught.value.fields) == ["body"]
    assert problem in caught.value.message


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("{{ 1 | divided_by: 0 }}", "Infinity"),
        ("{{ payload.items | sort | size }}", "4"),
        ("{{ payload.nines | times: payload.nines }}", "Infinity"),
        ("{{ payload.digits | plus: 1 }}", "Infinity"),
        ("a{% break %}b", "a"),
        ("{% assign x = 9 %}{% for i in (1..20) %}{% assign x = x | times: x %}{% endfor %}{{ x }}", "Infinity"),
        ("{{ payload.digits | date: '%Y' | size }}", "4000"),
    ],
)
def test_what_was_an_error_once_is_a_text(source: str, text: str) -> None:
    assert render(source, payload={**PAYLOAD, **FAR}) == text


def test_the_output_limit_is_exact_and_in_bytes() -> None:
    for source in ("{{payload.text}}", "{{payload.text | strip}}"):
        template = compile_template(source, "body")
        assert template.render({"payload": {"text": "ä" * (MAX_OUTPUT_BYTES // 2)}}).count("ä") == 32_768
        with pytest.raises(RenderError):
            template.render({"payload": {"text": "ä" * (MAX_OUTPUT_BYTES // 2) + "x"}})


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("plain", set()),
        ("{{payload.a}}", {"payload"}),
        ("{{payload.a}} {{subscriber.firstName}}", {"payload", "subscriber"}),
        ("{% if actor.data.vip %}x{% endif %}", {"actor"}),
        ("{{ 'x' | append: subscriber.email }}", {"subscriber"}),
        ("{% for x in subscriber.data.list %}{{ x.y }}{% endfor %}", {"subscriber", "x"}),
        ("{% if payload.a %}{% assign subscriber = 1 %}{% endif %}{{ subscriber.x }}", {"payload", "subscriber"}),
    ],
)
def test_a_template_knows_its_variables(source: str, expected: set[str]) -> None:
    assert {path[0] for path in compile_template(source, "body").paths} == expected


def test_a_template_that_computes_a_name_may_need_anything() -> None:
    source = "{{ [payload.who].firstName }}"
    paths = compile_template(source, "body").paths
    assert paths == {(), ("payload", "who")}
    assert all(FieldPaths(body=paths).may_read(name) for name in ("payload", "subscriber", "actor"))
    assert render(source, payload={"who": "subscriber"}, subscriber={"firstName": "Ada"}) == "Ada"


def workflow(updated_ms: int = 1, **controls: Any) -> Workflow:
    step = Step(
        id="1" * 24, step_id="in-app", name="In-app", controls=msgspec.to_builtins(InAppControlsUpsert(**controls))
    )
    return Workflow(
        id="2" * 24,
        identifier="w",
        name="W",
        created_ms=1,
        updated_ms=updated_ms,
        steps=[step],
        tags=["a", "b"],
        severity="high",
    )


_revisions = count(1_000)


def only_step(**controls: Any) -> CompiledInApp:
    [step] = compile_steps(workflow(updated_ms=next(_revisions), **controls))
    return step


def test_a_step_renders_everything() -> None:
    step = only_step(
        subject="Hi {{payload.name}}",
        body="Order {{payload.order.id}} for {{subscriber.firstName}} by {{actor.data.title}}",
        avatar="https://example.com/{{payload.order.id}}.png",
        primary_action=ActionUpsert("Open {{payload.count}}", RedirectUpsert("/o/{{payload.order.id}}", "_blank")),
        secondary_action=ActionUpsert("Later"),
        redirect=RedirectUpsert("https://example.com/{{payload.name}}", "_self"),
        data={"id": "{{payload.order.id}}", "n": 1, "deep": {"list": ["{{subscriber.firstName}}", None, True]}},
        external_reference="order-{{payload.order.id}}",
        expires_at=" PT{{payload.count}}H ",
        collapse_key="thread-{{payload.order.id}}",
        collapse_mode=" count ",
    )
    assert (step.needs_subscriber, step.needs_actor) == (True, True)
    rendered = step.render({"payload": PAYLOAD, "subscriber": {"firstName": "Ben"}, "actor": {"data": {"title": "Dr"}}})
    assert msgspec.to_builtins(rendered) == {
        "subject": "Hi Ada",
        "body": "Order A1 for Ben by Dr",
        "body_format": None,
        "avatar": "https://example.com/A1.png",
        "data": {"id": "A1", "n": 1, "deep": {"list": ["Ben", None, True]}},
        "cta": {
            "type": "redirect",
            "data": {"url": "https://example.com/Ada", "target": "_self"},
            "action": {
                "status": "pending",
                "buttons": [
                    {"type": "primary", "content": "Open 3", "url": "/o/A1", "target": "_blank"},
                    {"type": "secondary", "content": "Later"},
                ],
                "result": {},
            },
        },
        "tags": ["a", "b"],
        "severity": "high",
        "external_reference": "order-A1",
        "expires_at": "PT3H",
        "collapse_key": "thread-A1",
        "collapse_mode": "count",
        "refused_links": (),
    }


def test_context_and_tenant_are_variables_like_any_other() -> None:
    step = only_step(subject="{{context.app.id}}", body="{{tenant.data.plan | upcase}}{{context.other.id}}")
    variables = {"context": {"app": {"id": "web"}}, "tenant": {"data": {"plan": "pro"}}}
    rendered = step.render(variables)
    assert (rendered.subject, rendered.body) == ("web", "PRO")
    assert step.render({}).body == ""


def test_a_step_with_a_body_only() -> None:
    step = only_step(body="x")
    assert (step.needs_subscriber, step.needs_actor) == (False, False)
    rendered = step.render({})
    assert (rendered.subject, rendered.body, rendered.avatar, rendered.data) == (None, "x", None, None)
    assert rendered.cta == {"type": "redirect", "data": {}, "action": {"buttons": [], "result": {}}}


def test_what_renders_empty_is_left_out() -> None:
    step = only_step(
        subject="{{payload.missing}}",
        avatar="{{payload.missing}}",
        primary_action=ActionUpsert("{{payload.missing}}", RedirectUpsert("/x")),
        secondary_action=ActionUpsert("Stay", RedirectUpsert("{{payload.missing}}", "_self")),
        redirect=RedirectUpsert("{{payload.missing}}", "_self"),
    )
    rendered = step.render({"payload": PAYLOAD})
    assert (rendered.subject, rendered.body, rendered.avatar) == (None, "", None)
    assert rendered.cta["data"] == {}
    assert rendered.cta["action"]["buttons"] == [{"type": "secondary", "content": "Stay"}]


@pytest.mark.parametrize("url", ["javascript:alert(1)", "data:text/html,x", " vbscript:x"])
def test_a_dangerous_link_never_leaves(url: str) -> None:
    step = only_step(
        body="x",
        avatar="{{payload.url}}",
        primary_action=ActionUpsert("Go", RedirectUpsert("{{payload.url}}", "_self")),
        redirect=RedirectUpsert("{{payload.url}}"),
    )
    rendered = step.render({"payload": {"url": url}})
    assert rendered.avatar is None
    assert rendered.cta["data"] == {}
    assert rendered.cta["action"]["buttons"] == [{"type": "primary", "content": "Go"}]


@pytest.mark.parametrize(
    ("controls", "field"),
    [
        ({"subject": "{{ payload.big | nope }}"}, "steps.0.controlValues.subject"),
        ({"body": "x", "primary_action": ActionUpsert("{{", None)}, "steps.0.controlValues.primaryAction.label"),
        ({"body": "x", "redirect": RedirectUpsert("{{")}, "steps.0.controlValues.redirect.url"),
        (
            {"body": "x", "secondary_action": ActionUpsert("x", RedirectUpsert("{{"))},
            "steps.0.controlValues.secondaryAction.redirect.url",
        ),
        ({"body": "x", "data": {"a": [{"b": "{{"}]}}, "steps.0.controlValues.data.a.0.b"),
    ],
)
def test_the_error_names_the_field_of_the_step(controls: dict[str, Any], field: str) -> None:
    with pytest.raises(TemplateError) as caught:
        only_step(**controls)
    assert list(caught.value.fields) == [field]


def test_a_render_error_names_the_field_of_the_step() -> None:
    step = only_step(body="x", data={"a": "{{payload.big}}{{payload.big}}"})
    with pytest.raises(RenderError) as caught:
        step.render({"payload": PAYLOAD})
    assert list(caught.value.fields) == ["steps.0.controlValues.data.a"]


def test_a_workflow_is_compiled_once_for_each_revision() -> None:
    first = compile_steps(workflow(updated_ms=7, body="one"))
    assert compile_steps(workflow(updated_ms=7, body="one")) is first
    [changed] = compile_steps(workflow(updated_ms=8, body="two"))
    assert changed.render({}).body == "two"


def test_a_check_leaves_nothing_behind() -> None:
    check_templates(workflow(updated_ms=9, body="checked, then not stored"))
    [stored] = compile_steps(workflow(updated_ms=9, body="stored by another process in the same millisecond"))
    assert stored.render({}).body.startswith("stored")


@pytest.mark.parametrize(
    "body",
    [
        "{% assign x = payload.items | uniq %}",
        "{% assign x = payload.text | split: '' | sort | join: '' %}",
        "{% assign x = payload.items | where: 'a', 3 %}",
        "{% assign x = payload.items | sort: 'a' %}",
        "{% assign x = payload.items | group_by: 'a' %}",
        "{% assign x = payload.items | where_exp: 'i', 'i.a == 3' %}",
        "{% assign x = payload.items | map: 'a' %}",
        "{% assign x = payload.text | split: payload.text %}",
        "{% assign x = payload.text | remove: 'q' %}",
        "{% assign l = l | push: l %}{% assign x = l | json %}",
    ],
)
def test_filters_have_an_end(body: str) -> None:
    payload = {"items": [{"a": n} for n in range(5_000)], "text": "ab" * 30_000}
    with pytest.raises(RenderError, match="too much work"):
        render(often(body), payload=payload)


BIG = [f"a{n}" for n in range(9_000)]
OTHER = [*BIG[:-1], "q"]
LARGE: dict[str, Any] = {
    "big": BIG,
    "other": OTHER,
    "some": BIG[:2_000],
    "deep": [[n] for n in range(5_000)],
    "text": "a" * 60_000,
    "part": "a" * 29_999 + "b",
}


def often(body: str) -> str:
    return "{% for i in (1..999) %}{% for j in (1..4) %}" + body + "{% endfor %}{% endfor %}"


@pytest.mark.parametrize(
    "body",
    [
        "{% if payload.big contains 'zz' %}x{% endif %}",
        "{% unless payload.text contains payload.part %}x{% endunless %}",
        "{% if payload.big == payload.other %}x{% endif %}",
        "{% if payload.big != payload.other %}{% endif %}",
        "{% if payload.big <= payload.other %}x{% endif %}",
        "{% if payload.deep contains payload.deep %}x{% endif %}",
        "{% case payload.big %}{% when payload.other, payload.other %}a{% endcase %}",
        "{% case 'a' %}{% when 'b' %}{% when payload.missing %}a{% endcase %}" * 20,
        "{% for x in payload.big offset: 8999 %}{% endfor %}",
        "{% capture x %}{% cycle payload.some, payload.some %}{% endcapture %}",
        "{% capture x %}{{ payload.deep }}{% endcapture %}",
        "{% assign x = payload.deep | sort %}",
        "{% assign x = payload.big | first | date: payload.big %}",
        "{% if a or b or c or d or e or f %}{% endif %}" * 20,
        "{% assign x = payload.big | where: 'a', payload.other %}",
        "{% assign a = 1 %}{% assign b = 1 %}{% increment c %}" * 10,
    ],
)
def test_whatever_a_template_does_often_has_an_end(body: str) -> None:
    with pytest.raises(RenderError, match="too much work"):
        render(often(body), payload=LARGE)


def spent(source: str, payload: dict[str, Any]) -> int:
    template = compile_template(source, "body")
    with working() as work:
        before = work.remaining
        template.render({"payload": payload, "subscriber": None, "actor": None})
        return before - work.remaining


def test_what_is_compared_costs_by_its_size() -> None:
    def cost(size: int) -> int:
        items = [f"a{n}" for n in range(size)]
        return spent("{% if payload.items contains 'zz' %}x{% endif %}", {"items": items})

    assert cost(10_000) - cost(10) > 9_000
    assert cost(10) < 200


def test_an_iteration_costs_what_is_in_it() -> None:
    items = {"items": list(range(100))}
    empty, full = "{% for x in payload.items %}{% endfor %}", "{% for x in payload.items %}{{ x }}{{ x }}{% endfor %}"
    assert 100 * 15 < spent(full, items) - spent(empty, items) < 100 * 150
    assert spent(empty.replace(" %}{%", " limit: 1 %}{%"), items) < spent(empty, items) / 10


def test_a_long_list_in_an_ordinary_message_is_far_from_the_limit() -> None:
    lines = [{"sku": f"sku-{n}", "price": 12.5, "n": n} for n in range(1_000)]
    line = "{% if line.n > 0 %}{{ line.n }} x {% endif %}{{ line.sku | upcase }}, "
    source = "{% for line in payload.lines %}" + line + "{% endfor %}"
    assert spent(source, {"lines": lines}) < MAX_WORK / 3


def test_the_work_depends_on_nothing_but_template_and_values(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever a clock says, e.g. that a machine is ten times slower, the same is spent and the same comes out."""
    source = often("{% if payload.big contains payload.text %}{{ i | times: j }}{% endif %}")
    short = "{% for i in payload.some %}{{ i | upcase }},{% endfor %}"
    spends = [(spent_or_failed(source), spent(short, LARGE))]
    for name in ("time", "monotonic", "perf_counter", "process_time", "thread_time"):
        monkeypatch.setattr(f"time.{name}", iter(range(0, 10**9, 1_000)).__next__)
    spends.append((spent_or_failed(source), spent(short, LARGE)))
    assert spends[0] == spends[1]
    assert spends[0][0] > MAX_WORK > spends[0][1] > 0


def spent_or_failed(source: str) -> int:
    """Return the units that were asked for when a rendering failed for want of them."""
    template = compile_template(source, "body")
    with working() as work, pytest.raises(RenderError, match="too much work"):
        template.render({"payload": LARGE})
    return MAX_WORK - work.remaining


def test_a_template_at_the_limit_fails_by_one_unit() -> None:
    source = "{% for x in payload.some %}{{ x }}{% endfor %}"
    scope = {"payload": LARGE}
    needed = MAX_WORK - spare(source, scope, MAX_WORK)
    assert spare(source, scope, needed) == 0
    with pytest.raises(RenderError, match="too much work"):
        spare(source, scope, needed - 1)


def spare(source: str, scope: dict[str, Any], units: int) -> int:
    """Return what is left of so many units after rendering."""
    template = compile_template(source, "body")
    with working() as work:
        work.remaining = units
        template.render(scope)
        return work.remaining


def test_all_templates_of_a_message_share_one_budget() -> None:
    part = "{% for i in (1..300) %}{{ i }}{% if payload.missing %}1{% endif %}{% endfor %}"
    only_step(body="x", data={"a": part}).render({})
    step = only_step(body="x", data={f"k{n}": part for n in range(100)})
    with pytest.raises(RenderError, match="too much work"):
        step.render({})


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(sorted(FILTERS)), json_values, st.lists(json_values, max_size=3))
def test_no_value_makes_a_filter_fail_other_than_in_words(name: str, value: Any, arguments: list[Any]) -> None:
    kind = FILTERS[name]
    count = max(kind.min_arguments, min(len(arguments), len(kind.defaults)))
    given_names = [f"payload.a{place}" for place in range(count)]
    source = f"{{{{ payload.v | {name}{': ' if given_names else ''}{', '.join(given_names)} }}}}"
    payload = {"v": value, **{f"a{place}": one for place, one in enumerate(arguments)}}
    with working() as work, contextlib.suppress(LiquidError, TooMuchWork):
        assert isinstance(parse(source).render(work, {"payload": payload}), str)


@pytest.mark.parametrize(
    ("source", "paths"),
    [
        ("plain", set()),
        ("{{ payload.a.b }}{{payload.c}}", {("payload", "a", "b"), ("payload", "c")}),
        ("{% if steps.first.read == false %}x{% endif %}", {("steps", "first", "read")}),
        ("{{ steps.first[payload.x].y }}", {("steps", "first"), ("payload", "x")}),
        ("{{ steps['first'].seen | default: payload.d }}", {("steps", "first", "seen"), ("payload", "d")}),
        ("{% for e in steps.d.events limit: payload.n %}{{ e.payload }}{% endfor %}",
         {("steps", "d", "events"), ("payload", "n"), ("e", "payload")}),
        ("{{ payload.l | where_exp: 'i', 'i.a == steps.first.read' }}",
         {("payload", "l"), ("i", "a"), ("steps", "first", "read")}),
        ("{{ payload.l | where_exp: 'i', payload.e }}", {("payload", "l"), ("payload", "e"), ()}),
        ("{{ [payload.who].x }}", {("payload", "who"), ()}),
    ],
)  # fmt: skip
def test_a_template_knows_the_paths_it_reads(source: str, paths: set[tuple[str, ...]]) -> None:
    assert compile_template(source, "body").paths == paths
