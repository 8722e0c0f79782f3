"""Log entries, checkpoints and outcomes, in the twin's tables and in Azure's."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from shared.adapters.container import Container
from shared.adapters.log_tables import CheckpointTable, LogTable
from shared.adapters.outcome_table import OutcomeTable
from shared.adapters.table import Query
from shared.collecting.entries import NO_TIME, read_entry
from shared.collecting.outcomes import Evidence, bucket_of
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
    created = Evidence("名", success="created", success_at=NOW, target_id="t", target_at=NOW)
    outcomes.put("employees-1-a", "", [failed, created], {"failed": 1, "created": 1})
    assert outcomes.of("employees-1-a") == {"O'Neil/1": failed, "名": created}
    assert outcomes.of("employees-2-b") == {}
    assert outcomes.one("employees-1-a", "O'Neil/1", 2) == failed
    assert outcomes.one("employees-1-a", "somebody else", 2) is None


def test_evidence_is_replaced_by_what_is_known_later(new_table: Tables) -> None:
    outcomes = OutcomeTable(new_table())
    outcomes.put("r", "", [Evidence("p", trouble="failed", trouble_at=NOW, reason="x" * 90_000)], {"failed": 1})
    healed = Evidence("p", success="created", success_at=NOW)
    outcomes.put("r", "", [healed], {"created": 1})
    assert outcomes.of("r") == {"p": healed}


def test_people_with_keys_too_long_for_a_table_stay_apart(new_table: Tables) -> None:
    outcomes = OutcomeTable(new_table())
    people = [Evidence("\x01" * 150 + str(number), success="created", success_at=NOW) for number in range(3)]
    outcomes.put("r", "", people, {"created": 3})
    assert outcomes.of("r") == {person.key: person for person in people}


def test_the_people_of_a_large_run_are_read_bucket_by_bucket(new_table: Tables) -> None:
    outcomes = OutcomeTable(new_table())
    people = [Evidence(f"p{number}", success="created", success_at=NOW) for number in range(60)]
    buckets: dict[str, list[Evidence]] = {}
    for person in people:
        buckets.setdefault(bucket_of(person.key, 5_000), []).append(person)
    for bucket, members in buckets.items():
        outcomes.put("r", bucket, members, {"created": len(members)})
    assert len(buckets) > 10
    assert outcomes.of("r") == {person.key: person for person in people}
    assert outcomes.tallies("r") == {bucket: {"created": len(members)} for bucket, members in buckets.items()}
    for bucket, members in buckets.items():
        assert outcomes.some("r", bucket) == {person.key: person for person in members}
    assert outcomes.one("r", "p7", 5_000) == people[7]


def test_the_outcomes_of_a_run_are_forgotten_a_few_at_a_time(new_table: Tables) -> None:
    outcomes = OutcomeTable(new_table())
    for run in ("r-1", "r-10"):
        people = [Evidence(f"p{number}", success="created", success_at=NOW) for number in range(150)]
        outcomes.put(run, "", people, {"created": 150})
    assert outcomes.forget("r-1", 100) == 100
    assert outcomes.forget("r-1", 100) == 51
    assert outcomes.forget("r-1", 100) == 0
    assert (outcomes.of("r-1"), outcomes.tallies("r-1")) == ({}, {})
    assert len(outcomes.of("r-10")) == 150
