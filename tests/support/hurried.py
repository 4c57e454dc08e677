"""The service with Socket.IO heartbeats that a test can wait for: put `HURRIED` before its command."""

from __future__ import annotations

import runpy
import sys

from inbox.fanout.heartbeat import Rhythm
from inbox.routes import socketio

RHYTHM = Rhythm(interval_seconds=1.0, patience_seconds=5.0)  # a busy machine answers late
HURRIED = (sys.executable, "-m", "tests.support.hurried")

if __name__ == "__main__":
    socketio.RHYTHM = RHYTHM
    sys.argv = ["inbox", *sys.argv[sys.argv.index("inbox") + 1 :]]
    runpy.run_module("inbox", run_name="__main__", alter_sys=True)
