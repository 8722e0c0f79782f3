"""A function as the host may run it: nothing that it fails with says more than the log of the host may hold, and where
settings are faulty it does nothing, so what it was called for waits.

A drop whose event came meanwhile stays in its container, where the sweep finds it.

The worker hands every logger to the host at information level. There the clients of HTTP and of Azure write each
address that they ask: of a chat channel it is a secret, of a table it holds keys of people. `quieten`
quietens them before the first function runs. What they still say, warnings and errors, loses its values and exceptions.

An exception that leaves a function reaches the same log, with every exception behind it. `discreet` takes off what
others have written; the places in the code stay.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable, Iterator
from functools import wraps
from traceback import extract_tb
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from shared.model.errors import RollcallError, SettingsError, Unexpected

if TYPE_CHECKING:
    from shared.alerting.raise_alerts import AlertStore

P = ParamSpec("P")
T = TypeVar("T")

# Which function alerts people: the first whose own schedule is right
_ALERTERS = (
    ("ALERT_SCHEDULE", "raise_alerts"),
    ("SWEEP_SCHEDULE", "sweep"),
    ("COLLECT_SCHEDULE", "collect_logs"),
    ("SEND_SCHEDULE", "send_runs"),
)
_DROPS = "plan_drop"  # where no schedule is right
CLIENTS = ("httpx", "httpcore", "azure", "msal", "urllib3", "asyncio")  # those that log addresses
_ADDRESS = re.compile(r"\b[a-z][a-z0-9+.-]*://\S*", re.IGNORECASE)
_log = logging.getLogger("rollcall")
_make_record = logging.getLogRecordFactory()


class Reported:
    """Decorates the functions of one app. `alert` is called with faulty settings, and with a store that keeps which
    alerts people have had, while storage cannot be used.
    """

    def __init__(self, alert: Callable[[tuple[str, ...], AlertStore], object]) -> None:
        self._alert = alert
        self._raised: AlertStore | None = None

    def __call__(self, function: Callable[P, T]) -> Callable[P, T | None]:
        """The function. It returns None where settings are faulty; what it fails with is raised without secrets."""

        @wraps(function)
        def run(*arguments: P.args, **named: P.kwargs) -> T | None:
            try:
                try:
                    return function(*arguments, **named)
                except SettingsError as error:
                    self._settings_are_faulty(function.__name__, error.faults)
                    return None
            except Exception as error:  # noqa: BLE001 - it is raised below, where no other error is its context
                failure = discreet(error)
            raise failure

        return run

    def forget(self) -> None:
        """Forget which alerts were raised, as a new process does."""
        self._raised = None

    def _settings_are_faulty(self, function: str, faults: tuple[str, ...]) -> None:
        from shared.settings import named_in

        _log.info(json.dumps({"event": "settings_faulty", "function": function, "faults": faults}))
        faulty = set(map(named_in, faults))
        if function == next((name for schedule, name in _ALERTERS if schedule not in faulty), _DROPS):
            self._alert(faults, self._kept())

    def _kept(self) -> AlertStore:
        if self._raised is None:
            from shared.stores.alert_table import AlertTable
            from shared.stores.memory import MemoryTable

            self._raised = AlertTable(MemoryTable())
        return self._raised


def quieten() -> None:
    """Let these loggers say no more than warnings, and those without a value. To do it twice is harmless."""
    for name in CLIENTS:
        logging.getLogger(name).setLevel(logging.WARNING)
    logging.setLogRecordFactory(_record)


def discreet(error: Exception) -> RollcallError:
    """The error as it may be logged: one of Rollcall with its own text, any other by its type; of those behind it the
    types and the places.
    """
    own = error if isinstance(error, RollcallError) else Unexpected(f"{type(error).__name__} at {_place(error)}")
    behind = [f"caused by {type(each).__name__} at {_place(each)}" for each in _behind(error)]
    if own is not error:
        own.with_traceback(error.__traceback__)
    own.__cause__ = own.__context__ = None
    for note in behind:
        own.add_note(note)
    return own


def _record(*arguments: object, **named: object) -> logging.LogRecord:
    record: logging.LogRecord = _make_record(*arguments, **named)
    if record.levelno >= logging.WARNING and record.name.partition(".")[0] in CLIENTS:
        _without_values(record)
    return record


def _without_values(record: logging.LogRecord) -> None:
    """The first line of the text as the client's code has it, and the type of the exception."""
    first = (str(record.msg).splitlines() or [""])[0]
    kind = record.exc_info[0] if record.exc_info else None
    record.msg = _ADDRESS.sub("<address>", first) + (f" [{kind.__name__}]" if kind else "")
    record.args, record.exc_info, record.exc_text, record.stack_info = (), None, None, None


def _behind(error: BaseException) -> Iterator[BaseException]:
    """The exceptions that led to it, the nearest first."""
    seen = {id(error)}
    while True:
        before = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
        if before is None or id(before) in seen:
            return
        seen.add(id(before))
        error = before
        yield error


def _place(error: BaseException) -> str:
    """Where it was raised: the file, the line and the function."""
    frames = extract_tb(error.__traceback__, -1)
    return f"{frames[0].filename}:{frames[0].lineno} in {frames[0].name}" if frames else "an unknown place"
