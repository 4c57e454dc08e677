"""A plain model of one feed: what each operation does to a message, and which feeds a history of them can lead to.

Operations of several clients overlap, so their order is known only where one ended before the other began. The model
keeps, for each message, every state that some allowed order leads to; a listing has to show one of them.
"""

from __future__ import annotations

import dataclasses
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

Json = dict[str, Any]


@dataclass(frozen=True)
class State:
    """One message. A date is the number of the operation that set it; the button is the last one pressed, the text
    that of its last edit.
    """

    seen: bool = False
    read: bool = False
    archived: bool = False
    first_seen: int | None = None
    last_seen: int | None = None
    last_read: int | None = None
    archived_at: int | None = None
    button: str | None = None
    status: str | None = None
    text: str | None = None
    removed: bool = False

    def with_(self, **changes: Any) -> State:
        return dataclasses.replace(self, **changes)


Transition = Callable[[State, int], State]


def _see(state: State, now: int) -> State:
    first = now if state.first_seen is None else state.first_seen
    return state.with_(seen=True, last_seen=now, first_seen=first)


def _read(state: State, now: int) -> State:
    return _see(state, now).with_(read=True, last_read=now)


def _unread(state: State, now: int) -> State:
    return _see(state, now).with_(read=False, last_read=None, archived=False, archived_at=None)


def _archive(state: State, now: int) -> State:
    return _read(state, now).with_(archived=True, archived_at=now)


def _unarchive(state: State, now: int) -> State:
    return _read(state, now).with_(archived=False, archived_at=None)


def _v1_read(state: State, now: int) -> State:
    return state.with_(seen=True, last_seen=now, read=True, last_read=now)


def _v1_unread(state: State, now: int) -> State:
    return state.with_(seen=True, last_seen=now, read=False, last_read=now)


def _v1_seen(state: State, now: int) -> State:
    return state.with_(seen=True, last_seen=now)


def _v1_unseen(state: State, now: int) -> State:
    return state.with_(seen=False, last_seen=now)


def _opened(state: State, now: int) -> State:
    """What complete and revert do to an unread message: read, without a first-seen date."""
    return state if state.read else _v1_read(state, now)


def _press(button: str, status: str) -> Transition:
    return lambda state, _: state.with_(button=button, status=status)


def _press_in_inbox(button: str, status: str) -> Transition:
    return lambda state, now: _opened(state, now).with_(button=button, status=status)


def _edit(text: str) -> Transition:
    return lambda state, _: state.with_(text=text)


def _only(field: str, value: bool, transition: Transition) -> Transition:
    """A mark-all touches only the messages that differ."""
    return lambda state, now: state if getattr(state, field) is value else transition(state, now)


EDITS = {"edited, urgent": "high", "edited": "none", "edited again": "low"}
"""The texts that edits give messages, and the severities."""

TRANSITIONS: dict[str, Transition] = {
    "inbox.seen": _see,
    "inbox.read": _read,
    "inbox.unread": _unread,
    "inbox.archive": _archive,
    "inbox.unarchive": _unarchive,
    "v1.read": _v1_read,
    "v1.unread": _v1_unread,
    "v1.seen": _v1_seen,
    "v1.unseen": _v1_unseen,
    "v1.all.read": _only("read", True, _v1_read),
    "v1.all.unread": _only("read", False, _v1_unread),
    "v1.all.seen": _only("seen", True, _v1_seen),
    "v1.all.unseen": _only("seen", False, _v1_unseen),
    **{
        f"v1.{button}.{status}": _press(button, status)
        for button in ("primary", "secondary")
        for status in ("pending", "done")
    },
    **{f"edit.{text}": _edit(text) for text in EDITS},
    "inbox.delete": lambda _state, _now: State(removed=True),
    **{f"inbox.{button}.complete": _press_in_inbox(button, "done") for button in ("primary", "secondary")},
    **{f"inbox.{button}.revert": _press_in_inbox(button, "pending") for button in ("primary", "secondary")},
}


@dataclass
class Operation:
    """One request: what it does, to which transactions (None: the whole feed), and when it ran (Unix seconds).

    One that is not `certain` happened once or not at all: its answer was lost, or what was acknowledged may be.
    """

    number: int
    kind: str
    targets: frozenset[str] | None
    start: float
    end: float = float("inf")
    certain: bool = True

    def concerns(self, transaction_id: str) -> bool:
        return self.targets is None or transaction_id in self.targets

    def apply(self, state: State | None) -> State | None:
        """None stands for a message that does not exist yet."""
        if self.kind == "trigger":
            return State() if state is None else state
        return state if state is None or state.removed else TRANSITIONS[self.kind](state, self.number)

    def outcomes(self, state: State | None) -> set[State | None]:
        applied = self.apply(state)
        return {applied} if self.certain else {applied, state}


