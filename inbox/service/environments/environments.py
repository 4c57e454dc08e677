"""Environments: their keys and application identifiers.

Development and Production exist from the start; a command creates more. A process checks the version of its registry at
most once a second, so a revoked key is invalid everywhere after that. While the store is away, a process serves from
what it has read last, for as long as that lasts. INBOX_API_KEY opens the environment of INBOX_MODE beside the stored
keys; INBOX_APPLICATION_IDENTIFIER replaces its identifier. A service stores both (only the digest of the key), so that
commands without these variables neither create another key nor show an identifier that is not served.
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
from inbox.errors import BadRequest, NotFound, StoreUnavailable, existing, invalid
from inbox.ids import new_object_id
from inbox.models import wire
from inbox.models.environment import DEVELOPMENT, PRODUCTION, ApiKey, Environment, LiveKey
from inbox.service.environments.given_keys import GivenKeys
from inbox.settings import Settings
from inbox.store.environments import EnvironmentStore, Registry, digest_of, key_id_of
from inbox.store.secrets import SecretStore
from inbox.subscriber_hash import HashKind, is_valid_hash
from inbox.tasks import SharedTurn

log = logging.getLogger(__name__)

VERSION_CHECK_SECONDS = 1.0
MAX_LIVE_KEYS = 2
MIN_HINTED_LENGTH = 16
"""Of a key whose last four characters are shown."""
MAX_NAME_LENGTH = 64
MAX_AGE_DAYS = 540
LOST = (
    "the store has lost its environments: was it flushed, restarted without persistence, or replaced by another one? "
    "The service ends; started again, it begins with what is there"
)
NUMBERS = {"development": DEVELOPMENT, "production": PRODUCTION}
_IDENTIFIER_ALPHABET = string.ascii_letters + string.digits


class EnvironmentService:
    """Finds and changes environments, their keys and identifiers."""

    token_secret: str

    def __init__(
        self,
        store: EnvironmentStore,
        secrets_store: SecretStore,
        settings: Settings,
        clock: Callable[[], float] = time.monotonic,
        on_read: Callable[[Iterable[Environment]], None] | None = None,
    ) -> None:
        """Call `on_read` with the environments after each read, and `on_lost`, once set, if the store has lost them."""
        self._store = store
        self._secrets = secrets_store
        self._settings = settings
        self._clock = clock
        self._on_read = on_read
        self.on_lost: Callable[[], None] | None = None
        self._is_lost = False
        self._registry = Registry(0, {}, {})
        self._checked_at = 0.0
        self._loading = SharedTurn()
        self._is_store_away = False
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
        for mode, number in NUMBERS.items():
            await self._ensure(mode, number, organization_id)
        await self._read()
        if serving:
            self._given.serve()
            await self._store_own()
        else:
            self._drop_outdated()
        for mode, number in NUMBERS.items():
            await self._ensure_key(mode, self._registry.environments[number])

    @property
    def _stored_current(self) -> Environment:
        return self._registry.environments[NUMBERS[self._settings.mode]]

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
        await self._refresh(at_once=at_once)
        return self.all()

    def live_keys(self, environment: Environment) -> list[str]:
        """Return the keys that open an environment: INBOX_API_KEY first, then the oldest."""
        self._shown_environments()
        keys = self._live_keys.get(environment.number)
        if keys is None:
            own = self._given.known(self._stored_current) if self._is_current(environment) else []
            stored = [self._secrets.unseal(key.sealed) for _, key in self._stored_by_age(environment)]
            keys = list(dict.fromkeys(own + stored))
            self._live_keys[environment.number] = keys
        return [*keys]

    def lacks_given_key(self, environment: Environment) -> bool:
        """Return whether the environment is served with an INBOX_API_KEY that this process does not have."""
        own = self._given.digests if self._is_current(environment) else ()
        return self._registry.environments[environment.number].given_key not in (None, *own)

    async def find_by_key(self, api_key: str) -> Environment | None:
        """Return the environment that an API key opens, or None. Keys are found by digest, never compared as text."""
        digest = digest_of(api_key)
        if self._is_recent() and (environment := self._of_key(digest)):
            return environment
        return await self._find(lambda: self._of_key(digest))

    async def find_by_identifier(self, identifier: str) -> Environment | None:
        """Return the environment with this application identifier, or None."""
        return await self._first(lambda item: item.identifier == identifier)

    async def find_by_id(self, environment_id: str) -> Environment | None:
        """Return the environment with this 24-hex id, or None."""
        return await self._find(lambda: self._by_id().get(environment_id))

    def cached_by_id(self, environment_id: str) -> Environment | None:
        """Return what `find_by_id` returns if it does not have to ask the store, else None."""
        return self._by_id().get(environment_id) if self._is_recent() else None

    def is_live_key(self, environment: Environment, api_key: str) -> bool:
        """Return whether an API key opens this environment, without asking the store. Also False if unknown."""
        found = self._of_key(digest_of(api_key)) if self._is_recent() else None
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
        key = self._registry.api_keys.get(digest)
        if key is None or key.revoked_ms is not None:
            return None
        return self._shown_environments()[key.environment]

    async def _find(self, look: Callable[[], Environment | None]) -> Environment | None:
        """Return what `look` finds in the registry; before returning None, read the newest registry."""
        if not self._is_recent():
            await self._refresh()
        environment = look()
        if environment is None:
            await self._refresh(at_once=True)
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
        changed = await self._store.change(environment.number, lambda stored: msgspec.structs.replace(stored, **fields))
        await self._read()
        return self._shown(changed)

    async def note_session(self, environment: Environment) -> None:
        """Store that a browser has opened a session, once in an environment's life."""
        if not self._registry.environments[environment.number].connected:
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
        await self._read()
        if any(item.name.lower() == name.lower() for item in self.all()):
            raise BadRequest(f"An environment {name} exists already")
        if limit is not None and len(self._registry.environments) >= limit:
            raise BadRequest(f"There are {limit} environments already: `inbox environments create` makes more")
        number = max(self._registry.environments) + 1
        environment = _new_environment(number, name, self.current.organization_id)
        if not await self._store.add(environment):
            raise BadRequest("Another environment was made at the same moment; please try again")
        await self.create_key(environment)
        return environment

    async def create_key(self, environment: Environment) -> str:
        """Create and return another key; two may be live at once. Raise BadRequest if there are two already."""
        await self._read()
        if len(self._stored_by_age(environment)) >= MAX_LIVE_KEYS:
            raise BadRequest(f"{environment.name} has {MAX_LIVE_KEYS} keys already: revoke one first")
        api_key = secrets.token_hex(16)
        await self._store.add_key(environment, api_key, self._secrets.seal(api_key))
        await self._read()
        return api_key

    async def list_keys(self, environment: Environment) -> list[LiveKey]:
        """Return the keys that open an environment, without the keys: those of the settings first, then the oldest."""
        await self._refresh(at_once=True)
        known = {digest_of(key): key for key in self.live_keys(environment)}
        given = self._given_digests(environment)
        stored = {digest: key for digest, key in self._stored_by_age(environment) if digest not in given}
        return [
            LiveKey(
                id=key_id_of(digest),
                digest=digest,
                last_four=known[digest][-4:] if len(known.get(digest, "")) >= MIN_HINTED_LENGTH else None,
                created_ms=stored[digest].created_ms if digest in stored else 0,
                setting=given.get(digest),
            )
            for digest in (*given, *stored)
        ]

    async def revoke_key(self, environment: Environment, api_key: str) -> None:
        """Revoke a stored key, and end every session of the environment.

        Raise NotFound, and BadRequest for the last key and for the INBOX_API_KEY of the service.
        """
        await self._read()
        await self._revoke(environment, digest_of(api_key))

    async def revoke_key_with_id(self, environment: Environment, key_id: str) -> None:
        """Revoke as `revoke_key` does the key that has this id in `list_keys`."""
        await self._read()
        digests = [*self._given_digests(environment), *(digest for digest, _ in self._stored_by_age(environment))]
        found = next((digest for digest in digests if key_id_of(digest) == key_id), None)
        await self._revoke(environment, existing(found, NotFound(f"{environment.name} has no such key")))

    async def regenerate_key(self, environment: Environment) -> str:
        """Revoke every key and return the only one that is left, a new one. Raise BadRequest as `revoke_key` does."""
        await self._read()
        if setting := next(iter(self._given_digests(environment).values()), None):
            raise BadRequest(f"The key of {environment.name} is the {setting} of its service: give it another there")
        former = [digest for digest, _ in self._stored_by_age(environment)]
        for digest in former[: len(former) - MAX_LIVE_KEYS + 1]:  # there must be a place for the new one
            await self._revoke(environment, digest)
        api_key = await self.create_key(environment)
        for digest in former[max(0, len(former) - MAX_LIVE_KEYS + 1) :]:
            await self._revoke(environment, digest)
        return api_key

    async def _revoke(self, environment: Environment, digest: str) -> None:
        if setting := self._given_digests(environment).get(digest):
            remedy = "give it another" if setting == "INBOX_API_KEY" else "remove it"
            raise BadRequest(f"This is the {setting} of the service of {environment.name}: {remedy} there")
        key = self._registry.api_keys.get(digest)
        if key is None or key.revoked_ms is not None or key.environment != environment.number:
            raise NotFound(f"{environment.name} has no such key")
        if not self._given_digests(environment) and len(self._stored_by_age(environment)) == 1:
            raise BadRequest(f"This is the last key of {environment.name}: make another first")
        await self._end_sessions(environment)
        await self._store.replace_key(digest, msgspec.structs.replace(key, revoked_ms=now_ms()))
        await self._end_sessions(environment)  # sessions opened meanwhile by other processes, with a hash of this key
        await self._read()

    def _given_digests(self, environment: Environment) -> dict[str, wire.KeySetting]:
        """Return the digests of the keys of the service's settings, with the name of the setting."""
        stored = self._registry.environments[environment.number]
        given: dict[str, wire.KeySetting] = {}
        if stored.given_key:
            given[stored.given_key] = "INBOX_API_KEY"
        if stored.former_key:
            given.setdefault(stored.former_key, "INBOX_FORMER_API_KEY")
        return given

    async def _end_sessions(self, environment: Environment) -> None:
        await self._store.change(
            environment.number, lambda stored: msgspec.structs.replace(stored, generation=stored.generation + 1)
        )

    async def _ensure(self, mode: str, number: int, organization_id: str) -> None:
        """Create one of the two first environments; of the values that processes propose, the first stay."""
        proposal = _new_environment(number, mode.capitalize(), organization_id)
        environment = msgspec.structs.replace(
            proposal,
            id=await self._secrets.get_or_create(f"{mode}:id", proposal.id),
            identifier=await self._secrets.get_or_create(f"{mode}:identifier", proposal.identifier),
        )
        await self._store.add(environment)

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
            await self._read()
        if self._given.is_outdated(self._stored_current):
            log.warning(
                "this INBOX_API_KEY has a successor, so it is not put back: give this process the present one",
                extra={"action": "outdated_key"},
            )

    def _with_own(self, stored: Environment) -> Environment:
        """Return the environment with this process's keys and identifier."""
        fields = self._given.fields(stored, self._registry.api_keys)
        return msgspec.structs.replace(stored, given_identifier=self._own_identifier, **fields)

    def _drop_outdated(self) -> None:
        if self.lacks_given_key(self.current):
            self._given.forget()
        if self._registry.environments[self.current.number].given_identifier:
            self._own_identifier = None
        self._shown_of = None

    async def _ensure_key(self, mode: str, environment: Environment) -> None:
        """Create a key for an environment without one; of the keys that processes propose, the first stays."""
        has_own = environment.given_key or (self._given.digests and self._is_current(environment))
        if has_own or self._stored_by_age(environment):
            return
        revoked = sum(key.environment == environment.number for key in self._registry.api_keys.values())
        name = f"{mode}:api_key:{revoked}" if revoked else f"{mode}:api_key"
        api_key = await self._secrets.get_or_create(name, secrets.token_hex(16), secret=True)
        await self._store.add_key(environment, api_key, self._secrets.seal(api_key))
        await self._read()

    def _is_current(self, environment: Environment) -> bool:
        return environment.number == NUMBERS[self._settings.mode]

    def _stored_by_age(self, environment: Environment) -> list[tuple[str, ApiKey]]:
        """Return the stored live keys of an environment with their digests, the oldest first."""
        keys = self._registry.api_keys.items()
        live = [item for item in keys if item[1].environment == environment.number and item[1].revoked_ms is None]
        return sorted(live, key=lambda item: item[1].created_ms)

    def _shown_environments(self) -> dict[int, Environment]:
        """Return every environment by number, oldest first, with the identifier that is served; made once a reading."""
        if self._shown_of is not self._registry:  # equal ones are not the same, and to compare them takes long
            self._shown_of = self._registry
            self._live_keys = {}
            self._all = {number: self._shown(each) for number, each in sorted(self._registry.environments.items())}
            self._ids = {each.id: each for each in self._all.values()}
            stored = self._registry.environments.get(NUMBERS[self._settings.mode])
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

    async def _refresh(self, *, at_once: bool = False) -> None:
        """Read the registry if it is older than a second, or older than this call with `at_once`.

        Whoever waits for an attempt that fails fails with it. From then on callers are served from what is known while
        one of them at a time tries again, except those who need it `at_once`.
        """
        start = self._clock()

        def is_recent() -> bool:
            return self._checked_at > start or (not at_once and self._is_recent())

        if is_recent() or (not at_once and self._is_trying_again):
            return
        was_away = self._is_store_away
        try:
            async with self._loading.take():
                if not is_recent():
                    await self._check()
        except StoreUnavailable:
            if at_once or not was_away or self._is_lost:
                raise

    def _is_recent(self) -> bool:
        """Return whether the registry was compared with the store's within the last second."""
        return self._clock() - self._checked_at < VERSION_CHECK_SECONDS

    @property
    def _is_trying_again(self) -> bool:
        return self._is_store_away and self._loading.is_taken and not self._is_lost

    async def _check(self) -> None:
        now = self._clock()
        try:
            if await self._store.version() != self._registry.version:
                await self._read()
        except StoreUnavailable:
            self._is_store_away = True
            raise
        self._is_store_away = False
        self._checked_at = now

    async def _read(self) -> None:
        now = self._clock()
        registry = await self._store.read()
        if _is_lost(self._registry, registry):
            self._lose()
            raise StoreUnavailable(LOST)
        self._registry = registry
        self._checked_at = now
        if self._on_read:
            self._on_read(self._registry.environments.values())

    def _lose(self) -> None:
        """Report that this process has data of another store in memory: it must stop serving (docs/decisions.md)."""
        if not self._is_lost:
            self._is_lost = True
            log.error(LOST, extra={"action": "store_lost"})
        if self.on_lost:
            self.on_lost()


def _is_lost(before: Registry, after: Registry) -> bool:
    """Return whether an environment is missing, or another one has its number: they are never deleted."""
    ids = {number: environment.id for number, environment in after.environments.items()}
    return any(ids.get(number) != environment.id for number, environment in before.environments.items())


def _new_environment(number: int, name: str, organization_id: str) -> Environment:
    identifier = "".join(secrets.choice(_IDENTIFIER_ALPHABET) for _ in range(12))
    return Environment(number, new_object_id(), organization_id, name, identifier, now_ms())
