"""Schemas and values for the comparison with ajv: by hand over every format and keyword, and generated from a seed."""

from __future__ import annotations

import random
from collections.abc import Iterator
from functools import partial
from typing import Any

SEED = 20_260
GENERATED = 500
VALUES_EACH = 5

Case = dict[str, Any]

FORMATS = """
    date-time date time iso-time iso-date-time duration uri uri-reference uri-template url email hostname ipv4 ipv6
    regex uuid json-pointer json-pointer-uri-fragment relative-json-pointer byte password binary unheard-of
""".split()  # noqa: SIM905
TEXTS = [
    *("", " ", "tomorrow", "x", "0", "01", "null", "äöü", "日本", "😀", "a b", "a\nb", "\n", "é@é.com"),
    *("2024-02-29", "2023-02-29", "2100-02-29", "2000-02-29", "2024-13-01", "2024-00-10", "2024-4-1", "0000-01-01"),
    *("2024-04-31", "20240401", "2024-04-30 ", "٢٠٢٤-04-30"),
    *("12:00:00Z", "12:00:00", "12:00:00z", "24:00:00Z", "12:60:00Z", "23:59:60Z", "22:59:60Z", "12:00:00.123Z"),
    *("12:00:00+02:00", "12:00:00+0200", "12:00:00+02", "12:00:00+24:00", "12:00Z", "01:29:60+01:30", "12:00:00.Z"),
    *("2024-02-29T12:00:00Z", "2024-02-29t12:00:00z", "2024-02-29 12:00:00Z", "2024-02-29T12:00:00", "2024-02-29T"),
    *("2023-02-29T12:00:00Z", "2024-02-29T12:00:00+05:30", "2016-12-31T23:59:60Z", "2024-02-29T12:00:00.5-08:00"),
    *("P1D", "P", "PT", "P1Y2M3DT4H5M6S", "P1W", "P1W1D", "PT1M", "P1.5D", "-P1D", "p1d", "P1DT", "PT36H", "P1S"),
    *("https://example.com", "http://example.com/a?b=c#d", "HTTP://EXAMPLE.COM", "ftp://a.b.co/x", "//example.com/x"),
    *("/a/b", "a/b", "#frag", "?q", "mailto:a@b.co", "urn:isbn:0451450523", "http://[::1]:80/", "http://[::zz]/"),
    *("http://a b.com", "http://example.com/%zz", "http://example.com/%41", "http:", "http://", "1http://x", "a:b"),
    *("http://user:pw@host.co:8080/", "http://10.0.0.1/", "http://8.8.8.8/x", "http://172.16.0.1", "http://localhost"),
    *("https://例え.jp/ä", "http://192.168.1.1/", "http://a.b", "javascript:alert(1)", "http://a.bc:1/", 'http://a/"'),
    *("http://-a.com", "http://a-.com", "http://a_b.com", "http://127.0.0.1:80", "http://172.32.0.1", "http://1.2.3"),
    *("a@b.co", "a.b+c@d-e.fg", "a@b", "a@b.c", "@b.co", "a@", "a..b@c.de", "a@-b.co", "a@b-.co", "A@B.CO", "a b@c.de"),
    *('"a b"@c.de', ".a@b.co", "a.@b.co", "a@b..co", "a@[127.0.0.1]", "a@b.co.", "o'neil@x.ie", "a@1.2"),
    *("example.com", "example.com.", "-a.com", "a-.com", "a_b.com", "localhost", "a" * 63, "a" * 64, "1.2.3.4", "a..b"),
    *(".".join(["a" * 60] * 5), ".".join(["a" * 49] * 5) + ".abc", ".".join(["a" * 49] * 5) + ".abcd."),
    *("127.0.0.1", "256.1.1.1", "01.2.3.4", "1.2.3.4.5", " 1.2.3.4", "0.0.0.0", "255.255.255.255", "1.2.3.\uff14"),
    *("::", "::1", "1::", "1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7::", "::2:3:4:5:6:7:8", "1::2::3"),
    *("::ffff:1.2.3.4", "::1.2.3.4", "1:2:3:4:5:6:1.2.3.4", "12345::", "fe80::1%eth0", "g::", "::1.2.3.256", "1:::2"),
    *("[", "(", "a{2,1}", "(?=a)b", r"(a)\1", r"a\Z", "^[a-z]+$", "(?<n>a)", "*", r"\p{L}"),
    *("[z-a]", "1.2.3"),
    *("7f3b1c9e-3d1a-4c55-9c1f-1d2e3f4a5b6c",),
    *("7F3B1C9E-3D1A-4C55-9C1F-1D2E3F4A5B6C", "7f3b1c9e3d1a4c559c1f1d2e3f4a5b6c"),
    *("urn:uuid:7f3b1c9e-3d1a-4c55-9c1f-1d2e3f4a5b6c", "7f3b1c9e-3d1a-4c55-9c1f-1d2e3f4a5b6"),
    *("/a~0b", "/a~2b", "/", "//", "#/a%20b", "#/a b", "#", "0/a", "1#", "01/a", "2", "-1", "#/a~1b", "0#a"),
    *("aGVsbG8=", "aGVsbG8", "aGVsbA==", "====", "aGVs", "%"),
]
NUMBERS = [0, 1, -1, 1.0, 1.5, -0.0, 2**31 - 1, 2**31, -(2**31), -(2**31) - 1, 2**53, 1e21, 1e-7, 0.1, 0.3, 3, 12]
PATTERNS = [
    *("^a", "a$", "^a+$", "^[A-Z]{2,3}[0-9]*$", r"^\d+$", r"^\w+$", r"\s", "^.$", "a|b", "^(a|aa)+$", "", "^$"),
    *(r"^\p{Lu}", r"[^\d]", r"\bfoo\b", "^(?:a(?:b|c))?d", r"\u00e4", r"^[\w.+-]+@", "(?<year>[0-9]{4})", r"\$"),
    *(r"\.js$", "(", "[", "a{2,1}", r"\u{1F600}", r"^\S+$", r"\cA", r"^[\s\S]*$", r"\/", "^😀$", r"\W", r"^\D$"),
]
PATTERN_TEXTS = ["", "a", "aaa", "b", "AB12", "12", "٣", "ä", "é", " ", "\n", "a\n", "foo bar", "x.js", "1999",
                 "A", "Ä", "😀", "acd", "$", "a@b", "\x01", "/", "_", "d", "\ufeff", "\u180e", "\u017f"]  # fmt: skip
