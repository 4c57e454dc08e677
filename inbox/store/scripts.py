"""The Lua scripts of the store: one `.lua` file in `lua/` for each atomic step, called by the SHA-1 of its text.

The module that runs a script declares it with `load`, beside the builders of its KEYS and ARGV and the type of its
reply. A line `--#name` in a script is replaced by the text of `lua/_name.lua` (`lua/README.md` lists these parts). A
server that does not know a script is given it, so two releases can run side by side.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, Generic, TypeVar

_FOLDER = Path(__file__).parent / "lua"
_INCLUDE = re.compile(r"^--#(\w+)\n", re.MULTILINE)

Reply = TypeVar("Reply")


class Script(Generic[Reply]):
    """A script's text, the SHA-1 by which a server knows it, and the decoder of what it returns."""

    def __init__(self, name: str, text: str, decode: Callable[[Any], Reply]) -> None:
        self.name = name
        self.text = text
        self.sha = hashlib.sha1(text.encode()).hexdigest()  # noqa: S324 (the server's own naming)
        self.decode = decode


def load(name: str, decode: Callable[[Any], Reply]) -> Script[Reply]:
    """Read a script and the parts that it includes."""
    text = _INCLUDE.sub(lambda include: _read(f"_{include[1]}"), _read(name))
    return Script(name, text, decode)


def load_all() -> list[Script[object]]:
    """Read every script; for what concerns only their texts."""
    return [load(path.stem, bytes) for path in sorted(_FOLDER.glob("[!_]*.lua"))]


def _read(name: str) -> str:
    return (_FOLDER / f"{name}.lua").read_text()
