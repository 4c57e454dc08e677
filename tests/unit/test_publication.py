"""The grammar of publications: the same names in Python and Lua, and what each kind holds."""

from __future__ import annotations

import re
import struct
from pathlib import Path

import pytest

from inbox.models.message import StoredMessage, encode_stored
from inbox.store import publication
from inbox.store.publication import BULK, BULK_DELETED, DELETED, NEW, TRIMMED, Publication, parse_publication
from inbox.store.rows import FeedCounts, Position

LUA = Path(publication.__file__).parent / "lua"


def published(change: str, body: bytes = b"") -> Publication:
    return parse_publication(f"1700000000000-7 6 1 2 3 0 0 1 {change}\n".encode() + body)


def test_lua_and_python_have_the_same_names() -> None:
    names: dict[str, str] = {}
    for left, right in re.findall(r"^local (.+) = (.+)$", (LUA / "_kinds.lua").read_text(), re.MULTILINE):
        names |= zip(left.split(", "), [text.strip("'") for text in right.split(", ")], strict=True)
    assert names == {
        name: value.decode() if isinstance(value, bytes) else value
        for name, value in vars(publication).items()
        if name.isupper() and name in names
    }


@pytest.mark.parametrize(
    "script", [path for path in LUA.glob("[!_]*.lua") if re.search(r"SPUBLISH|#publish", path.read_text())]
)
def test_every_script_that_publishes_writes_a_kind_by_its_name(script: Path) -> None:
    text = script.read_text()
    assert "--#kinds\n" in text
    assert re.search(
        r"\b(NEW|MOVED|COLLAPSED|MARKED|DELETED|TRIMMED|BULK|BULK_DELETED|PREFERENCES|GONE|SUBSCRIBER)\b", text
    )
    assert not re.search(r"kind[^\n]*= [^\n]*'[a-z]'|SPUBLISH[^\n]*'[a-z]+'\)", text)


def test_the_head_is_parsed() -> None:
    parsed = published(f"{BULK}6,7")
    assert (parsed.position, parsed.first) == (Position(1_700_000_000_000, 7), 6)
    assert (parsed.counts, parsed.kind, parsed.rows) == (FeedCounts(1, 2, 3, 0, 0, 1), BULK, [6, 7])


def test_a_new_message_has_a_row_a_check_and_its_content() -> None:
    stored = StoredMessage("t", "w" * 24, "w", "s" * 24, "s", content="a", payload={"n": "\n"})
    content = encode_stored(stored).replace(b",", b",\n")  # a line break does not end the body
    assert published(f"{NEW}9", b"chk" + content).new_message == (9, b"chk", stored)


def test_one_message_to_many_is_decoded_once() -> None:
    content = encode_stored(StoredMessage("t", "w" * 24, "w", "s" * 24, "s"))
    first, second = (published(f"{NEW}{row}", check + content).new_message for row, check in ((1, b"abc"), (2, b"def")))
    assert first[2] is second[2]


def test_removed_messages_are_named_by_row_and_check() -> None:
    assert published(f"{DELETED}3,9", b"abcdef").removed == [(3, b"abc"), (9, b"def")]
    assert published(f"{TRIMMED}9", b"\0\0\0\x03abc\0\0\0\x09def").removed == [(3, b"abc"), (9, b"def")]
    assert published(f"{TRIMMED}9").removed == []
    assert published(f"{TRIMMED}9", b"*").removed is None, "an older release: too many to name"
    assert published(f"{BULK_DELETED}9", b"\0\0\0\x03abc").removed == [(3, b"abc")]


def test_a_bulk_mark_says_what_it_did() -> None:
    stamp = struct.pack(">BIHIBII", 7, 2, 3, 0, 9, 12, 3) + b"\xb0\x80"
    mark = published(f"{BULK}9", bytes((6, 8)) + stamp).bulk_mark
    assert mark is not None
    assert (mark[0], mark[1], mark[2].dates, mark[2].counter) == (6, 8, 7, 9)
    assert mark[2].ranges() == [(4, 4), (6, 7), (12, 12)]
    assert published(f"{BULK}9").bulk_mark is None, "of an older release"


@pytest.mark.parametrize("payload", [b"", b"gone", b"1 1 0 0 0 0 0 0 n1\n", b"1-1 1 0 0 0 0 0 0 nx\n"])
def test_a_malformed_payload_is_a_value_error(payload: bytes) -> None:
    with pytest.raises(ValueError, match=r"invalid|not enough"):
        parse_publication(payload)
