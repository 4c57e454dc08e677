"""The primary behind sentinels: found through them, and left as soon as one of them announces a failover.

A demoted primary accepts writes until the sentinels have reached it, and loses all of them. So this process subscribes
to every sentinel, a promotion counts from its first announcement, and a server is used only if it says that it is a
primary.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from inbox.store.connection.errors import ConnectionLost, ReplyError
from inbox.store.connection.node import StoreNode
from inbox.store.connection.topology import SingleServer
from inbox.store.connection.url import Address, Login, StoreUrl
from inbox.store.connection.wire import Wire, pack
from inbox.tasks import end_tasks, start_detached

log = logging.getLogger(__name__)

PROMOTED, SWITCHED = b"+promoted-slave", b"+switch-master"
PROMOTED_SECONDS = 10.0
"""How long an announced promotion overrides sentinels that still name the old primary."""
WATCH_BACKOFF_SECONDS = 1.0
HEARTBEAT_SECONDS = 2.0
ANSWER_SECONDS = 1.0


class SentinelPrimary(SingleServer):
    """The primary of a service. Connections to one that is demoted are dropped at once."""

    def __init__(self, url: StoreUrl) -> None:
        super().__init__(StoreNode(Address(), url.login, self._find))
        self._service = url.service
        # with the user's name, since a sentinel without a password refuses one that is sent alone
        user = None if url.login.password is None else "default"
        sentinel_login = Login(user, url.login.password, tls=url.login.tls)
        self._sentinels = [StoreNode(address, sentinel_login) for address in url.addresses]
        self._promoted: Address | None = None
        self._promoted_until = 0.0
        self._watches: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Find the primary and subscribe to every sentinel. Raise ConnectionLost."""
        await self._find()
        self._watches = [
            asyncio.create_task(self._watch(sentinel), name=f"watch of sentinel {sentinel.name}")
            for sentinel in self._sentinels
        ]

    async def refresh(self) -> None:
        """Leave the current server if the sentinels name another."""
        try:
            address = await self._find()
        except ConnectionLost:
            return
        if address != self.node.address:
            self._move_to(address)

    def note_error(self, code: str) -> None:
        """Leave a server that became a replica. Ask the sentinels about one that lacks its replicas or primary."""
        if code == "READONLY":
            self._promoted = None
            self.node.drop("it is a replica now")
        elif code in ("NOREPLICAS", "MASTERDOWN") and (self._checking is None or self._checking.done()):
            self._checking = start_detached(self.refresh(), "ask the sentinels")

    async def close(self) -> None:
        await end_tasks(*self._watches)
        await super().close()
        for sentinel in self._sentinels:
            await sentinel.close()

    async def _find(self) -> Address:
        """Return the primary's address. A promoted server counts at once; sentinels name it after the failover."""
        if self._promoted is not None and asyncio.get_running_loop().time() < self._promoted_until:
            return self._promoted
        return await self._ask()

    async def _ask(self) -> Address:
        """Return the address that the sentinel with the newest configuration gives. Raise ConnectionLost."""
        answers = await asyncio.gather(*map(self._answer_of, self._sentinels))
        known = [answer for answer in answers if answer is not None]
        if not known:
            raise ConnectionLost(f"no sentinel names a primary of {self._service}")
        return max(known, key=lambda answer: answer[0])[1]

    async def _answer_of(self, sentinel: StoreNode) -> tuple[int, Address] | None:
        """Return the epoch of a sentinel's configuration and the address there, or None if it does not answer."""
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                flat = await sentinel.send(("SENTINEL", "MASTER", self._service))
            fields = dict(zip(flat[::2], flat[1::2], strict=True))
            return int(fields[b"config-epoch"]), Address(fields[b"ip"].decode(), int(fields[b"port"]))
        except (ConnectionLost, ReplyError, TimeoutError):
            return None
        except (TypeError, ValueError, KeyError) as error:
            log.warning("%s gives no answer of a sentinel: %r", sentinel.name, error, extra={"action": "sentinel_odd"})
            return None

    async def _watch(self, sentinel: StoreNode) -> None:
        """Follow a sentinel's announcements until cancelled."""
        while True:
            try:
                await self._follow(await sentinel.dial())
            except (ConnectionLost, ReplyError) as error:
                log.debug("a sentinel is not watched: %s", error, extra={"action": "sentinel_lost"})
            await asyncio.sleep(WATCH_BACKOFF_SECONDS)

    async def _follow(self, wire: Wire) -> None:
        """Follow one connection until it is lost or silent. Raise ConnectionLost."""
        heard = asyncio.Event()

        def take(reply: Any) -> None:
            heard.set()
            if isinstance(reply, list) and reply[0] == b"message":
                self._take(reply[1], reply[2])

        try:
            await wire.request(pack(("SUBSCRIBE", SWITCHED)))
            wire.on_push = take
            wire.send(pack(("SUBSCRIBE", PROMOTED)))
            await self.refresh()  # what was announced before is not repeated
            while True:
                heard.clear()
                wire.send(pack(("PING",)))
                await asyncio.wait([wire.lost], timeout=HEARTBEAT_SECONDS)
                if wire.lost.done() or not heard.is_set():
                    raise ConnectionLost(f"sentinel {wire.address} is silent")
        finally:
            wire.drop("no longer watched")

    def _take(self, channel: bytes, payload: bytes) -> None:
        """Take an announcement: `service old-host old-port host port`, or `slave name host port @ service …`."""
        words = payload.decode().split(" ")
        if channel == SWITCHED and words[0] == self._service:
            self._move_to(Address(words[3], int(words[4])))
        elif channel == PROMOTED and words[5] == self._service:
            self._move_to(Address(words[2], int(words[3])))

    def _move_to(self, address: Address) -> None:
        self._promoted = address
        self._promoted_until = asyncio.get_running_loop().time() + PROMOTED_SECONDS
        if address != self.node.address:
            log.warning("the store's primary is %s now", address, extra={"action": "store_failover"})
            self.node.drop(f"the primary is {address} now")
        else:  # a connection to it may be under way, while others still lead to the old one
            self.node.leave_others(address)