VALUES: list[Any] = [None, True, False, 0, 1, 1.0, 1.5, -3, "", "a", "ab", "abc", "😀😀", "2024-01-02", [], [1], [1, 1],
                     [1, 1.0, True], ["a", "b", "a", "a"], [[1], [1]], [{"a": 1}, {"a": 1.0}], [None, None], {},
                     {"a": 1}, {"a": None}, {"b": "x"}, {"a": 1, "b": 2, "c": 3}, {"a": {"a": {"a": 1}}},
                     {"a": [1, "x", {}]}, {"ab": 1, "a/b": 2, "a~b": 3}, [1, "a", None, {}, []]]  # fmt: skip

NESTED = {"type": "object", "properties": {"n": {"type": "integer", "default": 1}, "kids": {"items": {"$ref": "#"}}}}
TREE = {
    "$ref": "#/definitions/node",
    "definitions": {
        "node": {
            "type": "object",
            "required": ["v"],
            "properties": {
                "v": {"type": "integer"},
                "d": {"default": {"x": []}},
                "left": {"$ref": "#/definitions/node"},
                "right": {"oneOf": [{"type": "null"}, {"$ref": "#/definitions/node"}]},
            },
        }
    },
}
A_DEFAULT = {"properties": {"a": {"default": 7}}}

