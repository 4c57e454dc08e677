"""A plain model of one feed: what each operation does to a message, and which feeds a history of them can lead to.

Operations of several clients overlap, so their order is known only where one ended before the other began. The model
keeps, for each message, every state that some allowed order leads to; a listing has to show one of them.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

Json = dict[str, Any]


@dataclass(frozen=True)
class State:
    """One message. A date is the number of the operation that set it; the button is the last one pressed."""

    seen: bool = False
    read: bool = False
    archived: bool = False
    first_seen: int | None = None
    last_seen: int | None = None
    last_read: int | None = None
    archived_at: int | None = None
    button: str | None = None
    status: str | None = None

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


def _only(field: str, value: bool, transition: Transition) -> Transition:
    """A mark-all touches only the messages that differ."""
    return lambda state, now: state if getattr(state, field) is value else transition(state, now)


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
    **{f"inbox.{button}.complete": _press_in_inbox(button, "done") for button in ("primary", "secondary")},
    **{f"inbox.{button}.revert": _press_in_inbox(button, "pending") for button in ("primary", "secondary")},
}


@dataclass
class Operation:
    """One request: what it does, to which transactions (None: the whole feed), and when it ran (Unix seconds)."""

    number: int
    kind: str
    targets: frozenset[str] | None
    start: float
    end: float = float("inf")

    def concerns(self, transaction_id: str) -> bool:
        return self.targets is None or transaction_id in self.targets

    def apply(self, state: State | None) -> State | None:
        """None stands for a message that does not exist yet."""
        if self.kind == "trigger":
            return State() if state is None else state
        return None if state is None else TRANSITIONS[self.kind](state, self.number)


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
                following = (operations[index].apply(state), left - {index})
                if following not in seen:
                    seen.add(following)
                    open_ends.append(following)
    return results


def _milliseconds(date: str) -> int:
    return round(datetime.fromisoformat(date).timestamp() * 1000)


class SubscriberModel:
    """The feed of one subscriber. Messages go by their transaction id: it is known before the request is sent."""

    def __init__(self) -> None:
        self.operations: dict[int, Operation] = {}
        self._states: dict[str, frozenset[State | None]] = {}
        self._since_check: list[Operation] = []
        self._order: dict[str, str] = {}

    def begin(self, kind: str, transactions: Iterable[str] | None = None) -> Operation:
        """Call it right before the request is sent; `kind` is `trigger` or a key of TRANSITIONS."""
        targets = None if transactions is None else frozenset(transactions)
        operation = Operation(len(self.operations), kind, targets, time.time())
        self.operations[operation.number] = operation
        self._since_check.append(operation)
        if kind == "trigger":
            for transaction_id in targets or ():
                self._states.setdefault(transaction_id, frozenset({None}))
        return operation

    @staticmethod
    def finish(operation: Operation) -> None:
        """Call it right after the answer came."""
        operation.end = time.time()

    def check(self, messages: list[Json]) -> None:
        """Fails unless the listed feed (v1 shape, newest first, nothing in flight) is one that the history allows.

        The states that agree with the listing are what the next history starts from.
        """
        listed = [message["transactionId"] for message in messages]
        assert sorted(listed) == sorted(self._states), "not exactly the triggered messages, each once"
        self._check_order(messages)
        possible = self._possible_states()
        for message in messages:
            transaction_id = message["transactionId"]
            fitting = frozenset(state for state in possible[transaction_id] if state and self._fits(state, message))
            assert fitting, self._explain(transaction_id, possible[transaction_id], message)
            self._states[transaction_id] = fitting
        self._since_check = []

    def _check_order(self, messages: list[Json]) -> None:
        """Newest first, and an order once listed never changes: ids and creation dates stay what they were."""
        keys = [message["createdAt"] for message in messages]
        assert keys == sorted(keys, reverse=True), "not newest first"
        before = [transaction_id for transaction_id in self._order if transaction_id in self._states]
        now = {message["transactionId"]: message["_id"] for message in reversed(messages)}
        assert list(now)[: len(before)] == before, "older messages changed places, or a newer one is among them"
        assert all(now[transaction_id] == self._order[transaction_id] for transaction_id in before), "an id changed"
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

    def _explain(self, transaction_id: str, possible: Iterable[State | None], message: Json) -> str:
        history = [operation for operation in self._since_check if operation.concerns(transaction_id)]
        return "\n".join(["listed:", repr(message), "possible:", *map(repr, possible), "after:", *map(repr, history)])


def count_unseen(messages: Iterable[Json]) -> int:
    """A recount from the listed messages (v1 shape)."""
    return sum(not message["seen"] for message in messages)


def count_unread(messages: Iterable[Json]) -> int:
    """A recount of the badge: unread and not snoozed."""
    return sum(not message["read"] and not message.get("snoozedUntil") for message in messages)
