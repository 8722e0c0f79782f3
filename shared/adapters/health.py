"""Whether the app can work. Enters: source files, books, drops. Leaves: what is wrong, as the trigger says it."""

from __future__ import annotations

from collections.abc import Iterable

from shared.adapters.container import Container
from shared.adapters.ledger import TableLedger
from shared.adapters.source_folder import SourceFolder
from shared.adapters.state_format import StateFormat
from shared.adapters.stop_table import StopTable
from shared.errors import RollcallError


def health(
    sources: SourceFolder, state: StateFormat, ledger: TableLedger, drops: Container, stops: StopTable
) -> dict[str, object]:
    """Its sources read, their endpoints are trusted, its storage answers. Sending that is stopped is no fault."""
    faults = [*sources.faults()]
    for name, source in sources.sources().items():
        if not source.endpoint:
            faults.append(f"{name}: no endpoint yet")
    faults += _storage_faults(state, ledger, drops)
    stopped = list[str]()
    try:
        stopped += (f"{stop.sentence} ({stop.remedy})" for stop in stops.all())
    except RollcallError as error:
        faults.append(str(error))
    return {"healthy": not faults, "sources": sorted(sources.sources()), "faults": faults, "stopped": stopped}


def _storage_faults(state: StateFormat, ledger: TableLedger, drops: Container) -> Iterable[str]:
    try:
        state.ensure()
        ledger.runs("-")
        next(iter(drops.versions("-")), None)
    except RollcallError as error:
        return [str(error)]
    return []
