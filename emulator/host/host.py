"""Puts the host together: the worker, one listener per trigger, the HTTP server.

Enters: the app's folder and its settings. Leaves: a running `Host`. The app itself reads `os.environ`, so
whoever starts a host in its own process puts the settings there first, as `python -m emulator.host` does.
"""

from __future__ import annotations

import logging
import secrets
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

from emulator.host.account import HOST_STORAGE, Account, AccountContainer, AccountMonitor
from emulator.host.blobs import BlobTrigger, Delivery, PathPattern
from emulator.host.configuration import HostJson, expand
from emulator.host.dispatch import Dispatcher
from emulator.host.http import HttpServer, HttpTrigger, Keys, Verbs, application
from emulator.host.timers import SystemClock, Timer, parse_schedule
from emulator.host.wire import ConfigurationError, UnknownFunction
from emulator.host.worker import Function, Invocation, Worker

log = logging.getLogger("host")


class Listener(Protocol):
    """A trigger that comes by itself."""

    @property
    def function(self) -> str:
        """The function it starts."""

    def run(self, stop: threading.Event) -> None:
        """Pull the trigger until `stop` is set."""

    def fire(self, told: str = "") -> Invocation:
        """Pull it once by hand."""


_Maker = Callable[[Function, Mapping[str, Any], Mapping[str, str]], Listener | HttpTrigger]


@dataclass(frozen=True)
class Options:
    """What a caller may choose."""

    port: int = 0
    deliver_twice: bool = False
    grace: float = 10.0  # seconds that running functions have to end when the host stops


class Host:
    """A function app with every trigger live. A context manager: it serves inside, and has stopped after.

    Raises ConfigurationError naming every fault of every function at once, IndexingFailed, or PortTaken.
    """

    def __init__(self, app_dir: Path, settings: Mapping[str, str], options: Options | None = None) -> None:
        self._options = options or Options()
        self._host_json = HostJson.read(app_dir)
        self.keys = _keys(settings)
        self._worker = Worker(app_dir)
        try:
            self.dispatcher = Dispatcher(self._worker, timeout=self._host_json.function_timeout)
            self._listeners, routes = self._triggers(settings)
            verbs = Verbs(lambda: sorted(self._worker.functions), self.fire, self.settle)
            app = application(routes, self.keys, self.dispatcher, verbs)
            self._server = HttpServer(app, self._options.port)
        except BaseException:
            self._worker.close()
            raise
        self._stop = threading.Event()
        self._threads = [
            threading.Thread(target=each.run, args=(self._stop,), name=each.function, daemon=True)
            for each in self._listeners.values()
        ]

    @property
    def url(self) -> str:
        """The base of every route."""
        return self._server.url

    @property
    def functions(self) -> Mapping[str, Function]:
        """The indexed functions by name."""
        return self._worker.functions

    def fire(self, name: str, told: str = "") -> Invocation:
        """Run a function by hand and return how it ended. Raises UnknownFunction."""
        if name not in self._listeners:
            raise UnknownFunction(f"no timer or blob trigger is called {name!r}; an HTTP function has a route")
        return self._listeners[name].fire(told)

    def settle(self, seconds: float = 30.0) -> None:
        """Wait until every drop is delivered, in success or poison. Raises WaitedTooLong."""
        for listener in self._listeners.values():
            if isinstance(listener, BlobTrigger):
                listener.settle(seconds=seconds)

    def start(self) -> None:
        """Begin to serve; returns at once."""
        self._server.start()
        for thread in self._threads:
            thread.start()

    def stop(self) -> list[str]:
        """Take no more work, give running functions their grace, and return the names of those abandoned."""
        self._stop.set()
        abandoned = self.dispatcher.stop(seconds=self._options.grace)
        if abandoned:
            log.warning("abandoned while running: %s", ", ".join(abandoned))
        self._server.stop(seconds=1.0)
        for thread in self._threads:
            thread.join(1.0)
        self._worker.close(abandon=bool(abandoned))
        return abandoned

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _triggers(self, settings: Mapping[str, str]) -> tuple[dict[str, Listener], list[HttpTrigger]]:
        listeners: dict[str, Listener] = {}
        routes: list[HttpTrigger] = []
        faults: list[str] = []
        for function in self._worker.functions.values():
            try:
                trigger = self._trigger(function, settings)
            except ConfigurationError as error:
                faults.append(f"function {function.name}: {error}")
                continue
            if isinstance(trigger, HttpTrigger):
                routes.append(trigger)
            else:
                listeners[function.name] = trigger
        if faults:
            raise ConfigurationError("\n".join(faults))
        return listeners, routes

    def _trigger(self, function: Function, settings: Mapping[str, str]) -> Listener | HttpTrigger:
        kinds: dict[str, _Maker] = {
            "blobTrigger": self._blob_trigger,
            "timerTrigger": self._timer,
            "httpTrigger": self._http_trigger,
        }
        for binding in function.bindings:
            if binding.type not in {*kinds, "http"}:
                raise ConfigurationError(f"this host does not serve the binding type {binding.type!r}")
        properties = _expanded(function.trigger.properties, settings)
        return kinds[function.trigger.type](function, properties, settings)

    def _blob_trigger(
        self, function: Function, properties: Mapping[str, Any], settings: Mapping[str, str]
    ) -> BlobTrigger:
        if properties.get("source") != "EventGrid":
            log.warning("function %s: Flex Consumption takes blob triggers with source EventGrid only", function.name)
        Account.connect(HOST_STORAGE, settings)  # the platform queues a blob's events there
        pattern, connection = PathPattern.parse(properties["path"]), properties["connection"]
        delivery = Delivery(
            connection=connection,
            takes_sdk_type=function.trigger.takes_sdk_type,
            tries=self._host_json.blob_tries,
            parallelism=self._host_json.blob_parallelism,
            copies=2 if self._options.deliver_twice else 1,
            by_event=properties.get("source") == "EventGrid",
        )
        container = AccountContainer(Account.connect(connection, settings), pattern.container)
        return BlobTrigger(function.name, pattern, container, delivery, self.dispatcher)

    def _timer(self, function: Function, properties: Mapping[str, Any], settings: Mapping[str, str]) -> Timer:
        return Timer(
            function=function.name,
            schedule=parse_schedule(properties["schedule"]),
            dispatcher=self.dispatcher,
            clock=SystemClock(),
            monitor=AccountMonitor(Account.connect(HOST_STORAGE, settings)),
            run_on_startup=bool(properties.get("runOnStartup", False)),
            use_monitor=bool(properties.get("useMonitor", True)),
        )

    def _http_trigger(
        self, function: Function, properties: Mapping[str, Any], settings: Mapping[str, str]
    ) -> HttpTrigger:
        return HttpTrigger.of(function, properties, self._host_json.route_prefix)


def _expanded(properties: Mapping[str, Any], settings: Mapping[str, str]) -> dict[str, Any]:
    return {name: expand(value, settings) if isinstance(value, str) else value for name, value in properties.items()}


def _keys(settings: Mapping[str, str]) -> Keys:
    """The keys the environment gives, else new ones for this run."""
    return Keys(
        master=settings.get("ROLLCALL_HOST_MASTER_KEY") or secrets.token_urlsafe(32),
        function=settings.get("ROLLCALL_HOST_FUNCTION_KEY") or secrets.token_urlsafe(32),
    )
