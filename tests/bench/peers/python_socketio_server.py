"""A python-socketio server with its Redis manager. Arguments: the port to listen on, the port of Redis.

POST /trigger?to=a,b sends the body to the rooms a and b, without `to` to every socket. A socket's token is its room.
"""

from __future__ import annotations

import sys
from typing import Any
from urllib.parse import parse_qs

import socketio
import uvicorn
from starlette.types import Receive, Scope, Send

from .bare_asgi import read_body, respond

PORT, REDIS_PORT = map(int, sys.argv[1:3])

server = socketio.AsyncServer(
    async_mode="asgi",
    client_manager=socketio.AsyncRedisManager(f"redis://127.0.0.1:{REDIS_PORT}"),
    transports=["websocket"],
)
sockets = socketio.ASGIApp(server)


@server.event
async def connect(sid: str, environ: dict[str, Any], auth: dict[str, str] | None) -> bool:
    token = (auth or {}).get("token")
    if token:
        await server.enter_room(sid, token)
    return bool(token)


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "http" and scope["path"] == "/trigger":
        body = await read_body(receive)
        [to] = parse_qs(scope["query_string"].decode()).get("to", [""])
        await server.emit("message", body.decode(), room=to.split(",") if to else None)
        await respond(send, b'{"acknowledged":true}', 201)
    else:
        await sockets(scope, receive, send)


if __name__ == "__main__":
    uvicorn.run(app, port=PORT, loop="uvloop", http="httptools", access_log=False, log_level="warning", backlog=4096)
