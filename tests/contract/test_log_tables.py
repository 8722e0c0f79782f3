"""Log entries, checkpoints and outcomes, in the twin's tables and in Azure's."""

import random
import string
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from shared.collecting.checkpoint import Gap, LogFault, Progress, Stretch
from shared.collecting.entries import NO_TIME, read_entry
from shared.collecting.open_runs import EvidenceBook
from shared.collecting.outcomes import Bucket, Evidence, bucket_of
from shared.model.errors import Changed
from shared.stores.container import Container
from shared.stores.log_tables import CheckpointTable, LogTable
from shared.stores.outcome_table import OutcomeTable
from shared.stores.table import Query
from tests.contract.conftest import Tables
from tests.support.graph import JOB, entry

NOW = datetime(2026, 11, 2, 23, 59, 59, tzinfo=UTC)


class Logs:
    def __init__(self, new_table: Tables, container: Container) -> None:
        self.table = new_table()
        self.container = container
        self.store = LogTable(self.table, container)

    def keep(self, *raws: dict[str, Any]) -> None:
        self.store.keep([read_entry(raw) for raw in raws])

    def kept(self, day: datetime = NOW) -> list[dict[str, Any]]:
        return [dict(entry.raw) for entry in self.store.by_day(JOB, day)]

    def columns(self) -> list[dict[str, Any]]:
        """The rows of entries, without those that lead to them."""
        return [row for row in self.rows() if "digest" in row]

    def rows(self) -> list[dict[str, Any]]:
        return [dict(row.entity) for row in self.table.rows(Query())]


@pytest.fixture
def logs(new_table: Tables, container: Container) -> Logs:
    return Logs(new_table, container)


def test_an_entry_comes_back_as_it_came(logs: Logs) -> None:
    raw = entry("10016", NOW, unknown={"field": [1, None, "ü", 1.5]}, servicePrincipal=[{"id": "x"}])
    logs.keep(raw)
    assert logs.kept() == [raw]


def test_an_entry_has_columns_to_query_by(logs: Logs) -> None:
    logs.keep(entry("O'Neil/1", NOW, "update", "failure", code="EntryConflict", reason="Message: taken"))
    (columns,) = logs.columns()
    assert columns["externalId"] == "O'Neil/1"
    assert columns["status"] == "failure"
    assert columns["code"] == "EntryConflict"
    assert columns["action"] == "update"
    assert columns["jobId"] == JOB
    assert columns["activityDateTime"] == NOW
    assert columns["targetId"] == "object-O'Neil/1"
    assert columns["durationInMilliseconds"] == 420


def test_storing_again_changes_nothing(logs: Logs) -> None:
    raws = [entry(f"p{number}", NOW - timedelta(seconds=number)) for number in range(120)]
    logs.keep(*raws)
    before = logs.rows()
    logs.keep(*reversed(raws))
    assert logs.rows() == before
    assert len(logs.columns()) == 120


def test_entries_are_kept_by_day_in_order_of_time(logs: Logs) -> None:
    next_day = NOW + timedelta(seconds=2)
    logs.keep(entry("late", NOW), entry("tomorrow", next_day), entry("early", NOW - timedelta(hours=2)))
    assert [raw["sourceIdentity"]["id"] for raw in logs.kept()] == ["early", "late"]
    assert [raw["sourceIdentity"]["id"] for raw in logs.kept(next_day)] == ["tomorrow"]


@pytest.mark.parametrize("character", ["x", "é", "世", "😀", '"', "\\"])
@pytest.mark.parametrize("length", [31_999, 70_000])
def test_an_entry_longer_than_a_property_is_kept_whole(logs: Logs, character: str, length: int) -> None:
    raw = entry("p", NOW, note=character * length)
    logs.keep(raw, entry("q", NOW))
    assert raw in logs.kept()
    assert len(logs.kept()) == 2


@pytest.mark.parametrize("character", ["x", "世"])
def test_an_entry_longer_than_an_entity_is_kept_whole(logs: Logs, character: str) -> None:
    raw = entry("a/b", NOW, id="strange/id#1?", note=character * 600_000)
    logs.keep(raw)
    logs.keep(raw)
    assert logs.kept() == [raw]
    (columns,) = logs.columns()
    assert columns["externalId"] == "a/b"
    assert len(list(logs.container.versions())) == 1