def final_states(initial: Iterable[State | None], operations: list[Operation]) -> set[State | None]:
    """Every state that some order of the operations leads to in which none comes before one that ended earlier."""
    start = frozenset(range(len(operations)))
    seen = {(state, start) for state in initial}
    open_ends = list(seen)
    results: set[State | None] = set()
    while open_ends:
        state, left = open_ends.pop()
        if not left:
            results.add(state)
        first_end = min((operations[index].end for index in left), default=0.0)
        for index in left:
            if operations[index].start <= first_end:
                following = {(outcome, left - {index}) for outcome in operations[index].outcomes(state)} - seen
                seen |= following
                open_ends += following
    return results


def _milliseconds(date: str) -> int:
    return round(datetime.fromisoformat(date).timestamp() * 1000)


SHOWN = (
    *("_id", "seen", "read", "archived", "createdAt", "firstSeenDate", "lastSeenDate", "lastReadDate", "archivedAt"),
    "cta",
)
LOST, DOUBLED, MISDELIVERED, REORDERED = "lost", "doubled", "misdelivered", "reordered"
RETURNED, WRONG_STATE = "returned", "wrong state"


@dataclass(frozen=True)
class Finding:
    """What a feed shows that its history does not allow."""

    kind: str
    text: str

    def __str__(self) -> str:
        return f"{self.kind}: {self.text}"


def _is_gone(state: State | None) -> bool:
    return state is None or state.removed


