"""Whether the app can work. Enters: source files, stores, alerts. Leaves: what is wrong, as the trigger says it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from shared.alerting.rules import KEEP_FROM_WORKING
from shared.model.errors import Damage, RollcallError
from shared.sources.folder import SourceFolder
from shared.stores.alert_table import AlertTable
from shared.stores.container import Container
from shared.stores.ledger import TableLedger
from shared.stores.quota_table import StopTable
from shared.stores.state_format import StateFormat


@dataclass(frozen=True)
class Checkup:
    """What health looks at."""

    sources: SourceFolder
    state: StateFormat
    ledger: TableLedger
    drops: Container
    alerts: AlertTable
    stops: StopTable
    damages: Callable[[], Iterable[Damage]]
    setting_faults: tuple[str, ...] = ()  # of settings that the app does without


def health(checkup: Checkup) -> dict[str, object]:
    """Its sources read, their endpoints are trusted, its storage answers, what is stored reads, and Entra answers.

    Faulty settings that it does without are faults, too. Sending that is stopped is none.
    """
    sources = checkup.sources.sources()
    faults = [*checkup.setting_faults, *checkup.sources.faults()]
    faults += [f"{name}: no endpoint yet" for name, source in sources.items() if not source.endpoint]
    faults += _stored_faults(checkup)
    stopped = list[str]()
    try:
        stopped += (f"{stop.sentence} ({stop.remedy})" for stop in checkup.stops.all())
    except RollcallError as error:
        faults.append(str(error))
    settings = list(checkup.setting_faults)
    return {
        "healthy": not faults, "sources": sorted(sources), "faults": faults, "settings": settings, "stopped": stopped
    }  # fmt: skip


def without_settings(faults: Iterable[str]) -> dict[str, object]:
    """What health says where faulty settings keep the app from starting; one sentence each, beginning with the name."""
    return {"healthy": False, "sources": [], "faults": list(faults), "settings": list(faults), "stopped": []}


def _stored_faults(checkup: Checkup) -> Iterable[str]:
    try:
        checkup.state.ensure()
        checkup.ledger.runs("-")
        next(iter(checkup.drops.versions("-")), None)
        alerts = [each.finding for each in checkup.alerts.open() if each.is_open]
        return [
            *(str(damage) for damage in checkup.damages()),
            *(f"{each.title}: {each.text}" for each in alerts if each.rule in KEEP_FROM_WORKING),
        ]
    except RollcallError as error:
        return [str(error)]
