"""The figures as Markdown tables, next to Must and Goal."""

from __future__ import annotations

from . import goals
from .cpu import Cost
from .goals import Bound
from .measures import Measures
from .rig import CONTENT_BYTES
from .sizes import Memory
from .tables import markdown

SHORT, USUAL, LONG = 100, 1_000, 10_000


def render(found: Measures) -> str:
    """All tables of one server."""
    parts = [f"### {found.version}", _cpu(found), _sizes(found), _times(found)]
    return "\n\n".join(parts)


def _cpu(found: Measures) -> str:
    heads = [f"{length:,}" for length in found.cpu]
    rows = [
        ["bare script", *(f"{found.cpu[length]['bare'].us:.1f} us" for length in found.cpu)],
        ["ping", *(_cost(found.cpu[length]["ping"]) for length in found.cpu)],
    ]
    for name, bound in goals.CPU.items():
        growth = found.cpu[LONG][name].ratio / found.cpu[SHORT][name].ratio
        costs = [_cost(found.cpu[length][name]) for length in found.cpu]
        verdict = bound.verdict(found.cpu[USUAL][name].ratio)
        rows.append([name, *costs, _limits(bound, "x"), verdict, *_growth(name, growth)])
    columns = ["Redis CPU per operation, messages a feed:", *heads, f"Must / Goal at {USUAL:,}", "", "10,000 : 100", ""]
    return markdown(columns, rows)


def _cost(cost: Cost) -> str:
    return f"{cost.us:.1f} us, {cost.ratio:.2f}x"


def _growth(name: str, growth: float) -> list[str]:
    if name == "mark all":  # its limit is a time: the table of script times has it
        return [f"{growth:.2f}", ""]
    return [f"{growth:.2f}", goals.GROWTH.verdict(growth)]


def _sizes(found: Measures) -> str:
    bound = goals.LONG_FEED[found.server]
    rows = [
        *(_long_feed(f"feed of 100, 80 {how}", found.memory[how], bound) for how in ("read in bulk", "read by name")),
        _small_feed(found.memory["one message"]),
        _file(found.file_bytes),
    ]
    columns = ["Bytes", "", "times the payload", "Must / Goal", "", "of it the time index", "an idempotency key"]
    return markdown(columns, rows)


def _long_feed(name: str, memory: Memory, bound: Bound) -> list[str]:
    verdict = bound.verdict(memory.ratio)
    return [name, f"{memory.total:,.0f}", f"{memory.ratio:.2f}x", _limits(bound, "x"), verdict, *_shares(memory)]


def _small_feed(memory: Memory) -> list[str]:
    bound = goals.SMALL_FEED_BYTES
    figures = [f"{memory.fixed:,.0f}", "", _limits(bound, " B"), bound.verdict(memory.fixed)]
    return ["subscriber with one message, its payload apart", *figures, *_shares(memory)]


def _shares(memory: Memory) -> list[str]:
    return [f"{memory.time_index / memory.messages:.0f} a message", f"{memory.idempotency:.0f}"]


def _file(file_bytes: float) -> list[str]:
    ratio = file_bytes / CONTENT_BYTES
    figures = [f"{file_bytes:,.0f}", f"{ratio:.2f}x", _limits(goals.FILE, "x"), goals.FILE.verdict(ratio)]
    return ["append-only file, one append", *figures]


def _times(found: Measures) -> str:
    rows = []
    for name, times in found.times.items():
        bound = goals.MARK_ALL_US if name == "mark all at 10,000" else goals.SCRIPT_US
        verdict = "met" if times.median <= bound.must else "missed"
        rows.append([name, f"{times.median:.0f}", f"{times.longest}", str(times.calls), f"{bound.must:,.0f}", verdict])
    return markdown(["Script time, us", "median", "longest", "calls", "Must", ""], rows)


def _limits(bound: Bound, unit: str) -> str:
    return f"{bound.must:,}{unit} / {bound.goal:,}{unit}"
