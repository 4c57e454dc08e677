"""The scripts of the store: one `.lua` file per atomic step in `lua/`, its KEYS and ARGV told at its top.

A line `--#name` in a step is replaced by the text of `lua/_name.lua`: what several steps share. Scripts are called by
their SHA-1 and loaded when a server does not know them, so two releases can run side by side.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

_FOLDER = Path(__file__).parent / "lua"
_INCLUDE = re.compile(r"^--#(\w+)\n", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Script:
    """A step's text and the SHA-1 by which the server knows it."""

    name: str
    text: str
    sha: str


def _load(name: str) -> Script:
    text = _INCLUDE.sub(lambda found: _part(found[1]), (_FOLDER / f"{name}.lua").read_text())
    return Script(name, text, hashlib.sha1(text.encode()).hexdigest())  # noqa: S324 (the server's own naming)


def _part(name: str) -> str:
    return (_FOLDER / f"_{name}.lua").read_text()


FEED_OPEN = _load("feed_open")
FEED_PAGE = _load("feed_page")
FEED_MARK_ALL = _load("feed_mark_all")
FEED_MARK_ROWS = _load("feed_mark_rows")
FEED_FOLD = _load("feed_fold")
FEED_WAKE = _load("feed_wake")
FEED_SEEK = _load("feed_seek")
FEED_DELETE_ROWS = _load("feed_delete_rows")
FEED_PURGE = _load("feed_purge")
FEED_TRIM = _load("feed_trim")
MESSAGE_APPEND = _load("message_append")
MESSAGE_COLLAPSE = _load("message_collapse")
MESSAGE_MARK = _load("message_mark")
MESSAGE_DELETE = _load("message_delete")
DISPATCH_ACCEPT = _load("dispatch_accept")
DISPATCH_TAKE = _load("dispatch_take")
DISPATCH_APPEND = _load("dispatch_append")
DISPATCH_FINISH = _load("dispatch_finish")
DISPATCH_CANCEL = _load("dispatch_cancel")
RUN_START = _load("run_start")
RUN_FIRE = _load("run_fire")
RUN_END = _load("run_end")
RUN_CANCEL = _load("run_cancel")
WINDOW_JOIN = _load("window_join")
WINDOW_CLOSE = _load("window_close")
WINDOW_LEAVE = _load("window_leave")
ALARM_CLAIM = _load("alarm_claim")
ALARM_HOLD = _load("alarm_hold")
OUTBOX_REMOVE = _load("outbox_remove")
OUTBOX_SIZE = _load("outbox_size")
EVENTS_APPEND = _load("events_append")
FAILED_ADD = _load("failed_add")
TIMER_DUE = _load("timer_due")
TIMER_END = _load("timer_end")
ACTIVITY_APPEND = _load("activity_append")
ACTIVITY_BLANK = _load("activity_blank")
ACTIVITY_FIND = _load("activity_find")
LISTING_RETIRE = _load("listing_retire")
SUBSCRIBER_WRITE = _load("subscriber_write")
SUBSCRIBER_DELETE = _load("subscriber_delete")
SUBSCRIBER_ERASE = _load("subscriber_erase")
SHARE_REDIRECT = _load("share_redirect")
PRESENCE_LEASE = _load("presence_lease")
PRESENCE_JOIN = _load("presence_join")
PRESENCE_LEAVE = _load("presence_leave")
WORKFLOW_WRITE = _load("workflow_write")
LISTING_PAGE = _load("listing_page")
PREFERENCES_WRITE = _load("preferences_write")
FIELD_WRITE = _load("field_write")
TOPIC_WRITE = _load("topic_write")
SUBSCRIPTION_INTEND = _load("subscription_intend")
SUBSCRIPTION_WRITE = _load("subscription_write")
SUBSCRIPTION_DELETE = _load("subscription_delete")

ALL = [value for value in list(globals().values()) if isinstance(value, Script)]
