"""Notification groups: `General` from the start, more by the API."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from inbox.clock import now_ms
from inbox.errors import BadRequest, NotFound, existing
from inbox.ids import new_object_id
from inbox.models.environment import Environment
from inbox.models.group import FIRST_GROUP, Group
from inbox.service.workflows.views import notification_group_id
from inbox.store.documents import DocumentStore


@dataclass(eq=False)
class GroupService:
    """The notification groups of environments."""

    _store: DocumentStore[Group]

    async def list(self, environment: Environment) -> list[Group]:
        stored = {group.id: group for group in await self._store.all(environment.number)}
        first = _first(environment)
        others = [group for group in stored.values() if group.id != first.id]
        return [stored.get(first.id, first), *sorted(others, key=lambda group: (group.created_ms, group.id))]

    async def get(self, environment: Environment, group_id: str) -> Group:
        """Return a group. Raise NotFound."""
        group = await self._store.get(environment.number, group_id)
        if group is None and group_id == notification_group_id(environment):
            return _first(environment)
        if group is None:
            raise _unknown(group_id)
        return group

    async def create(self, environment: Environment, name: str) -> Group:
        """Store a new group. Raise UnprocessableEntity when there are 100."""
        now = now_ms()
        group = Group(new_object_id(), name, now, now)
        await self._store.add(environment.number, group.id, group)
        return group

    async def rename(self, environment: Environment, group_id: str, name: str) -> Group:
        """Rename a group and return it. Raise NotFound."""
        first = _first(environment)  # it is stored once it has another name

        def change(stored: Group | None) -> Group | None:
            group = stored or (first if group_id == first.id else None)
            return group and msgspec.structs.replace(group, name=name, updated_ms=now_ms())

        return existing(await self._store.change(environment.number, group_id, change), _unknown(group_id))

    async def delete(self, environment: Environment, group_id: str) -> None:
        """Delete a group. Raise NotFound; BadRequest for the first one, which workflows without a group are in."""
        if group_id == notification_group_id(environment):
            raise BadRequest("The first notification group cannot be deleted")
        if not await self._store.delete(environment.number, group_id):
            raise _unknown(group_id)


def _first(environment: Environment) -> Group:
    created = environment.created_ms
    return Group(notification_group_id(environment), FIRST_GROUP, created, created)


def _unknown(group_id: str) -> NotFound:
    return NotFound(f"Notification group {group_id} was not found")
