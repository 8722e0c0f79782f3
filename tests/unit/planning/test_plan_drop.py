"""A drop becomes a plan: what is written, what is counted, what is held."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import pytest

from shared.model.errors import DropError
from shared.model.plan import Plan, decode_plan, plan_hash
from shared.model.runs import Answer, Receipt, Run, new_run
from shared.planning.first_pass import source_hash
from shared.planning.plan_drop import plan_drop
from shared.run_folder.folder import read_people
from shared.sending.apply_accepted import apply_accepted
from shared.sources.source import Source
from shared.stores.container import RunFiles
from shared.stores.memory import MemoryContainer
from shared.stores.people_store import PeopleBlobs
from tests.support.desk import COLUMNS, Row, as_csv

NOW = datetime(2026, 11, 2, 6, 0, tzinfo=UTC)
MANAGER = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager"
SAYS: dict[str, Any] = {
    "source": "employees",
    "key": "id",
    "attributes": {
        "userName": {"template": "{id}@contoso.com"},
        "active": {"column": "status", "is": "Active"},
        "displayName": "name",
        "title": "title",
        MANAGER: "manager",
    },
    "gates": dict.fromkeys(("disables", "creates", "changes", "clears", "rejected", "shrink", "attribute_changes")),
}


@dataclass
class Table:
    """Plans drops one after another; `tell` also applies them, as if Entra had accepted everything."""

    source: Source = field(default_factory=lambda: Source.model_validate(SAYS))
    drops: MemoryContainer = field(default_factory=lambda: MemoryContainer(lambda: NOW))
    files: RunFiles = field(default_factory=lambda: RunFiles(MemoryContainer(lambda: NOW)))
    known: PeopleBlobs = field(default_factory=lambda: PeopleBlobs(MemoryContainer(lambda: NOW)))
    nulls: str = ""
    run: Run | None = None

    def says(self, **changes: Any) -> None:
        self.source = Source.model_validate(SAYS | changes)

    def plan(self, rows: list[Row] | bytes, overtaken: str = "") -> Plan:
        self.drops.write("employees/drop.csv", rows if isinstance(rows, bytes) else as_csv(rows))
        drop = self.drops.drop("employees/drop.csv")
        self.run = new_run(drop.version, NOW)
        with self.known.open("employees") as people:
            plan, digest = plan_drop(
                self.run, drop, self.source, people, self.files, lambda: self.nulls, NOW, overtaken
            )
        body = self.read("plan.json")
        assert decode_plan(body) == plan
        assert plan_hash(body) == digest
        return plan

    def tell(self, rows: list[Row]) -> Plan:
        plan = self.plan(rows)
        receipts = [Receipt(chunk.number, 0, chunk.operations, Answer.ACCEPTED, NOW) for chunk in plan.chunks]
        assert self.run is not None
        apply_accepted(self.run, plan, receipts, self.files, self.known, NOW)
        return plan

    def read(self, name: str) -> bytes:
        assert self.run is not None
        return b"".join(self.files.read(self.run, name))

    def rejected(self) -> list[dict[str, str]]:
        return list(csv.DictReader(io.StringIO(self.read("rejected.csv").decode(), newline="")))

    def absent(self) -> dict[str, tuple[str, str]]:
        rows = csv.DictReader(io.StringIO(self.read("absent.csv").decode(), newline=""))
        return {row["key"]: (row["absences"], row["action"]) for row in rows}

    def told(self) -> dict[str, tuple[int, str, int]]:
        return {each.key: (each.line, each.action, each.chunk) for each in read_people([self.read("people.csv")])}

    def users(self) -> dict[str, dict[str, Any]]:
        lines = [json.loads(line) for line in self.read("requests.ndjson").splitlines()]
        records = [each["data"] for line in lines for each in line["Operations"]]
        return {record["externalId"]: {name: record[name] for name in record if name != "id"} for record in records}


@pytest.fixture
def table() -> Table:
    return Table()


ADA, BOB, EVE = Row("a", name="Ada"), Row("b", name="Bob", manager="a"), Row("e", name="Eve", manager="a")


# Changes


def test_on_the_first_day_everybody_is_new(table: Table) -> None:
    plan = table.plan([ADA, BOB])
    assert plan.actions == {"new": 2}
    assert (plan.figures.people, plan.figures.sent, plan.figures.unchanged) == (2, 2, 0)
    assert table.told() == {"a": (2, "new", 1), "b": (3, "new", 2)}


def test_the_same_people_again_are_not_sent(table: Table) -> None:
    table.tell([ADA, BOB])
    plan = table.plan([ADA, BOB])
    assert plan.actions == {"unchanged": 2}
    assert (plan.figures.people, plan.figures.sent, plan.figures.unchanged, plan.chunks) == (2, 0, 2, ())
    assert table.told() == {"a": (2, "unchanged", 0), "b": (3, "unchanged", 0)}
    assert table.read("requests.ndjson") == b""


def test_of_two_lines_of_a_key_the_known_one_is_passed_over_wherever_the_other_stands(table: Table) -> None:
    table.tell([ADA, BOB])
    assert table.plan([ADA, replace(BOB, title="Boss"), BOB]).actions == {"unchanged": 2}
    assert [each.row for each in read_people([table.read("people.csv")])] == [b"", b""]


@pytest.mark.parametrize("known", [[], [ADA, BOB]], ids=["nobody is known", "some are known"])
@pytest.mark.parametrize("broken", [b"e\xff,Active,Eve,,\n", b"e\xff,Active\n"], ids=["whole", "too short"])
def test_a_key_of_bytes_that_are_no_text_rejects_its_own_line_only(
    table: Table, known: list[Row], broken: bytes
) -> None:
    table.says(csv={"encoding": "utf-8"})
    table.tell(known)
    plan = table.plan(as_csv([ADA, BOB]) + broken)
    assert (plan.figures.people, plan.figures.rejected) == (2, 1)
    assert b"e\xff" in table.read("rejected.csv")


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
def test_however_the_lines_end_everybody_is_new_once_and_known_then(table: Table, end: bytes) -> None:
    drop = as_csv([ADA, BOB, EVE]).replace(b"\n", end)
    assert table.plan(drop).actions == {"new": 3}
    assert all(each.row for each in read_people([table.read("people.csv")]))
    table.tell([ADA, BOB, EVE])
    assert table.plan(drop).actions == {"unchanged": 3}


def test_a_changed_person_is_sent_whole(table: Table) -> None:
    table.tell([ADA, BOB, EVE])
    plan = table.plan([ADA, replace(BOB, title="Boss"), EVE])
    assert plan.actions == {"changed": 1, "unchanged": 2}
    assert plan.attributes == {"title": 1}
    assert table.users()["b"] | {"schemas": []} == {
        "schemas": [],
        "externalId": "b",
        "userName": "b@contoso.com",
        "active": True,
        "displayName": "Bob",
        "title": "Boss",
        MANAGER.removesuffix(":manager"): {"manager": {"value": "a"}},
    }


def test_actions_tell_who_leaves_who_returns_and_who_loses_a_value(table: Table) -> None:
    table.tell([ADA, replace(BOB, status="Left"), EVE])
    plan = table.plan([replace(ADA, status="Left"), BOB, replace(EVE, title="")])
    assert plan.actions == {"disabled": 1, "enabled": 1, "changed": 1}
    assert plan.attributes == {"active": 2, "title": 1}
    assert plan.cleared == {"title": 1}


def test_a_source_file_in_another_order_changes_nobody(table: Table) -> None:
    table.tell([ADA, BOB])
    table.says(attributes=dict(reversed(SAYS["attributes"].items())))
    assert table.plan([ADA, BOB]).actions == {"unchanged": 2}


def test_a_changed_mapping_changes_only_people_whose_record_differs(table: Table) -> None:
    table.tell([ADA, BOB, replace(EVE, title="")])
    table.says(attributes=SAYS["attributes"] | {"title": {"column": "title", "upper": True}})
    plan = table.plan([ADA, replace(BOB, title="CLERK"), replace(EVE, title="")])
    assert plan.actions == {"changed": 2, "unchanged": 1}


def test_an_attribute_that_nobody_fills_changes_nobody(table: Table) -> None:
    table.tell([replace(ADA, manager="")])
    extension = "urn:ietf:params:scim:schemas:extension:csv:1.0:User:Custom"
    table.says(attributes=SAYS["attributes"] | {extension: "manager"})
    assert table.plan([replace(ADA, manager="")]).actions == {"unchanged": 1}


def test_planning_again_writes_the_very_same_files(table: Table) -> None:
    table.tell([ADA, BOB])
    rows = [replace(ADA, title="Boss"), BOB, EVE]
    table.plan(rows)
    run = table.run
    names = ("plan.json", "people.csv", "requests.ndjson", "rejected.csv", "absent.csv")
    before = {name: table.read(name) for name in names}
    assert run is not None
    with table.known.open("employees") as people:
        drop = table.drops.drop("employees/drop.csv")
        plan_drop(run, drop, table.source, people, table.files, lambda: "", NOW)
    assert {name: table.read(name) for name in names} == before


def test_the_hash_of_a_source_does_not_depend_on_where_its_app_is() -> None:
    source = Source.model_validate(SAYS)
    moved = Source.model_validate(SAYS | {"endpoint": "https://graph.microsoft.com/x"})
    assert source_hash(moved) == source_hash(source)
    assert source_hash(Source.model_validate(SAYS | {"absence": "ignore"})) != source_hash(source)


# Lanes


def test_leavers_are_in_the_first_lane_and_managers_before_those_who_name_them(table: Table) -> None:
    plan = table.plan([BOB, EVE, replace(ADA), Row("l", status="Left")])
    lanes = {chunk.number: chunk.lane for chunk in plan.chunks}
    assert {key: lanes[chunk] for key, (_, _, chunk) in table.told().items()} == {"l": 0, "a": 1, "b": 2, "e": 2}


def test_a_manager_who_is_nowhere_is_reported_and_sent_as_is(table: Table) -> None:
    plan = table.plan([replace(ADA, manager="ghost"), BOB])
    assert plan.unresolved_managers == ("ghost",)
    assert table.users()["a"][MANAGER.removesuffix(":manager")] == {"manager": {"value": "ghost"}}


def test_a_manager_who_was_told_before_is_not_nowhere(table: Table) -> None:
    table.tell([ADA])
    assert table.plan([BOB]).unresolved_managers == ()


def test_a_manager_whose_own_record_is_rejected_is_nowhere(table: Table) -> None:
    plan = table.plan([replace(ADA, status=""), BOB])
    assert plan.unresolved_managers == ("a",)


# Duplicates


def test_of_several_lines_the_last_one_counts(table: Table) -> None:
    plan = table.plan([ADA, BOB, replace(ADA, title="Boss")])
    assert (plan.figures.records, plan.figures.people, plan.figures.duplicates) == (3, 2, 1)
    assert table.users()["a"]["title"] == "Boss"
    assert table.told()["a"][0] == 4


def test_a_last_line_that_is_bad_does_not_let_an_older_one_through(table: Table) -> None:
    table.plan([ADA, replace(ADA, status="")])
    assert table.users() == {}
    assert [row["line"] for row in table.rejected()] == ["3"]


def test_a_last_line_that_is_damaged_does_not_let_an_older_one_through(table: Table) -> None:
    plan = table.plan([ADA, BOB, replace(ADA, title="#REF!")])
    assert set(table.users()) == {"b"}
    assert [row["line"] for row in table.rejected()] == ["4"]
    assert (plan.figures.people, plan.figures.rejected, plan.figures.duplicates) == (1, 1, 1)


def test_a_damaged_line_does_not_keep_a_newer_one_from_being_sent(table: Table) -> None:
    plan = table.plan([replace(ADA, title="#REF!"), ADA])
    assert set(table.users()) == {"a"}
    assert (plan.figures.people, plan.figures.rejected, plan.figures.duplicates) == (1, 0, 1)


def test_somebody_whose_line_is_damaged_is_not_absent(table: Table) -> None:
    table.tell([ADA, BOB])
    plan = table.plan([BOB, replace(ADA, title="#REF!")])
    assert (plan.gone, plan.figures.rejected) == (0, 1)


def test_all_lines_of_a_key_are_rejected_where_the_source_says_so(table: Table) -> None:
    table.says(duplicates="reject")
    plan = table.plan([ADA, BOB, replace(ADA, title="Boss")])
    assert (plan.figures.rejected, plan.figures.duplicates, plan.figures.people) == (2, 1, 1)
    assert [row["line"] for row in table.rejected()] == ["2", "4"]
    assert "more than one line" in table.rejected()[0]["reason"]


# Absence


def test_an_absent_person_is_reported_by_default(table: Table) -> None:
    table.tell([ADA, BOB])
    plan = table.plan([ADA])
    assert plan.gone == 1
    assert table.absent() == {"b": ("1", "report")}
    assert table.users() == {}


def test_an_absent_person_is_disabled_after_the_grace_and_not_before(table: Table) -> None:
    table.says(absence="disable", absence_grace=2)
    table.tell([ADA, BOB])
    table.tell([ADA, EVE])
    assert table.absent() == {"b": ("1", "waits")}
    plan = table.tell([ADA, replace(EVE, title="x")])
    assert table.absent() == {"b": ("2", "absent")}
    assert plan.actions == {"absent": 1, "changed": 1, "unchanged": 1}
    assert {**table.users()["b"], "schemas": 0} == {
        "schemas": 0,
        "externalId": "b",
        "userName": "b@contoso.com",
        "active": False,
        "displayName": "Bob",
        "title": "Clerk",
        MANAGER.removesuffix(":manager"): {"manager": {"value": "a"}},
    }
    assert table.told()["b"] == (0, "absent", 1)


def test_a_person_disabled_for_absence_is_not_disabled_again(table: Table) -> None:
    table.says(absence="disable", absence_grace=1)
    table.tell([ADA, BOB])
    table.tell([ADA])
    plan = table.plan([ADA])
    assert table.absent() == {"b": ("2", "inactive")}
    assert plan.figures.sent == 0


def test_a_person_who_reappears_is_enabled_and_counts_anew(table: Table) -> None:
    table.says(absence="disable", absence_grace=1)
    table.tell([ADA, BOB])
    table.tell([ADA])
    plan = table.tell([ADA, BOB])
    assert plan.actions == {"enabled": 1, "unchanged": 1}
    assert table.users()["b"]["active"] is True
    table.says(absence="disable", absence_grace=2)
    table.plan([ADA])
    assert table.absent() == {"b": ("1", "waits")}


def test_a_reappearance_within_the_grace_counts_anew(table: Table) -> None:
    table.says(absence="disable", absence_grace=2)
    for rows in ([ADA, BOB], [ADA, EVE], [ADA, BOB]):
        table.tell(rows)
    table.plan([replace(ADA, title="x")])
    assert table.absent()["b"] == ("1", "waits")


@pytest.mark.parametrize("absence", ["ignore", "report"])
def test_nobody_is_disabled_for_absence_where_the_source_does_not_say_so(table: Table, absence: str) -> None:
    table.says(absence=absence, absence_grace=1)
    table.tell([ADA, BOB])
    table.plan([ADA])
    assert table.absent() == {"b": ("1", absence)}
    assert table.users() == {}


def test_who_left_before_is_not_disabled_for_absence(table: Table) -> None:
    table.says(absence="disable", absence_grace=1)
    table.tell([ADA, replace(BOB, status="Left")])
    table.plan([ADA])
    assert table.absent() == {"b": ("1", "inactive")}


def test_nobody_is_absent_from_a_partial_drop(table: Table) -> None:
    table.says(absence="disable", absence_grace=1, csv={"mode": "partial"})
    table.tell([ADA, BOB])
    plan = table.plan([ADA])
    assert plan.gone == 0
    assert table.users() == {}


@pytest.mark.parametrize(
    "bad", ["b,Active,Bob", "b,Active,Bob,Clerk,a,too,many", "b,,Bob,Clerk,a", "b,Active,\x01,C,a"]
)
def test_a_record_that_is_rejected_is_no_absence(table: Table, bad: str) -> None:
    table.says(absence="disable", absence_grace=1)
    table.tell([ADA, BOB])
    plan = table.plan(as_csv([ADA]) + bad.encode() + b"\n" + b"e,Active,Eve,Clerk,a\n")
    assert plan.figures.rejected == 1
    assert plan.gone == 0


def test_disabling_the_absent_is_held_where_nulls_flow(table: Table) -> None:
    table.says(absence="disable", absence_grace=1)
    table.nulls = "the job clears what a record leaves out"
    table.tell([ADA, BOB])
    plan = table.plan([ADA])
    assert [(gate.gate, gate.figure, gate.examples) for gate in plan.gates] == [("nulls_flow", 1, ("b",))]
    assert plan.gates[0].sentence == table.nulls


def test_whether_nulls_flow_is_not_asked_where_nobody_is_disabled_for_absence(table: Table) -> None:
    table.nulls = "the job clears what a record leaves out"
    table.tell([ADA, BOB])
    assert table.plan([replace(ADA, status="Left"), BOB]).gates == ()


# Protected


def test_a_protected_person_is_rejected_when_they_would_be_disabled(table: Table) -> None:
    table.says(protected=["a*"])
    table.tell([ADA, BOB])
    plan = table.plan([replace(ADA, status="Left"), replace(BOB, status="Left")])
    assert plan.actions == {"disabled": 1}
    assert "protected" in table.rejected()[0]["reason"]
    assert [row["id"] for row in table.rejected()] == ["a"]


def test_a_protected_person_who_is_new_and_inactive_is_rejected(table: Table) -> None:
    table.says(protected=["a*"])
    assert table.plan([replace(ADA, status="Left")]).figures.rejected == 1


def test_a_protected_person_who_is_disabled_already_is_left_so(table: Table) -> None:
    table.tell([replace(ADA, status="Left")])
    table.says(protected=["a*"])
    assert table.plan([replace(ADA, status="Left")]).actions == {"unchanged": 1}


def test_other_changes_of_a_protected_person_are_sent(table: Table) -> None:
    table.says(protected=["a*"])
    table.tell([ADA])
    assert table.plan([replace(ADA, title="Boss")]).actions == {"changed": 1}


def test_a_protected_person_is_not_disabled_for_absence(table: Table) -> None:
    table.says(protected=["b"], absence="disable", absence_grace=1)
    table.tell([ADA, BOB])
    table.plan([ADA])
    assert table.absent() == {"b": ("1", "protected")}
    assert table.users() == {}


# What is held


def gates(plan: Plan) -> list[str]:
    return [gate.gate for gate in plan.gates]


def test_a_last_line_with_too_few_cells_is_held_also_on_the_first_day(table: Table) -> None:
    assert gates(table.plan(as_csv([ADA]) + b"b,Act")) == ["cut_off"]


def test_too_few_cells_in_the_middle_are_only_rejected(table: Table) -> None:
    plan = table.plan(as_csv([ADA]) + b"b,Act\n" + b"e,Active,Eve,Clerk,a\n")
    assert gates(plan) == []
    assert plan.figures.rejected == 1


def test_a_file_that_stops_within_its_last_cell_is_held_where_the_last_one_ended_with_a_line_end(table: Table) -> None:
    whole = as_csv([ADA, BOB, replace(EVE, manager="boss")])
    assert gates(table.plan(whole[:-3])) == []  # some systems never write the last line end
    table.tell([ADA, BOB])
    assert gates(table.plan(whole[:-3])) == ["cut_off"]
    assert gates(table.plan(whole)) == []
    assert gates(table.plan(whole.replace(b"\n", b"\r\n"))) == []


def test_yesterdays_file_passes_and_last_weeks_file_is_held(table: Table) -> None:
    first, second = [ADA, BOB], [ADA, replace(BOB, title="Boss")]
    table.tell(first)
    table.tell(second)
    assert gates(table.plan(second)) == []
    assert gates(table.plan(first)) == ["sent_before"]


def test_a_drop_of_before_that_sends_nothing_is_not_held(table: Table) -> None:
    table.says(csv={"mode": "partial"})
    for rows in ([ADA], [], [BOB]):
        table.tell(rows)
    assert gates(table.plan([])) == []


def test_keys_that_lost_their_zeros_are_held(table: Table) -> None:
    table.tell([Row("007"), Row("08"), Row("9")])
    plan = table.plan([Row("7"), Row("8"), Row("9")])
    assert gates(plan) == ["zeros_lost"]
    assert plan.gates[0].examples == ("7", "8")


def test_keys_that_lost_their_zeros_are_held_in_a_partial_drop_too(table: Table) -> None:
    table.says(csv={"mode": "partial"})
    table.tell([Row("007"), Row("9")])
    assert gates(table.plan([Row("7")])) == ["zeros_lost"]
    assert gates(table.plan([Row("7"), Row("007")])) == []  # two people


def test_a_drop_older_than_what_was_sent_is_held_if_it_sends_something(table: Table) -> None:
    table.says(csv={"mode": "partial"})
    table.tell([ADA])
    assert gates(table.plan([ADA], "run-2")) == []
    assert gates(table.plan([BOB], "run-2")) == ["out_of_order"]


def test_a_plan_keeps_what_its_gates_said(table: Table) -> None:
    table.says(gates={"disables": 0})
    table.tell([ADA, BOB])
    plan = table.plan([replace(ADA, status="Left"), BOB])
    assert plan.held
    (gate,) = plan.gates
    assert (gate.gate, gate.figure, gate.limit, gate.examples) == ("disables", 1, "0", ("a",))


# Files that do not read


@pytest.mark.parametrize("content", [b"", b"\n\n", b"name,status\nAda,Active\n"])
def test_a_file_that_does_not_read_leaves_no_plan(table: Table, content: bytes) -> None:
    with pytest.raises(DropError):
        table.plan(content)
    assert table.run is not None
    assert table.files.names(table.run) == []


def test_a_header_alone_is_a_plan_for_nobody(table: Table) -> None:
    plan = table.plan(as_csv([], COLUMNS))
    assert (plan.figures.people, plan.chunks, plan.gates) == (0, (), ())
