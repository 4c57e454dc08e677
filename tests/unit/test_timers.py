"""What can be read off the names of timers."""

from __future__ import annotations

import struct

from inbox.store.timers import feed_of


def test_a_timer_tells_its_feed() -> None:
    expiring = struct.pack(">II3s", 70_000, 3, b"abc")
    assert [feed_of(member) for member in (b"w70000", b"x" + expiring, b"?70000")] == [70_000, 70_000, None]
