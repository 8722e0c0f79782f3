"""`rollcall plan`: what a file would become, and nothing written."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from emulator.feed import Feed, employees, encoded, spoiled
from tests.support.desk import Desk, Row, as_csv, people
from tests.unit.cli.conftest import Rollcall


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Where the file is."""
    return tmp_path / "today.csv"


def planned(rollcall: Rollcall, made: Desk, file: Path, *more: str) -> tuple[int, dict[str, Any]]:
    """The exit code and what is told."""
    arguments = ("plan", file, "--source", "employees", "--sources", made.rollcall.folder, "--json", *more)
    told = rollcall(*arguments)
    return told.exit_code, json.loads(told.stdout)


def test_a_first_drop_is_all_new(made: Desk, rollcall: Rollcall, file: Path) -> None:
    file.write_bytes(as_csv([*people(3), Row("p0001", name="again")]))
    code, told = planned(rollcall, made, file)
    assert code == 0
    assert (told["records"], told["people"], told["duplicates"], told["actions"]) == (4, 3, 1, {"new": 3})


def test_it_is_compared_with_what_entra_was_last_told(made: Desk, rollcall: Rollcall, file: Path) -> None:
    made.settle(made.sent(people(3)))
    file.write_bytes(as_csv([*people(2), Row("p0003", status="Gone", name="Name 3")]))
    assert planned(rollcall, made, file)[1]["actions"] == {"unchanged": 2, "disabled": 1}
    assert planned(rollcall, made, file, "--first")[1]["actions"] == {"new": 3}


def test_nothing_is_written(made: Desk, rollcall: Rollcall, file: Path) -> None:
    file.write_bytes(as_csv(people(3)))
    planned(rollcall, made, file)
    storage = made.rollcall.house.storage
    assert not [*storage.drops.versions(), *storage.runs.versions(), *storage.state.versions()]
    assert not made.rollcall.house.ledger.runs()


def test_a_rejection_has_line_column_reason_and_remedy(rollcall: Rollcall, file: Path, root: Path) -> None:
    file.write_bytes(b"".join(spoiled("bad-dates", employees(Feed(200, clean=True)))))
    arguments = ("plan", file, "--source", "employees", "--sources", root / "sources", "--first")
    told = json.loads(rollcall(*arguments, "--json").stdout)
    (first, *_) = told["rejections"]
    (fault,) = first["faults"]
    assert first["line"] == 26
    assert fault["column"] == "HireDate"
    assert fault["reason"]
    assert fault["remedy"]
    assert "line 26, 51" in rollcall(*arguments).stdout


@pytest.mark.parametrize("kind", ["empty", "not-csv", "missing-column", "renamed-column"])
def test_a_file_that_does_not_read_ends_with_2(rollcall: Rollcall, file: Path, root: Path, kind: str) -> None:
    file.write_bytes(b"".join(spoiled(kind, employees(Feed(50)))))
    told = rollcall("plan", file, "--source", "employees", "--sources", root / "sources")
    assert told.exit_code == 2
    assert "cannot be planned" in told.stderr


def test_a_plan_that_would_be_held_ends_with_3(made: Desk, rollcall: Rollcall, file: Path) -> None:
    made.settle(made.sent(people(100)))
    file.write_bytes(as_csv(people(100, status="Gone")))
    code, told = planned(rollcall, made, file)
    assert code == 3
    assert told["state"] == "held"
    assert "100 accounts would be disabled" in told["reasons"]


def test_a_file_of_thousands_is_planned(rollcall: Rollcall, file: Path, root: Path) -> None:
    file.write_bytes(b"".join(encoded(employees(Feed(3000)))))
    told = rollcall("plan", file, "--source", "employees", "--sources", root / "sources", "--first", "--json")
    assert json.loads(told.stdout)["people"] > 2900


def test_a_line_with_cells_too_many_is_told_like_any_other(rollcall: Rollcall, file: Path, root: Path) -> None:
    rows = [list(row) for row in employees(Feed(3, clean=True))]
    rows[2].append("Lee")
    file.write_bytes(b"".join(encoded(rows)))
    told = rollcall("plan", file, "--source", "employees", "--sources", root / "sources", "--first")
    assert told.exit_code == 0
    assert "rejected, line 3: the line has 25 cells, the header has 24" in told.stdout


def test_a_guessed_encoding_is_told_as_a_guess_with_words_to_look_at(
    made: Desk, rollcall: Rollcall, file: Path
) -> None:
    file.write_bytes(as_csv([Row("p1", name="Jürgen Groß")]).decode().encode("cp1252"))
    assert planned(rollcall, made, file)[1]["guess_gives"] == ["Jürgen", "Groß"]
    told = rollcall("plan", file, "--source", "employees", "--sources", made.rollcall.folder)
    assert "cp1252 is a guess: do these read right? Jürgen, Groß (else set csv.encoding)" in " ".join(
        told.stdout.split()
    )


def test_an_encoding_that_is_known_is_not_told_as_a_guess(made: Desk, rollcall: Rollcall, file: Path) -> None:
    file.write_bytes(as_csv([Row("p1", name="Jürgen Groß")]))
    assert planned(rollcall, made, file)[1]["guess_gives"] == []
    assert "guess" not in rollcall("plan", file, "--source", "employees", "--sources", made.rollcall.folder).stdout
