"""The log store is asked by day, by person and by failure, and forgets; in the twin's tables and in Azure's."""

import random
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from shared.collecting.entries import LogEntry, read_entry
from shared.model.errors import Missing
from shared.stores.container import Container
from shared.stores.log_tables import LogTable
from shared.stores.table import Query, Table
from tests.contract.conftest import Tables
from tests.support.graph import JOB, entry

NOON = datetime(2026, 11, 2, 12, tzinfo=UTC)
OTHER = "API2AAD.other"


@pytest.fixture
def logs_table(new_table: Tables) -> Table:
    return new_table()


@pytest.fixture
def log(logs_table: Table, container: Container) -> LogTable:
    return LogTable(logs_table, container)


def keep(log: LogTable, *raws: dict[str, Any]) -> int:
    return len(log.keep([read_entry(raw) for raw in raws]))


def ids(found: Any) -> list[str]:
    return [each.id for each in found]


def test_a_day_comes_in_order_of_time_whatever_order_it_came_in(log: LogTable) -> None:
    day = NOON.replace(hour=0)
    raws = [entry(f"p{number}", day + timedelta(minutes=7 * number)) for number in range(205)]
    shuffled = random.Random(1).sample(raws, len(raws))
    keep(log, *shuffled, *[entry("stranger", NOON, jobId=OTHER)], entry("x", NOON + timedelta(days=1)))
    assert [found.raw for found in log.by_day(JOB, date(2026, 11, 2))] == raws
    assert ids(log.by_day(OTHER, date(2026, 11, 2))) == ["stranger-create-success-120000"]


def test_the_lines_of_a_day_say_what_a_list_shows(log: LogTable) -> None:
    failed = entry("a", NOON, "update", "failure", code="EntryConflict", reason="Message: taken" + "!" * 2_000)
    skipped = entry("b", NOON + timedelta(seconds=1), "create", "skipped", skip_reason="AttributeValidationFailed")
    changed = entry(
        "c", NOON + timedelta(seconds=2), modifiedProperties=[{"displayName": "title"}, {"displayName": "x"}]
    )
    keep(log, failed, skipped, changed)
    lines = list(log.lines(JOB, NOON.date()))
    assert [(line.external_id, line.status, line.code, line.trouble) for line in lines] == [
        ("a", "failure", "EntryConflict", "failed"),
        ("b", "skipped", "AttributeValidationFailed", "skipped"),
        ("c", "success", "", ""),
    ]
    assert lines[0].at == NOON
    assert (lines[0].job_id, lines[0].action, lines[0].target_id, lines[0].duration_ms) == (
        JOB, "update", "object-a", 420,
    )  # fmt: skip
    assert len(lines[0].reason) == 1_000
    assert lines[2].changed == ("title", "x")
    assert [log.entry(line).raw for line in lines] == [failed, skipped, changed]


def test_everything_about_a_person_is_found_and_nothing_about_another(log: LogTable) -> None:
    about = [entry("a/b", NOON + timedelta(days=days), "update") for days in (-40, 0, 3)]
    keep(log, *about, entry("a/c", NOON), entry("A/B", NOON), entry("a/b", NOON, jobId=OTHER), entry("", NOON))
    assert [found.raw for found in log.by_person(JOB, "a/b")] == about
    assert list(log.by_person(JOB, "nobody")) == []


def test_failures_are_found_from_a_moment_to_before_another(log: LogTable) -> None:
    def at(hours: float, outcome: str = "failure", **more: Any) -> dict[str, Any]:
        return entry(f"p{hours}", NOON + timedelta(hours=hours), "update", outcome, code="X", **more)

    keep(log, at(0), at(1), at(13), at(30), at(2, "success"), at(3, "skipped", skip_reason="RedundantExport"))
    keep(log, at(4, "skipped", skip_reason="NotEffectivelyEntitled"), at(1, jobId=OTHER))
    found = log.failures(JOB, NOON + timedelta(hours=1), NOON + timedelta(hours=30))
    assert [(line.external_id, line.trouble) for line in found] == [
        ("p1", "failed"),
        ("p4", "skipped"),
        ("p13", "failed"),
    ]


