"""`setup rehearse`: one person sent, the log followed, every step told."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from shared.collecting.entries import LogEntry
from shared.collecting.outcomes import verdict_of
from shared.files.records import read_records
from shared.graph.log import GraphLog
from shared.graph.upload import GraphUpload
from shared.mapping.mapping import Mapping, Person
from shared.model.endpoint import TrustedHosts
from shared.model.errors import Refused, Throttled
from shared.provisioning_app.one_person import Rehearsal, follow, send
from shared.sending.replies import Pacer
from tests.unit.provisioning_app.office import Office

CSV = b"id,status,name,title,hired\nA1,Active,Ada,Clerk,2024-03-01\n"


class Stage:
    """A person before a tenant that is set up; a cycle runs whenever somebody has waited long enough."""

    def __init__(self, cycle_after: float = 60.0, longest: float = 3600.0, **dials: Any) -> None:
        self.office = Office(**dials)
        self.office.apply()
        office = self.office
        self.rehearsal = Rehearsal(
            TrustedHosts().endpoint(office.endpoint),
            GraphUpload(office.graph()),
            GraphLog(office.graph(), Pacer(1000, timedelta(seconds=10))),
            self,
            office.said.append,
            timedelta(seconds=longest),
        )
        self._due: float | None = cycle_after

    def now(self) -> Any:
        return self.office.clock.now()

    def elapsed(self) -> float:
        return self.office.clock.elapsed()

    def sleep(self, seconds: float) -> None:
        self.office.clock.sleep(seconds)
        if self._due is not None:
            self._due -= seconds
            if self._due <= 0:
                self._due = None
                self.office.entra.tick()

    def person(self, text: bytes = CSV) -> Person:
        table = read_records([text], self.office.source.csv)
        (found,) = Mapping(self.office.source, table.header).people(table.parts)
        assert isinstance(found, Person)
        return found

    def rehearse(self, text: bytes = CSV) -> list[LogEntry]:
        person = self.person(text)
        reply = send(person, self.rehearsal)
        return list(follow(person.key, reply.at, self.rehearsal))


def test_one_person_is_sent_and_the_answer_followed_with_its_steps() -> None:
    stage = Stage()
    (entry,) = stage.rehearse()
    assert verdict_of(entry) == "created"
    assert "EntryExportAdd" in [step["name"] for step in entry.raw["provisioningSteps"]]
    assert [upload["externalIds"] for upload in stage.office.entra.dump_uploads()] == [["A1"]]
    assert any("a cycle can take 40 minutes" in line for line in stage.office.said)


def test_entries_from_before_and_of_others_are_not_shown() -> None:
    stage = Stage()
    stage.rehearse()
    stage.office.clock.advance(minutes=5)
    stage._due = 10.0
    send(stage.person(CSV.replace(b"A1", b"B2")), stage.rehearsal)
    entries = stage.rehearse(CSV.replace(b"Clerk", b"Chief"))
    assert [(entry.external_id, entry.action) for entry in entries] == [("A1", "update")]


def test_a_failure_is_an_answer() -> None:
    stage = Stage()
    stage.office.entra.add_user("entra", userPrincipalName="A1@contoso.com", accountEnabled="True")
    (entry,) = stage.rehearse()
    assert verdict_of(entry) == "failed"
    assert entry.error_code


def test_without_an_answer_the_wait_ends() -> None:
    stage = Stage(cycle_after=10_000, longest=600)
    assert stage.rehearse() == []
    assert stage.office.clock.passed() >= 600


def test_it_looks_often_first_and_rarely_later() -> None:
    stage = Stage(cycle_after=10_000, longest=1800)
    began = len(stage.office.clock.slept)
    stage.rehearse()
    waits = [wait for wait in stage.office.clock.slept[began:] if wait]
    assert waits[0] == 5.0
    assert waits[-1] == 30.0


def test_a_person_who_may_not_upload_is_told_which_role() -> None:
    stage = Stage()
    stage.office.signed._roles = ("Application Administrator",)
    with pytest.raises(Refused, match="User Administrator"):
        stage.rehearse()


def test_a_used_up_day_is_told_as_such() -> None:
    stage = Stage()
    stage.office.entra.plan_fault(route="bulkUpload", kind="status", status=429, times=1)
    with pytest.raises(Throttled, match="429"):
        stage.rehearse()
