"""The report of a run: written once it is settled, also when a process died before; one file that loads nothing."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from shared.collecting.collect_logs import collect_logs
from shared.console.report import REPORT, missing_reports, write_report, write_reports
from shared.model.errors import UnknownRun
from shared.model.runs import Run, RunState
from tests.browser.scene import log_everybody, made_desk, settled, staff
from tests.support.desk import Desk, Row, as_csv, people


@pytest.fixture
def made(tmp_path: Path) -> Desk:
    return made_desk(tmp_path / "sources")


def forget_report(made: Desk, run: Run) -> None:
    """The report is gone, as if the process had died before it was written."""
    made.rollcall.house.storage.runs.__dict__["_blobs"].pop(f"employees/{run.run_id}/{REPORT}")


def test_a_settled_run_has_a_report_with_everything_on_one_page(made: Desk) -> None:
    run = settled(made, staff(60), "monday.csv", failing=10)
    report = made.file(run, REPORT).decode()
    for told in ("50 of 60 people are as they should be; 10 failed.", "EntryConflict", "None tripped", "Time line"):
        assert told in report
    assert "p0010" in report
    assert "<svg" in report
    assert "@media print" in report
    assert "prefers-color-scheme: dark" in report


def test_a_report_loads_nothing(made: Desk) -> None:
    run = settled(made, staff(10), "monday.csv", failing=1)
    report = made.file(run, REPORT).decode()
    assert not re.search(r"<script|<iframe|<img|@import|url\(|src=", report)
    assert re.findall(r'<link[^>]*href="([^"]*)"', report) == ["data:,"]
    assert re.findall(r'href="(http[^"]*)"', report) == [f"http://127.0.0.1:1/api/console/runs/{run.run_id}"]


def test_gates_and_who_released_them_stand_in_the_report(made: Desk) -> None:
    settled(made, staff(40), "monday.csv")
    run = settled(made, [Row(row.id, "Inactive", row.name) for row in staff(40)], "tuesday.csv")
    report = made.file(run, REPORT).decode()
    assert "40 accounts would be disabled" in report
    assert "Approved by <bdi>Anna</bdi>: <bdi>it is right</bdi>" in report


def test_a_guessed_encoding_stands_in_the_report_with_words_to_look_at(made: Desk) -> None:
    rows = [Row("p0001", name="Jürgen Größer"), Row("p0002", name="Zoë Müller")]
    run = settled(made, as_csv(rows).decode().encode("cp1252"), "monday.csv")
    assert "read as cp1252, a guess: do <bdi>Jürgen, Größer, Zoë</bdi> read right?" in made.file(run, REPORT).decode()


def test_a_process_that_died_before_the_report_is_caught_up_by_the_next_sweep(made: Desk) -> None:
    run = made.sent(people(5), "monday.csv")
    made.clock.advance(minutes=4)
    log_everybody(made, run, made.clock.now())
    while made.run(run).state is RunState.SENT:
        made.clock.advance(minutes=20)
        collect_logs(made.rollcall.house.collector)  # as far as it came
    assert made.run(run).settled_at
    assert REPORT not in made.rollcall.house.files.names(run)
    made.sweep()
    assert REPORT in made.rollcall.house.files.names(run)


def test_a_report_that_is_there_is_not_written_again(made: Desk) -> None:
    run = settled(made, staff(5), "monday.csv")
    assert not list(missing_reports(made.rollcall.house.reporter))
    before = made.rollcall.house.storage.runs.get(f"employees/{run.run_id}/{REPORT}")[1]
    made.sweep()
    assert made.rollcall.house.storage.runs.get(f"employees/{run.run_id}/{REPORT}")[1] == before


def test_old_runs_are_left_alone(made: Desk) -> None:
    run = settled(made, staff(5), "monday.csv")
    reporter = made.rollcall.house.reporter
    forget_report(made, run)
    assert list(missing_reports(reporter)) == [run.run_id]
    made.clock.advance(days=8)
    assert not list(missing_reports(reporter))


def test_the_same_run_makes_the_same_report(made: Desk) -> None:
    run = settled(made, staff(20), "monday.csv", failing=3)
    first = made.file(run, REPORT)
    made.clock.advance(days=3)
    write_report(made.rollcall.house.reporter, run)
    assert made.file(run, REPORT) == first


def test_a_run_without_anybody_has_a_report_too(made: Desk) -> None:
    settled(made, staff(5), "monday.csv")
    run = settled(made, staff(5), "tuesday.csv")
    assert "All 5 people are as they should be." in made.file(run, REPORT).decode()


def test_one_report_that_fails_keeps_no_other_from_being_written(made: Desk) -> None:
    run = settled(made, staff(7), "monday.csv")
    forget_report(made, run)
    with pytest.raises(UnknownRun):
        write_reports(made.rollcall.house.reporter, ["nobody", run.run_id])
    assert REPORT in made.rollcall.house.files.names(run)
