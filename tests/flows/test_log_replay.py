"""A log of 20,000 entries that surface late, out of order, on shifting pages, with throttles, read by a process that is
killed twenty times: afterwards the store holds the log, entry for entry, and reading it again writes nothing.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import httpx
import pytest

from shared.app import House
from shared.model.runs import RunState
from shared.stores.log_tables import CheckpointTable
from shared.stores.memory import MemoryTable
from shared.stores.table import Entity, Query
from tests.support.clock import MORNING
from tests.support.graph import JOB, Json, entry, status, window_of
from tests.support.guillotine import Killed
from tests.support.house import Rollcall, Sending, fitted, scripted

ENTRIES = 20_000
PEOPLE = 1_500
HOURS = 8
KILLS = 20


@dataclass
class Fuse:
    """How many steps are left to live; None for ever. Writing a row, a blob or asking Graph is a step."""

    left: int | None = None
    deaths: int = 0

    def burn(self) -> None:
        if self.left is not None:
            self.left -= 1
            if self.left <= 0:
                self.left = None
                self.deaths += 1
                raise Killed


class MortalTable(MemoryTable):
    """A table in the middle of whose writes a process may die. `writes` counts rows."""

    def __init__(self, fuse: Fuse) -> None:
        super().__init__()
        self.fuse = fuse
        self.writes = 0

    def _put(self, entity: Entity) -> str:
        self.fuse.burn()
        self.writes += 1
        return super()._put(entity)


@dataclass
class LateLog:
    """Graph's log: each entry appears some time after it happened; pages are cut anew at every call."""

    now: Callable[[], datetime]
    chance: random.Random
    fuse: Fuse
    entries: list[tuple[datetime, Json]] = field(default_factory=list)  # when it appears
    throttled: int = 0
    ordered: bool = True

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.fuse.burn()
        if self.chance.random() < 0.05:
            self.throttled += 1
            return status(429, "TooManyRequests", Retry_After=str(self.chance.randint(1, 20)))(request)
        job, since, until = window_of(str(request.url))
        seen = [raw for surfaced, raw in self.entries if surfaced <= self.now() and raw["jobId"] == job]
        found = [raw for raw in seen if since < datetime.fromisoformat(raw["activityDateTime"]) < until]
        found.sort(
            key=lambda raw: str(raw["activityDateTime"]), reverse=True
        )  # newest first: what surfaces shifts them
        start = int(request.url.params.get("$skiptoken", "0"))
        stop = start + self.chance.randint(150, 900)
        page: Json = {"value": self.chance.sample(found[start:stop], len(found[start:stop]))}
        if stop < len(found):
            page["@odata.nextLink"] = str(request.url.copy_merge_params({"$skiptoken": str(stop)}))
        return httpx.Response(200, json=page)


def mortal(sending: Sending, fuse: Fuse) -> Rollcall:
    """The same house over tables in which a process may die."""
    storage = sending.rollcall.house.storage
    tables: dict[str, Any] = {
        name: MortalTable(fuse) for name in storage.__dataclass_fields__ if name.endswith("_table")
    }
    house = replace(sending.rollcall.house, storage=replace(storage, **tables))
    return replace(sending.rollcall, house=house).restarted()


def the_log(keys: list[str], chance: random.Random) -> list[tuple[datetime, Json]]:
    """What happens to the people of a run, and to others of the same job, in some hours."""
    raws: list[Json] = []
    numbers = count()

    def happens(key: str, minutes: float, action: str = "update", outcome: str = "success", **more: Any) -> None:
        at = MORNING + timedelta(minutes=minutes)
        raws.append(entry(key, at, action, outcome, id=f"entry-{next(numbers)}", **more))

    for number, key in enumerate(keys):
        at = chance.uniform(1, 50)
        if number % 10 == 0:
            happens(key, at, "create", "failure", code="EntryConflict", reason="Message: taken")
        if number % 20 or number % 10:
            happens(key, at + 2, "create")
    while len(raws) < ENTRIES:
        outcome = chance.choice(["success"] * 8 + ["failure", "skipped"])
        happens(f"other{chance.randint(1, 4_000)}", chance.uniform(0, HOURS * 60), outcome=outcome, code="Timeout")
    return [(_at(raw) + timedelta(minutes=chance.choice([0, 1, 5, chance.uniform(0, 25)])), raw) for raw in raws]


