"""Your own client in sixty lines: the newest notifications of one person, kept true. It needs websockets.

    client = NativeClient("wss://inbox.example.com", get_token, lambda: print(client.counts, client.newest_first()))
    await client.run()

`get_token` returns a session token; it is awaited before every connect. ../native-protocol.md explains each step.
"""

import asyncio
import json
import random

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake


class NativeClient:
    def __init__(self, url, get_token, on_change):
        self.url, self.get_token, self.on_change = url, get_token, on_change
        self.items, self.counts, self.position, self.floor, self.failures = {}, {}, None, 0, 0

    def newest_first(self):
        return sorted(self.items.values(), key=lambda item: -item["sequence"])

    async def run(self):
        """Stay connected until cancelled. Raise ConnectionClosed when the service refuses for good."""
        while True:
            try:
                await self.follow(await self.get_token())
            except ConnectionClosed as closed:
                code = closed.rcvd.code if closed.rcvd else 1006
                if 4400 <= code <= 4499 and code not in (4401, 4403, 4408):
                    raise
            except (OSError, InvalidHandshake, TimeoutError):
                pass
            await asyncio.sleep(random.random() * min(30, 2**self.failures))
            self.failures += 1

    async def follow(self, token):
        hello = {"token": token, "list": {"limit": 100}, **({"position": self.position} if self.position else {})}
        async with connect(f"{self.url}/v1/socket", subprotocols=["inbox.v1"], max_size=None) as socket:
            await socket.send(json.dumps({"id": 1, "connect": hello}))
            while self.take(json.loads(await asyncio.wait_for(socket.recv(), 35))):
                self.on_change()

    def take(self, frame):
        """Apply a frame. Return False when something is missing: then connect again."""
        result, event = frame.get("result"), frame.get("event")
        if event and event["from"] != self.position:
            return False
        if result and not result["recovered"]:
            page = result["list"]
            self.items = {item["id"]: item for item in page["data"]}
            self.floor = page["data"][-1]["sequence"] if page["hasMore"] else 0
        told = result or event
        if told:
            self.position, self.counts, self.failures = told["position"], told["counts"], 0
            for change in told.get("changes", []):
                self.change(**change)
        return not told or self.position is not None

    def change(self, created=None, updated=None, removed=(), bulk=None, refetch=False, **_):
        whole = created or updated
        if whole and whole["sequence"] >= self.floor:
            self.items[whole["id"]] = whole
        for id in removed:
            self.items.pop(id, None)
        for id, item in self.items.items() if bulk else ():
            ranges = bulk.get("sequences") or [(0, bulk["upTo"])]
            if any(first <= item["sequence"] <= last for first, last in ranges):
                first_seen = {"firstSeenAt": item["firstSeenAt"]} if "firstSeenAt" in item else {}
                after = {**item, **bulk["set"], **first_seen}
                self.items[id] = {name: value for name, value in after.items() if value is not None}
        if refetch:
            self.position = None  # the next connect lists anew
