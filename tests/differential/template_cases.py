"""Templates and values for the comparison with the original's engine."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent
FILES = ("typical_templates.txt", "edge_templates.txt")
"""A line holds one template; `⏎` stands for a line break in it."""
SEED = 20_260
GENERATED = 1_200

PAYLOAD: dict[str, Any] = {
    "name": "Ada Lovelace",
    "empty": "",
    "blank": " \t\n",
    "null": None,
    "yes": True,
    "no": False,
    "zero": 0,
    "one": 1,
    "count": 3,
    "neg": -7,
    "price": 1999,
    "ratio": 12.5,
    "half": 2.5,
    "tiny": 1e-7,
    "huge": 1.5e21,
    "big": 9007199254740993,
    "numeric": "3",
    "padded": " 42 ",
    "hex": "0x1F",
    "word": "apple",
    "html": "<p class=\"a\">Tom & 'Jerry'</p><br/>",
    "unicode": "Grüße, Łódź ŞİŞ 日本語",
    "emoji": "a💥b",
    "lines": "one\ntwo\r\nthree",
    "spaces": "  a   b\tc  ",
    "csv": "a,b,,c,,",
    "path": "items.0.n",
    "field": "name",
    "date": "2024-03-05T14:07:09.045Z",
    "day": "2024-02-29",
    "offset": "2024-03-05T23:30:00+02:00",
    "rfc": "Tue, 05 Mar 2024 10:00:00 GMT",
    "seconds": 1709647629,
    "digits": "1709647629",
    "not_a_date": "tomorrow",
    "list": ["b", "a", "C", "a"],
    "numbers": [3, 1, 2.5, -4, 1],
    "texts": ["10", "9", "x"],
    "mixed": [3, "2", None, True, "x", [1], {"a": 1}, 1.5],
    "nested": [[1, [2, None]], ["x"]],
    "none": [],
    "nulls": [None, None],
    "object": {"a": 1, "b": {"c": [1, {"d": "deep"}]}, "text": 'it\'s "x"', "size": 5},
    "plain": {"x": 1, "10": "ten", "2": "two"},
    "nothing": {},
    "items": [
        {"n": 2, "name": "Tea", "tags": ["hot"], "price": 3.5, "ok": True, "a": {"b": "x"}},
        {"n": 1, "name": "apple", "tags": [], "price": "2", "ok": False, "a": {"b": "y"}},
        {"n": 3, "name": None, "tags": ["cold", "sweet"], "ok": None},
        {"n": 2, "name": "Élan", "price": 10},
    ],
    "encoded": "a%20b+c%C3%A9",
    "malformed": "100%",
    "base64": "SGVsbG8=",
    "comment": "x-y_z?",
}
SCOPE: dict[str, Any] = {
    "payload": PAYLOAD,
    "subscriber": {"firstName": "Grace", "lastName": None, "locale": "en_US", "timezone": "America/New_York"},
    "steps": {
        "digest": {
            "eventCount": 3,
            "events": [
                {"id": "1", "time": "2024-03-05T10:00:00.000Z", "payload": {"name": "Ann", "a": {"b": 1}}},
                {"id": "2", "time": "2024-03-05T11:00:00.000Z", "payload": {"name": "Ben", "a": {"b": "2"}}},
                {"id": "3", "time": "2024-03-05T12:00:00.000Z", "payload": {"a": {}}},
            ],
        },
    },
}


VALUES = [name for name in PAYLOAD if name != "malformed"]
ARGUMENTS = (
    "1", "2", "-1", "0", "1.5", "'a'", "''", "','", "'b'", "'n'", "'name'", "'a.b'", "nil", "true", "payload.count",
    "payload.numeric", "payload.list", "payload.missing", "payload.null", "payload.word", "'%Y-%m-%d'", "payload.half",
)  # fmt: skip
FILTERS = (
    "abs", "append", "array_to_sentence_string", "at_least", "at_most", "base64_encode", "capitalize", "ceil",
    "cgi_escape", "compact", "concat", "date", "date_to_long_string", "date_to_rfc822", "date_to_string",
    "date_to_xmlschema", "default", "digest", "divided_by", "downcase", "escape", "escape_once", "find", "find_index",
    "first", "floor", "group_by", "has", "hmac_sha256", "inspect", "join", "json", "jsonify", "last", "lstrip", "map",
    "minus", "modulo", "newline_to_br", "normalize_whitespace", "number_of_words", "plus", "pop", "prepend", "push",
    "reject", "remove", "remove_first", "remove_last", "replace", "replace_first", "replace_last", "reverse", "round",
    "rstrip", "sha256", "shift", "size", "slice", "slugify", "sort", "sort_natural", "split", "squish", "strip",
    "strip_html", "strip_newlines", "sum", "times", "toSentence", "to_integer", "truncate", "truncatewords", "uniq",
    "unshift", "upcase", "uri_escape", "url_encode", "where", "xml_escape", "pluralize",
)  # fmt: skip
ONE_ARGUMENT = frozenset({"append", "prepend"})
OPERATORS = ("==", "!=", "<", ">", "<=", ">=", "contains", "and", "or")


def _filter(pick: random.Random) -> str:
    name = pick.choice(FILTERS)
    if name in ("date", "hmac_sha256", "pluralize"):
        arguments = ["'%d.%m.%Y %H:%M'"] if name == "date" else ["'item'"]
    elif name in ONE_ARGUMENT:
        arguments = [pick.choice(ARGUMENTS)]
    else:
        arguments = pick.choices(ARGUMENTS, k=pick.choice((0, 1, 1, 2)))
    return f"{name}: {', '.join(arguments)}" if arguments else name


def _generated(pick: random.Random) -> str:
    value = f"payload.{pick.choice(VALUES)}"
    kind = pick.random()
    if kind < 0.6:
        return "{{ " + " | ".join([value, *[_filter(pick) for _ in range(pick.choice((1, 1, 2)))]]) + " }}"
    other = pick.choice([f"payload.{pick.choice(VALUES)}", *ARGUMENTS, "empty", "blank", "false"])
    if kind < 0.8:
        return f"{{{{ {value} {pick.choice(OPERATORS)} {other} }}}}"
    if kind < 0.9:
        return f"{{% if {value} {pick.choice(OPERATORS)} {other} %}}A{{% else %}}B{{% endif %}}{{{{ {value} }}}}"
    options = pick.choice(("", " reversed", f" limit: {other}", f" offset: {other}"))
    return f"{{% for x in {value}{options} %}}{{{{ x }}}},{{% else %}}none{{% endfor %}}"


def templates() -> list[str]:
    """Return all templates of the corpus: typical ones, hand-made edges and generated ones, always the same."""
    pick = random.Random(SEED)
    generated = [_generated(pick) for _ in range(GENERATED)]
    lines = [line for file in FILES for line in (FOLDER / file).read_text().splitlines()]
    return [line.replace("⏎", "\n") for line in dict.fromkeys([*lines, *_split(lines), *generated])]


def _split(lines: list[str]) -> Iterator[str]:
    """Yield each part of a line of `{{ … }}|{{ … }}` alone, so that one which throws hides none beside it."""
    for line in lines:
        parts = line.split("}}|{{")
        if len(parts) > 1 and "{%" not in line:
            for index, part in enumerate(parts):
                opening, closing = "{{" if index else "", "}}" if index < len(parts) - 1 else ""
                yield opening + part + closing
