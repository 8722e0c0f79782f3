"""The host's own pages under `/admin`, as the real host has them; every one takes the master key."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from emulator.host.errors import ConfigurationError, HostStopping, UnknownFunction
from emulator.host.http import Keys, given_key
from emulator.host.worker import Invocation


@dataclass(frozen=True)
class Verbs:
    """What `/admin` offers: the functions' names, firing one, waiting until every blob is delivered."""

    functions: Callable[[], list[str]]
    fire: Callable[[str, str], Invocation]
    settle: Callable[[float], None]


class Admin:
    """The host's own pages; every one takes the master key."""

    def __init__(self, keys: Keys, verbs: Verbs) -> None:
        self._keys = keys
        self._verbs = verbs

    def status(self, request: Request) -> Response:
        """Tell that the host runs."""
        return self._refused(request) or JSONResponse({"state": "Running"})

    def functions(self, request: Request) -> Response:
        """List the functions."""
        return self._refused(request) or JSONResponse([{"name": name} for name in self._verbs.functions()])

    async def fire(self, request: Request) -> Response:
        """Run a function by hand: 202 at once, or with `?wait=true` 200 and how it ended."""
        if refused := self._refused(request):
            return refused
        name, told = request.path_params["name"], await _told(request)
        if name not in self._verbs.functions():
            raise UnknownFunction(f"no function is called {name!r}")
        if request.query_params.get("wait") != "true":
            threading.Thread(target=self._fire_quietly, args=(name, told), daemon=True).start()
            return Response(status_code=202)
        ended = await run_in_threadpool(self._verbs.fire, name, told)
        error = ended.failure.message if ended.failure else None
        return JSONResponse({"id": ended.invocation_id, "succeeded": ended.succeeded, "error": error})

    async def settle(self, request: Request) -> Response:
        """Wait until every drop is delivered or poison; `?timeout=` seconds, 30 when not said."""
        if refused := self._refused(request):
            return refused
        await run_in_threadpool(self._verbs.settle, float(request.query_params.get("timeout", "30")))
        return JSONResponse({"settled": True})

    def _fire_quietly(self, name: str, told: str) -> None:
        try:
            self._verbs.fire(name, told)
        except HostStopping:
            return

    def _refused(self, request: Request) -> Response | None:
        return None if self._keys.open("admin", given_key(request)) else Response(status_code=401)


async def _told(request: Request) -> str:
    """The `input` of the body, as in the real host: `{"input": "drops/employees/today.csv"}`."""
    if not await request.body():
        return ""
    try:
        told = (await request.json()).get("input", "")
    except (ValueError, AttributeError) as error:
        raise ConfigurationError('the body must be a JSON object such as {"input": ""}') from error
    return str(told or "")
