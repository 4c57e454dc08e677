"""Environments: which ones there are, and which one a key or an application identifier belongs to."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import string

from inbox.ids import new_object_id
from inbox.models.environment import Environment
from inbox.settings import Settings
from inbox.store.secrets import SecretStore

NUMBERS = {"development": 1, "production": 2}
_IDENTIFIER_ALPHABET = string.ascii_letters + string.digits


class EnvironmentService:
    """The environment of INBOX_MODE, with its key and identifier."""

    current: Environment
    api_key: str
    token_secret: str

    def __init__(self, secrets_store: SecretStore, settings: Settings) -> None:
        self._secrets = secrets_store
        self._settings = settings

    async def load(self) -> None:
        """Reads what the first process generated, or generates it; INBOX_* wins. Raises StartupError."""
        await self._secrets.check_layout()
        organization_id = await self._secrets.get_or_create("organization", new_object_id())
        self.token_secret = await self._secrets.get_or_create("token_secret", secrets.token_hex(32), secret=True)
        mode = self._settings.mode
        self.current = Environment(
            number=NUMBERS[mode],
            id=await self._secrets.get_or_create(f"{mode}:id", new_object_id()),
            organization_id=organization_id,
            name=mode.capitalize(),
            identifier=self._settings.application_identifier
            or await self._secrets.get_or_create(f"{mode}:identifier", _new_identifier()),
        )
        given = self._settings.api_key
        if given is not None:
            self.api_key = given.get_secret_value()
        else:
            self.api_key = await self._secrets.get_or_create(f"{mode}:api_key", secrets.token_hex(16), secret=True)
        self._key_digest = _digest(self.api_key)

    async def find_by_key(self, api_key: str) -> Environment | None:
        """The environment that an API key opens, or None. Compared by digest, in constant time."""
        return self.current if hmac.compare_digest(_digest(api_key), self._key_digest) else None

    async def find_by_identifier(self, identifier: str) -> Environment | None:
        """The environment with this application identifier, or None."""
        return self.current if identifier == self.current.identifier else None

    async def find_by_id(self, environment_id: str) -> Environment | None:
        """The environment with this 24-hex id, or None."""
        return self.current if environment_id == self.current.id else None

    def is_subscriber_hash(self, environment: Environment, subscriber_id: str, given: str) -> bool:  # noqa: ARG002
        """Whether `given` is the hex HMAC-SHA256 of the subscriberId under the environment's key (rest-inbox.md §3)."""
        expected = hmac.new(self.api_key.encode(), subscriber_id.encode(), hashlib.sha256).hexdigest()
        return hmac.compare_digest(expected.encode(), given.lower().encode())


def _digest(api_key: str) -> bytes:
    return hashlib.sha256(api_key.encode()).digest()


def _new_identifier() -> str:
    return "".join(secrets.choice(_IDENTIFIER_ALPHABET) for _ in range(12))
