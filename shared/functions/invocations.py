"""A function as the host may run it: nothing that it fails with says more than the log of the host may hold, and where
settings are faulty it does nothing, so what it was called for waits.

A drop whose event came meanwhile stays in its container, where the sweep finds it.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, ParamSpec, Protocol, TypeVar

from shared.functions.log_safety import discreet
from shared.model.errors import SettingsError

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
_log = logging.getLogger("rollcall")


class Alerting(Protocol):
    """Alerts people to faulty settings. `raised` keeps which alerts they have had, while storage cannot be used."""

    def __call__(self, faults: tuple[str, ...], raised: AlertStore) -> object: ...


class Reported:
    """Decorates the functions of one app."""

    def __init__(self, alert: Alerting) -> None:
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
