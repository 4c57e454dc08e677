"""Reading requests: bodies by size, kind and shape; numbers, flags and lists of a query; ids of a path."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal

import msgspec
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Meta
from starlette.requests import Request

from inbox.errors import BadRequest, PayloadTooLarge, UnsupportedMediaType, ValidationFailed
from inbox.http import requests
from inbox.http.queries import LENIENT, Limit, ObjectIdText, read_query

JSON = "application/json"


class Body(msgspec.Struct, rename="camel"):
    first_name: str
    number: int = 0
    anything: Any = None


def request(
    *parts: bytes, kind: str | None = JSON, length: str | None = None, query: str = "", path: str = ""
) -> Request:
    """A request whose body comes in these parts."""
    headers = {"content-type": kind, "content-length": length}
    scope = {
        "type": "http",
        "method": "POST",
        "headers": [(name.encode(), value.encode()) for name, value in headers.items() if value is not None],
        "query_string": query.encode(),
        "path_params": {"subscriberId": path},
    }
    waiting = [{"type": "http.request", "body": part, "more_body": True} for part in parts]
    waiting.append({"type": "http.request", "body": b"", "more_body": False})

    async def receive() -> dict[str, Any]:
        return waiting.pop(0)

    return Request(scope, receive)


async def read(*parts: bytes, **options: Any) -> Any:
    limit = options.pop("limit", requests.BODY_LIMIT_BYTES)
    return await requests.read_body(request(*parts, **options), Body, limit)


async def test_a_body_is_read_as_its_type() -> None:
    body = await read(b'{"firstName": "A", "number": 7, "more": [1]}')
    assert (body.first_name, body.number) == ("A", 7)


async def test_an_empty_body_is_an_empty_object() -> None:
    assert await requests.read_body(request(kind=None), dict[str, Any]) == {}


@pytest.mark.parametrize("kind", [JSON, "application/json; charset=utf-8", "APPLICATION/JSON", "application/x+json"])
async def test_json_has_several_names(kind: str) -> None:
    assert (await read(b'{"firstName":"A"}', kind=kind)).first_name == "A"


@pytest.mark.parametrize("kind", [None, "", "text/plain", "text/json", "application/x-www-form-urlencoded"])
async def test_another_content_type_is_refused(kind: str | None) -> None:
    with pytest.raises(UnsupportedMediaType):
        await read(b'{"firstName":"A"}', kind=kind)


async def test_a_body_of_just_the_limit_is_read() -> None:
    raw = b'{"firstName":"A"}'
    assert (await read(raw[:5], raw[5:], limit=len(raw))).first_name == "A"


async def test_a_body_over_the_limit_is_refused_while_it_comes() -> None:
    unread = b"y" * 10
    sent = request(b"x" * 60, b"x" * 60, unread)
    with pytest.raises(PayloadTooLarge):
        await requests.read_body(sent, Body, limit=100)
    assert (await sent.receive())["body"] == unread


async def test_a_body_announced_over_the_limit_is_not_read_at_all() -> None:
    sent = request(b"first", length="101")
    with pytest.raises(PayloadTooLarge):
        await requests.read_body(sent, Body, limit=100)
    assert (await sent.receive())["body"] == b"first"


@pytest.mark.parametrize("length", ["", "-5", "ten", "1e9", "²"])
async def test_an_odd_content_length_is_passed_over(length: str) -> None:
    assert (await read(b'{"firstName":"A"}', length=length.encode("utf-8").decode("latin-1"))).first_name == "A"


BROKEN = [
    *(b"{", b"[1,", b"hello", b"{} {}", b"\xef\xbb\xbf{}", b'{"firstName": NaN}', b'{"firstName": 1e999}', b"'a'"),
    *(b'{"firstName":"\xff"}', b'{"unknown":"\xff"}', b'{"firstName":"\\ud800"}', b'{"unknown":"\\udc00"}', b"\x00"),
]


@pytest.mark.parametrize("raw", BROKEN)
async def test_broken_json_is_malformed(raw: bytes) -> None:
    with pytest.raises(BadRequest):
        await read(raw)


@pytest.mark.parametrize(
    ("raw", "complaint"),
    [
        (b"{}", "firstName"),
        (b"[]", "Expected `object`, got `array`"),
        (b'"text"', "Expected `object`, got `str`"),
        (b'{"firstName": 7}', "Expected `str`, got `int` - at `$.firstName`"),
        (b'{"firstName": "A", "number": 1.5}', "$.number"),
        (b'{"firstName": "A", "number": "1"}', "$.number"),
        (b'{"firstName": "A", "number": true}', "$.number"),
    ],
)
async def test_a_wrong_body_is_named(raw: bytes, complaint: str) -> None:
    with pytest.raises(ValidationFailed) as refused:
        await read(raw)
    [message] = refused.value.fields["general"]
    assert complaint in message


def nested(depth: int, kind: str, inner: Any) -> Any:
    for level in range(depth):
        by_turns = kind == "turns" and level % 2
        inner = [inner] if kind == "list" or by_turns else {"a": inner}
    return inner


@pytest.mark.parametrize("inner", [1, "x", [], {}])
@pytest.mark.parametrize("kind", ["list", "object", "turns"])
def test_json_may_be_64_levels_deep(kind: str, inner: Any) -> None:
    deep = nested(64 - isinstance(inner, list | dict), kind, inner)
    assert requests.parse_json(orjson.dumps(deep), Any) == deep
    with pytest.raises(BadRequest, match="64 levels"):
        requests.parse_json(orjson.dumps([deep]), Any)


def test_much_side_by_side_is_not_deep() -> None:
    wide: dict[str, Any] = {"a": [[{}] for _ in range(200)]}
    assert requests.parse_json(orjson.dumps(wide), dict[str, Any]) == wide


@pytest.mark.parametrize("brackets", [b"[" * 2_000, b"[" * 50_000 + b"]" * 50_000, b'{"a":' * 50_000])
def test_json_without_a_bottom_is_refused(brackets: bytes) -> None:
    with pytest.raises(BadRequest):
        requests.parse_json(brackets, Any)


@pytest.mark.parametrize("items", [list(range(10_000)), {str(n): n for n in range(10_000)}], ids=["list", "object"])
def test_a_collection_may_have_10_000_items(items: Any) -> None:
    assert requests.parse_json(orjson.dumps({"a": items}), dict[str, Any])["a"] == items


@pytest.mark.parametrize("items", [list(range(10_001)), {str(n): n for n in range(10_001)}], ids=["list", "object"])
@pytest.mark.parametrize("place", [lambda items: items, lambda items: {"a": {"b": [items]}}])
def test_no_collection_may_have_more(items: Any, place: Any) -> None:
    with pytest.raises(BadRequest, match="10000 items"):
        requests.parse_json(orjson.dumps(place(items)), Any)


def test_commas_in_texts_are_no_items() -> None:
    assert requests.parse_json(orjson.dumps({"a": "," * 20_000}), dict[str, str]) == {"a": "," * 20_000}


scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
values = st.recursive(scalars, lambda part: st.lists(part, max_size=4) | st.dictionaries(st.text(), part, max_size=4))


@given(values)
def test_whatever_is_let_in_can_be_written_again(value: Any) -> None:
    """Integers beyond 64 bits among it, which no JSON library writes alike."""
    raw = msgspec.json.encode(value)
    try:
        accepted = requests.parse_json(raw, Any)
    except BadRequest:
        return
    assert orjson.loads(orjson.dumps(accepted)) == accepted


class Query(msgspec.Struct, rename="camel"):
    limit: Limit = 10
    count: Annotated[int, LENIENT, Meta(ge=0)] = 7
    read: bool | None = None
    tags: list[str] = []
    few_words: Annotated[list[Literal["a", "b"]], Meta(max_length=2)] = []
    context_keys: list[str] | None = None
    word: Literal["b", "a"] = "b"
    after: ObjectIdText = ""


def query(text: str) -> Query:
    return read_query(request(query=text), Query)


def number(text: str) -> int:
    return query(text).limit


@pytest.mark.parametrize(
    ("query", "value"),
    [("", 10), ("a=5", 10), ("limit=", 10), ("limit=1", 1), ("limit=100", 100), ("limit=20.0", 20), ("limit=007", 7)],
)
def test_a_number_of_the_query(query: str, value: int) -> None:
    assert number(query) == value


@pytest.mark.parametrize(
    "text",
    [
        *("0", "-1", "101", "0.0", "101.0", "9" * 40, "-" + "9" * 40, "9" * 10_000),
        *("ten", "1.5", "1.00", ".0", "1e1", "1_0", "%201", "%D9%A1", "NaN", "--1"),
    ],
)
def test_a_wrong_number_is_named(text: str) -> None:
    with pytest.raises(ValidationFailed) as refused:
        number(f"limit={text}")
    [message] = refused.value.fields["general"]
    assert message.startswith("limit must ")


@pytest.mark.parametrize(("text", "low_or_high"), [("0", "less than 1"), ("101", "greater than 100")])
def test_a_bound_is_told(text: str, low_or_high: str) -> None:
    with pytest.raises(ValidationFailed) as refused:
        number(f"limit={text}")
    assert refused.value.fields["general"] == [f"limit must not be {low_or_high}"]


@pytest.mark.parametrize(
    ("query", "flag"),
    [("", None), ("read=", None), ("read=true", True), ("read=false", False), ("read=1", False), ("read=TRUE", False)],
)
def test_a_flag_is_true_only_as_true(query: str, flag: bool | None) -> None:
    assert read_query(request(query=query), Query).read is flag


@pytest.mark.parametrize(
    ("query", "items"),
    [
        ("", []),
        ("tags=a", ["a"]),
        ("tags=a&tags=b", ["a", "b"]),
        ("tags[]=a&tags[]=b", ["a", "b"]),
        ("tags%5B%5D=a", ["a"]),
        ("tags=a,b", ["a,b"]),
    ],
)
def test_a_list_of_the_query(query: str, items: Sequence[str]) -> None:
    assert read_query(request(query=query), Query).tags == items


@pytest.mark.parametrize(
    ("text", "field", "message"),
    [
        ("word=c", "general", "word must be one of the following values: b, a"),
        ("fewWords=a&fewWords=c", "general", "each value in fewWords must be one of the following values: a, b"),
        ("fewWords=a&fewWords[]=a&fewWords=b", "fewWords", "fewWords must contain no more than 2 elements"),
        ("after=x", "after", "after must be a mongodb id"),
        ("count=-1", "general", "count must not be less than 0"),
    ],
)
def test_a_wrong_value_is_named(text: str, field: str, message: str) -> None:
    with pytest.raises(ValidationFailed) as refused:
        query(text)
    assert refused.value.fields == {field: [message]}


def test_an_empty_value_is_an_absent_one() -> None:
    assert query("limit=&read=&tags=&tags[]=&word=&after=") == Query()


def test_a_list_may_be_empty_or_absent() -> None:
    assert (query("").context_keys, query("contextKeys=").context_keys) == (None, [""])


def test_a_lenient_number_passes_texts_over() -> None:
    assert [query(f"count={text}").count for text in ("undefined", "5", "0")] == [7, 5, 0]


def test_an_id_is_read_in_lower_case() -> None:
    assert query(f"after={'A' * 24}").after == "a" * 24


@pytest.mark.parametrize(
    ("path", "text"),
    [("a", "a"), ("a%2Fb", "a/b"), ("%C3%A4%20%F0%9F%92%A5", "ä 💥"), ("a+b", "a+b"), ("%252F", "%2F"), ("a%", "a%")],
)
def test_an_id_of_the_path_is_decoded_once(path: str, text: str) -> None:
    assert requests.path_param(request(path=path), "subscriberId") == text


@pytest.mark.parametrize("path", ["%FF", "a%C3", "a%00b", "%ED%A0%80"])
def test_a_malformed_path_is_refused(path: str) -> None:
    with pytest.raises(BadRequest):
        requests.path_param(request(path=path), "subscriberId")


def test_a_subscriber_id_of_the_path_is_trimmed() -> None:
    assert requests.subscriber_param(request(path="%20a%20")) == "a"