def test_an_entry_of_many_properties_is_kept_whole(logs: Logs) -> None:
    raw = entry("p", NOW, modifiedProperties=[{"displayName": f"attribute{n}" * 20, "newValue": n} for n in range(500)])
    logs.keep(raw)
    assert logs.kept() == [raw]


def test_an_entry_without_id_and_time_is_kept_once(logs: Logs) -> None:
    raw = {"jobId": JOB, "oddity": True}
    logs.keep(raw)
    logs.keep(raw, {"jobId": JOB, "oddity": False})
    assert len(logs.kept(NO_TIME)) == 2
    assert raw in logs.kept(NO_TIME)


@pytest.mark.parametrize("identifier", ["x" * 2000, "\x01" * 300, "名" * 500])
def test_any_id_can_be_kept(logs: Logs, identifier: str) -> None:
    raw = entry("p", NOW, id=identifier)
    logs.keep(raw)
    assert logs.kept() == [raw]


def move(checkpoints: CheckpointTable, to: datetime, reader: str = "reader") -> None:
    """A reading from its beginning to its end."""
    checkpoints.begin(JOB, reader)
    checkpoints.finish(JOB, to, reader)


def test_a_checkpoint_is_none_at_first_and_then_moves_forward(new_table: Tables) -> None:
    checkpoints = CheckpointTable(new_table())
    assert checkpoints.get(JOB) is None
    move(checkpoints, NOW)
    assert checkpoints.get(JOB) == NOW
    move(checkpoints, NOW + timedelta(microseconds=1))
    assert checkpoints.get(JOB) == NOW + timedelta(microseconds=1)
    assert checkpoints.get("another/job") is None


def test_a_checkpoint_never_moves_back(new_table: Tables) -> None:
    checkpoints = CheckpointTable(new_table())
    move(checkpoints, NOW)
    move(checkpoints, NOW - timedelta(seconds=1))
    assert checkpoints.get(JOB) == NOW


def test_a_reading_that_another_one_followed_moves_nothing(new_table: Tables) -> None:
    checkpoints = CheckpointTable(new_table())
    assert checkpoints.begin(JOB, "first") is False
    assert checkpoints.begin(JOB, "second") is True  # what the first one stored may not be joined
    checkpoints.finish(JOB, NOW, "first")
    assert checkpoints.get(JOB) is None
    checkpoints.finish(JOB, NOW, "second")
    assert checkpoints.get(JOB) == NOW
    assert checkpoints.begin(JOB, "third") is False


def test_a_reading_that_was_killed_is_known_to_the_next(new_table: Tables) -> None:
    checkpoints = CheckpointTable(new_table())
    checkpoints.begin(JOB, "killed")
    assert checkpoints.begin("another/job", "other") is False
    assert checkpoints.begin(JOB, "next") is True


def test_what_is_not_recognised_is_counted_by_shape(new_table: Tables) -> None:
    checkpoints = CheckpointTable(new_table())
    for shape, entries, minutes in (("a b", 2, 0), ("c", 1, 1), ("a b", 3, 2)):
        checkpoints.count_unrecognised(JOB, shape, entries, NOW + timedelta(minutes=minutes))
    found = {each.shape: (each.entries, each.first_at, each.last_at) for each in checkpoints.unrecognised(JOB)}
    assert found == {
        "a b": (5, NOW, NOW + timedelta(minutes=2)),
        "c": (1, NOW + timedelta(minutes=1), NOW + timedelta(minutes=1)),
    }
    assert checkpoints.unrecognised("another/job") == []


def test_a_job_that_shows_marks_is_remembered(new_table: Tables) -> None:
    checkpoints = CheckpointTable(new_table())
    assert not checkpoints.echoes(JOB)
    checkpoints.note_echo(JOB)
    assert checkpoints.echoes(JOB)
    assert not checkpoints.echoes("another/job")


