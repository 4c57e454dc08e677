"""Environments: their keys and application identifiers.

Development and Production exist from the start; a command creates more. INBOX_API_KEY opens the environment of
INBOX_MODE beside the stored keys; INBOX_APPLICATION_IDENTIFIER replaces its identifier. A service stores both (only the
digest of the key), so that commands without these variables neither create another key nor show an identifier that is
not served.
"""

from __future__ import annotations

import hmac
import logging
import secrets
import string
import time
from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from inbox.clock import now_ms, now_seconds
from inbox.errors import BadRequest, NotFound, invalid
from inbox.ids import new_object_id
from inbox.models.environment import DEVELOPMENT, PRODUCTION, Environment
from inbox.service.environments.api_keys import ApiKeys, stored_by_age
from inbox.service.environments.given_keys import GivenKeys
from inbox.service.environments.registry import CachedRegistry
from inbox.settings import Settings
from inbox.store.environments import EnvironmentStore, Registry, RegistryChange, key_digest
from inbox.store.secrets import SecretStore
from inbox.subscriber_hash import HashKind, is_valid_hash

log = logging.getLogger(__name__)

MAX_NAME_LENGTH = 64
MAX_AGE_DAYS = 540
NUMBERS = {"development": DEVELOPMENT, "production": PRODUCTION}
_IDENTIFIER_ALPHABET = string.ascii_letters + string.digits


