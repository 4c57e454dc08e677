"""Environments: which ones there are, and which one a key or an application identifier belongs to.

Development and Production exist from the start, each with a key of its own; more are made by command. A process keeps
the registry and looks at its version at most once a second, so a revoked key is dead everywhere within that time. The
environment of INBOX_MODE is `current`; INBOX_API_KEY opens it beside the stored keys, INBOX_APPLICATION_IDENTIFIER
names it in place of the stored one. A service notes both in the store, of the key the digest alone, so that a command
without these variables neither makes a key beside the given one nor shows an identifier that nobody serves.
"""

from __future__ import annotations

import asyncio
import hmac
import logging
import secrets
import string
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import msgspec

from inbox.clock import now_ms, now_seconds
from inbox.errors import BadRequest, NotFound, StoreUnavailable, invalid
from inbox.ids import new_object_id
from inbox.models.environment import DEVELOPMENT, PRODUCTION, ApiKey, Environment
from inbox.service.environments.subscriber_hash import Kind, is_valid_hash
from inbox.settings import Settings
from inbox.store.environments import EnvironmentStore, Registry, digest_of
from inbox.store.secrets import SecretStore

log = logging.getLogger(__name__)

VERSION_CHECK_SECONDS = 1.0
MAX_LIVE_KEYS = 2
MAX_NAME_LENGTH = 64
MOST_AGE_DAYS = 540
LOST = (
    "the store has lost its environments: was it flushed, restarted without persistence, or replaced by another one? "
    "The service ends; started again, it begins with what is there"
)
NUMBERS = {"development": DEVELOPMENT, "production": PRODUCTION}
_IDENTIFIER_ALPHABET = string.ascii_letters + string.digits


