"""Drives a function app through `azure-functions-runtime`, the library inside Azure's own Python worker.

Enters: the app's folder, then one `Trigger` per invocation. Leaves: the indexed functions and an
`Invocation` each. The library keeps the module and the registry as process globals: one app per process.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import json
import os
import sys
import threading
import time
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace, TracebackType
from typing import Any, Self
from uuid import uuid4

from emulator.host.wire import (
    PROTOS,
    AppAlreadyLoaded,
    IndexingFailed,
    StatusResult,
    Trigger,
    TypedData,
    UnknownFunction,
)

STEP_SECONDS = 120.0  # indexing imports the whole app; the real host gives up after 30 s, a busy laptop may need longer


CLOSE_SECONDS = 1.0


@dataclass(frozen=True)
class Binding:
    """One binding of a function as the worker library reports it."""

    name: str
    type: str
    direction: str
    properties: Mapping[str, Any]  # the rest of what function.json would say: path, schedule, connection, route ...

    @property
    def takes_sdk_type(self) -> bool:
        """Whether the function takes an SDK type (a BlobClient): it gets a reference and no content."""
        return bool(self.properties.get("properties", {}).get("SupportsDeferredBinding"))


@dataclass(frozen=True)
class Function:
    """One indexed function."""

    name: str
    function_id: str
    bindings: tuple[Binding, ...]

    @property
    def trigger(self) -> Binding:
        """The binding that starts it; the library has made sure that there is one."""
        return next(binding for binding in self.bindings if binding.type.endswith("Trigger"))


@dataclass(frozen=True)
class Failure:
    """Why an invocation failed: `ValueError: boom`, and the trace."""

    message: str
    stack_trace: str = ""


@dataclass(frozen=True)
class Invocation:
    """One run of a function that has ended, or was given up on."""

    function: str
    invocation_id: str
    reason: str
    started: datetime
    seconds: float
    failure: Failure | None = None
    returned: TypedData | None = field(default=None, repr=False)

    @property
    def succeeded(self) -> bool:
        """Whether the function returned."""
        return self.failure is None


class Worker:
    """The worker library with one app loaded. `invoke` may be called from many threads at once.

    Raises IndexingFailed when the app does not import or a binding does not fit, AppAlreadyLoaded when this
    process holds another app.
    """

    def __init__(self, app_dir: Path) -> None:
        # The library looks for SDK types once per process: an app without them would hide them from the next one.
        import_module("azurefunctions.extensions.base")
        self._library = import_module("azure_functions_runtime")
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="worker-loop", daemon=True)
        self._thread.start()
        try:
            self.functions: Mapping[str, Function] = self._index(app_dir.resolve())
        except BaseException:
            self.close()
            raise

    def invoke(self, name: str, trigger: Trigger, *, timeout: timedelta | None = None) -> Invocation:
        """Run a function and return how it ended; a failure is a value, also when `timeout` was exceeded.

        A function that runs past its time is abandoned, not stopped: a thread cannot be. Raises
        UnknownFunction.
        """
        if name not in self.functions:
            raise UnknownFunction(f"no function is called {name!r}; there are {', '.join(sorted(self.functions))}")
        function, invocation_id = self.functions[name], str(uuid4())
        started, clock = datetime.now(UTC), time.perf_counter()
        pending = self._submit(self._library.invocation_request(_invocation(function, invocation_id, trigger)))
        try:
            response = pending.result(timeout.total_seconds() if timeout else None)
        except concurrent.futures.TimeoutError:
            pending.cancel()
            response = _timed_out(name, timeout)
        return Invocation(
            function=name,
            invocation_id=invocation_id,
            reason=trigger.reason,
            started=started,
            seconds=time.perf_counter() - clock,
            failure=_failure(response.result),
            returned=response.return_value,
        )

    def close(self, *, abandon: bool = False) -> None:
        """Stop the worker; waits for the functions that run in threads unless they are to be abandoned.

        Closing twice is harmless.
        """
        if self._loop.is_closed():
            return
        if not abandon:
            self._library.stop_threadpool_executor()
        with contextlib.suppress(TimeoutError):  # a function that blocks the loop has been abandoned, too
            self._submit(_cancel_the_rest()).result(CLOSE_SECONDS)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(CLOSE_SECONDS)
        if not self._thread.is_alive():
            self._loop.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _submit(self, request: Coroutine[Any, Any, Any]) -> concurrent.futures.Future[Any]:
        return asyncio.run_coroutine_threadsafe(request, self._loop)

    def _index(self, app_dir: Path) -> dict[str, Function]:
        _make_importable(app_dir)
        self._library.start_threadpool_executor()
        init = SimpleNamespace(capabilities={}, function_app_directory=str(app_dir))
        started = self._ask(self._library.worker_init_request, worker_init_request=init)
        if failure := _failure(started.result):
            raise IndexingFailed(f"{app_dir}: {failure.message}\n{failure.stack_trace}".rstrip())
        known = self._ask(self._library.functions_metadata_request, functions_metadata_request=None)
        return {found.name: _function(found) for found in known.function_metadata_results or ()}

    def _ask(self, verb: Any, **request: Any) -> Any:
        properties = {"protos": PROTOS, "host": "127.0.0.1"}
        asked = SimpleNamespace(request=SimpleNamespace(**request), properties=properties)
        return self._submit(verb(asked)).result(STEP_SECONDS)


async def _cancel_the_rest() -> None:
    rest = asyncio.all_tasks() - {asyncio.current_task()}
    for task in rest:
        task.cancel()
    await asyncio.gather(*rest, return_exceptions=True)


def _make_importable(app_dir: Path) -> None:
    """Put the app first on the path, as the worker does, unless another app has the module's name already."""
    script = app_dir / os.environ.get("PYTHON_SCRIPT_FILE_NAME", "function_app.py")  # where the library looks too
    if not script.is_file():
        raise IndexingFailed(f"{script} is missing")
    loaded = getattr(sys.modules.get(script.stem), "__file__", None)
    if loaded and Path(loaded).resolve() != script:
        raise AppAlreadyLoaded(f"this process holds {loaded}; start another process for {script}")
    if str(app_dir) not in sys.path:
        sys.path.insert(0, str(app_dir))


