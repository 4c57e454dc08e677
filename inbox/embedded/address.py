"""Where a store is, whoever runs it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from inbox.settings import Mode


@dataclass(frozen=True)
class Store:
    """A store that can be connected to.

    `mode` is the environment that its service works in. `announce` tells others at which URL this service listens.
    """

    url: str
    mode: Mode
    announce: Callable[[str], None]


def tell_nobody(_url: str) -> None:
    """For a store without a data directory of ours: there is no place to say it."""
