"""Evidence: the order in which entries come, and how often, makes no difference."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from shared.collecting.entries import LogEntry, read_entry
from shared.collecting.outcomes import Evidence, add, add_all
from tests.support.graph import disabled, entry

AT = datetime(2026, 11, 2, 6, 0, tzinfo=UTC)


@st.composite
def entries(draw: st.DrawFn) -> LogEntry:
    at = AT + timedelta(seconds=draw(st.integers(0, 5)))
    action = draw(st.sampled_from(["create", "update", "disable", "other", "stagedDelete"]))
    status = draw(st.sampled_from(["success", "failure", "skipped", "warning", "later"]))
    raw = entry(
        "p",
        at,
        action,
        status,
        skip_reason=draw(st.sampled_from(["", "RedundantExport", "NotEffectivelyEntitled"])),
        code=draw(st.sampled_from(["", "A", "B"])) if status == "failure" else "",
    )
    raw.pop("code", None)
    raw["id"] = str(draw(st.integers(0, 20))) + action + status + str(at.second)
    raw["targetIdentity"] = {"id": draw(st.sampled_from(["", "t1", "t2"]))}
    return read_entry(raw)


@given(st.lists(entries(), max_size=6, unique_by=lambda each: each.id), st.data())
def test_any_order_and_any_repetition_give_the_same_evidence(found: list[LogEntry], data: st.DataObject) -> None:
    order = data.draw(st.permutations(found + data.draw(st.lists(st.sampled_from(found), max_size=5)) if found else []))
    assert add_all(Evidence("p"), order) == add_all(Evidence("p"), found)


@given(st.lists(entries(), max_size=6, unique_by=lambda each: each.id))
def test_adding_again_changes_nothing(found: list[LogEntry]) -> None:
    once = add_all(Evidence("p"), found)
    assert add_all(once, found) == once


@given(st.lists(entries(), min_size=1, max_size=6))
def test_what_is_latest_decides_between_success_and_trouble(found: list[LogEntry]) -> None:
    evidence = add_all(Evidence("p"), found)
    if evidence.success_at and evidence.trouble_at:
        expected = evidence.trouble if evidence.trouble_at > evidence.success_at else evidence.success
        assert evidence.outcome == expected
    assert evidence.at == max((m for m in (evidence.success_at, evidence.trouble_at) if m), default=None)


def test_nothing_said_is_no_outcome() -> None:
    assert Evidence("p").outcome == ""
    assert Evidence("p").at is None


def test_a_creation_says_more_than_the_updates_after_it() -> None:
    found = [entry("p", AT), entry("p", AT + timedelta(seconds=9), "update")]
    assert add_all(Evidence("p"), map(read_entry, found)).outcome == "created"


def test_a_person_disabled_and_updated_is_disabled() -> None:
    found = [disabled("p", AT), entry("p", AT + timedelta(seconds=9), "update")]
    assert add_all(Evidence("p"), map(read_entry, found)).outcome == "disabled"


def test_the_latest_target_is_told() -> None:
    old, new = (
        read_entry(entry("p", AT)),
        read_entry(entry("p", AT + timedelta(seconds=9), targetIdentity={"id": "new"})),
    )
    silent = read_entry(entry("p", AT + timedelta(seconds=20), "update", targetIdentity={"id": ""}))
    assert add_all(Evidence("p"), [new, silent, old]).target_id == "new"


def test_the_latest_of_several_failures_is_told() -> None:
    first = read_entry(entry("p", AT, "create", "failure", code="A", reason="first"))
    second = read_entry(entry("p", AT + timedelta(seconds=1), "update", "failure", code="B", reason="second"))
    assert add(add(Evidence("p"), second), first).reason == "second"