class EnvironmentService:
    """Every environment with its keys and identifier."""

    token_secret: str

    def __init__(
        self,
        store: EnvironmentStore,
        secrets_store: SecretStore,
        settings: Settings,
        clock: Callable[[], float] = time.monotonic,
        on_read: Callable[[Iterable[Environment]], None] | None = None,
    ) -> None:
        """`on_read` is given the environments each time they are read. `on_lost` is set later, by whoever can end the
        process: it is called whenever the store is found to have lost them."""
        self._store = store
        self._secrets = secrets_store
        self._settings = settings
        self._clock = clock
        self._on_read = on_read
        self.on_lost: Callable[[], None] | None = None
        self._is_lost = False
        self._registry = Registry(0, {}, {})
        self._checked_at = 0.0
        self._loading = asyncio.Lock()
        given = settings.api_key
        self._given_key = given.get_secret_value() if given else None
        self._given_identifier = settings.application_identifier

    async def load(self, *, serving: bool = False) -> None:
        """Reads what the first process generated, or generates it. Raises StartupError.

        With `serving` notes what this process was given; else heeds what the service has noted first.
        """
        await self._secrets.check_layout()
        self.token_secret = await self._secrets.get_or_create("token_secret", secrets.token_hex(32), secret=True)
        organization_id = await self._secrets.get_or_create("organization", new_object_id())
        for mode, number in NUMBERS.items():
            await self._ensure(mode, number, organization_id)
        await self._read()
        if serving:
            await self._note_given()
        else:
            self._heed_given()
        for mode, number in NUMBERS.items():
            await self._ensure_key(mode, self._registry.environments[number])

    @property
    def current(self) -> Environment:
        """The environment of INBOX_MODE."""
        return self._shown(self._registry.environments[NUMBERS[self._settings.mode]])

    @property
    def api_key(self) -> str:
        """A live key of the current environment: the one given by INBOX_API_KEY, else the oldest."""
        return self.live_keys(self.current)[0]

    def all(self) -> list[Environment]:
        """Every environment, in the order they were made."""
        return [self._shown(environment) for _, environment in sorted(self._registry.environments.items())]

    def find_numbered(self, number: int) -> Environment | None:
        """The environment of this number, as of the latest look."""
        environment = self._registry.environments.get(number)
        return self._shown(environment) if environment else None

    async def fresh(self, *, at_once: bool = False) -> list[Environment]:
        """Every environment, as of at most a second ago, or with `at_once` as of now. Raises StoreUnavailable."""
        await self._refresh(at_once=at_once)
        return self.all()

    def live_keys(self, environment: Environment) -> list[str]:
        """The keys that open an environment, the given one first, then the oldest."""
        stored = sorted(self._stored_keys(environment), key=lambda key: key.created_ms)
        given = [self._given_key] if self._given_key and self._is_current(environment) else []
        return given + [key for one in stored if (key := self._secrets.unseal(one.sealed)) not in given]

    def lacks_given_key(self, environment: Environment) -> bool:
        """Whether the environment is served with an INBOX_API_KEY that this process does not know."""
        known = digest_of(self._given_key) if self._given_key and self._is_current(environment) else None
        return self._registry.environments[environment.number].given_key not in (None, known)

    async def find_by_key(self, api_key: str) -> Environment | None:
        """The environment that an API key opens, or None. Keys are looked up by digest, never compared as text."""
        digest = digest_of(api_key)
        return await self._find(lambda: self._of_key(digest))

    async def find_by_identifier(self, identifier: str) -> Environment | None:
        """The environment with this application identifier, or None."""
        return await self._find(lambda: _first(found for found in self.all() if found.identifier == identifier))

    async def find_by_id(self, environment_id: str) -> Environment | None:
        """The environment with this 24-hex id, or None."""
        return await self._find(lambda: _first(found for found in self.all() if found.id == environment_id))

    async def generations(self) -> dict[int, int]:
        """The generation of every environment by its number, at most a second old. Raises StoreUnavailable."""
        await self._refresh()
        return {number: environment.generation for number, environment in self._registry.environments.items()}

    async def find_by_name(self, name: str) -> Environment:
        """The environment of this name, in any case. Raises NotFound."""
        wanted = name.strip().lower()
        environment = await self._find(lambda: _first(found for found in self.all() if found.name.lower() == wanted))
        if environment is None:
            raise NotFound(f"There is no environment {name}")
        return environment

    def _of_key(self, digest: str) -> Environment | None:
        if self._given_key and hmac.compare_digest(digest, digest_of(self._given_key)):
            return self.current
        key = self._registry.api_keys.get(digest)
        if key is None or key.revoked_ms is not None:
            return None
        return self._shown(self._registry.environments[key.environment])

    async def _find(self, look: Callable[[], Environment | None]) -> Environment | None:
        """What `look` finds in the registry; absence is believed only of the newest one."""
        await self._refresh()
        found = look()
        if found is None:
            await self._refresh(at_once=True)
            found = look()
        return found

    def is_hash_required(self, environment: Environment) -> bool:
        """Whether a browser session needs a subscriber hash: INBOX_REQUIRE_SUBSCRIBER_HASH, else the integration's
        setting, else in production yes."""
        given = self._settings.require_subscriber_hash
        chosen = environment.hash_required if given is None else given
        return environment.is_production if chosen is None else chosen

    async def change(self, environment: Environment, **fields: Any) -> Environment:
        """Changes what an environment is set to."""
        changed = await self._store.change(
            environment.number, lambda stored: msgspec.structs.replace(stored, **fields)
        )
        await self._read()
        return self._shown(changed)

    async def note_session(self, environment: Environment) -> None:
        """Remembers that a browser has come: written once in an environment's life."""
        if not self._registry.environments[environment.number].connected:
            await self.change(environment, connected=True)

    def is_hash(self, environment: Environment, kind: Kind, text: str, given: str) -> bool:
        """Whether `given` is a hash of the text (a subscriberId, a context) under any live key, and still valid."""
        keys, bound_only = self.live_keys(environment), self._settings.require_bound_hash
        return is_valid_hash(given, keys, kind, environment.identifier, text, now_seconds(), bound_only=bound_only)

    async def set_max_age(self, environment: Environment, days: int) -> Environment:
        """Sets how many days an environment keeps messages. Raises ValidationFailed."""
        if not 1 <= days <= MOST_AGE_DAYS:
            raise invalid("maxAgeDays", f"maxAgeDays must be from 1 to {MOST_AGE_DAYS}", days)
        return await self.change(environment, max_age_days=days)

    async def create(self, name: str) -> Environment:
        """A new environment with a key of its own. Raises BadRequest when the name is taken, ValidationFailed."""
        name = name.strip()
        if not name or len(name) > MAX_NAME_LENGTH or not name.isprintable():
            raise invalid("name", f"name must be 1 to {MAX_NAME_LENGTH} printable characters", name)
        await self._read()
        if any(found.name.lower() == name.lower() for found in self.all()):
            raise BadRequest(f"An environment {name} exists already")
        number = max(self._registry.environments) + 1
        environment = _new_environment(number, name, self.current.organization_id)
        if not await self._store.add(environment):
            raise BadRequest("Another environment was made at the same moment; please try again")
        await self.create_key(environment)
        return environment

    async def create_key(self, environment: Environment) -> str:
        """A further key; two may be live at once. Raises BadRequest when there are two already."""
        await self._read()
        if len(list(self._stored_keys(environment))) >= MAX_LIVE_KEYS:
            raise BadRequest(f"{environment.name} has {MAX_LIVE_KEYS} keys already: revoke one first")
        api_key = secrets.token_hex(16)
        await self._store.add_key(environment, api_key, self._secrets.seal(api_key))
        await self._read()
        return api_key

    async def revoke_key(self, environment: Environment, api_key: str) -> None:
        """Ends a stored key, and with it every session of the environment.

        Raises NotFound; BadRequest for the last key and for the one that the service was given.
        """
        await self._read()
        digest, given = digest_of(api_key), self._registry.environments[environment.number].given_key
        if digest == given:
            raise BadRequest(f"This is the INBOX_API_KEY of the service of {environment.name}: give it another there")
        key = self._registry.api_keys.get(digest)
        if key is None or key.revoked_ms is not None or key.environment != environment.number:
            raise NotFound(f"{environment.name} has no such key")
        if given is None and len(list(self._stored_keys(environment))) == 1:
            raise BadRequest(f"This is the last key of {environment.name}: make another first")
        await self._end_sessions(environment)
        await self._store.replace_key(digest, msgspec.structs.replace(key, revoked_ms=now_ms()))
        await self._end_sessions(environment)  # those that other processes opened in between, by a hash of this key
        await self._read()

    async def _end_sessions(self, environment: Environment) -> None:
        await self._store.change(
            environment.number,
            lambda stored: msgspec.structs.replace(stored, generation=stored.generation + 1),
        )

    async def _ensure(self, mode: str, number: int, organization_id: str) -> None:
        """Makes one of the two first environments: every process proposes, the first one's values stay."""
        proposal = _new_environment(number, mode.capitalize(), organization_id)
        environment = msgspec.structs.replace(
            proposal,
            id=await self._secrets.get_or_create(f"{mode}:id", proposal.id),
            identifier=await self._secrets.get_or_create(f"{mode}:identifier", proposal.identifier),
        )
        await self._store.add(environment)

    async def _note_given(self) -> None:
        """Written only when it is something new: each change has every process read the registry.

        The key is noted where it is valid by now, and no longer where it was under another INBOX_MODE.
        """
        given_key = digest_of(self._given_key) if self._given_key else None
        for other in self.all():
            if given_key and other.given_key == given_key and not self._is_current(other):
                await self.change(other, given_key=None, given_identifier=None)
        stored = self._registry.environments[NUMBERS[self._settings.mode]]
        if self._noting(stored) != stored:
            await self._store.change(stored.number, self._noting)
            await self._read()

    def _noting(self, stored: Environment) -> Environment:
        """What this process was given, noted. Another key ends the one before it, and with it its sessions."""
        given_key = digest_of(self._given_key) if self._given_key else None
        key = self._registry.api_keys.get(stored.given_key or "")
        has_ended = stored.given_key not in (None, given_key) and not (key and key.revoked_ms is None)
        return msgspec.structs.replace(
            stored,
            given_key=given_key,
            given_identifier=self._given_identifier,
            generation=stored.generation + has_ended,
        )

    def _heed_given(self) -> None:
        if self.lacks_given_key(self.current):
            self._given_key = None
        if self._registry.environments[self.current.number].given_identifier:
            self._given_identifier = None

    async def _ensure_key(self, mode: str, environment: Environment) -> None:
        """Makes a key for an environment without any. All processes propose under one name: the first one's stays."""
        is_given = environment.given_key or (self._given_key and self._is_current(environment))
        if is_given or any(self._stored_keys(environment)):
            return
        revoked = sum(key.environment == environment.number for key in self._registry.api_keys.values())
        name = f"{mode}:api_key:{revoked}" if revoked else f"{mode}:api_key"
        api_key = await self._secrets.get_or_create(name, secrets.token_hex(16), secret=True)
        await self._store.add_key(environment, api_key, self._secrets.seal(api_key))
        await self._read()

    def _is_current(self, environment: Environment) -> bool:
        return environment.number == NUMBERS[self._settings.mode]

    def _stored_keys(self, environment: Environment) -> list[ApiKey]:
        keys = self._registry.api_keys.values()
        return [key for key in keys if key.environment == environment.number and key.revoked_ms is None]

    def _shown(self, environment: Environment) -> Environment:
        """The environment, with the identifier that is given for it: here, or at the service that noted it."""
        given = self._given_identifier if self._is_current(environment) else None
        given = given or environment.given_identifier
        return msgspec.structs.replace(environment, identifier=given) if given else environment

    async def _refresh(self, *, at_once: bool = False) -> None:
        asked = self._clock()
        if not at_once and asked - self._checked_at < VERSION_CHECK_SECONDS:
            return
        async with self._loading:
            if self._checked_at > asked or (not at_once and self._clock() - self._checked_at < VERSION_CHECK_SECONDS):
                return
            now = self._clock()
            if await self._store.version() != self._registry.version:
                await self._read()
            self._checked_at = now

    async def _read(self) -> None:
        now = self._clock()
        found = await self._store.read()
        if _is_lost(self._registry, found):
            self._lose()
            raise StoreUnavailable(LOST)
        self._registry = found
        self._checked_at = now
        if self._on_read:
            self._on_read(self._registry.environments.values())

    def _lose(self) -> None:
        """What this process remembers belongs to another store: it must not serve on (decisions.md)."""
        if not self._is_lost:
            self._is_lost = True
            log.error(LOST, extra={"action": "store_lost"})
        if self.on_lost:
            self.on_lost()


def _is_lost(known: Registry, found: Registry) -> bool:
    """Whether an environment is not there any more, or another one under its number: they are never deleted."""
    ids = {number: environment.id for number, environment in found.environments.items()}
    return any(ids.get(number) != environment.id for number, environment in known.environments.items())


def _first(found: Iterator[Environment]) -> Environment | None:
    return next(found, None)


def _new_environment(number: int, name: str, organization_id: str) -> Environment:
    identifier = "".join(secrets.choice(_IDENTIFIER_ALPHABET) for _ in range(12))
    return Environment(number, new_object_id(), organization_id, name, identifier, now_ms())