class EnvironmentService:
    """Finds and changes environments; `keys` has their API keys."""

    token_secret: str

    def __init__(
        self,
        store: EnvironmentStore,
        secrets_store: SecretStore,
        settings: Settings,
        clock: Callable[[], float] = time.monotonic,
        on_read: Callable[[Iterable[Environment]], None] | None = None,
    ) -> None:
        """Call `on_read` with the environments after each read of the registry."""
        self._store = store
        self._secrets = secrets_store
        self._settings = settings
        self.registry = CachedRegistry(store, clock, on_read)
        self.keys = ApiKeys(self.registry, secrets_store, self.live_keys)
        self._given = GivenKeys(settings)
        self._own_identifier = settings.application_identifier
        self._shown_of: Registry | None = None
        self._accepted: frozenset[str] = frozenset()
        self._all: dict[int, Environment] = {}
        self._live_keys: dict[int, list[str]] = {}
        self._ids: dict[str, Environment] = {}

    async def load(self, *, serving: bool = False) -> None:
        """Read what the first process generated, or generate it. Raise StartupError.

        With `serving`, store the key and identifier of the settings; else ignore those that the service does not have.
        """
        await self._secrets.check_layout()
        self.token_secret = await self._secrets.get_or_create("token_secret", secrets.token_hex(32), secret=True)
        organization_id = await self._secrets.get_or_create("organization", new_object_id())
        proposals = [await self._proposal(mode, number, organization_id) for mode, number in NUMBERS.items()]
        await self.registry.change(lambda registry: _missing(registry, proposals))
        if serving:
            self._given.serve()
            await self._store_own()
        else:
            self._drop_outdated()
        for number in NUMBERS.values():
            await self._ensure_key(self.registry.current.environments[number])

    @property
    def _stored_current(self) -> Environment:
        return self.registry.current.environments[NUMBERS[self._settings.mode]]

    @property
    def current(self) -> Environment:
        """Return the environment of INBOX_MODE."""
        return self._shown_environments()[NUMBERS[self._settings.mode]]

    @property
    def api_key(self) -> str:
        """Return a live key of the current environment: INBOX_API_KEY if it is set, else the oldest."""
        return self.live_keys(self.current)[0]

    def all(self) -> list[Environment]:
        """Return every environment, oldest first."""
        return [*self._shown_environments().values()]

    def find_numbered(self, number: int) -> Environment | None:
        """Return the environment with this number as it was read last, or None."""
        return self._shown_environments().get(number)

    async def fresh(self, *, at_once: bool = False) -> list[Environment]:
        """Return every environment, at most a second old, or current with `at_once`. Raise ServiceUnavailable."""
        await self.registry.refresh(at_once=at_once)
        return self.all()

    def live_keys(self, environment: Environment) -> list[str]:
        """Return the keys that open an environment: INBOX_API_KEY first, then the oldest."""
        self._shown_environments()
        keys = self._live_keys.get(environment.number)
        if keys is None:
            own = self._given.known(self._stored_current) if self._is_current(environment) else []
            stored = [self._secrets.unseal(key.sealed) for _, key in stored_by_age(self.registry.current, environment)]
            keys = list(dict.fromkeys(own + stored))
            self._live_keys[environment.number] = keys
        return [*keys]

    def lacks_given_key(self, environment: Environment) -> bool:
        """Return whether the environment is served with an INBOX_API_KEY that this process does not have."""
        own = self._given.digests if self._is_current(environment) else ()
        return self.registry.current.environments[environment.number].given_key not in (None, *own)

    async def find_by_key(self, api_key: str) -> Environment | None:
        """Return the environment that an API key opens, or None. Keys are found by digest, never compared as text."""
        return self.cached_by_key(api_key) or await self._find(lambda: self._of_key(key_digest(api_key)))

    def cached_by_key(self, api_key: str) -> Environment | None:
        """Return what `find_by_key` returns if it does not have to ask the store, else None."""
        return self._of_key(key_digest(api_key)) if self.registry.is_recent() else None

    async def find_by_identifier(self, identifier: str) -> Environment | None:
        """Return the environment with this application identifier, or None."""
        return await self._first(lambda item: item.identifier == identifier)

    async def find_by_id(self, environment_id: str) -> Environment | None:
        """Return the environment with this 24-hex id, or None."""
        return self.cached_by_id(environment_id) or await self._find(lambda: self._by_id().get(environment_id))

    def cached_by_id(self, environment_id: str) -> Environment | None:
        """Return what `find_by_id` returns if it does not have to ask the store, else None."""
        return self._by_id().get(environment_id) if self.registry.is_recent() else None

    def is_live_key(self, environment: Environment, api_key: str) -> bool:
        """Return whether an API key opens this environment, without asking the store. Also False if unknown."""
        found = self.cached_by_key(api_key)
        return found is not None and found.number == environment.number

    async def generations(self) -> dict[int, int]:
        """Return the generation of every environment by number, at most a second old. Raise ServiceUnavailable."""
        return {environment.number: environment.generation for environment in await self.fresh()}

    async def find_by_name(self, name: str) -> Environment:
        """Return the environment of this name, in any case. Raise NotFound."""
        lower = name.strip().lower()
        environment = await self._first(lambda item: item.name.lower() == lower)
        if environment is None:
            names = ", ".join(item.name for item in self.all())
            raise NotFound(f"There is no environment {name}, there are {names}")
        return environment

    def _of_key(self, digest: str) -> Environment | None:
        current = self.current
        for given in self._accepted:
            if hmac.compare_digest(digest, given):
                return current
        key = self.registry.current.api_keys.get(digest)
        if key is None or key.revoked_ms is not None:
            return None
        return self._shown_environments()[key.environment]

    async def _find(self, look: Callable[[], Environment | None]) -> Environment | None:
        """Return what `look` finds in the registry; before returning None, read the newest registry."""
        if not self.registry.is_recent():
            await self.registry.refresh()
        environment = look()
        if environment is None:
            await self.registry.refresh(at_once=True)
            environment = look()
        return environment

    async def _first(self, test: Callable[[Environment], bool]) -> Environment | None:
        return await self._find(lambda: next(filter(test, self._shown_environments().values()), None))

    def is_hash_required(self, environment: Environment) -> bool:
        """Return whether a browser session needs a subscriber hash.

        INBOX_REQUIRE_SUBSCRIBER_HASH decides, else the integration's setting, else production needs one.
        """
        choices = (self._settings.require_subscriber_hash, environment.hash_required, environment.is_production)
        return next(choice for choice in choices if choice is not None)

    async def change(self, environment: Environment, **fields: Any) -> Environment:
        """Replace settings of an environment and return it."""
        return await self.update(environment, lambda stored: msgspec.structs.replace(stored, **fields))

    async def update(self, environment: Environment, change: Callable[[Environment], Environment]) -> Environment:
        """Store what `change` makes of the stored environment, and return it.

        `change` may be called more than once; what it raises is raised.
        """
        changed = await self._store.change(environment.number, change)
        await self.registry.read()
        return self._shown(changed)

    async def note_session(self, environment: Environment) -> None:
        """Store that a browser has opened a session, once in an environment's life."""
        if not self.registry.current.environments[environment.number].connected:
            await self.change(environment, connected=True)

    def is_hash(self, environment: Environment, kind: HashKind, text: str, hashed: str) -> bool:
        """Return whether `hashed` is a valid hash of the text (a subscriberId or a context) under any live key."""
        keys, bound_only = self.live_keys(environment), self._settings.require_bound_hash
        return is_valid_hash(hashed, keys, kind, environment.identifier, text, now_seconds(), bound_only=bound_only)

    async def set_max_age(self, environment: Environment, days: int) -> Environment:
        """Set how many days an environment keeps messages. Raise ValidationFailed."""
        if not 1 <= days <= MAX_AGE_DAYS:
            raise invalid("maxAgeDays", f"maxAgeDays must be from 1 to {MAX_AGE_DAYS}", days)
        return await self.change(environment, max_age_days=days)

    async def create(self, name: str, limit: int | None = None) -> Environment:
        """Create an environment with a key, unless there are `limit` already.

        Raise BadRequest for that and for a taken name, and ValidationFailed.
        """
        name = name.strip()
        if not name or len(name) > MAX_NAME_LENGTH or not name.isprintable():
            raise invalid("name", f"name must be 1 to {MAX_NAME_LENGTH} printable characters", name)
        api_key, new = secrets.token_hex(16), _new_environment(0, name, self.current.organization_id)

        def add(registry: Registry) -> RegistryChange:
            if any(stored.name.lower() == name.lower() for stored in registry.environments.values()):
                raise BadRequest(f"An environment {name} exists already")
            if limit is not None and len(registry.environments) >= limit:
                raise BadRequest(f"There are {limit} environments already: `inbox environments create` makes more")
            environment = msgspec.structs.replace(new, number=max(registry.environments) + 1)
            return RegistryChange([environment], self.keys.new(environment, api_key))

        await self.registry.change(add)
        return self._by_id()[new.id]

    async def _proposal(self, mode: str, number: int, organization_id: str) -> Environment:
        """Return one of the two first environments; of the ids that processes propose, the first stay."""
        proposal = _new_environment(number, mode.capitalize(), organization_id)
        return msgspec.structs.replace(
            proposal,
            id=await self._secrets.get_or_create(f"{mode}:id", proposal.id),
            identifier=await self._secrets.get_or_create(f"{mode}:identifier", proposal.identifier),
        )

    async def _store_own(self) -> None:
        """Store this process's keys and identifier if they are new: each change makes every process read the registry.

        The key is removed from the environment of an earlier INBOX_MODE.
        """
        for other in self.all():
            if other.given_key in self._given.digests and not self._is_current(other):
                await self.change(other, given_key=None, former_key=None, given_identifier=None)
        stored = self._stored_current
        if self._with_own(stored) != stored:
            await self._store.change(stored.number, self._with_own)
            await self.registry.read()
        if self._given.is_outdated(self._stored_current):
            log.warning(
                "this INBOX_API_KEY has a successor, so it is not put back: give this process the present one",
                extra={"action": "outdated_key"},
            )

    def _with_own(self, stored: Environment) -> Environment:
        """Return the environment with this process's keys and identifier."""
        fields = self._given.fields(stored, self.registry.current.api_keys)
        return msgspec.structs.replace(stored, given_identifier=self._own_identifier, **fields)

    def _drop_outdated(self) -> None:
        if self.lacks_given_key(self.current):
            self._given.forget()
        if self.registry.current.environments[self.current.number].given_identifier:
            self._own_identifier = None
        self._shown_of = None

    async def _ensure_key(self, environment: Environment) -> None:
        """Create a key for an environment without one."""
        if environment.given_key or (self._given.digests and self._is_current(environment)):
            return
        new = self.keys.new(environment, secrets.token_hex(16))
        await self.registry.change(
            lambda registry: None if stored_by_age(registry, environment) else RegistryChange(api_keys=new)
        )

    def _is_current(self, environment: Environment) -> bool:
        return environment.number == NUMBERS[self._settings.mode]

    def _shown_environments(self) -> dict[int, Environment]:
        """Return every environment by number, oldest first, with the identifier that is served; made once a reading."""
        if self._shown_of is not self.registry.current:  # equal ones are not the same, and to compare them takes long
            self._shown_of = self.registry.current
            self._live_keys = {}
            self._all = {
                number: self._shown(each) for number, each in sorted(self.registry.current.environments.items())
            }
            self._ids = {each.id: each for each in self._all.values()}
            stored = self.registry.current.environments.get(NUMBERS[self._settings.mode])
            self._accepted = self._given.accepted(stored) if stored else frozenset()
        return self._all

    def _by_id(self) -> dict[str, Environment]:
        self._shown_environments()
        return self._ids

    def _shown(self, environment: Environment) -> Environment:
        """Return the environment with the identifier of the service's settings, if they have one."""
        identifier = self._own_identifier if self._is_current(environment) else None
        identifier = identifier or environment.given_identifier
        return msgspec.structs.replace(environment, identifier=identifier) if identifier else environment


def _missing(registry: Registry, proposals: Iterable[Environment]) -> RegistryChange | None:
    missing = [proposal for proposal in proposals if proposal.number not in registry.environments]
    return RegistryChange(missing) if missing else None


def _new_environment(number: int, name: str, organization_id: str) -> Environment:
    identifier = "".join(secrets.choice(_IDENTIFIER_ALPHABET) for _ in range(12))
    return Environment(number, new_object_id(), organization_id, name, identifier, now_ms())
