"""`rollcall local` as a person or a script runs it: real processes, a real host, an Entra that provisions."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from emulator.feed import Feed, Row, contractors, employees, encoded, spoiled
from shared.model.runs import OUTCOMES

SECONDS = 180
ROLLCALL = Path(sys.executable).with_name("rollcall")
ARTEFACTS = {"requests.ndjson", "people.csv", "rejected.csv", "plan.json", "outcome.csv"}
Json = dict[str, Any]


@dataclass(frozen=True)
class Ended:
    """What a call of `rollcall local --json` left."""

    code: int
    runs: list[Json]
    said: str
    out: Path

    @property
    def directory(self) -> dict[str, Json]:
        """The users of the tenant by key."""
        users = json.loads((self.out / "directory.json").read_bytes())
        return {user["employeeId"]: user for user in users}

    def file(self, run: Json, name: str) -> list[dict[str, str]]:
        """One of a run's CSV files."""
        with (self.out / run["run_id"] / name).open(encoding="utf-8", newline="") as stream:
            return list(csv.DictReader(stream))


def rollcall_local(out: Path, source: str, *files: Path) -> Ended:
    """Run the command to its end."""
    command = [str(ROLLCALL), "local", *map(str, files), "--source", source, "--out", str(out), "--json"]
    ran = subprocess.run(command, cwd=out.parent, capture_output=True, text=True, check=False, timeout=SECONDS)
    assert ran.stdout, ran.stderr
    return Ended(ran.returncode, json.loads(ran.stdout), ran.stderr, out)


def write(path: Path, pieces: Iterable[bytes]) -> Path:
    """A file of these pieces."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"".join(pieces))
    return path


def last_rows(rows: Iterable[Row]) -> dict[str, dict[str, str]]:
    """The last row of each key."""
    header, *rest = rows
    return {row[0]: dict(zip(header, row, strict=True)) for row in rest}


def as_employee(user: Json) -> Json:
    """A user of the directory in the words of the employees feed; an attribute that is absent is an empty cell."""
    given = {name: user.get(name) or "" for name in ("givenName", "surname", "displayName", "jobTitle", "department")}
    address = {name: user.get(name) or "" for name in ("streetAddress", "city", "country", "postalCode")}
    phones = user.get("businessPhones") or [""]
    return (
        given | address | {"active": user["accountEnabled"], "phone": phones[0], "hired": user["employeeHireDate"][:10]}
    )


def expected_employee(row: dict[str, str]) -> Json:
    """What the directory must hold of an employee."""
    return {
        "givenName": row["FirstName"],
        "surname": row["LastName"],
        "displayName": row["FullName"],
        "jobTitle": row["JobTitle"],
        "department": row["Department"],
        "streetAddress": row["StreetAddress"],
        "city": row["City"],
        "country": row["CountryCode"],
        "postalCode": row["ZipCode"],
        "active": row["WorkerStatus"] == "Active",
        "phone": row["OfficePhone"],
        "hired": row["HireDate"],
    }


def assert_holds(ended: Ended, rows: dict[str, dict[str, str]]) -> None:
    """The directory holds the last line's values of everybody, managers included."""
    found = ended.directory
    assert {key: as_employee(found[key]) for key in rows} == {key: expected_employee(row) for key, row in rows.items()}
    named = {key: row["ManagerID"] for key, row in rows.items() if row["ManagerID"] in rows}
    assert {key: found[key]["manager"] for key in named} == {key: found[boss]["id"] for key, boss in named.items()}


def assert_adds_up(run: Json) -> None:
    """Everybody has one outcome, every record is accounted for, nothing is unknown."""
    assert tuple(run["outcomes"]) == OUTCOMES
    assert sum(run["outcomes"].values()) == run["people"]
    assert run["people"] + run["rejected"] + run["duplicates"] == run["records"]
    assert run["outcomes"]["unknown"] == 0
    assert all(seconds >= 0 for seconds in run["seconds"].values())


def test_two_days_under_one_name_become_two_runs_and_the_last_lines_stand_in_the_directory(tmp_path: Path) -> None:
    days = [Feed(people=240, day=day, clean=True) for day in (1, 2)]
    files = [write(tmp_path / f"day-{day.day}" / "employees.csv", encoded(employees(day))) for day in days]

    ended = rollcall_local(tmp_path / "out", "employees", *files)

    first, second = ended.runs
    assert ended.code == 0, ended.said
    assert first["run_id"] != second["run_id"]
    assert [first["file"], second["file"]] == [str(file) for file in files]
    for run in (first, second):
        assert run["state"] == "settled"
        assert run["rejected"] == 0
        assert run["duplicates"] > 0
        assert {path.name for path in (ended.out / run["run_id"]).iterdir()} >= ARTEFACTS
        assert_adds_up(run)
    assert first["outcomes"]["created"] == first["people"] == len(last_rows(employees(days[0])))
    assert second["outcomes"]["unchanged"] > second["outcomes"]["updated"] > 0
    assert_holds(ended, last_rows(employees(days[1])))


def test_wrong_rows_are_rejected_alone_and_an_unreadable_file_ends_rejected(tmp_path: Path) -> None:
    feed = Feed(people=200, seed=2, clean=True)
    wrong = write(tmp_path / "wrong.csv", spoiled("bad-dates", employees(feed)))
    unreadable = write(tmp_path / "page.csv", spoiled("not-csv", employees(feed)))

    ended = rollcall_local(tmp_path / "out", "employees", wrong, unreadable)

    settled, rejected = ended.runs
    assert ended.code == 1
    assert settled["state"] == "settled"
    assert settled["rejected"] > 0
    assert settled["duplicates"] > 0
    assert_adds_up(settled)
    refused = ended.file(settled, "rejected.csv")
    assert len(refused) == settled["rejected"]
    assert all(row["line"] and "HireDate" in row["reason"] for row in refused)
    lost = {row["WorkerID"] for row in refused}
    rows = {key: row for key, row in last_rows(employees(feed)).items() if key not in lost}
    assert ended.directory.keys() == rows.keys()
    assert_holds(ended, rows)
    assert rejected["state"] == "rejected"
    assert "this is a web page" in rejected["reasons"][0]
    assert rejected["people"] == 0


def test_contractors_have_a_layout_of_their_own(tmp_path: Path) -> None:
    feed = Feed(people=120)
    file = write(tmp_path / "contractors.csv", encoded(contractors(feed), ";"))

    ended = rollcall_local(tmp_path / "out", "contractors", file)

    (run,) = ended.runs
    assert ended.code == 0, ended.said
    assert_adds_up(run)
    assert run["outcomes"]["created"] == run["people"] == 120
    rows, found = last_rows(contractors(feed)), ended.directory
    assert {key: user["displayName"] for key, user in found.items()} == {
        key: f"{row['Vorname']} {row['Nachname']} (extern)" for key, row in rows.items()
    }
    assert {user["jobTitle"] for user in found.values()} == {row["Rolle"] or "Contractor" for row in rows.values()}
    assert found["V-100009"]["manager"] == found["V-100001"]["id"]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [(("nowhere.csv", "--source", "employees"), "nowhere.csv"), ((__file__, "--source", "nobody"), "nobody")],
)
def test_a_wrong_call_is_told_in_one_line_before_anything_starts(arguments: tuple[str, ...], told: str) -> None:
    ran = subprocess.run([str(ROLLCALL), "local", *arguments], capture_output=True, text=True, check=False)
    assert ran.returncode == 2
    assert ran.stdout == ""
    assert told in ran.stderr
    assert ran.stderr.count("\n") == 1
