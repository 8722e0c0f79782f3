"""What planning needs: its ports. `receive_drop` is the story, `turns` says whose turn it is."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from shared.files.records import Drop
from shared.known_people.people import PeopleStore
from shared.model.runs import Artefacts, DropVersion, Ledger, Run
from shared.sources.source import Source


@dataclass(frozen=True)
class Planner:
    """Everything planning needs, and nothing else."""

    ledger: Ledger
    artefacts: Artefacts
    people: PeopleStore
    source: Callable[[str], Source]  # by the folder that is named after it; raises DropError where none reads
    drop: Callable[[str], Drop]  # by path; raises Missing
    nulls_flow: Callable[[str], str]  # by source: a sentence when its job clears what a record leaves out, else ""
    now: Callable[[], datetime]
    elapsed: Callable[[], float]  # seconds since some moment; never set, and counts suspension
    claim: timedelta = timedelta(seconds=30)  # a planner that has not renewed it for so long counts as lost
    tell: Callable[[Run], object] = lambda run: None  # hears of each run that is entered by a sweep, planned or ended
    versions: Callable[[str], Iterable[DropVersion]] = field(kw_only=True)  # the drops that lie under a prefix now