def _function(found: Any) -> Function:
    return Function(found.name, found.function_id, tuple(map(_binding, found.raw_bindings)))


def _binding(raw: str) -> Binding:
    told = json.loads(raw)
    name, kind, direction = told.pop("name"), told.pop("type"), told.pop("direction")
    return Binding(name, kind, direction, told)


def _invocation(function: Function, invocation_id: str, trigger: Trigger) -> SimpleNamespace:
    data = SimpleNamespace(name=function.trigger.name, data=trigger.data, WhichOneof=lambda _: "data")
    request = SimpleNamespace(
        invocation_id=invocation_id,
        function_id=function.function_id,
        trigger_metadata=dict(trigger.metadata),
        input_data=[data],
        trace_context=SimpleNamespace(trace_parent="", trace_state="", attributes={}),
        retry_context=SimpleNamespace(retry_count=0, max_retry_count=0, exception=None),
    )
    return SimpleNamespace(request=SimpleNamespace(invocation_request=request), properties={})


def _failure(result: Any) -> Failure | None:
    if result.status == StatusResult.Success:
        return None
    return Failure(result.exception.message, result.exception.stack_trace or "")


def _timed_out(name: str, timeout: timedelta | None) -> SimpleNamespace:
    message = f"FunctionTimeoutException: Timeout value of {timeout} was exceeded by function: Functions.{name}"
    exception = SimpleNamespace(message=message, stack_trace="")
    return SimpleNamespace(result=StatusResult(status=StatusResult.Failure, exception=exception), return_value=None)
