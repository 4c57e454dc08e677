"""Liquid without Node beside it: what public reports named, with the values that the original's engine gives."""

from __future__ import annotations

from typing import Any

import pytest

from inbox.rendering.budget import MAX_WORK
from inbox.rendering.liquid import LiquidTemplate, parse
from inbox.work import Work

PAYLOAD: dict[str, Any] = {
    "cents": 1999,
    "list": ["a", "b", "c"],
    "items": [{"n": 2, "a": {"b": "x"}, "ok": True}, {"n": 1, "a": {"b": "y"}}, {"n": 2}],
    "null": None,
    "yes": True,
    "qty": "3",
    "at": "2024-03-05T23:30:00+02:00",
    "text": 'it\'s "x"\n',
    "name": "Ada",
    "numbered": {"b": 1, "10": 2, "9": 3},
    "emoji": "a💥b",
}
STEPS = {"d": {"events": [{"payload": {"a": {"b": 1}}}, {"payload": {"a": {"b": 2}}}, {"payload": {}}]}}


def render(source: str | LiquidTemplate) -> str:
    template = parse(source) if isinstance(source, str) else source
    return template.render(Work(MAX_WORK), {"payload": PAYLOAD, "steps": STEPS})


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("{{ payload.cents | divided_by: 100 }}", "19.99"),
        ("{{ -7 | divided_by: 2 }} {{ 12.5 | round }} {{ 2.5 | round }} {{ 0 | divided_by: 0 }}", "-3.5 13 3 NaN"),
        ("{{ payload.list.length }} {{ payload.list.size }} {{ payload.list.last }}", "3 3 c"),
        ("{{ payload.name.length }} {{ payload.name.size }} {{ payload.name.first }}", "3 3 "),
        ("{% if payload.items.length > 1 %}then{% else %}else{% endif %} {{ steps.d.events.length }}", "then 3"),
        ('{{ payload.null | date: "%Y" }}', ""),
        ("{{ payload.at | date }}", "Tuesday, March 5, 2024 at 9:30 pm +0000"),
        ('{{ payload.at | date: "%H:%M","America/New_York" }}', "16:30"),
        ("{{ payload.at | date: '%-d%q %b %L %3N %:z %j' }}", "5th Mar 000 000 +00:00 065"),
        ('[{{ payload.null | join: ", " }}]', "[]"),
        ('{{ payload.yes | escape }} {{ payload.yes | append: "!" }}', "true true!"),
        ("{% if payload.qty > 2 %}many{% else %}few{% endif %}", "many"),
        ("{{ steps.d.events | map: 'payload.a.b' | join: ',' }}", "1,2,"),
        ("{{ payload.items.0.n }}{{ payload.items[1].n }}{{ payload['items'][2]['n'] }}", "212"),
        ("{{ 1 == 1 }} {{ payload.a == payload.b }} {{ payload.null == nil }}", "true true true"),
        ("{{ payload.items | where: 'a.b', 'y' | size }} {{ payload.items | sum: 'n' }}", "1 5"),
        ("{{ payload.items | group_by: 'n' | map: 'name' | join: '|' }}", "2|1"),
        ("{{ payload.items | where_exp: 'i', 'i.n == 2' | size }}", "2"),
        ("{{ payload.items | sort: 'n' | map: 'n' | join }}", "1 2 2"),
        ("{{ payload.items | find: 'n', 1 | jsonify }} {{ payload.items | has: 'ok' }}", '{"n":1,"a":{"b":"y"}} true'),
        ("{{ 'Größe, ja!' | slugify }} {{ payload.list | push: 'd' | join: '' }}", "größe-ja abcd"),
        ("{{ payload.list | array_to_sentence_string }}", "a, b, and c"),
        ("{{ payload.list | toSentence }}", "a, b, and 1 other"),
        ("{{ payload.text }}|{{ payload.items[2] }}", "it's \"x\"\n|{'n':2}"),
        ("{{ payload.numbered }}", "{'9':3,'10':2,'b':1}"),
        ("{{ payload.emoji | size }} {{ payload.emoji | truncate: 2, '' }} {{ payload.emoji[1] }}", "4 a💥 💥"),
        ("{{ 9007199254740993 }} {{ 0.1 | plus: 0.2 }} {{ 1e21 }}", "9007199254740992 0.30000000000000004 "),
        ("{% for x in (1..5) %}{% if x == 2 %}{% continue %}{% endif %}{{ x }}{% endfor %}", "1345"),
        ("{% for x in (1..5) %}{% if x == 4 %}{% break %}{% endif %}{{ x }}{% endfor %}", "123"),
        (
            "{% for x in payload.list limit: 1 %}{{ x }}{% endfor %}"
            "{% for x in payload.list offset: continue %}{{ x }}{% endfor %}",
            "abc",
        ),
        ("{% case 3 %}{% when 1, 3 %}a{% when 3 or 4 %}b{% else %}c{% endcase %}", "ab"),
        ("{% liquid\nassign x = 'a'\nif x == 'a'\necho x | upcase\nendif\n%}", "A"),
        ("{% increment n %}{% increment n %}{% decrement m %}{% cycle 'a', 'b' %}{% cycle 'a', 'b' %}", "01-1ab"),
        ("a {%- # a remark -%} b {%- raw %} {{ x }} {% endraw -%} c", "ab {{ x }} c"),
    ],
)  # fmt: skip
def test_what_a_template_gives(source: str, text: str) -> None:
    assert render(source) == text


def test_a_template_can_be_rendered_again_and_keeps_nothing() -> None:
    counts = "{% assign x = x | plus: 1 %}{{ x }}{% increment n %}{% cycle 'a', 'b' %}"
    template = parse(counts + "{% for i in payload.list %}{% break %}{% endfor %}")
    assert render(template) == render(template) == "10a"


def test_the_variables_that_were_given_are_not_changed() -> None:
    given: dict[str, Any] = {"payload": {"list": [2, 1]}}
    source = "{% assign payload = 1 %}{% increment payload %}{{ payload.list | sort | push: 3 }}{% increment steps %}"
    parse(source).render(Work(MAX_WORK), given)
    assert given == {"payload": {"list": [2, 1]}}
