"""The HTTP server of the host: the functions' routes and the admin pages on a port of 127.0.0.1."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Self

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from emulator.host.admin import Admin, Verbs
from emulator.host.dispatch import Dispatcher
from emulator.host.errors import HostError, HostStopping, PortTaken, UnknownFunction
from emulator.host.http import HttpTrigger, Keys, endpoint_of


def application(triggers: list[HttpTrigger], keys: Keys, dispatcher: Dispatcher, verbs: Verbs) -> Starlette:
    """Return the host's HTTP application: every trigger's routes and the admin pages."""
    routes = [
        _route(path, trigger.methods, endpoint_of(trigger, keys, dispatcher))
        for trigger in triggers
        for path in trigger.paths
    ]
    admin = Admin(keys, verbs)
    own = [
        Route("/", lambda request: PlainTextResponse("The Functions host is up and running.\n")),
        Route("/admin/host/status", admin.status, methods=["GET"]),
        Route("/admin/host/settle", admin.settle, methods=["POST"]),
        Route("/admin/functions", admin.functions, methods=["GET"]),
        Route("/admin/functions/{name}", admin.fire, methods=["POST"]),
    ]
    return Starlette(routes=[*routes, *own], exception_handlers={HostError: _host_error, 405: _no_such_method})


def _route(path: str, methods: Sequence[str], endpoint: Callable[[Request], Any]) -> Route:
    """A route for these methods alone: Starlette would add HEAD to GET, which the real host does not."""
    route = Route(path, endpoint, methods=list(methods))
    route.methods = set(methods)
    return route


def _no_such_method(request: Request, error: Exception) -> Response:
    """404 for a method that no function has, as the real host."""
    return Response(status_code=404)


def _host_error(request: Request, error: Exception) -> Response:
    status = 404 if isinstance(error, UnknownFunction) else 503 if isinstance(error, HostStopping) else 400
    return JSONResponse({"error": str(error)}, status)


class _Server(uvicorn.Server):
    """Leaves the process's signals to the host."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class HttpServer:
    """The application on a port of 127.0.0.1, in a thread of its own."""

    def __init__(self, app: Starlette, port: int) -> None:
        try:
            self._socket = socket.create_server(("127.0.0.1", port))
        except OSError as error:
            raise PortTaken(f"127.0.0.1:{port} cannot be listened on: {error.strerror}") from error
        config = uvicorn.Config(app, lifespan="off", log_config=None, access_log=False, log_level="warning")
        self._server = _Server(config)
        self._thread = threading.Thread(
            target=self._server.run, kwargs={"sockets": [self._socket]}, name="http", daemon=True
        )

    @property
    def url(self) -> str:
        """Where it listens, from the moment it was made: a connection made before `start` waits."""
        return f"http://127.0.0.1:{self._socket.getsockname()[1]}"

    def start(self) -> None:
        """Begin to answer."""
        self._thread.start()

    def stop(self, *, seconds: float) -> None:
        """Take no more requests; those that run have `seconds` to end."""
        self._server.should_exit = True
        self._thread.join(seconds)
        self._server.force_exit = True
        self._socket.close()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop(seconds=5.0)
