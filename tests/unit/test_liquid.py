"""Liquid without Node beside it: what public reports named, with the values that the original's engine gives."""

from __future__ import annotations

from typing import Any

import pytest

from inbox import clock
from inbox.rendering.budget import MAX_WORK
from inbox.rendering.liquid import LiquidError, LiquidTemplate, parse
from inbox.work import TooMuchWork, Work

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


@pytest.mark.parametrize(
    ("key", "text"),
    [(["payload"], "yes"), ([["payload"]], "yes"), ("payload", "yes"), ([], "no"), ({"a": 1}, "no"), (None, "no")],
)
@pytest.mark.parametrize(
    "source",
    [
        "{{ [payload.key].answer | default: 'no' }}",
        "{% if [payload.key] %}yes{% else %}no{% endif %}",
        "{% assign found = [payload.key] %}{{ found.answer | default: 'no' }}",
        "{% for x in [payload.key].list %}yes{% else %}no{% endfor %}",
        "{% case [payload.key].answer %}{% when 'yes' %}yes{% else %}no{% endcase %}",
        "{% assign found = payload.list | find_exp: 'i', '[i.key].answer' %}{{ found.answer | default: 'no' }}",
    ],
)
def test_the_name_of_a_variable_is_the_text_of_its_key(source: str, key: Any, text: str) -> None:
    payload = {"key": key, "answer": "yes", "list": [{"key": key, "answer": "yes"}]}
    assert parse(source).render(Work(MAX_WORK), {"payload": payload}) == text


@pytest.mark.parametrize("zone", ["Nowhere/Else", "Factory", "localtime"])
def test_a_zone_is_judged_only_for_a_moment(zone: str) -> None:
    template = parse("{{ payload.at | date: '%H', payload.zone }}")
    for text in ("tomorrow", "2024-01-01" + " " * 200):
        assert template.render(Work(MAX_WORK), {"payload": {"at": text, "zone": zone}}) == text
    with pytest.raises(LiquidError, match=f"unknown time zone: {zone}"):
        template.render(Work(MAX_WORK), {"payload": {"at": PAYLOAD["at"], "zone": zone}})


@pytest.mark.parametrize("name", ["now", "today"])
def test_now_is_the_time_of_the_store(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "now_ms", lambda: 1_000_000_007_000)
    assert render(f"{{{{ '{name}' | date: '%s' }}}}") == "1000000007"


def spent(source: str, **payload: Any) -> tuple[str, int]:
    """Return what a template gives and the units that it takes."""
    work = Work(10**9)
    text = parse(source).render(work, {"payload": payload})
    return text, 10**9 - work.remaining


DISTINCT = "".join(map(chr, range(0x4E00, 0x4E00 + 10_000)))
FALLING = [str(number) for number in range(999, -1, -1)]
MIXED = [1, *["1" * 1_000] * 64]


@pytest.mark.parametrize(
    ("source", "payload", "text", "least"),
    [
        ("{{ payload.a | strip: payload.b | size }}", {"a": DISTINCT, "b": DISTINCT[::-1]}, "0", 10_000),
        ("{{ payload.a | lstrip: payload.b }}", {"a": DISTINCT + "ab", "b": DISTINCT}, "ab", 10_000),
        ("{{ payload.a | rstrip: payload.b }}", {"a": "ab" + DISTINCT, "b": DISTINCT}, "ab", 10_000),
        ("{{ payload.a | where: payload.b | size }}", {"a": [{}] * 50, "b": "a" + ".a" * 400}, "0", 40_000),
        ("{{ payload.a | where_exp: 'i', payload.b | size }}", {"a": [1] * 50, "b": "i" + " or i" * 199}, "50", 40_000),
        ("{{ payload.a | digest: 1, payload.b }}", {"a": [{}] * 50, "b": "a" + ".a" * 500}, " and 49 others", 100_000),
        ("{{ payload.a | sum }}", {"a": ["1" * 10_000 + "x"] * 50}, "0", 50_000),
        ("{{ payload.a | sort | size }}", {"a": MIXED}, "65", 64 * 7 * 100),
        ("{{ (payload.a..payload.a) | size }}", {"a": "0" * 10_000 + "7"}, "1", 2_000),
        ("{% for i in (1..2) limit: payload.a %}{{ i }}{% endfor %}", {"a": [["1"] * 1_000]}, "", 8_000),
        ("{{ 0 | date: '%1000000d' | size }}", {}, "1000000", 200_000),
        ("{% for p in payload.a %}{{ p[0] }}{% break %}{% endfor %}", {"a": dict.fromkeys(FALLING, 1)}, "0", 12_000),
        ("{{ payload.a | group_by: 0 | size }}", {"a": dict.fromkeys(FALLING, 1)}, "1000", 12_000 + 24_000),
        ("{{ payload.a | where_exp: 'i', payload.b | size }}", {"a": [2] * 50, "b": "i" + "<i" * 200}, "0", 150_000),
        ("{{ payload.a.size }}", {"a": "é" * 100_000}, "100000", 200),
        ("{{ payload.a | map: 'size' | join }}", {"a": ["é" * 100_000] * 2}, "100000 100000", 400),
        ("{% if payload.a == blank %}blank{% endif %}", {"a": " " * 10_000}, "blank", 1_000),
        ("{{ payload.a | url_encode | size }}", {"a": "日" * 10_000}, "90000", 30_000),
        ("{{ payload.a | date: '%Y' | size }}", {"a": "()" * 100}, "200", 1_000),
        ("{{ 0 | date: '%Y', 'Europe/Berlin' }}", {}, "1970", 500),
        ("{{ payload.a | date: '%Y' | size }}", {"a": "1" * 100_000}, "100000", 10_000),
    ],
)  # fmt: skip
def test_what_grows_with_values_is_paid_for(source: str, payload: dict[str, Any], text: str, least: int) -> None:
    given, units = spent(source, **payload)
    assert given == text
    assert units >= least


def test_many_long_paths_are_too_much_work() -> None:
    paths = [f"a{number}" + ".a" * 475 for number in range(900)]
    template = parse("{% for path in payload.paths %}{{ payload.items | where: path | size }}{% endfor %}")
    with pytest.raises(TooMuchWork):
        template.render(Work(MAX_WORK), {"payload": {"paths": paths, "items": []}})


def test_a_text_that_is_almost_a_number_is_read_once() -> None:
    digits = "1" * 500_000 + "x"
    assert spent("{{ payload.a | plus: 1 }}{% if payload.a > 1 %}a{% endif %}", a=digits)[0] == "1"