def test_a_failures_line_leads_to_its_entry(log: LogTable) -> None:
    raw = entry("a", NOON, "create", "failure", code="X", id="odd/id#?")
    keep(log, raw)
    (line,) = log.failures(JOB, NOON, NOON + timedelta(seconds=1))
    assert log.entry(line).raw == raw


def test_keeping_says_how_many_were_new_and_writes_nothing_for_the_others(log: LogTable, logs_table: Table) -> None:
    raws = [entry(f"p{number}", NOON + timedelta(minutes=number)) for number in range(130)]
    assert keep(log, *raws[:100]) == 100
    etags = {tuple(row.entity.values())[:2]: row.etag for row in logs_table.rows(Query(partitions=("A", "~")))}
    assert keep(log, *raws[50:]) == 30
    assert keep(log, *raws, *raws) == 0
    after = {tuple(row.entity.values())[:2]: row.etag for row in logs_table.rows(Query(partitions=("A", "~")))}
    assert {key: after[key] for key in etags} == etags


def test_an_entry_that_says_something_else_under_its_id_is_kept_anew(log: LogTable) -> None:
    keep(log, entry("a", NOON, id="one", note="first"))
    assert keep(log, entry("a", NOON, id="one", note="second")) == 1
    assert [found.raw["note"] for found in log.by_day(JOB, NOON.date())] == ["second"]
    assert [found.raw["note"] for found in log.by_person(JOB, "a")] == ["second"]


def days(log: LogTable, *numbers: int) -> list[list[str]]:
    return [ids(log.by_day(JOB, date(2026, 11, number))) for number in numbers]


def kept(log: LogTable, *numbers: int, people: int = 60) -> list[LogEntry]:
    raws = [
        entry(f"p{person}", NOON.replace(day=number) + timedelta(minutes=person), "create", "failure", code="X")
        for number in numbers
        for person in range(people)
    ]
    keep(log, *raws)
    return [read_entry(raw) for raw in raws]


def test_days_before_one_are_forgotten_with_everything_that_leads_to_them(log: LogTable, logs_table: Table) -> None:
    kept(log, 1, 2, 3)
    log.keep([read_entry(entry("gone", NOON.replace(day=1), jobId="a job that is no more"))])
    assert log.forget(date(2026, 11, 3), 1_000) == 121
    assert [len(found) for found in days(log, 1, 2, 3)] == [0, 0, 60]
    assert len(list(log.by_person(JOB, "p7"))) == 1
    assert len(list(log.failures(JOB, NOON.replace(day=1), NOON.replace(day=30)))) == 60
    assert len(list(logs_table.rows(Query()))) == 60 * 3 + 1
    assert log.forget(date(2026, 11, 3), 1_000) == 0


def test_forgetting_does_a_bounded_work_at_a_time_the_oldest_first(log: LogTable) -> None:
    kept(log, 1, 2)
    assert [log.forget(date(2026, 11, 3), 50) for _ in range(4)] == [50, 50, 20, 0]
    assert days(log, 1, 2) == [[], []]


def test_a_forgotten_entry_takes_its_blob_with_it(log: LogTable, container: Container) -> None:
    raw = entry("a", NOON, note="x" * 1_200_000)
    keep(log, raw)
    (line,) = log.lines(JOB, NOON.date())
    assert len(list(container.versions())) == 1
    log.forget(date(2026, 11, 3), 10)
    assert list(container.versions()) == []
    with pytest.raises(Missing):
        log.entry(line)


def test_forgetting_goes_on_where_a_killed_process_stopped(log: LogTable, logs_table: Table) -> None:
    entries = kept(log, 1, people=30)
    leading = [row for row in logs_table.rows(Query()) if "digest" not in row.entity]
    logs_table.delete(
        (row.entity["PartitionKey"], row.entity["RowKey"]) for row in leading[:40] if "day" not in row.entity
    )
    assert log.forget(date(2026, 11, 3), 1_000) == len(entries)
    assert list(logs_table.rows(Query())) == []
