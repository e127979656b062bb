"""Where calls come in: HTTP and WebSockets on one port of the loopback interface. Runs in one asyncio loop."""

import asyncio
import json
from contextlib import suppress
from typing import Any

from aiohttp import WSMsgType, web

from tests.privmx.codes import Wrong
from tests.privmx.faults import Deed
from tests.privmx.methods import Asker, Socket
from tests.privmx.rpc import Rpc, refused

_FRAMES = (WSMsgType.TEXT, WSMsgType.BINARY)


class Connection:
    """One WebSocket. What is sent goes out in order; `alive`: it was heard of since the last ping."""

    def __init__(self, socket: Socket, wire: web.WebSocketResponse, transport: asyncio.Transport | None) -> None:
        self.socket, self.wire, self.alive = socket, wire, True
        self._transport = transport
        self._outbox: asyncio.Queue[str] = asyncio.Queue()

    def send(self, text: str | None, deed: Deed | None) -> None:
        """Unless something befalls it."""
        if deed == "cut":
            self.cut()
        elif text is not None and deed != "swallow":
            self._outbox.put_nowait(text)

    def cut(self) -> None:
        """Without a word: the other side sees 1006."""
        if self._transport is not None:
            self._transport.abort()

    async def write(self) -> None:
        while True:
            await self.wire.send_str(await self._outbox.get())


class Doors:
    def __init__(self, rpc: Rpc, ping_seconds: float) -> None:
        self._rpc, self._ping_seconds = rpc, ping_seconds
        self.connections: dict[int, Connection] = {}
        self.opened = 0
        self._runner: web.AppRunner | None = None

    async def open(self, port: int) -> int:
        """Listen; the port, which is a free one for 0."""
        application = web.Application()
        application.router.add_route("*", "/{path:.*}", self._serve)
        self._runner = web.AppRunner(application, handle_signals=False, shutdown_timeout=0.1, access_log=None)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", port, reuse_address=True)
        await site.start()
        return int(self._runner.addresses[0][1])

    async def close(self) -> None:
        self.cut()
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    def cut(self) -> None:
        for connection in list(self.connections.values()):
            connection.cut()

    def push(self, event: dict[str, Any], solution: str) -> None:
        """To whoever is connected and subscribed in this moment; nobody else ever hears of it."""
        for connection in list(self.connections.values()):
            if connection.socket.hears(event["channel"], solution):
                connection.send(json.dumps(event), self._rpc.faults.met("out", event["type"]))

    async def ping(self) -> None:
        """All at once, again and again; who was not heard of since the last time is cut off."""
        while True:
            await asyncio.sleep(self._ping_seconds)
            for connection in list(self.connections.values()):
                if not connection.alive:
                    connection.cut()
                    continue
                connection.alive = False
                with suppress(ConnectionError):  # it has just ended
                    await connection.wire.ping()

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        if request.headers.get("Upgrade", "").lower() == "websocket" and request.path.endswith("/api"):
            return await self._converse(request)
        if request.method == "POST" and request.path == "/api":
            return await self._post(request)
        if request.method == "GET" and request.path in ("/health", "/ready"):
            return web.json_response({"status": "ok"})
        return web.Response(status=404)

    async def _post(self, request: web.Request) -> web.Response:
        body = await request.read()
        try:
            asker = self._rpc.asker(request.headers.get("Authorization", ""), "POST\n/api", body)
        except Wrong as error:
            return web.json_response(text=refused(error, body))
        answer = self._rpc.answer(body, asker)
        if answer.deed in ("cut", "swallow") and request.transport is not None:
            request.transport.abort()
        return web.json_response(text=answer.text or "")

    async def _converse(self, request: web.Request) -> web.WebSocketResponse:
        wire = web.WebSocketResponse(autoping=False)
        await wire.prepare(request)
        self.opened += 1
        connection = Connection(Socket(self.opened), wire, request.transport)
        self.connections[self.opened] = connection
        writer = asyncio.ensure_future(connection.write())
        try:
            await self._listen(connection)
        finally:
            writer.cancel()
            await asyncio.gather(writer, return_exceptions=True)
            del self.connections[connection.socket.id]
        return wire

    async def _listen(self, connection: Connection) -> None:
        async for frame in connection.wire:
            connection.alive = True
            if frame.type is WSMsgType.PING:
                await connection.wire.pong(frame.data)
            elif frame.type in _FRAMES:
                answer = self._rpc.answer(frame.data, Asker(connection.socket))
                connection.send(answer.text, answer.deed)