BY_HAND: list[tuple[Any, list[Any]]] = [
    (True, VALUES),
    (False, [1, {}]),
    ({}, VALUES),
    *(({"type": kind}, VALUES) for kind in ("null", "boolean", "integer", "number", "string", "array", "object")),
    *(({"type": kind, "nullable": True}, VALUES) for kind in ("string", "integer", "array")),
    ({"type": ["string", "integer"]}, VALUES),
    ({"type": ["string", "null"], "minLength": 2}, VALUES),
    ({"type": "string", "nullable": True, "enum": ["a"]}, VALUES),
    ({"type": "string", "nullable": False}, VALUES),
    *(({keyword: 1}, VALUES) for keyword in ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum")),
    *(({f"{side}{noun}": 2}, VALUES) for side in ("min", "max") for noun in ("Length", "Items", "Properties")),
    *(({"multipleOf": part}, [*NUMBERS, "a"]) for part in (1, 2, 0.1, 0.01, 1.5, 3)),
    *(({"const": value}, VALUES) for value in VALUES),
    ({"enum": [1, None, "a", [True], {"a": 1}, {"enum": [1]}]}, [*VALUES, [True], [1], {"a": True}, {"enum": [1]}]),
    ({"uniqueItems": True}, VALUES),
    ({"uniqueItems": False}, VALUES),
    *(({"items": {"type": kind}, "uniqueItems": True}, VALUES) for kind in ("string", "number", "array")),
    ({"items": {"type": ["string", "integer"]}, "uniqueItems": True}, VALUES),
    ({"items": [{"type": "integer"}, {"type": "string"}]}, VALUES),
    ({"items": [{}], "additionalItems": False}, VALUES),
    ({"items": [{}], "additionalItems": {"type": "string"}}, VALUES),
    ({"items": {}, "additionalItems": False}, VALUES),
    ({"items": False}, VALUES),
    ({"items": [{"default": 1}, {}, {"default": {"a": []}}]}, [[], [None], [1, 2], [1, 2, 3, 4], {}]),
    ({"items": {"properties": {"n": {"default": 1}}, "required": ["n"]}}, [[{}, {"n": 2}, 3], []]),
    ({"contains": {"type": "integer"}}, VALUES),
    ({"contains": {}}, VALUES),
    ({"contains": False}, VALUES),
    ({"required": ["a", "b"]}, VALUES),
    ({"required": ["a'b", "it is"]}, [{}]),
    ({"properties": {"a": {"type": "string"}, "b": False, "c": True}}, VALUES),
    ({"properties": {"a/b": {"type": "string"}, "a~b": {"type": "string"}, "a b%": {"type": "string"}}},
     [*VALUES, {"a b%": 1}]),
    ({"properties": {"a": {}}, "additionalProperties": False}, VALUES),
    ({"properties": {"a": {}}, "additionalProperties": {"type": "string"}}, VALUES),
    ({"patternProperties": {"^a": {"type": "string"}, "b$": {"type": "integer"}}}, VALUES),
    ({"patternProperties": {"^a": {}}, "additionalProperties": False}, VALUES),
    ({"propertyNames": {"maxLength": 1, "pattern": "^a"}}, VALUES),
    ({"propertyNames": False}, VALUES),
    ({"dependencies": {"a": ["b"], "b": ["c", "d"], "c": []}}, VALUES),
    ({"dependencies": {"a": {"required": ["z"], "properties": {"n": {"default": 1}}}, "b": False}}, VALUES),
    ({"not": {"type": "string"}}, VALUES),
    ({"not": {}}, VALUES),
    ({"allOf": [{"type": "object"}, {"required": ["a"]}]}, VALUES),
    ({"anyOf": [{"type": "string"}, {"minimum": 1, "type": "number"}]}, VALUES),
    ({"oneOf": [{"type": "number"}, {"type": "integer"}, {"type": "string", "maxLength": 1}]}, VALUES),
    ({"oneOf": [{}, {"type": "string"}]}, VALUES),
    ({"if": {"type": "string"}, "then": {"maxLength": 1}, "else": {"type": "number"}}, VALUES),
    ({"if": {"type": "string"}, "then": False}, VALUES),
    ({"if": {"type": "string"}}, VALUES),
    ({"then": {"maxLength": 1}, "else": False}, VALUES),
    ({"if": {"required": ["k"]}, "then": {"properties": {"z": {"default": 2}}}, "else": {"required": ["z"]}},
     [{}, {"k": 1}, {"z": 1}]),
    ({"if": A_DEFAULT, "then": {"required": ["a"]}}, [{}, {"a": 1}]),
    ({"if": {"properties": {"a": {"const": 7}}, "required": ["a"]}, "then": {"required": ["q"]}, **A_DEFAULT},
     [{}, {"a": 7}, {"a": 8}]),
    *(({keyword: [A_DEFAULT, {"required": ["a"]}]}, [{}, {"a": 1}]) for keyword in ("allOf", "anyOf", "oneOf")),
    ({"not": {**A_DEFAULT, "required": ["a"]}}, [{}, {"a": 1}]),
    ({"properties": {"a": {"default": 5, "type": "string"}}}, [{}]),
    ({"properties": {"a": {"default": {}, "properties": {"b": {"default": {}, **A_DEFAULT}}}}}, [{}, {"a": {"b": {}}}]),
    ({"properties": {"a": {"default": None}}}, [{}, {"a": None}]),
    ({"additionalProperties": A_DEFAULT}, [{"x": {}, "y": {"a": 1}, "z": 1}]),
    ({"patternProperties": {"^x": A_DEFAULT}}, [{"x": {}, "y": {}}]),
    ({"properties": {"a": {"$ref": "#/definitions/d"}}, "definitions": {"d": {"default": 1, **A_DEFAULT}}},
     [{}, {"a": {}}]),
    ({"$ref": "#/definitions/d", "minProperties": 2, "definitions": {"d": A_DEFAULT}}, [{}, {"b": 1}, 3]),
    ({"$ref": "#/definitions/d", "type": "string", "definitions": {"d": {"maxLength": 1}}}, VALUES),
    ({"anyOf": [{"$ref": "#/definitions/d"}, {"type": "null"}], "definitions": {"d": {"required": ["q"], **A_DEFAULT}}},
     [{}, {"q": 1}, None]),
    ({"properties": {"a": {"anyOf": [{"$ref": "#"}, {"type": "null"}]}, "n": {"default": 1}}, "required": ["z"]},
     [{}, {"a": {}}, {"a": {"z": 1}, "z": 1}, {"a": None, "z": 1}]),
    (NESTED, [{}, {"kids": [{}, {"kids": [{"n": "x"}, 4]}]}, {"kids": "none"}]),
    (TREE, [{"v": 1}, {"v": 1, "left": {}, "right": None}, {"v": 1, "right": {"v": 2, "right": {"v": "x"}}}, 3]),
    ({"definitions": {"a": {"$id": "#here", "type": "string"}}, "properties": {"a": {"$ref": "#here"}}},
     [{"a": "x"}, {"a": 1}]),
    ({"$id": "http://example.com/root.json", "definitions": {"a": {"$id": "part.json", "type": "string"}},
      "properties": {"a": {"$ref": "part.json"}, "b": {"$ref": "http://example.com/root.json#/definitions/a"}}},
     [{"a": "x", "b": "y"}, {"a": 1, "b": 2}]),
    ({"properties": {"a": {"$ref": "#/definitions/a~1b%25"}}, "definitions": {"a/b%": {"type": "string"}}}, [{"a": 1}]),
    ({"properties": {"a": {"$ref": "#/elsewhere/0"}}, "elsewhere": [{"type": "string"}]}, [{"a": 1}, {"a": "x"}]),
    ({"properties": {"enum": {"type": "string"}, "$ref": {"type": "string"}, "nullable": {"type": "string"}}},
     [{"enum": 1, "$ref": 2, "nullable": 3}, {"enum": "x"}]),
    ({"$schema": "http://json-schema.org/draft-07/schema#", "type": "object"}, [{}, 1]),
    ({"title": "T", "description": "D", "examples": [1], "$comment": "c", "readOnly": True, "x-own": {}}, [1]),
    ({"contentMediaType": "application/json", "contentEncoding": "base64"}, ["{", "x"]),
    ({"prefixItems": [{"type": "string"}], "minContains": 2, "contains": {"const": 1}}, [[1], [2], []]),
    ({"dependentRequired": {"a": ["b"]}, "unevaluatedProperties": False}, [{"a": 1}]),
    *(({"format": name, f"format{word}": limit}, texts)
      for name, limit, texts in (
          ("date", "2024-02-02", ["2024-02-01", "2024-02-02", "2024-02-03", "nope", 4]),
          ("time", "12:00:00Z", ["11:59:59Z", "12:00:00Z", "12:30:00+01:00", "12:00:00.5Z"]),
          ("date-time", "2024-02-02T00:00:00Z", ["2024-02-01T23:00:00-02:00", "2024-02-02T00:00:00Z", "tomorrow"]),
          ("iso-time", "12:00:00", ["11:00:00", "12:00:00", "13:00:00"]),
      )
      for word in ("Minimum", "Maximum", "ExclusiveMinimum", "ExclusiveMaximum")),
    *(({"format": name}, NUMBERS) for name in ("int32", "int64", "float", "double", "date")),
    *(({"format": name}, VALUES) for name in ("date", "email", "unheard-of")),
    ({"type": "number", "format": "int32"}, [1, 1.5, "x"]),
    *((schema, [{}]) for schema in (
        {"type": "strange"}, {"minimum": "x"}, {"properties": {"a": {"minimum": "x"}}}, {"required": "a"}, {"enum": []},
        {"items": 3}, {"allOf": []}, {"properties": []}, {"multipleOf": 0}, {"minLength": -1}, {"pattern": 1},
        {"$ref": "#/definitions/none"}, {"$ref": "https://example.com/schema.json"}, {"required": ["a", "a"]},
        {"dependencies": {"a": 1}}, {"type": []}, {"maxItems": 1.5}, {"if": 1}, {"properties": {"a": 1}},
        {"format": 1}, {"uniqueItems": 1}, {"additionalProperties": "no"},
    )),
]  # fmt: skip


TEMPLATES = ["{a}", "{a,b*}", "{a", "x{+path}/y{?q,r}", "{a:3}", "{a:0}", "x", "", "%41", "a b", "{ä}", "{a}}"]


def by_hand() -> Iterator[Case]:
    """Yield `{schema, values}` over every keyword, format and kind of pattern."""
    yield from ({"schema": schema, "values": values} for schema, values in BY_HAND)
    yield from ({"schema": {"format": name}, "values": TEXTS} for name in FORMATS)
    yield {"schema": {"format": "uri-template"}, "values": TEMPLATES}
    yield from ({"schema": {"pattern": pattern}, "values": PATTERN_TEXTS} for pattern in PATTERNS)


def generated() -> Iterator[Case]:
    """Yield `{schema, values}` made from the seed."""
    chance = random.Random(SEED)
    for _ in range(GENERATED):
        schema = _Generator(chance).root()
        yield {"schema": schema, "values": [_value(chance, 3) for _ in range(VALUES_EACH)]}


def _value(chance: random.Random, depth: int) -> Any:
    if depth and chance.random() < 0.7:
        if chance.random() < 0.75:
            return {name: _value(chance, depth - 1) for name in chance.sample("abcd", chance.randint(0, 4))}
        return [_value(chance, depth - 1) for _ in range(chance.randint(0, 4))]
    return chance.choice([None, True, 0, 1, 2, 2.5, "", "a", "abc", "2024-01-02", "a@b.co", [], {}])


def _without_default(schema: Any) -> Any:
    return {name: part for name, part in schema.items() if name != "default"} if isinstance(schema, dict) else schema


class _Generator:
    """Makes a schema of every keyword, over the names and values of `_value`."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self._references = ["#/definitions/d", "#/definitions/e"]

    def root(self) -> Any:
        schema = self.schema(3)
        self._references = ["#/definitions/e"]  # what d refers to does not lead back to d
        e = {"properties": {"a": {"type": "array", "items": {"$ref": "#/definitions/e"}}}}
        return {**schema, "definitions": {"d": self.schema(1), "e": e}}

    def schema(self, depth: int) -> dict[str, Any]:
        schema: dict[str, Any] = {}
        for _ in range(self._chance.randint(0, 4)):
            schema |= self._chance.choice([self._leaf, self._applicator if depth else self._leaf])(depth)
        if self._chance.random() < 0.3:
            schema["default"] = self._chance.choice([1, "a", {}, [], None, {"a": 1}])
        return schema

    def part(self, depth: int) -> Any:
        return self._chance.choice([True, False]) if self._chance.random() < 0.1 else self.schema(depth - 1)

    def named(self, depth: int) -> dict[str, Any]:
        return {name: self.part(depth) for name in self._chance.sample("abcd", self._chance.randint(1, 3))}

    def _leaf(self, _: int) -> dict[str, Any]:
        small = self._chance.randint(0, 3)
        kinds = ["null", "boolean", "integer", "number", "string", "array", "object"]
        return self._chance.choice([
            {"type": self._chance.choice(kinds)},
            {"type": self._chance.choice(["object", "array"])},
            {"type": self._chance.sample(kinds, 2)},
            {"type": self._chance.choice(kinds), "nullable": True},
            {self._chance.choice(["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"]): small},
            {self._chance.choice(["minLength", "maxLength", "minItems", "maxItems"]): small},
            {self._chance.choice(["minProperties", "maxProperties"]): small},
            {"multipleOf": self._chance.choice([1, 2, 0.5])},
            {"pattern": self._chance.choice(["^a", "c$", "^[0-9-]+$"])},
            {"format": self._chance.choice(FORMATS)},
            {"const": _value(self._chance, 1)},
            {"enum": self._chance.sample([None, True, 0, 1, 2.5, "", "a", "abc", [], {}, {"a": 1}, ["a"]], 3)},
            {"uniqueItems": True},
            {"required": self._chance.sample("abcd", self._chance.randint(1, 2))},
        ])  # fmt: skip

    def _applicator(self, depth: int) -> dict[str, Any]:
        part = partial(self.part, depth)
        make = self._chance.choice([
            lambda: {"properties": self.named(depth)},
            lambda: {"properties": self.named(depth), "additionalProperties": part()},
            lambda: {"patternProperties": {"^[ab]": part()}, "additionalProperties": False},
            lambda: {"propertyNames": self._chance.choice([{"enum": ["a", "b"]}, {"pattern": "^[a-c]"}])},
            lambda: {"dependencies": {"a": part(), "b": ["c"]}},
            lambda: {"items": part()},
            lambda: {"items": [part(), _without_default(part())], "additionalItems": part()},
            lambda: {"contains": part()},
            lambda: {"not": part()},
            lambda: {self._chance.choice(["allOf", "anyOf", "oneOf"]): [part(), part()]},
            lambda: {"if": part(), "then": part(), "else": part()},
            lambda: {"$ref": self._chance.choice(self._references)},
        ])  # fmt: skip
        return make()
