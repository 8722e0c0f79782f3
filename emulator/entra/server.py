"""The front for other processes: an ASGI app on the same core, served by uvicorn on the loopback address.

Enters: HTTP on a socket. Leaves: the core's answers; a planned cut really breaks the socket.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request as HttpRequest
from starlette.responses import Response as HttpResponse
from starlette.routing import Route
from uvicorn.protocols.http.h11_impl import H11Protocol

from emulator.entra.core import Entra
from emulator.entra.wire import Request, Response

_METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"]
LOOPBACK = "127.0.0.1"


class CuttableProtocol(H11Protocol):
    """HTTP/1.1 that hands the socket's transport to the app, so that a planned fault can break it."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # uvicorn's own type
        """A client came."""
        self.app_state = {**self.app_state, "transport": transport}
        super().connection_made(transport)


def app(entra: Entra) -> Starlette:
    """The ASGI app. The core runs in a worker thread, so a long cycle does not stop the event loop."""

    async def endpoint(http: HttpRequest) -> HttpResponse:
        response = await run_in_threadpool(entra.answer, await _request(http))
        if response.disruption:
            await _break(http, response, entra.dials.hang_seconds)
        return HttpResponse(response.body, response.status, dict(response.headers))

    return Starlette(routes=[Route("/{path:path}", endpoint, methods=_METHODS)])


async def _request(http: HttpRequest) -> Request:
    return Request(
        method=http.method,
        path=http.scope["path"],
        query=http.scope["query_string"].decode("ascii"),
        headers={name.lower(): value for name, value in http.headers.items()},
        body=await http.body(),
        origin=f"{http.url.scheme}://{http.headers.get('host', LOOPBACK)}",
    )


async def _break(http: HttpRequest, response: Response, hang_seconds: float) -> None:
    if response.disruption == "timeout":
        await _gone_or_late(http, hang_seconds)
    transport = http.scope.get("state", {}).get("transport")
    if transport is not None:
        transport.abort()


async def _gone_or_late(http: HttpRequest, seconds: float) -> None:
    async def gone() -> None:
        while not await http.is_disconnected():
            await asyncio.sleep(0.05)

    try:
        await asyncio.wait_for(gone(), seconds)
    except TimeoutError:
        return


class Cycles:
    """Runs a cycle every `interval` seconds in a thread of its own until it is stopped."""

    def __init__(self, entra: Entra) -> None:
        self._entra = entra
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="entra-cycles", daemon=True)

    def __enter__(self) -> Cycles:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.wait(self._entra.dials.interval):
            self._entra.tick()


class Server(uvicorn.Server):
    """uvicorn, which says where it listens."""

    def __init__(self, config: uvicorn.Config, listening: Callable[[str], None]) -> None:
        super().__init__(config)
        self._listening = listening

    async def startup(self, sockets: Any = None) -> None:
        """Bind, then say the address."""
        await super().startup(sockets=sockets)
        if self.started:
            port = self.servers[0].sockets[0].getsockname()[1]
            self._listening(f"http://{LOOPBACK}:{port}")


def serve(entra: Entra, port: int, listening: Callable[[str], None], cycles: bool = True) -> None:
    """Serve on 127.0.0.1 until SIGTERM or SIGINT. `port` 0 takes a free one; `listening` is told the address."""
    config = uvicorn.Config(
        app(entra), host=LOOPBACK, port=port, log_level="warning", access_log=False, lifespan="off",
        http=CuttableProtocol, server_header=False, date_header=False, timeout_graceful_shutdown=1,
    )  # fmt: skip
    server = Server(config, listening)
    if cycles:
        with Cycles(entra):
            server.run()
    else:
        server.run()
