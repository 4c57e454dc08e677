"""What is generated once for the installation: ids, keys and the token secret. The first process to write wins."""

from __future__ import annotations

import base64
import hashlib

from cryptography.fernet import Fernet, InvalidToken

from inbox.errors import StartupError
from inbox.store.client import Client
from inbox.store.keys import LAYOUT_VERSION, Keys

_PLAIN, _SEALED = b"plain:", b"fernet:"


class SecretStore:
    """Generated values, kept encrypted under INBOX_SECRET_KEY when that is set."""

    def __init__(self, client: Client, keys: Keys, secret_key: str | None) -> None:
        self._client = client
        self._keys = keys
        digest = hashlib.sha256(secret_key.encode()).digest() if secret_key else None
        self._fernet = Fernet(base64.urlsafe_b64encode(digest)) if digest else None

    async def check_layout(self) -> None:
        """Claims an empty store for this layout. Raises StartupError when another release wrote another one."""
        await self._client.execute("SET", self._keys.layout, LAYOUT_VERSION, "NX")
        found = int(await self._client.execute("GET", self._keys.layout))
        if found != LAYOUT_VERSION:
            raise StartupError(
                f"The store has data layout {found}, this release reads layout {LAYOUT_VERSION}: "
                "run the release that wrote it, or choose another INBOX_KEY_PREFIX"
            )

    async def get_or_create(self, name: str, proposal: str, *, secret: bool = False) -> str:
        """The value of that name; the proposal becomes it if there is none yet.

        Raises StartupError when it was encrypted under another INBOX_SECRET_KEY, or is and none is set.
        """
        value = self.seal(proposal) if secret else proposal.encode()
        await self._client.execute("HSETNX", self._keys.secrets, name, value)
        found: bytes = await self._client.execute("HGET", self._keys.secrets, name)
        if not secret:
            return found.decode()
        if self._fernet and found.startswith(_PLAIN):  # written before INBOX_SECRET_KEY was set
            sealed = self.seal(found.removeprefix(_PLAIN).decode())
            await self._client.execute("HSET", self._keys.secrets, name, sealed)
        return self.unseal(found)

    def seal(self, text: str) -> bytes:
        """What is stored of a secret."""
        return _SEALED + self._fernet.encrypt(text.encode()) if self._fernet else _PLAIN + text.encode()

    def unseal(self, value: bytes) -> str:
        """The secret again. Raises StartupError when INBOX_SECRET_KEY does not fit."""
        if value.startswith(_PLAIN):
            return value.removeprefix(_PLAIN).decode()
        if self._fernet is None:
            raise StartupError("The store's keys are encrypted: set the INBOX_SECRET_KEY that they were written with")
        try:
            return self._fernet.decrypt(value.removeprefix(_SEALED)).decode()
        except InvalidToken:
            raise StartupError("INBOX_SECRET_KEY is not the one that the store's keys were encrypted with") from None
