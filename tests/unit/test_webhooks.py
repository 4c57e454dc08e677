"""What an entry is told as, and how an event is signed."""

from __future__ import annotations

import json
import re
import struct
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from inbox.models.event import action_view
from inbox.models.webhook import MESSAGE_ACTIONED, MESSAGE_ARCHIVED, MESSAGE_READ, MESSAGE_SEEN, MESSAGE_SNOOZED
from inbox.service.webhooks.event_builder import MAX_MESSAGES, PlannedEvent, planned_events
from inbox.service.webhooks.sender import Sent, sign
from inbox.store import changes
from inbox.store.outbox import MessageRef, OutboxEntry, _parse, pack_change, pack_name
from inbox.store.rows import ARCHIVED, LIVE, SNOOZED, UNREAD, UNSEEN, parse_press

NEW = LIVE | UNSEEN | UNREAD


def entry(kind: bytes, packed: bytes, *fields: bytes) -> OutboxEntry:
    return _parse(b"1700000000000-2", [kind, packed, *fields])


def name(row: int, feed: int = 7) -> MessageRef:
    return MessageRef(feed, row, b"abc")


def packed(*rows: int, feed: int = 7) -> bytes:
    return b"".join(pack_name(feed, row, b"abc") for row in rows)


def test_the_signature_is_that_of_standard_webhooks() -> None:
    made = sign(
        "msg_p5jXN8AQM9LWM0D4loKWxJek",
        1614265330,
        b'{"test": 2432232314}',
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    )
    assert made == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_every_part_is_signed() -> None:
    secret = "whsec_" + "A" * 43 + "="
    signed = {
        sign("a", 1, b"x", secret),
        sign("b", 1, b"x", secret),
        sign("a", 2, b"x", secret),
        sign("a", 1, b"y", secret),
        sign("a", 1, b"x", "whsec_" + "B" * 43 + "="),
    }
    assert len(signed) == 5


@pytest.mark.parametrize(
    ("before", "after", "types"),
    [
        (NEW, NEW, []),
        (NEW, LIVE | UNREAD, [MESSAGE_SEEN]),
        (NEW, LIVE, [MESSAGE_SEEN, MESSAGE_READ]),
        (LIVE | UNREAD, LIVE, [MESSAGE_READ]),
        (LIVE, LIVE | UNREAD, []),
        (NEW, LIVE | ARCHIVED, [MESSAGE_SEEN, MESSAGE_READ, MESSAGE_ARCHIVED]),
        (LIVE | ARCHIVED, LIVE, []),
        (NEW, LIVE | UNREAD | SNOOZED, [MESSAGE_SEEN, MESSAGE_SNOOZED]),
        (LIVE | SNOOZED, LIVE, []),
    ],
)
def test_a_change_is_told_by_what_became_different(before: int, after: int, types: list[str]) -> None:
    assert list(changes.changed_events(before, after)) == types
    told = planned_events(entry(b"m", pack_change(packed(1), before, after), b"u", b"", b"a", b""))
    assert told == [PlannedEvent(one, (name(1),)) for one in types]


def test_a_snooze_given_anew_and_a_button_are_told_of_unchanged_flags_too() -> None:
    same = pack_change(packed(1), LIVE, LIVE)
    snoozed = entry(b"m", same, b"u", b"1700000000000", b"a", b"")
    assert planned_events(snoozed) == [PlannedEvent(MESSAGE_SNOOZED, (name(1),))]
    assert planned_events(entry(b"m", same, b"u", b"", b"a", b"dp{}")) == [PlannedEvent(MESSAGE_ACTIONED, (name(1),))]


def test_created_is_told_one_by_one_and_deleted_by_feed_in_parts() -> None:
    assert planned_events(entry(b"n", packed(1) + packed(1, feed=8))) == [
        PlannedEvent("message.created", (name(1),)),
        PlannedEvent("message.created", (name(1, 8),)),
    ]
    rows = range(1, 2 * MAX_MESSAGES + 2)
    parts = [len(told.messages) for told in planned_events(entry(b"d", packed(*rows)))]
    assert parts == [MAX_MESSAGES, MAX_MESSAGES, 1]


def test_an_entry_as_the_scripts_write_it() -> None:
    found = entry(b"m", struct.pack(">II3sBB", 7, 9, b"abc", 7, 1), b"u", b"5", b"a", b"ds[1]")
    assert (found.id, found.at_ms, found.kind) == ("1700000000000-2", 1_700_000_000_000, "m")
    assert found.messages == [(name(9), 7, 1)]
    pressed = parse_press(found.fields["a"])
    assert pressed
    assert action_view(pressed) == {"type": "secondary", "status": "done", "payload": [1]}


@pytest.mark.parametrize(
    ("status", "delivered", "refused", "unwanted"),
    [
        (0, False, False, False),
        (200, True, False, False),
        (204, True, False, False),
        (302, False, False, False),
        (400, False, True, False),
        (408, False, False, False),
        (410, False, True, True),
        (429, False, False, False),
        (500, False, False, False),
    ],
)
def test_what_an_answer_means(status: int, delivered: bool, refused: bool, unwanted: bool) -> None:
    sent = Sent(status)
    assert (sent.is_delivered, sent.is_refused, sent.is_unwanted) == (delivered, refused, unwanted)


def snippet(language: str) -> str:
    """The document's example of checking a signature."""
    text = (Path(__file__).parents[2] / "docs" / "webhooks.md").read_text()
    return next(code for code in re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL) if "genuine" in code.lower())


def signed(secret: str, body: bytes, *, at: int | None = None) -> dict[str, str]:
    timestamp = int(time.time()) if at is None else at
    signature = sign("evt_1", timestamp, body, secret)
    return {
        "webhook-id": "evt_1",
        "webhook-timestamp": str(timestamp),
        "webhook-signature": f"v1,other {signature}",
    }


SECRET = "whsec_" + "A" * 43 + "="


def cases() -> list[tuple[dict[str, str], bytes, bool]]:
    """Headers, body, and whether they are genuine; made when they are asked for, since they are so for minutes only."""
    return [
        (signed(SECRET, b"{}"), b"{}", True),
        (signed(SECRET, b"{}"), b"[]", False),
        (signed("whsec_" + "B" * 43 + "=", b"{}"), b"{}", False),
        (signed(SECRET, b"{}", at=1_700_000_000), b"{}", False),
    ]


def test_the_example_in_python() -> None:
    names: dict[str, Any] = {}
    exec(snippet("python"), names)
    for headers, body, genuine in cases():
        assert names["is_genuine"](SECRET, headers, body) is genuine


@pytest.mark.needs("node")
def test_the_example_in_node() -> None:
    asked_for = cases()
    given = json.dumps([[headers, body.decode()] for headers, body, _ in asked_for])
    asked = f"for (const [h, b] of {given}) console.log(isGenuine({json.dumps(SECRET)}, h, Buffer.from(b)));"
    shown = subprocess.run(
        ["node", "--input-type=module", "-e", snippet("js") + asked], capture_output=True, text=True, check=True
    )
    assert shown.stdout.split() == [str(genuine).lower() for _, _, genuine in asked_for]
