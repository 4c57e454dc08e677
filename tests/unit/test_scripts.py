"""The scripts as they are sent to the store."""

from __future__ import annotations

import hashlib
import re

import pytest

from inbox.store.scripts import Script, load_all

SCRIPTS = load_all()


def test_every_script_is_loaded_once() -> None:
    assert len(SCRIPTS) >= 13
    assert len({script.sha for script in SCRIPTS}) == len({script.name for script in SCRIPTS})


READS = {
    *("EXISTS", "GET", "GETRANGE", "HGET", "HGETALL", "HKEYS", "HLEN", "HMGET", "LINDEX", "LLEN", "LRANGE", "STRLEN"),
    *("TIME", "XINFO", "XLEN", "XRANGE", "XREVRANGE", "ZCARD", "ZCOUNT", "ZRANGE", "ZRANGEBYSCORE", "ZRANK"),
    *("ZREVRANGE", "ZREVRANK", "ZSCORE"),
}
INCLUDED_WRITES = {"listing_page": {"ZREM", "SET"}}
"""Writes of an included function that the script does not call."""


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.name)
def test_the_store_is_told_which_scripts_only_read(script: Script[object]) -> None:
    calls = re.findall(r"redis\.call\(([^)]*)", script.text)
    commands = {word for call in calls for word in re.findall(r"'([A-Z]{3,})'", call.partition(", ")[0])}
    only_reads = commands - INCLUDED_WRITES.get(script.name, set()) <= READS
    assert only_reads == script.text.startswith("#!lua flags=no-writes\n")
    assert script.text.count("#!") == script.text.startswith("#!lua flags="), "a shebang counts in the first line only"


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.name)
def test_a_script_is_whole_and_tells_its_arguments(script: Script[object]) -> None:
    head = "\n".join(line for line in script.text.splitlines()[:12] if line.startswith("--"))
    assert "KEYS: 1 " in head
    assert "ARGV: " in head
    assert re.search(r"^--#", script.text, re.MULTILINE) is None
    assert script.sha == hashlib.sha1(script.text.encode()).hexdigest()
