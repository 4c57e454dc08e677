"""The scripts as they are sent to the store."""

from __future__ import annotations

import hashlib
import re

import pytest

from inbox.store import scripts
from inbox.store.scripts import Script


def test_every_script_is_loaded_once() -> None:
    assert len(scripts.ALL) >= 13
    assert len({script.sha for script in scripts.ALL}) == len({script.name for script in scripts.ALL})


@pytest.mark.parametrize("script", scripts.ALL, ids=lambda script: script.name)
def test_a_script_is_whole_and_tells_its_arguments(script: Script) -> None:
    head = "\n".join(line for line in script.text.splitlines()[:12] if line.startswith("--"))
    assert "KEYS: 1 " in head
    assert "ARGV: " in head
    assert re.search(r"^--#", script.text, re.MULTILINE) is None
    assert script.sha == hashlib.sha1(script.text.encode()).hexdigest()
