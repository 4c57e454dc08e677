"""Some processes over one store, for tests of the services without HTTP; each one's client can be killed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from inbox.models.environment import Environment
from inbox.service.workflows.bodies import WorkflowCreate
from inbox.services import Services
from inbox.settings import Settings
from inbox.store.client import open_client
from tests.support.faults import MortalClient


@dataclass
class Rig:
    """None of the processes works behind requests by itself. `settings`: what differs from the defaults."""

    url: str
    prefix: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    processes: list[Services] = field(default_factory=list)

    async def process(self) -> Services:
        """One more process."""
        client = MortalClient((await open_client(self.url)).topology)
        services = Services(Settings(redis_url=self.url, key_prefix=self.prefix, **self.settings), client)
        await services.environments.load()
        self.processes.append(services)
        return services

    @property
    def first(self) -> Services:
        return self.processes[0]

    @property
    def environment(self) -> Environment:
        return self.first.environments.current

    async def make_workflow(self, identifier: str, *steps: Mapping[str, Any]) -> None:
        body = {"name": identifier, "workflowId": identifier, "steps": steps}
        await self.first.workflows.create(self.environment, msgspec.convert(body, WorkflowCreate))

    async def end_leases(self) -> None:
        """As if the leases of dispatches had lapsed that processes held when they died."""
        client, keys, number = self.first.client, self.first.keys, self.environment.number
        for dispatch_id in await client.execute("ZRANGE", keys.dispatches(number), 0, -1):
            shares = keys.dispatch(number, dispatch_id.decode())[1]
            for bucket in await client.execute("ZRANGE", shares, 0, -1):
                await client.execute("ZADD", shares, 0, bucket)

    async def close(self) -> None:
        for services in self.processes:
            mortal(services).calls_left = None
            await services.webhooks.close()
            await services.client.close()


def in_app(body: str, name: str = "step", **controls: Any) -> dict[str, Any]:
    """An in_app step."""
    return {"name": name, "type": "in_app", "controlValues": {"body": body, **controls}}


def mortal(services: Services) -> MortalClient:
    """The client of a process, to be killed."""
    assert isinstance(services.client, MortalClient)
    return services.client
