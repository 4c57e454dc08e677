"""What a fork of the program has imported already: loaded into the process that is forked (forking.py)."""

from __future__ import annotations

import gc

import uvloop

import inbox.banner
import inbox.cli
import inbox.server

__all__ = ["inbox", "uvloop"]

gc.freeze()  # the program collects once when it starts: not all of this again in every fork
