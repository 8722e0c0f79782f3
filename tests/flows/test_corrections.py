"""A rejected.csv is corrected and dropped again as it is, also where drops hold everybody."""

from __future__ import annotations

import csv
import io
import re
from datetime import timedelta
from pathlib import Path

import pytest

from shared.model.runs import RunState
from tests.support.desk import NO_GATES, Desk, Row, as_csv, desk, people
from tests.support.graph import entry

BAD_LINES = b"p0004,,Name 4,Clerk,\np0005,Active,Name 5\np0006,Active,Name 6,Clerk,,,surplus\n"


@pytest.fixture
def made(tmp_path: Path) -> Desk:
    return desk(tmp_path, f"{NO_GATES}\nabsence: disable\nabsence_grace: 1")


def corrected(made: Desk) -> bytes:
    """What somebody makes of the rejected.csv of a drop with three bad lines."""
    run = made.sent(as_csv(people(3)) + BAD_LINES, "monday.csv")
    text = made.file(run, "rejected.csv").decode()
    assert text.splitlines()[0] == "id,status,name,title,manager,line,reason"
    fourth, fifth, sixth = text.splitlines()[1:]
    assert fourth.startswith("p0004,,Name 4,Clerk,,5,")
    assert fifth.startswith("p0005,Active,Name 5,,,6,")
    assert sixth.startswith("p0006,Active,Name 6,Clerk,,7,")
    assert sixth.endswith(",,surplus")
    mended = [fourth.replace("p0004,,", "p0004,Active,"), fifth, sixth.removesuffix(",,surplus")]
    return "\r\n".join([text.splitlines()[0], *mended, ""]).encode()


def test_a_correction_tells_of_the_people_in_it_and_of_nobody_else(made: Desk) -> None:
    run = made.sent(corrected(made), "rejected-monday.csv")
    assert made.actions(run) == {"p0004": "new", "p0005": "new", "p0006": "new"}
    assert all(made.graph.users[f"p000{number}"]["active"] for number in range(1, 7))
    assert not made.plan(run).full


def test_a_correction_waits_behind_the_drop_that_is_on_its_way(made: Desk) -> None:
    content = corrected(made)
    tuesday = made.drop(people(10), "tuesday.csv")
    correction = made.drop(content, "rejected.csv")
    assert [made.run(tuesday).state, made.run(correction).state] == [RunState.PLANNED, RunState.RECEIVED]
    made.send()
    assert [made.run(tuesday).state, made.run(correction).state] == [RunState.SENT, RunState.SENT]


def test_a_newer_full_drop_knows_better_than_a_correction_that_is_not_sent_yet(made: Desk) -> None:
    correction = made.drop(corrected(made), "rejected.csv")
    made.drop(people(10), "tuesday.csv")
    made.send()
    assert made.run(correction).state is RunState.SUPERSEDED
    assert made.states()[-1] == "sent"


def test_a_correction_by_another_name_is_rejected_with_what_to_do(made: Desk) -> None:
    run = made.drop(corrected(made), "monday-again.csv")
    assert run.state is RunState.REJECTED
    assert "drop it under a name that begins with rejected" in run.reasons[0]


def test_in_a_partial_source_a_correction_may_have_any_name(made: Desk) -> None:
    content = corrected(made)
    made.source(NO_GATES, mode="partial")
    assert made.drop(content, "monday-again.csv").state is RunState.PLANNED


FORMULAS = ["x;=1", 'x\t"=1"', "x|@A1", "x\n+1", " =1", "=1;-2", "x;'=1"]
HEADER = ["id", "status", "name", "title", "manager", "note;=1", "=2"]


def hostile(*keys: str) -> bytes:
    """A file with these people, and two without a status; there is a formula in most cells and names."""
    text = io.StringIO(newline="")
    good = [[key, "Active", *FORMULAS[:3], "", ""] for key in keys]
    csv.writer(text).writerows([HEADER, *good, ["p2", "", *FORMULAS[:5]], ["p3", "", *FORMULAS[2:]]])
    return text.getvalue().encode()


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_no_file_of_a_run_holds_a_formula_whatever_separator_a_spreadsheet_reads(made: Desk, separator: str) -> None:
    run = made.sent(hostile("k;=1", "f|-2"), "monday.csv")
    made.graph.log += [
        entry("k;=1", made.clock.now() + timedelta(seconds=2), "update"),
        entry("f|-2", made.clock.now() + timedelta(seconds=2), "create", "failure", code="x;=1", reason="a;=b\n+1"),
    ]
    for _ in range(3):
        made.clock.advance(minutes=30)
        made.rollcall.house.collect_logs()
    gone = made.drop(people(1), "tuesday.csv")
    files = [made.file(run, name) for name in ("people.csv", "rejected.csv", "outcome.csv")]
    files.append(made.file(gone, "absent.csv"))
    assert b"k;'=1," in files[-1]
    assert b"a;'=b\n'+1" in files[2]
    for file in files:
        for row in csv.reader(io.StringIO(file.decode(), newline=""), delimiter=separator):
            assert not [piece for piece in row if re.match('[\\s"]*[=+@-]', piece)]


def test_keys_that_hold_a_formula_are_read_as_they_are(made: Desk) -> None:
    run = made.sent(hostile("k;=1"), "monday.csv")
    assert made.actions(run) == {"k;=1": "new"}
    assert made.settle(run).figures.outcomes["updated"] == 1
    again = made.sent(people(1), "tuesday.csv")
    assert made.actions(again) == {"p0001": "new", "k;=1": "absent"}


@pytest.mark.parametrize("saved", [",", ";", "\t", "|"])
def test_cells_that_hold_formulas_are_sent_as_they_were_when_a_correction_is_dropped(made: Desk, saved: str) -> None:
    """Also where a spreadsheet has saved it with another separator."""
    run = made.sent(hostile(), "monday.csv")
    header, *rows = csv.reader(io.StringIO(made.file(run, "rejected.csv").decode(), newline=""))
    assert header[-2:] == ["line", "reason"]
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=saved).writerows([header, *([row[0], "Active", *row[2:]] for row in rows)])
    made.sent(text.getvalue().encode(), "rejected-monday.csv")
    assert [made.graph.users[key]["displayName"] for key in ("p2", "p3")] == [FORMULAS[0], FORMULAS[2]]
    assert [made.graph.users[key]["title"] for key in ("p2", "p3")] == [FORMULAS[1], FORMULAS[3]]


@pytest.mark.parametrize("declared", ["", "sep=;\r\n", "sep=,\r\n"])
def test_a_correction_below_a_declared_separator_is_sent_as_it_was(tmp_path: Path, declared: str) -> None:
    made = desk(tmp_path / "sources", NO_GATES, SEND_CONCURRENCY="1")
    made.sent(people(3), "a.csv")
    bad = Row("", name="Anna;=B", title="x\ty;+z")
    run = made.drop([*people(3), bad], "b.csv")
    made.send()
    header, record, *_ = csv.reader(io.StringIO(made.file(run, "rejected.csv").decode(), newline=""))
    record[0] = "p0009"
    text = io.StringIO()
    csv.writer(text, delimiter=";" if ";" in declared else ",").writerows([header, record])
    made.clock.advance(seconds=5)
    made.drop((declared + text.getvalue()).encode(), "rejected.csv")
    made.send()
    sent = made.graph.users["p0009"]
    assert (sent["displayName"], sent["title"]) == ("Anna;=B", "x\ty;+z")