def test_evidence_comes_back_by_key(new_table: Tables) -> None:
    outcomes = OutcomeTable(new_table())
    failed = Evidence("O'Neil/1", trouble="failed", trouble_at=NOW, code="C", reason="x" * 50_000, entry_id="e")
    created = Evidence("名", success="created", success_at=NOW, target_id="t", target_at=NOW, changes=("a", "b"))
    outcomes.put("employees-1-a", "", [failed, created], {"failed": 1, "created": 1}, "")
    assert outcomes.of("employees-1-a") == {"O'Neil/1": failed, "名": created}
    assert outcomes.of("employees-2-b") == {}
    assert outcomes.one("employees-1-a", "O'Neil/1", 2) == failed
    assert outcomes.one("employees-1-a", "somebody else", 2) is None


def test_evidence_is_replaced_over_the_version_that_was_read(new_table: Tables) -> None:
    outcomes = OutcomeTable(new_table())
    first = outcomes.put("r", "", [Evidence("p", trouble="failed", trouble_at=NOW)], {"failed": 1}, "")
    created = Evidence("p", success="created", success_at=NOW)
    second = outcomes.put("r", "", [created], {"created": 1}, first)
    assert outcomes.some("r", "") == Bucket({"p": created}, second)
    for etag in ("", first):
        with pytest.raises(Changed):
            outcomes.put("r", "", [], {}, etag)
    assert outcomes.of("r") == {"p": created}


def test_two_readings_at_once_lose_nothing(new_table: Tables) -> None:
    outcomes = OutcomeTable(new_table())
    one, two = EvidenceBook(outcomes, "r", 3), EvidenceBook(outcomes, "r", 3)
    for book in (one, two):
        book.read(["p", "q", "r"])
    one.learn(Evidence("p", success="created", success_at=NOW, changes=("a",)))
    two.learn(Evidence("p", trouble="failed", trouble_at=NOW - timedelta(hours=1), code="X", changes=("b",)))
    two.learn(Evidence("q", success="updated", success_at=NOW))
    one.write()
    two.write()
    found = outcomes.of("r")
    assert (found["p"].outcome, found["p"].changes, found["q"].outcome) == ("created", ("a", "b"), "updated")
    assert outcomes.tallies("r") == {"": {"created": 1, "updated": 1}}
    assert two.tally() == {"created": 1, "updated": 1}


def test_people_with_any_keys_stay_apart(new_table: Tables) -> None:
    outcomes = OutcomeTable(new_table())
    people = [Evidence("\x01" * 150 + str(number), success="created", success_at=NOW) for number in range(3)]
    outcomes.put("r", "", people, {"created": 3}, "")
    assert outcomes.of("r") == {person.key: person for person in people}


def test_the_people_of_a_large_run_are_read_bucket_by_bucket(new_table: Tables) -> None:
    outcomes = OutcomeTable(new_table())
    people = [Evidence(f"p{number}", success="created", success_at=NOW) for number in range(60)]
    buckets: dict[str, list[Evidence]] = {}
    for person in people:
        buckets.setdefault(bucket_of(person.key, 5_000), []).append(person)
    for bucket, members in buckets.items():
        outcomes.put("r", bucket, members, {"created": len(members)}, "")
    assert len(buckets) > 10
    assert outcomes.of("r") == {person.key: person for person in people}
    assert outcomes.tallies("r") == {bucket: {"created": len(members)} for bucket, members in buckets.items()}
    for bucket, members in buckets.items():
        assert outcomes.some("r", bucket).people == {person.key: person for person in members}
    assert outcomes.one("r", "p7", 5_000) == people[7]


@pytest.mark.parametrize("size", [1, 250, 251, 4_000, 4_001, 64_000, 1_000_000])
def test_a_bucket_holds_a_few_hundred_people_at_most(size: int) -> None:
    digits = len(bucket_of("p", size))
    assert size <= 250 * 16**digits
    assert digits == 0 or size > 250 * 16 ** (digits - 1)


def test_a_full_bucket_with_long_reasons_fits_a_row(new_table: Tables) -> None:
    outcomes = OutcomeTable(new_table())
    chance = random.Random(7)
    reasons = ["".join(chance.choices(string.printable, k=1_000)) for _ in range(320)]
    people = [Evidence(f"p{at}", trouble="failed", trouble_at=NOW, reason=text) for at, text in enumerate(reasons)]
    outcomes.put("r", "", people, {"failed": len(people)}, "")
    assert len(outcomes.of("r")) == 320


