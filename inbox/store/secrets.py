"""Values generated once for the installation: ids, keys and the token secret. The first process to write wins."""

from __future__ import annotations

import base64
import hashlib
from typing import TYPE_CHECKING

from inbox.errors import StartupError
from inbox.store.base import BaseStore
from inbox.store.client import Client
from inbox.store.keys import LAYOUT_VERSION, Keys

if TYPE_CHECKING:
    from cryptography.fernet import Fernet

_PLAIN, _SEALED = b"plain:", b"fernet:"


class SecretStore(BaseStore):
    """Stores generated values, encrypted under INBOX_SECRET_KEY if that is set."""

    def __init__(self, client: Client, keys: Keys, secret_key: str | None) -> None:
        super().__init__(client, keys)
        self._fernet = _fernet_of(secret_key) if secret_key else None

    async def check_layout(self) -> None:
        """Claim an empty store for this layout. Raise StartupError if another release wrote another one."""
        await self._client.execute("SET", self._keys.layout, LAYOUT_VERSION, "NX")
        layout = int(await self._client.execute("GET", self._keys.layout))
        if layout != LAYOUT_VERSION:
            raise StartupError(
                f"The store has data layout {layout}, this release reads layout {LAYOUT_VERSION}: "
                "run the release that wrote it, or choose another INBOX_KEY_PREFIX"
            )

    async def get_or_create(self, name: str, proposal: str, *, secret: bool = False) -> str:
        """Return the value of this name; store the proposal if there is none.

        Raise StartupError if it is encrypted under another INBOX_SECRET_KEY than the one that is set, if any.
        """
        value = self.seal(proposal) if secret else proposal.encode()
        await self._client.execute("HSETNX", self._keys.secrets, name, value)
        stored: bytes = await self._client.execute("HGET", self._keys.secrets, name)
        if not secret:
            return stored.decode()
        if self._fernet and stored.startswith(_PLAIN):  # written before INBOX_SECRET_KEY was set
            sealed = self.seal(stored.removeprefix(_PLAIN).decode())
            await self._client.execute("HSET", self._keys.secrets, name, sealed)
        return self.unseal(stored)

    def seal(self, text: str) -> bytes:
        """Return the stored form of a secret."""
        return _SEALED + self._fernet.encrypt(text.encode()) if self._fernet else _PLAIN + text.encode()

    def unseal(self, value: bytes) -> str:
        """Return the secret of a stored form. Raise StartupError if INBOX_SECRET_KEY does not fit."""
        if value.startswith(_PLAIN):
            return value.removeprefix(_PLAIN).decode()
        if self._fernet is None:
            raise StartupError("The store's keys are encrypted: set the INBOX_SECRET_KEY that they were written with")
        from cryptography.fernet import InvalidToken

        try:
            return self._fernet.decrypt(value.removeprefix(_SEALED)).decode()
        except InvalidToken:
            raise StartupError("INBOX_SECRET_KEY is not the one that the store's keys were encrypted with") from None


def _fernet_of(secret_key: str) -> Fernet:
    """Return the cipher of a key. Its library takes 6 MB, which a service without INBOX_SECRET_KEY does not pay."""
    from cryptography.fernet import Fernet

    return Fernet(base64.urlsafe_b64encode(hashlib.sha256(secret_key.encode()).digest()))
