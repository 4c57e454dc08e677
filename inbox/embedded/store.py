"""A store that can be connected to, and the name of the command that runs one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from inbox.settings import Mode

SERVE = "serve"


@dataclass(frozen=True)
class Store:
    """A store that can be connected to.

    `mode` is the environment that its service works in. `announce` records at which URL this service listens.
    """

    url: str
    mode: Mode
    announce: Callable[[str], None] = lambda _url: None