def test_evidence_of_release_0_1_is_read_where_there_is_no_other(new_table: Tables) -> None:
    table = new_table()
    outcomes = OutcomeTable(table)
    old = [Evidence(f"p{number}", success="created", success_at=NOW) for number in range(3)]
    table.upsert(
        {"PartitionKey": "r_", "RowKey": known.key, "evidence": msgspec.json.encode(known).decode()} for known in old
    )
    table.upsert([{"PartitionKey": "r_~", "RowKey": "b", "bucket": "", "tally": '{"created": 3}'}])
    assert outcomes.of("r") == {known.key: known for known in old}
    assert outcomes.one("r", "p1", 3) == old[1]
    book = EvidenceBook(outcomes, "r", 3)
    book.read(["p1"])
    book.learn(Evidence("p1", trouble="failed", trouble_at=NOW + timedelta(hours=1)))
    book.write()
    assert {key: known.outcome for key, known in outcomes.of("r").items()} == {
        "p0": "created",
        "p1": "failed",
        "p2": "created",
    }
    assert book.tally() == {"created": 2, "failed": 1}


def test_the_outcomes_of_a_run_are_forgotten_a_few_at_a_time(new_table: Tables) -> None:
    outcomes = OutcomeTable(new_table())
    for run in ("r-1", "r-10"):
        for number in range(150):
            people = [Evidence(f"p{number}", success="created", success_at=NOW)]
            outcomes.put(run, f"{number:x}", people, {"created": 1}, "")
    assert outcomes.forget("r-1", 100) == 100
    assert outcomes.forget("r-1", 100) == 50
    assert outcomes.forget("r-1", 100) == 0
    assert (outcomes.of("r-1"), outcomes.tallies("r-1")) == ({}, {})
    assert len(outcomes.of("r-10")) == 150


STRETCHES = tuple(
    Stretch(NOW + timedelta(seconds=number), NOW + timedelta(seconds=number + 1), 2, NOW, 9, "https://x", NOW)
    for number in range(300)
)


def test_what_is_read_once_more_is_kept_with_the_checkpoint(new_table: Tables) -> None:
    checkpoints = CheckpointTable(new_table())
    assert checkpoints.progress(JOB) == Progress()
    move(checkpoints, NOW)
    assert checkpoints.progress(JOB) == Progress(NOW, None)  # as it was written before there were stretches
    for stretches in (STRETCHES, ()):
        checkpoints.begin(JOB, "reader")
        checkpoints.finish(JOB, NOW, "reader", stretches)
        assert checkpoints.progress(JOB) == Progress(NOW, stretches)
    checkpoints.begin(JOB, "reader")
    checkpoints.finish(JOB, NOW - timedelta(hours=1), "reader", STRETCHES)
    assert checkpoints.progress(JOB) == Progress(NOW, ())


@pytest.mark.parametrize("joined", [True, False])
def test_why_a_reading_failed_is_kept_until_one_finishes(new_table: Tables, joined: bool) -> None:
    checkpoints = CheckpointTable(new_table())
    fault = LogFault("the log answered 403", 403, NOW)
    checkpoints.begin(JOB, "first")
    checkpoints.failed(JOB, "first", fault, joined=joined)
    assert checkpoints.last_fault(JOB) == fault
    assert checkpoints.begin(JOB, "second") is not joined
    assert checkpoints.last_fault(JOB) == fault
    checkpoints.failed(JOB, "first", replace(fault, text="too late"), joined=True)
    assert checkpoints.last_fault(JOB) == fault
    checkpoints.finish(JOB, NOW, "second", ())
    assert checkpoints.last_fault(JOB) is None
    assert checkpoints.begin(JOB, "third") is False


def test_what_could_not_be_read_is_kept_by_where_it_begins(new_table: Tables) -> None:
    checkpoints = CheckpointTable(new_table())
    first, second = Gap(NOW, NOW + timedelta(days=1), NOW), Gap(NOW - timedelta(days=9), NOW - timedelta(days=8), NOW)
    for gap in (replace(first, until=NOW + timedelta(hours=1)), first, second):
        checkpoints.note_gap(JOB, gap)
    assert checkpoints.gaps(JOB) == [second, first]
    assert checkpoints.gaps("another/job") == []
