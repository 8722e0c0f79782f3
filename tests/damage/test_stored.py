"""Every stored thing is damaged in turn. The cases come from what two days leave in the stores, not from a list."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, make_dataclass, replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from shared.stores.memory import MemoryTable
from shared.stores.storage import Storage
from tests.damage.case import play
from tests.damage.things import DAMAGES, Thing, things
from tests.damage.world import World, planned, sent

MOMENTS: dict[str, Callable[[Path], World]] = {"planned": planned, "sent": sent}


@dataclass(frozen=True)
class Expected:
    """What is seen of a damaged thing: named, healed or silent; of some damages something else, and why."""

    verdict: str = "named"
    but: dict[str, str] = field(default_factory=dict)
    why: str = ""


NAMED = Expected()
SAYS_ANYTHING = Expected(but={"garbage": "silent"}, why="every text is a good value of these columns")
WRITTEN_AGAIN = Expected("healed", why="it is written again, and what it says stands elsewhere, too")
ONLY_SHOWN = Expected("silent", why="a person reads it, and nothing depends on it")
ONLY_THERE = Expected("silent", why="that it is there is all it says")
NOT_READ = Expected("silent", why="the run is beyond it")
HRS = Expected("silent", why="HR's file: one that changes is another drop")
EXPECTED = {
    "drops SOURCE/broken.csv": HRS,
    "drops SOURCE/day0.csv": HRS,
    "runs SOURCE/RUN[settled]/plan.json": NAMED,
    "runs SOURCE/RUN[settled]/requests.ndjson": NAMED,
    "runs SOURCE/RUN[settled]/people.csv": NAMED,
    "runs SOURCE/RUN[settled]/absent.csv": NOT_READ,
    "runs SOURCE/RUN[settled]/rejected.csv": ONLY_SHOWN,
    "runs SOURCE/RUN[settled]/outcome.csv": ONLY_SHOWN,
    "runs SOURCE/RUN[settled]/report.html": Expected("silent", {"empty": "healed"}, "only shown; made where missing"),
    "runs SOURCE/RUN[planned]/plan.json": NAMED,
    "runs SOURCE/RUN[planned]/requests.ndjson": NAMED,
    "runs SOURCE/RUN[planned]/people.csv": NAMED,
    "runs SOURCE/RUN[planned]/absent.csv": NAMED,
    "runs SOURCE/RUN[planned]/rejected.csv": ONLY_SHOWN,
    "runs SOURCE/RUN[received]/keys.json": Expected(but={"edited": "silent"}, why="another key is another person"),
    "runs SOURCE/RUN[sent]/plan.json": NAMED,
    "runs SOURCE/RUN[sent]/requests.ndjson": NAMED,
    "runs SOURCE/RUN[sent]/people.csv": NAMED,
    "runs SOURCE/RUN[sent]/absent.csv": NOT_READ,
    "runs SOURCE/RUN[sent]/rejected.csv": ONLY_SHOWN,
    "state format.json": NAMED,
    "state known-people/SOURCE.db": NAMED,
    "state log/JOB/0/e0-update-success-0.json": Expected(but={"edited": "silent"}, why="it reads as another value"),
    "state console/key": Expected(but={"edited": "silent"}, why="every key of this length is one"),
    "state console/used/HASH": ONLY_THERE,
    "state sending.lease": ONLY_THERE,
    "runs_table SOURCE RUN[rejected]": NAMED,
    "runs_table SOURCE RUN[settled]": NAMED,
    "runs_table SOURCE RUN[planned]": NAMED,
    "runs_table SOURCE RUN[received]": NAMED,
    "runs_table SOURCE RUN[sent]": NAMED,
    "runs_table SOURCE ~turn": Expected("healed", {"newer": "named"}, "the states of the runs say the same"),
    "chunks_table RUN[settled] 0-0-0": NAMED,
    "chunks_table RUN[sent] 0-0-0": NAMED,
    "logs_table JOB_0_0 0_ID": SAYS_ANYTHING,
    "logs_table JOB_0_0 0_e0-update-success-0": NAMED,
    "logs_table JOB_0_0 0_e0-update-failure-0": NAMED,
    "logs_table JOB_f0 0_e0-update-failure-0": SAYS_ANYTHING,
    "logs_table JOB_p0 HASH_0T0_HASH": SAYS_ANYTHING,
    "logs_table ~days 0_JOB": WRITTEN_AGAIN,
    "outcomes_table RUN[settled]_people b": Expected(
        "healed", {"newer": "named"}, "learned again from the log entries"
    ),
    "checkpoints_table log JOB": NAMED,
    "checkpoints_table reading JOB": Expected("healed", {"newer": "named"}, "the next reading writes it"),
    "checkpoints_table echo JOB": ONLY_THERE,
    "checkpoints_table unrecognised JOB_HASH": NAMED,
    "quota_table calls 0T0": NAMED,
    "quota_table budget budget": NAMED,
    "alerts_table open quota": NAMED,
    "alerts_table open unrecognised|SOURCE": Expected("healed", why="what still holds is raised again"),
    "alerts_table over run-rejected|SOURCE|RUN[rejected]|0T0": NAMED,
}


@cache
def found(moment: str) -> dict[str, Thing]:
    """What is stored at a moment, one of each kind."""
    with TemporaryDirectory() as folder:
        return things(MOMENTS[moment](Path(folder, "sources")))


def not_handled(labels: Iterator[str] | set[str]) -> set[str]:
    """The kinds of stored things of which this file says nothing."""
    return set(labels) - EXPECTED.keys()


def cases() -> Iterator[tuple[str, str, str]]:
    """Moment, kind and damage. Of a settled run nothing is different at the second moment."""
    for moment in MOMENTS:
        for label, thing in found(moment).items():
            if moment == "planned" or "RUN[sent]" in label or "RUN[" not in label:
                yield from ((moment, label, damage) for damage in DAMAGES if _is_for(damage, thing))


def _is_for(damage: str, thing: Thing) -> bool:
    if thing.store == "drops" and damage == "edited":
        return False  # it reads: that is another drop, and HR means it
    if thing.is_blob:
        return damage in ("rubbish", "empty", "cut", "edited")
    return damage in ("garbage", "bare", "newer") or (damage == "state" and thing.store == "runs_table")


def test_every_stored_thing_is_handled() -> None:
    there = {label for moment in MOMENTS for label in found(moment)}
    assert not_handled(there) == set()
    assert EXPECTED.keys() - there == set()


def test_a_new_store_is_missed_until_it_is_handled(tmp_path: Path) -> None:
    this = planned(tmp_path / "sources")
    dummy = MemoryTable()
    dummy.insert({"PartitionKey": "anything", "RowKey": "new"})
    kind = make_dataclass("More", [("dummy_table", MemoryTable)], bases=(Storage,), frozen=True)
    house = this.rollcall.house
    more = kind(**{name: getattr(house.storage, name) for name in Storage.__dataclass_fields__}, dummy_table=dummy)
    this.rollcall.house = replace(house, storage=more)
    assert not_handled(set(things(this))) == {"dummy_table anything new"}


@pytest.mark.parametrize(("moment", "label", "damage"), list(cases()))
def test_what_is_damaged_stops_nothing_else_and_is_named(tmp_path: Path, moment: str, label: str, damage: str) -> None:
    this = MOMENTS[moment](tmp_path / "sources")
    seen = play(this, things(this)[label], damage)
    if seen is None:
        pytest.skip("nothing of this thing would change")
    assert seen.broken == []
    expected = EXPECTED[label]
    wanted = expected.but.get(damage, expected.verdict)
    if label.endswith("~turn") and moment == "sent":
        wanted = "silent"  # nobody plans
    assert seen.verdict == wanted, expected.why
