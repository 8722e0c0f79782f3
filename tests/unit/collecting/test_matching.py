"""Which record an entry answers, rule by rule."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from shared.collecting.entries import LogEntry, read_entry
from shared.collecting.matching import Content, Version, content_of, join, out_of_order
from shared.collecting.outcomes import Evidence
from tests.support.graph import entry

AT = datetime(2026, 11, 2, 6, 0, tzinfo=UTC)
ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"


@dataclass
class Notes:
    """Evidence of one run, in memory."""

    people: dict[str, Evidence] = field(default_factory=dict)

    def known(self, key: str) -> Evidence:
        return self.people.get(key, Evidence(key))

    def learn(self, evidence: Evidence) -> None:
        self.people[evidence.key] = evidence


def user(title: str = "Clerk", *, active: bool = True) -> bytes:
    extension = {"department": "Sales", "manager": {"value": "boss"}}
    return msgspec.json.encode(
        {"externalId": "p", "userName": "p@contoso.com", "active": active, "title": title, ENTERPRISE: extension}
    )


def version(
    name: str,
    minutes: float,
    title: str = "Clerk",
    *,
    active: bool = True,
    calls: int = 1,
    accepted: bool = True,
    settled: bool = False,
    mark: str = "",
    known: bool = True,
) -> Version:
    content = content_of(user(title, active=active)) if known else None
    return Version("p", name, AT + timedelta(minutes=minutes), calls, active, accepted, settled, mark, Notes(), content)


def said(minutes: float, action: str = "update", outcome: str = "success", change: str = "", **more: Any) -> LogEntry:
    """An entry so many minutes later; `received` and `written` are what it shows."""
    received, written, mark, before = (more.pop(name, None) for name in ("received", "written", "mark", "before"))
    steps: list[dict[str, Any]] = []
    if received is not None or mark:
        details = {"externalId": "p", **(received or {})} | ({"id": mark} if mark else {})
        steps.append({"name": "EntryImportAdd", "status": "success", "details": details})
    if before is not None:
        steps.append({"name": "EntryImport", "status": "success", "details": before})
    changes = [{"displayName": name, "oldValue": old, "newValue": new} for name, old, new in written or ()]
    at = AT + timedelta(minutes=minutes)
    skip = more.pop("skip_reason", "")
    if skip:
        steps.append({"name": "EntrySynchronizationSkip", "status": "skipped", "details": {"SkipReason": skip}})
    raw = entry("p", at, action, outcome, provisioningSteps=steps, modifiedProperties=changes, **more)
    raw |= {"id": f"{action}-{minutes}-{change}", "changeId": change or f"c{minutes}-{action}-{outcome}"}
    return read_entry(raw)


def outcomes(*versions: Version) -> list[str]:
    return [each.evidence.outcome for each in versions]


def test_one_record_takes_what_was_processed_after_it_was_sent() -> None:
    one = version("one", 0)
    join([said(-1), said(1)], [one])
    assert outcomes(one) == ["updated"]
    assert len(one.evidence.changes) == 1


def test_entries_of_one_change_belong_together() -> None:
    one, two = version("one", 0), version("two", 1, "Boss")
    join([said(0.5, "create", change="x"), said(3, "update", "failure", change="x")], [one, two])
    assert outcomes(one, two) == ["failed", ""]


def test_a_mark_says_which_record_is_meant() -> None:
    one, two = version("one", 0, mark="aa-1"), version("two", 1, "Boss", mark="bb-7")
    join([said(5, mark="bb-7"), said(6, "update", "failure", mark="aa-1")], [one, two])
    assert outcomes(one, two) == ["failed", "updated"]


def test_the_mark_of_somebody_else_answers_nothing() -> None:
    one = version("one", 0, mark="aa-1")
    join([said(5, mark="another-upload")], [one])
    assert outcomes(one) == [""]


@pytest.mark.parametrize(("echoes", "outcome"), [(True, ""), (False, "updated")])
def test_where_marks_are_shown_an_upload_without_one_is_another_clients(echoes: bool, outcome: str) -> None:
    one = version("one", 0, mark="aa-1")
    join([said(5, received={})], [one], echoes=echoes)
    assert outcomes(one) == [outcome]


def test_a_value_that_was_received_tells_records_apart() -> None:
    one, two = version("one", 0), version("two", 1, "Boss")
    join([said(5, received={"title": "Boss"})], [one, two])
    assert outcomes(one, two) == ["overtaken", "updated"]
    assert one.evidence.overtaken_by == "two"


def test_a_value_that_no_other_record_explains_proves_nothing() -> None:
    one = version("one", 0)
    join([said(5, received={"title": "written in another way"})], [one], [content_of(user("Boss"))])
    assert outcomes(one) == ["updated"]


def test_the_record_before_explains_an_entry_that_is_not_ours() -> None:
    two = version("two", 1, "Boss")
    join(
        [said(5, "other", "skipped", skip_reason="RedundantExport", received={"title": "Clerk"})],
        [two],
        [content_of(user())],
    )
    assert outcomes(two) == [""]


def test_a_value_that_was_written_tells_records_apart() -> None:
    one, two = version("one", 0), version("two", 1, "Boss")
    join([said(5, written=[("jobTitle", "Clerk", "Boss")])], [one, two])
    assert outcomes(one, two) == ["overtaken", "updated"]


def test_a_manager_is_compared_by_key() -> None:
    assert content_of(user()).values[f"{ENTERPRISE}manager".replace(":", "").replace(".", "")] == "boss"


def test_a_leaver_whose_account_is_enabled_has_no_answer() -> None:
    one = version("one", 0, active=False)
    join([said(5, "other", "skipped", skip_reason="RedundantExport", before={"accountEnabled": "True"})], [one])
    assert outcomes(one) == [""]


def test_a_create_with_a_disabled_account_answers_a_leaver() -> None:
    one = version("one", 0, active=False)
    join([said(5, "create", written=[("accountEnabled", None, "False")])], [one])
    assert outcomes(one) == ["created"]


def test_an_account_that_a_mapping_creates_disabled_answers_an_active_person() -> None:
    one = version("one", 0)
    join([said(5, "create", written=[("accountEnabled", None, "False")])], [one])
    assert outcomes(one) == ["created"]


def test_a_disable_answers_the_record_that_asked_for_it() -> None:
    one, two = version("one", 0), version("two", 1, active=False)
    join([said(5, "disable", written=[("accountEnabled", "True", "False")])], [one, two])
    assert outcomes(one, two) == ["overtaken", "disabled"]


def test_of_several_the_oldest_takes_the_entry_and_the_newest_waits() -> None:
    one, two = version("one", 0, known=False), version("two", 1, known=False)
    join([said(5)], [one, two])
    assert outcomes(one, two) == ["updated", ""]
    join([said(5), said(6)], [one, two])
    assert outcomes(one, two) == ["updated", "updated"]


def test_a_record_that_two_calls_may_have_brought_may_have_two_answers() -> None:
    one, two = version("one", 0, known=False, calls=2), version("two", 1, known=False)
    join([said(5), said(6)], [one, two])
    assert outcomes(one, two) == ["updated", ""]


def test_a_record_that_may_not_have_arrived_says_nothing_of_an_entry_that_may_be_a_newer_ones() -> None:
    old, new = version("old", 0, accepted=False), version("new", 10, "Boss")
    first, second = said(20, change="a"), said(30, change="b")
    join([first, first], [old, new])
    assert outcomes(old, new) == ["", ""]
    join([first, second, said(40, change="a")], [old, new])
    assert outcomes(old, new) == ["overtaken", "updated"]


def test_a_call_that_may_not_have_arrived_says_nothing_of_an_entry_that_may_be_a_newer_records() -> None:
    old, new = version("old", 0, calls=2), version("new", 10, "Boss")
    join([said(20, change="a")], [old, new])
    join([said(30, outcome="failure", change="b")], [old, new])
    assert outcomes(old, new) == ["updated", ""]
    join([said(40, change="c")], [old, new])
    assert outcomes(old, new) == ["updated", "updated"]


def test_a_call_that_may_not_have_arrived_is_waited_for_until_its_run_is_settled() -> None:
    old, new = version("old", 0, calls=2, settled=True), version("new", 10, "Boss")
    join([said(20, change="a"), said(30, change="b")], [old, new])
    assert outcomes(old, new) == ["updated", "updated"]


def test_a_failure_is_of_the_record_that_surely_arrived_where_two_say_the_same() -> None:
    old, new = version("old", 0, accepted=False), version("new", 10)
    join([said(20, outcome="failure")], [old, new])
    assert outcomes(old, new) == ["", "failed"]


def test_an_entry_that_no_record_waits_for_answers_none_of_several() -> None:
    old, new = version("old", 0), version("new", 10, "Boss")
    join([said(20), said(30), said(40, outcome="failure")], [old, new])
    assert outcomes(old, new) == ["updated", "updated"]


def test_after_entries_of_one_second_that_differ_the_next_change_is_the_next_records() -> None:
    one, two, three = version("one", 0), version("two", 1, "Boss"), version("three", 10, "Chief")
    differing = [said(5, change="a"), said(5, outcome="failure", change="b")]
    join(differing, [one, two, three])
    join([said(6, outcome="failure", change="b"), said(20, change="c")], [one, two, three])
    assert outcomes(one, two, three) == ["overtaken", "overtaken", "updated"]


def test_a_failure_that_would_have_left_the_account_enabled_is_no_leavers() -> None:
    leaver, back = version("leaver", 0, active=False), version("back", 1)
    written = [("userPrincipalName", "", "p@unverified.example")]
    join([said(5, outcome="failure", written=written, before={"accountEnabled": "True"})], [leaver, back])
    assert outcomes(leaver, back) == ["", "failed"]


def test_nothing_to_do_for_a_disabled_account_is_the_leavers() -> None:
    active, leaver = version("active", 0), version("leaver", 1, active=False)
    skipped = said(5, "other", "skipped", skip_reason="RedundantExport", before={"accountEnabled": "False"})
    join([skipped], [active, leaver])
    assert outcomes(active, leaver) == ["overtaken", "unchanged"]


def test_a_record_that_may_not_have_arrived_takes_an_entry_that_can_be_no_other_ones() -> None:
    old, new = version("old", 0, accepted=False), version("new", 10)
    join([said(20)], [old, new])
    assert outcomes(old, new) == ["unchanged", "updated"]
    alone = version("alone", 0, accepted=False)
    join([said(20)], [alone])
    assert outcomes(alone) == ["updated"]


def test_entries_of_one_second_that_differ_answer_nobody() -> None:
    one, two = version("one", 0, known=False), version("two", 1, known=False)
    join([said(5, "create"), said(5, "update", "failure")], [one, two])
    assert outcomes(one, two) == ["", ""]


def test_entries_of_one_second_that_say_the_same_answer_both() -> None:
    one, two = version("one", 0, known=False), version("two", 1, known=False)
    join([said(5, "create"), said(5, "update")], [one, two])
    assert "" not in outcomes(one, two)


def test_one_success_answers_every_record_of_the_same_content() -> None:
    one, two, three = version("one", 0), version("two", 1), version("three", 2, "Boss")
    join([said(5, received={"title": "Clerk"})], [one, two, three])
    assert outcomes(one, two, three) == ["updated", "unchanged", ""]


def test_a_record_between_two_of_the_same_content_keeps_them_apart() -> None:
    one, two, three = version("one", 0), version("two", 1, "Boss"), version("three", 2)
    join([said(5, received={"title": "Clerk"})], [one, two, three])
    assert outcomes(one, two, three) == ["updated", "", ""]


def test_a_failure_answers_its_own_record_only() -> None:
    one, two = version("one", 0), version("two", 1)
    join([said(5, "update", "failure")], [one, two])
    assert outcomes(one, two) == ["failed", ""]


def test_what_the_log_says_itself_counts_more_than_what_it_implies() -> None:
    one, two = version("one", 0, mark="a-1"), version("two", 1, mark="b-1")
    join([said(5, mark="a-1")], [one, two])
    assert (outcomes(one, two), two.evidence.is_implied) == (["updated", "unchanged"], True)
    join([said(6, "update", "failure", mark="b-1")], [one, two])
    assert outcomes(one, two) == ["updated", "failed"]


def test_an_older_record_that_was_processed_last_is_found() -> None:
    one, two = version("one", 0, active=False, mark="a-1"), version("two", 1, mark="b-1")
    assert out_of_order([one, two]) is None
    join([said(5, mark="b-1"), said(6, "disable", mark="a-1")], [one, two])
    assert outcomes(one, two) == ["disabled", "updated"]
    assert out_of_order([one, two]) == one


def test_in_order_nothing_is_found() -> None:
    one, two = version("one", 0, mark="a-1"), version("two", 1, "Boss", mark="b-1")
    join([said(5, mark="a-1"), said(6, mark="b-1")], [one, two])
    assert out_of_order([one, two]) is None


def test_the_order_in_which_entries_come_and_how_often_makes_no_difference() -> None:
    entries = [said(5, mark="a-1"), said(6, "update", "failure", mark="b-1"), said(7, mark="b-1")]
    results = []
    for found in (entries, entries[::-1], [*entries, *entries]):
        versions = [version("one", 0, mark="a-1"), version("two", 1, "Boss", mark="b-1")]
        join(found, versions)
        join(found, versions)
        results.append([each.evidence for each in versions])
    assert results[0] == results[1] == results[2]


def test_an_action_that_nobody_knows_gives_no_outcome_but_belongs_to_its_record() -> None:
    one = version("one", 0)
    join([said(5, "unknownFutureValue", change="x")], [one])
    assert (outcomes(one), one.evidence.changes) == ([""], ("x",))
    assert isinstance(one.content, Content)
