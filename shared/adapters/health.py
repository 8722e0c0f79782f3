"""Whether the app can work. Enters: source files, stores. Leaves: what is wrong, as the trigger says it."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from shared.adapters.container import Container
from shared.adapters.ledger import TableLedger
from shared.adapters.source_folder import SourceFolder
from shared.adapters.state_format import StateFormat
from shared.errors import Damage, RollcallError


def health(
    sources: SourceFolder,
    state: StateFormat,
    ledger: TableLedger,
    drops: Container,
    damages: Callable[[], Iterable[Damage]],
) -> dict[str, object]:
    """Its sources read, their endpoints are trusted, its storage answers, and everything stored reads."""
    faults = [*sources.faults()]
    for name, source in sources.sources().items():
        if not source.endpoint:
            faults.append(f"{name}: no endpoint yet")
    faults += _storage_faults(state, ledger, drops, damages)
    return {"healthy": not faults, "sources": sorted(sources.sources()), "faults": faults}


def _storage_faults(
    state: StateFormat, ledger: TableLedger, drops: Container, damages: Callable[[], Iterable[Damage]]
) -> Iterable[str]:
    try:
        state.ensure()
        ledger.runs("-")
        next(iter(drops.versions("-")), None)
        return [str(damage) for damage in damages()]
    except RollcallError as error:
        return [str(error)]
