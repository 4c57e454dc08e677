"""Notification groups: `General` from the start, more by the API."""

from __future__ import annotations

import msgspec

from inbox.clock import now_ms
from inbox.errors import BadRequest, NotFound, UnprocessableEntity
from inbox.ids import new_object_id
from inbox.models.environment import Environment
from inbox.models.group import FIRST_GROUP, MAX_GROUPS, Group
from inbox.service.workflows.views import notification_group_id
from inbox.store.client import Client
from inbox.store.fields import FieldStore
from inbox.store.keys import Keys

_decoder = msgspec.json.Decoder(Group)


class GroupService:
    """Creates, reads, renames and deletes groups."""

    def __init__(self, client: Client, keys: Keys) -> None:
        self._client = client
        self._keys = keys

    async def list(self, environment: Environment) -> list[Group]:
        """Every group, the first one first."""
        stored = {group.id: group for group in map(_decoder.decode, await self._store(environment).all())}
        first = _first(environment)
        others = [group for group in stored.values() if group.id != first.id]
        return [stored.get(first.id, first), *sorted(others, key=lambda group: (group.created_ms, group.id))]

    async def get(self, environment: Environment, group_id: str) -> Group:
        """One group. Raises NotFound."""
        raw = await self._store(environment).get(group_id)
        if raw is not None:
            return _decoder.decode(raw)
        if group_id == notification_group_id(environment):
            return _first(environment)
        raise _unknown(group_id)

    async def create(self, environment: Environment, name: str) -> Group:
        """A new group. Raises UnprocessableEntity when there are 100."""
        now = now_ms()
        group = Group(new_object_id(), name, now, now)
        written = await self._store(environment).change(group.id, lambda _: msgspec.json.encode(group))
        if written == "full":
            raise UnprocessableEntity(f"An environment cannot have more than {MAX_GROUPS} notification groups")
        return group

    async def rename(self, environment: Environment, group_id: str, name: str) -> Group:
        """A group under another name. Raises NotFound."""
        first = _first(environment)

        def change(raw: bytes | None) -> bytes:
            if raw is None and group_id != first.id:
                raise _unknown(group_id)
            group = _decoder.decode(raw) if raw is not None else first
            return msgspec.json.encode(msgspec.structs.replace(group, name=name, updated_ms=now_ms()))

        await self._store(environment).change(group_id, change)
        return await self.get(environment, group_id)

    async def delete(self, environment: Environment, group_id: str) -> None:
        """Deletes a group. Raises NotFound; BadRequest for the first one, which workflows without a group are in."""
        if group_id == notification_group_id(environment):
            raise BadRequest("The first notification group cannot be deleted")

        def change(raw: bytes | None) -> None:
            if raw is None:
                raise _unknown(group_id)

        await self._store(environment).change(group_id, change)

    def _store(self, environment: Environment) -> FieldStore:
        return FieldStore(self._client, self._keys.groups(environment.number), MAX_GROUPS)


def _first(environment: Environment) -> Group:
    created = environment.created_ms
    return Group(notification_group_id(environment), FIRST_GROUP, created, created)


def _unknown(group_id: str) -> NotFound:
    return NotFound(f"Notification group {group_id} was not found")
