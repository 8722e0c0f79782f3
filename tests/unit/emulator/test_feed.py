"""The generator of HR feeds: the same seed gives the same bytes, and a day follows from the one before."""

from __future__ import annotations

import csv
import hashlib
import io
from collections import Counter
from itertools import islice
from pathlib import Path

import pytest

from emulator.feed import EMPLOYEE_COLUMNS, FAULTS, Feed, Row, contractors, employees, encoded, spoiled
from shared.files.records import read_records
from shared.mapping.mapping import Mapping, Rejection
from shared.sources.source import Source, read_sources

PEOPLE = 2000


def by_key(rows: list[Row]) -> dict[str, Row]:
    """The last row of each key."""
    return {row[0]: row for row in rows[1:]}


def day(number: int, **more: bool) -> dict[str, Row]:
    """The people of one day."""
    return by_key(list(employees(Feed(PEOPLE, number, **more))))


@pytest.fixture(scope="module")
def sources(root: Path) -> dict[str, Source]:
    """The shipped sources."""
    return read_sources(root / "sources")[0]


@pytest.fixture(scope="module")
def root() -> Path:
    """The top of the checkout."""
    return Path(__file__).resolve().parents[3]


def rejections(source: Source, pieces: list[bytes]) -> list[Rejection]:
    """What a source makes of a file."""
    table = read_records(pieces, source.csv)
    return [each for each in Mapping(source, table.header).people(table.parts) if isinstance(each, Rejection)]


def test_the_same_seed_gives_the_same_bytes_on_every_machine() -> None:
    content = b"".join(encoded(employees(Feed(people=500, day=3, seed=11))))
    assert hashlib.sha256(content).hexdigest() == "5089d578e78b165ebdfd32a0f3e062aa6b465a56e2668257007d926f88008975"


def test_another_seed_gives_other_people() -> None:
    assert list(employees(Feed(50, seed=1))) != list(employees(Feed(50, seed=2)))


def test_rows_are_streamed() -> None:
    rows = employees(Feed(people=1_000_000_000))
    assert len(list(islice(rows, 100))) == 100


def test_there_are_gaps_leavers_and_several_lines_in_the_proportions_of_real_files() -> None:
    rows = list(employees(Feed(PEOPLE)))
    people = by_key(rows)
    cells = {name: [row[at] for row in people.values()] for at, name in enumerate(EMPLOYEE_COLUMNS)}
    assert len(people) == PEOPLE
    assert 0.02 < (len(rows) - 1 - PEOPLE) / PEOPLE < 0.05
    assert 0.12 < cells["StreetAddress"].count("") / PEOPLE < 0.22
    assert 0.17 < cells["Custom02"].count("") / PEOPLE < 0.27
    assert 0.02 < cells["WorkerStatus"].count("Inactive") / PEOPLE < 0.08
    assert len({character for name in cells["FullName"] for character in name}) > 200


def test_managers_are_a_tree() -> None:
    people = day(1, clean=True)
    boss = {key: row[EMPLOYEE_COLUMNS.index("ManagerID")] for key, row in people.items()}
    tops = [key for key, manager in boss.items() if not manager]
    assert len(tops) == 1
    assert set(boss.values()) - {""} <= people.keys()
    for key in people:
        steps, at = 0, key
        while boss[at]:
            steps, at = steps + 1, boss[at]
            assert steps < 10
        assert at == tops[0]


def test_of_several_lines_of_a_person_the_last_one_is_the_present_one() -> None:
    rows = list(employees(Feed(PEOPLE, clean=True)))
    seen = Counter(row[0] for row in rows)
    repeated = {key for key, count in seen.items() if count > 1}
    first = {row[0]: row for row in reversed(rows)}
    last = by_key(rows)
    assert any(first[key] != last[key] for key in repeated)
    again = by_key(list(employees(Feed(PEOPLE, 2, clean=True))))
    assert sum(last[key] == again[key] for key in repeated) > 0.8 * len(repeated)


def test_the_next_day_has_joiners_leavers_movers_and_those_who_come_back() -> None:
    before, now = day(1), day(2)
    status, title = (EMPLOYEE_COLUMNS.index(name) for name in ("WorkerStatus", "JobTitle"))
    both = before.keys() & now.keys()
    changed = [key for key in both if before[key][status] != now[key][status]]
    assert before.keys() < now.keys()
    assert len(now) - len(before) == PEOPLE / 100
    assert {now[key][status] for key in changed} == {"Active", "Inactive"}
    assert any(before[key][title] != now[key][title] for key in both)
    assert sum(before[key] == now[key] for key in both) > 0.95 * PEOPLE


def test_a_clean_feed_has_nothing_to_reject(sources: dict[str, Source]) -> None:
    assert not rejections(sources["employees"], list(encoded(employees(Feed(PEOPLE, 2, clean=True)))))
    assert not rejections(sources["contractors"], list(encoded(contractors(Feed(PEOPLE)), ";")))


def test_a_feed_of_daily_life_has_dates_that_are_none_and_the_next_day_fewer(sources: dict[str, Source]) -> None:
    first, second = (
        rejections(sources["employees"], list(encoded(employees(Feed(PEOPLE, number))))) for number in (1, 2)
    )
    assert len(first) > len(second) > 0
    assert {fault.column for rejection in first for fault in rejection.faults} == {"HireDate"}


def test_a_later_day_of_contractors_tells_only_what_changed() -> None:
    everybody, some = (list(contractors(Feed(PEOPLE, number))) for number in (1, 2))
    assert len(everybody) == PEOPLE + 1
    assert 1 < len(some) < PEOPLE / 10
    assert {row[1] for row in some[1:]} >= {"beendet"}


@pytest.mark.parametrize("kind", ["bad-dates", "missing-keys", "too-few-cells", "shifted-columns"])
def test_a_trouble_of_rows_is_seen_as_rejections(kind: str, sources: dict[str, Source]) -> None:
    pieces = list(spoiled(kind, employees(Feed(200, clean=True))))
    assert rejections(sources["employees"], pieces)


def test_every_trouble_makes_another_file() -> None:
    rows = list(employees(Feed(100, clean=True)))
    good = b"".join(encoded(rows))
    files = {kind: b"".join(spoiled(kind, rows)) for kind in FAULTS}
    assert len(set(files.values())) == len(FAULTS)
    assert good not in files.values()


def test_cells_with_commas_and_quotes_survive_the_file() -> None:
    rows = list(employees(Feed(500)))
    text = b"".join(encoded(rows)).decode()
    assert [tuple(row) for row in csv.reader(io.StringIO(text, newline=""))] == [tuple(row) for row in rows]
