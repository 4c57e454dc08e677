"""The cost stack of a trigger: the same request, with one part of the service more in each row.

The first rows are routes of `stages.py`, which stop early. The others are real triggers: of a workflow that is not
active (validated, nothing is delivered), of one with a constant text that ignores preferences, of one with templates,
of one that asks preferences and an Idempotency-Key; then with the activity, then to open sockets.
"""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path
from random import Random
from typing import Any

from tests.support.processes import REPOSITORY, ChildProcess
from tests.support.server import Server, check_log

from .client import request
from .comparison import Column, Comparison, Crowd, Table, crowd_of, medians
from .delivery import SETTLE_SECONDS, cost_of_delivery, random_users
from .requests import cost_of_requests
from .targets import LIMITS, TEXT_BYTES, Inbox, mark, open_bare_asgi, processes_of, redis_server

USERS = 200
TAIL = ", it is on its way. " + "x" * TEXT_BYTES
TEMPLATES = {"subject": "Order {{payload.order}}", "body": "{{payload.mark}} Dear {{payload.name}}" + TAIL}
CONSTANT = {"subject": "Order 7", "body": "Dear Ada" + TAIL}
CRITICAL = {"workflow": {"all": {"enabled": True, "readOnly": True}}}
WORKFLOWS: dict[str, dict[str, Any]] = {
    "inactive": {"step": TEMPLATES, "active": False},
    "constant": {"step": CONSTANT, "preferences": CRITICAL},
    "critical": {"step": TEMPLATES, "preferences": CRITICAL},
    "usual": {"step": TEMPLATES},
}


class StagedInbox(Inbox):
    """One process of `stages.py`, with its Redis."""

    def __init__(self, server: Server, store: Any) -> None:
        super().__init__(server, server, store)
        self._keys = count()
        self._turns = count()

    async def create_workflows(self) -> None:
        for name, fields in WORKFLOWS.items():
            steps = [{"name": "In-app", "type": "in_app", "controlValues": fields["step"]}]
            rest = {key: value for key, value in fields.items() if key != "step"}
            await self.post("/v2/workflows", {"name": name, "workflowId": name, "steps": steps, **rest})

    def stage(self, name: str) -> bytes:
        """Return a trigger to a route that stops after this stage."""
        return self._trigger(f"/v1/events/stage/{name}", "usual", next(self._turns) % USERS)

    def start(self, workflow: str, *, is_idempotent: bool = False) -> bytes:
        """Return a trigger of this workflow."""
        return self._trigger("/v1/events/trigger", workflow, next(self._turns) % USERS, is_idempotent=is_idempotent)

    def trigger(self, users: Sequence[int], number: int) -> bytes:
        [user] = users
        return self._trigger("/v1/events/trigger", "usual", user, number, is_idempotent=True)

    def _trigger(self, path: str, workflow: str, user: int, number: int = 0, *, is_idempotent: bool = False) -> bytes:
        payload = {"mark": mark(number), "order": 7, "name": "Ada"}
        body = json.dumps({"name": workflow, "to": f"u{user}", "payload": payload}).encode()
        headers = [f"Idempotency-Key: stack-{next(self._keys)}"] if is_idempotent else []
        return request("POST", path, body, authorization=self.authorization, headers=headers)


@asynccontextmanager
async def _open_staged(**environment: str) -> AsyncIterator[StagedInbox]:
    with redis_server() as store, tempfile.TemporaryDirectory(prefix="inbox-bench-") as home:
        settings = {"INBOX_REDIS_URL": store.url, **LIMITS, **environment}
        server = Server(Path(home), settings, demo=False, wrapper=(), constants=None)
        command = [sys.executable, "-m", "tests.bench.performance.stages", "serve"]
        server.process = ChildProcess(
            command, env=server.environment(), log_path=Path(home) / "service.log", cwd=REPOSITORY
        )
        try:
            await server.wait_ready()
            inbox = StagedInbox(server, processes_of(store))
            await inbox.create_workflows()
            yield inbox
        finally:
            await server.stop()
        check_log(server)


async def stack(comparison: Comparison) -> list[Table]:
    """Measure all rows in turn."""
    async with (
        open_bare_asgi() as bare,
        _open_staged(BENCH_WITHOUT_ACTIVITY="1") as lean,
        _open_staged() as whole,
        crowd_of(whole, range(USERS, 2 * USERS)) as crowd,
    ):
        await asyncio.sleep(SETTLE_SECONDS)
        body = lean.stage("routed").partition(b"\r\n\r\n")[2]
        steps: dict[str, tuple[Any, Callable[[], bytes]]] = {
            "bare ASGI": (bare, lambda: request("POST", "/echo", body)),
            "+ routing": (lean, lambda: lean.stage("routed")),
            "+ authorization": (lean, lambda: lean.stage("authorized")),
            "+ body": (lean, lambda: lean.stage("parsed")),
            "+ validation": (lean, lambda: lean.start("inactive")),
            "+ stored, a constant text": (lean, lambda: lean.start("constant")),
            "+ templates": (lean, lambda: lean.start("critical")),
            "+ idempotency and preferences": (lean, lambda: lean.start("usual", is_idempotent=True)),
            "+ activity": (whole, lambda: whole.start("usual", is_idempotent=True)),
        }

        async def measure(name: str) -> float:
            if name not in steps:
                return await _pushed(comparison, crowd)
            target, make = steps[name]
            return await cost_of_requests(target.port, target.cpu_us, (make() for _ in range(comparison.size.requests)))

        costs = medians(await comparison.rounds("stack", [*steps, "+ push"], measure))
    bare_us, before, rows = costs["bare ASGI"], 0.0, []
    for name, us in costs.items():
        rows.append([name, us, us - before, us / bare_us])
        before = us
    columns = [Column(""), Column("CPU of all, µs"), Column("more, µs", "{:+.1f}"), Column("beside bare", "{:.1f}x")]
    note = (
        "One process and its Redis, one recipient each. A part that costs next to nothing may show as less than none."
    )
    return [Table("The cost stack of a trigger", columns, rows, note)]


async def _pushed(comparison: Comparison, crowd: Crowd) -> float:
    """Return the cost of triggers to users whose sockets are open."""
    users = [[USERS + user] for [user] in random_users(comparison.size.requests, USERS, Random(4))]
    return await cost_of_delivery(crowd, users, in_flight=16)