class SubscriberModel:
    """The feed of one subscriber. Messages go by their transaction id: it is known before the request is sent."""

    def __init__(self) -> None:
        self.operations: dict[int, Operation] = {}
        self._begun = 0
        self._forgiven: set[int] = set()
        self._states: dict[str, frozenset[State | None]] = {}
        self._since_check: list[Operation] = []
        self._triggers: dict[str, Operation] = {}
        self._order: dict[str, str] = {}

    def begin(self, kind: str, transactions: Iterable[str] | None = None) -> Operation:
        """Call it right before the request is sent; `kind` is `trigger` or a key of TRANSITIONS."""
        targets = None if transactions is None else frozenset(transactions)
        operation = Operation(self._begun, kind, targets, time.time())
        self._begun += 1
        self.operations[operation.number] = operation
        self._since_check.append(operation)
        if kind == "trigger":
            for transaction_id in targets or ():
                self._states.setdefault(transaction_id, frozenset({None}))
                self._triggers[transaction_id] = operation
        return operation

    @staticmethod
    def finish(operation: Operation) -> None:
        """Call it right after the answer came."""
        operation.end = time.time()

    def lose(self, operation: Operation) -> None:
        """Call it when no answer came: the operation may still happen at any later time, once, or never."""
        operation.certain = False

    def withdraw(self, operation: Operation) -> None:
        """Call it when the operation was refused: it has not happened."""
        del self.operations[operation.number]
        self._since_check.remove(operation)

    def forgive(self, since: float, until: float) -> None:
        """Allow the loss of what ran from `since` to `until` (Unix seconds)."""
        for operation in self._since_check:
            if since <= operation.end and operation.start <= until and operation.certain:
                operation.certain = False
                self._forgiven |= {operation.number}

    def count_lost(self) -> int:
        """Of the triggers whose loss was allowed, return how many the last listing did not have."""
        triggers = ((transaction_id, trigger.number) for transaction_id, trigger in self._triggers.items())
        absent = (number for transaction_id, number in triggers if None in self._states[transaction_id])
        return len(self._forgiven.intersection(absent))

    def check(self, messages: list[Json]) -> None:
        """Fail unless the history allows the listed feed; see `findings`."""
        findings = self.findings(messages)
        assert not findings, "\n".join(map(str, findings))

    def findings(self, messages: list[Json]) -> list[Finding]:
        """Return what the history does not allow of the listed feed (v1 shape, newest first, nothing in flight).

        The states that agree with the listing are what the next history starts from.
        """
        findings = [*self._order_findings(messages)]
        possible = self._possible_states()
        listed = Counter(message["transactionId"] for message in messages)
        for transaction_id, times in listed.items():
            if transaction_id not in possible:
                findings.append(Finding(MISDELIVERED, f"{transaction_id} was not sent to this feed"))
            elif times > 1:
                findings.append(Finding(DOUBLED, f"{transaction_id} is there {times} times"))
        for transaction_id in possible.keys() - listed.keys():
            gone = frozenset(filter(_is_gone, possible[transaction_id]))
            self._states[transaction_id] = gone or frozenset(possible[transaction_id])
            if not gone:
                findings.append(Finding(LOST, self._explain(transaction_id, possible[transaction_id], None)))
        for message in messages:
            findings += self._state_findings(message, possible.get(message["transactionId"]))
        self._since_check = []
        return findings

    def _state_findings(self, message: Json, possible: set[State | None] | None) -> Iterator[Finding]:
        if possible is None:
            return
        transaction_id = message["transactionId"]
        there = [state for state in possible if state and not state.removed]
        fitting = frozenset(state for state in there if self._fits(state, message))
        if not fitting:
            kind = WRONG_STATE if there else RETURNED
            yield Finding(kind, self._explain(transaction_id, possible, message))
        self._states[transaction_id] = fitting or frozenset(possible)

    def _order_findings(self, messages: list[Json]) -> Iterator[Finding]:
        """Newest first, as they were triggered; an order once listed never changes, nor do ids and creation dates."""
        keys = [message["createdAt"] for message in messages]
        if keys != sorted(keys, reverse=True):
            yield Finding(REORDERED, "not newest first")
        now = {message["transactionId"]: message["_id"] for message in reversed(messages)}
        before = [transaction_id for transaction_id in self._order if transaction_id in now]
        if list(now)[: len(before)] != before:
            yield Finding(REORDERED, "older messages changed places, or a newer one is among them")
        for transaction_id in before:
            if now[transaction_id] != self._order[transaction_id]:
                yield Finding(REORDERED, f"{transaction_id} has another id")
        latest_start = float("-inf")
        for trigger in (self._triggers[transaction_id] for transaction_id in now if transaction_id in self._triggers):
            if trigger.end < latest_start:
                yield Finding(REORDERED, f"{trigger} is above one that began after its end")
            latest_start = max(latest_start, trigger.start)
        self._order = now

    def _possible_states(self) -> dict[str, set[State | None]]:
        """Messages with the same past share the search: most differ only in bulk operations."""
        searched: dict[tuple[frozenset[State | None], tuple[int, ...]], set[State | None]] = {}
        possible = {}
        for transaction_id, states in self._states.items():
            operations = [operation for operation in self._since_check if operation.concerns(transaction_id)]
            key = (states, tuple(operation.number for operation in operations))
            if key not in searched:
                searched[key] = final_states(states, operations)
            possible[transaction_id] = searched[key]
        return possible

    def _fits(self, state: State, message: Json) -> bool:
        flags = (message["seen"], message["read"], message.get("archived", False))
        action = message["cta"].get("action", {})
        pressed = (action.get("result", {}).get("type"), action.get("status") if state.status else None)
        return (
            flags == (state.seen, state.read, state.archived)
            and pressed == (state.button, state.status)
            and (message["content"] if message["content"] in EDITS else None) == state.text
            and self._date_fits(state.first_seen, message.get("firstSeenDate"))
            and self._date_fits(state.last_seen, message.get("lastSeenDate"))
            and self._date_fits(state.last_read, message.get("lastReadDate"))
            and self._date_fits(state.archived_at, message.get("archivedAt"))
        )

    def _date_fits(self, number: int | None, date: str | None) -> bool:
        """A date lies within the operation that set it; a millisecond of rounding on both sides."""
        if number is None or date is None:
            return number is None and date is None
        operation = self.operations[number]
        return operation.start * 1000 - 2 <= _milliseconds(date) <= operation.end * 1000 + 2

    def _explain(self, transaction_id: str, possible: Iterable[State | None], message: Json | None) -> str:
        history = [operation for operation in self._since_check if operation.concerns(transaction_id)]
        return "\n".join(
            [transaction_id, "listed:", repr(message), "possible:", *map(repr, possible), "after:", *map(repr, history)]
        )


def count_unseen(messages: Iterable[Json]) -> int:
    """A recount from the listed messages (v1 shape)."""
    return sum(not message["seen"] for message in messages)


def count_unread(messages: Iterable[Json]) -> int:
    """A recount of the badge: unread and not snoozed."""
    return sum(not message["read"] and not message.get("snoozedUntil") for message in messages)
