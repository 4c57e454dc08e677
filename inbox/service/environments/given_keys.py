"""The API keys of the settings, INBOX_API_KEY and INBOX_FORMER_API_KEY, and which of them are accepted."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from inbox.models.environment import ApiKey, Environment
from inbox.settings import Settings
from inbox.store.environments import key_digest

MAX_REPLACED_KEYS = 50


class GivenKeys:
    """The keys that this process was started with, by their digests. Commands forget those that the service lacks."""

    def __init__(self, settings: Settings) -> None:
        given = [key.get_secret_value() for key in (settings.api_key, settings.former_api_key) if key]
        self._keys = {key_digest(key): key for key in given}
        self._is_serving = False

    @property
    def digests(self) -> Collection[str]:
        return self._keys.keys()

    def serve(self) -> None:
        """Note that this process is a service: its keys count once they are stored."""
        self._is_serving = True

    def forget(self) -> None:
        self._keys = {}

    def accepted(self, stored: Environment) -> frozenset[str]:
        """Return the digests of the given keys that open the environment of INBOX_MODE.

        They are those of the process that was started last, so that a key that was replaced opens nothing at processes
        that still have it, and its successor opens the environment there too.
        """
        own = () if self._is_serving or stored.given_key else self._keys
        return frozenset(digest for digest in (stored.given_key, stored.former_key, *own) if digest)

    def known(self, stored: Environment) -> list[str]:
        """Return those of the accepted keys that this process has, INBOX_API_KEY first."""
        accepted = self.accepted(stored)
        return [key for digest, key in self._keys.items() if digest in accepted]

    def is_outdated(self, stored: Environment) -> bool:
        """Return whether the INBOX_API_KEY of this process was replaced, by a key that this process does not have."""
        if not self._keys or stored.given_key is None or stored.given_key in self._keys:
            return False
        return next(iter(self._keys)) in (stored.former_key, *stored.replaced_keys)

    def fields(self, stored: Environment, api_keys: Mapping[str, ApiKey]) -> dict[str, object]:
        """Return the fields of the environment that this process changes when it begins to serve; none if outdated.

        So a process that comes back with old settings does not undo a change of the key. A key that is not given any
        more ends the sessions that were opened under it, unless it is a stored one.
        """
        if self.is_outdated(stored):
            return {}
        given_key, former_key, *_ = [*self._keys, None, None]
        ended = [digest for digest in (stored.former_key, stored.given_key) if digest and digest not in self._keys]
        has_ended = any((key := api_keys.get(digest)) is None or key.revoked_ms is not None for digest in ended)
        replaced = [digest for digest in stored.replaced_keys if digest not in {*self._keys, *ended}]
        replaced += ended if given_key else []
        return {
            "given_key": given_key,
            "former_key": former_key,
            "replaced_keys": tuple(replaced[-MAX_REPLACED_KEYS:]),
            "generation": stored.generation + has_ended,
        }