def _at(raw: Json) -> datetime:
    return datetime.fromisoformat(raw["activityDateTime"])


def stored(house: House) -> list[Json]:
    days: list[date] = [(MORNING + timedelta(days=number)).date() for number in (-1, 0, 1)]
    return [dict(found.raw) for day in days for found in house.log.by_day(JOB, day)]


@pytest.fixture
def sending(tmp_path: Path) -> Sending:
    return scripted(tmp_path)


def test_a_log_read_under_fire_is_stored_entry_for_entry(sending: Sending) -> None:
    chance, fuse = random.Random(7), Fuse()
    living = mortal(sending, fuse)
    run = living.drop(PEOPLE)
    living.house.send_runs()
    keys = [f"p{number:05d}" for number in range(PEOPLE)]
    log = LateLog(sending.clock.now, chance, fuse, the_log(keys, chance))
    sending.graph.log_otherwise = log

    while sending.clock.now() < MORNING + timedelta(hours=HOURS + 1):
        sending.clock.advance(minutes=chance.choice([5, 10, 10, 20]))
        if fuse.deaths < KILLS and fuse.left is None:
            fuse.left = chance.choice([chance.randint(1, 5), chance.randint(1, 400), chance.randint(1, 3_000)])
        try:
            living.house.collect_logs()
        except Killed:
            living = living.restarted()
    assert fuse.deaths == KILLS
    assert log.throttled > 5

    raws = [raw for _, raw in log.entries]
    found = stored(living.house)
    assert len(found) == len(raws) == ENTRIES
    assert {raw["id"]: raw for raw in found} == {raw["id"]: raw for raw in raws}
    assert [raw["activityDateTime"] for raw in found] == sorted(raw["activityDateTime"] for raw in raws)
    some = "other7"
    assert {each.id for each in living.house.log.by_person(JOB, some)} == {
        raw["id"] for raw in raws if raw["sourceIdentity"]["id"] == some
    }
    failed = living.house.log.failures(JOB, datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC))
    assert Counter(line.id for line in failed) == Counter(
        raw["id"] for raw in raws if raw["provisioningStatusInfo"]["status"] in ("failure", "skipped")
    )

    settled = living.run(run)
    assert settled.state is RunState.SETTLED
    assert {name: many for name, many in settled.figures.outcomes.items() if many} == {
        "created": PEOPLE - PEOPLE // 20, "failed": PEOPLE // 20,
    }  # fmt: skip
    assert settled.causes == (("EntryConflict", PEOPLE // 20),)

    _reads_again_and_writes_nothing(living)


def _reads_again_and_writes_nothing(living: Rollcall) -> None:
    house, storage = living.house, living.house.storage
    written = {name: table.writes for name, table in vars(storage).items() if isinstance(table, MortalTable)}
    etags = [row.etag for row in storage.logs_table.rows(Query())]
    again = CheckpointTable(MemoryTable())
    again.begin(JOB, "reader")
    again.finish(JOB, MORNING - timedelta(hours=1), "reader")
    house = fitted(house, collector=replace(house.collector, checkpoints=again))
    read = new = 0
    for _ in range(4):
        collected = house.collect_logs()
        read, new = read + collected.entries, new + collected.new
    assert (read >= ENTRIES, new) == (True, 0)
    assert {name: table.writes for name, table in vars(storage).items() if isinstance(table, MortalTable)} == written
    assert [row.etag for row in storage.logs_table.rows(Query())] == etags
