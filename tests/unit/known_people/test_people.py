"""Known people: what Entra accepted last, and what it may hold instead."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from shared.known_people.people import (
    FAILED,
    IN_DOUBT,
    OUT_OF_ORDER,
    DamagedPeople,
    KnownPerson,
    People,
    attribute_hashes,
    fingerprint,
)
from shared.model import formats
from shared.model.errors import NewerState

ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
MANAGED_BY_NOBODY: dict[str, Any] = {ENTERPRISE: {"department": "Sales"}}
MONDAY = datetime(2026, 11, 2, 6, 0, tzinfo=UTC)


def user(key: str = "p1", **changes: Any) -> dict[str, Any]:
    return {
        "schemas": ["urn:core"],
        "externalId": key,
        "userName": f"{key}@contoso.com",
        "active": True,
        "name": {"givenName": "Ada"},
        "emails": [{"type": "work", "primary": True, "value": "ada@contoso.com"}],
        ENTERPRISE: {"department": "Sales", "manager": {"value": "p9"}},
        **changes,
    }


def put(people: People, told: dict[str, Any], run_id: str = "run-1") -> None:
    people.put(told["externalId"], msgspec.json.encode(told), run_id)


@pytest.fixture
def people() -> Iterator[People]:
    with People() as opened:
        yield opened


# Fingerprints


def test_the_order_of_attributes_in_a_source_file_does_not_matter() -> None:
    told = user()
    assert fingerprint(dict(reversed(told.items()))) == fingerprint(told)


def test_an_extension_nobody_fills_does_not_matter() -> None:
    assert fingerprint(user(schemas=["urn:core", "urn:csv"])) == fingerprint(user())


@pytest.mark.parametrize(
    "changes", [{"active": False}, {"name": {"givenName": "Eve"}}, {"emails": []}, {"title": None}]
)
def test_a_value_that_differs_or_is_cleared_makes_another_fingerprint(changes: dict[str, Any]) -> None:
    assert fingerprint(user(**changes)) != fingerprint(user())


def test_a_person_read_back_from_the_request_has_the_fingerprint_of_the_plan() -> None:
    told = user(displayName="Ødegård, 山田 \U0001f600", title='"quoted"\t')
    assert fingerprint(msgspec.json.decode(msgspec.json.encode(told))) == fingerprint(told)


def test_attributes_are_named_as_on_the_mapping_page() -> None:
    assert list(attribute_hashes(user(title=None))) == [
        "externalId",
        "userName",
        "active",
        "name.givenName",
        'emails[type eq "work"].value',
        f"{ENTERPRISE}:department",
        f"{ENTERPRISE}:manager",
    ]


# Differences


def differences(people: People, told: dict[str, Any]) -> tuple[list[str], list[str]]:
    known = people.get(told["externalId"])
    assert known is not None
    return people.differences(known, told)


def test_only_the_attributes_that_change_are_named(people: People) -> None:
    put(people, user())
    told = user(name={"givenName": "Eve"}, title="Boss")
    assert differences(people, told) == (["name.givenName", "title"], [])


def test_an_attribute_left_out_or_null_is_cleared(people: People) -> None:
    put(people, user())
    told = user(name={"givenName": None}, **MANAGED_BY_NOBODY)
    assert differences(people, told) == ([], ["name.givenName", f"{ENTERPRISE}:manager"])


def test_names_of_attributes_outlive_the_process() -> None:
    with People() as people:
        put(people, user())
        content = people.content()
        assert people.content() == content
    with People(content) as people:
        put(people, user("p2", nickName="Addie"))
        assert differences(people, user(userName="other")) == (["userName"], [])


# Absences


def absences(people: People) -> dict[str, int]:
    return {known.key: known.absences for known in people}


def test_absences_count_drop_by_drop_and_end_when_the_person_reappears(people: People) -> None:
    for key in ("p1", "p2", "p3"):
        put(people, user(key))
    people.absent(["p1", "p2"])
    people.absent(["p2"])
    assert absences(people) == {"p1": 0, "p2": 2, "p3": 0}
    assert people.present() == 2


def test_somebody_absent_whom_nobody_knows_is_no_trouble(people: People) -> None:
    put(people, user())
    people.absent(["stranger"])
    assert absences(people) == {"p1": 0}


def test_disabling_keeps_what_is_known_of_the_person(people: People) -> None:
    put(people, user())
    people.disable("p1", msgspec.json.encode(user(active=False)), "run-2")
    known = people.get("p1")
    assert known is not None
    assert not known.active
    assert known.run_id == "run-2"
    assert differences(people, user(title="Boss")) == (["title"], [])


def test_a_disabled_absent_person_who_is_back_as_before_differs(people: People) -> None:
    put(people, user())
    people.disable("p1", msgspec.json.encode(user(active=False)), "run-2")
    known = people.get("p1")
    assert known is not None
    assert known.fingerprint != fingerprint(user())


# Outcomes


def test_who_failed_and_never_was_in_the_directory_is_forgotten_but_for_the_run(people: People) -> None:
    put(people, user())
    assert not people.is_forgotten("p1")
    people.answered("run-1", [("p1", "failed")])
    assert "p1" not in people
    assert people.is_forgotten("p1")
    assert people.last_run("p1") == "run-1"


@pytest.mark.parametrize("active", [True, False])
@pytest.mark.parametrize("outcome", ["created", "updated", "enabled", "disabled", "unchanged"])
def test_who_failed_and_is_in_the_directory_counts_as_active_and_is_sent_again(
    people: People, outcome: str, active: bool
) -> None:
    put(people, user())
    people.answered("run-1", [("p1", outcome)])
    put(people, user(title="Boss", active=active), "run-2")
    people.answered("run-2", [("p1", "failed")])
    known = people.get("p1")
    assert known is not None
    assert known.was_active
    assert (known.outcome, known.send_again) == ("failed", FAILED)
    assert people.last_run("p1") == "run-2"


@pytest.mark.parametrize("outcome", ["skipped", "unknown"])
def test_a_person_of_whom_entra_never_said_that_they_are_there_is_forgotten(people: People, outcome: str) -> None:
    put(people, user())
    people.answered("run-1", [("p1", outcome)])
    put(people, user(title="Boss"), "run-2")
    people.answered("run-2", [("p1", "failed")])
    assert people.is_forgotten("p1")


def test_who_is_told_again_after_a_failure_is_known_again(people: People) -> None:
    put(people, user())
    people.answered("run-1", [("p1", "failed")])
    assert people.is_forgotten("p1")
    put(people, user(), "run-2")
    assert not people.is_forgotten("p1")
    assert people.last_run("p1") == "run-2"
    assert "p1" in people


def test_a_late_failure_does_not_touch_what_a_newer_run_told(people: People) -> None:
    put(people, user())
    put(people, user(title="Boss"), "run-2")
    people.answered("run-1", [("p1", "failed")])
    assert people.last_run("p1") == "run-2"
    assert "p1" in people


def test_an_absent_person_whom_entra_failed_to_disable_counts_as_active_still(people: People) -> None:
    put(people, user())
    people.disable("p1", msgspec.json.encode(user(active=False)), "run-2")
    for _ in range(2):
        people.answered("run-2", [("p1", "failed")])
        known = people.get("p1")
        assert known is not None
        assert known.was_active
        assert (known.outcome, known.send_again) == ("failed", FAILED)


def test_other_outcomes_are_kept_until_the_person_is_told_again(people: People) -> None:
    put(people, user())
    people.answered("run-1", [("p1", "updated"), ("stranger", "created")])
    known = people.get("p1")
    assert known is not None
    assert known.outcome == "updated"
    put(people, user(title="Boss"), "run-2")
    known = people.get("p1")
    assert known is not None
    assert known.outcome == ""


def test_nobody_was_told_of_a_stranger(people: People) -> None:
    assert people.get("stranger") is None
    assert people.last_run("stranger") == ""


# Files


@pytest.mark.parametrize("content", [b"no database", b"SQLite format 3\0" + b"x" * 200])
def test_a_file_that_is_none_is_told(content: bytes) -> None:
    with pytest.raises(DamagedPeople):
        People(content)


def test_nothing_of_a_person_is_left_in_the_file_when_the_record_is_forgotten() -> None:
    with People() as people:
        put(people, user(displayName="Ada Lovelace", title="Countess", active=False), "employees-20260101T000000Z-a")
        people.forget_records(MONDAY)
        assert people.records("p1") == []
        with People(people.content()) as again:
            assert again.get("p1") is not None
            content = again.content()
    assert b"Lovelace" not in content
    assert b"Countess" not in content


# Drops


def test_only_content_sent_before_the_last_drop_is_an_earlier_drop(people: People) -> None:
    people.remember_drop("aa", "run-1", MONDAY)
    assert people.earlier_drop("aa") == ""
    people.remember_drop("bb", "run-2", MONDAY + timedelta(days=1))
    assert people.earlier_drop("aa") == "run-1"
    assert people.earlier_drop("bb") == ""
    assert people.earlier_drop("cc") == ""


def test_a_drop_sent_again_is_the_last_one(people: People) -> None:
    people.remember_drop("aa", "run-1", MONDAY)
    people.remember_drop("bb", "run-2", MONDAY + timedelta(days=1))
    people.remember_drop("aa", "run-3", MONDAY + timedelta(days=2))
    assert people.earlier_drop("aa") == ""
    assert people.earlier_drop("bb") == "run-2"


def test_how_the_last_drop_ended_is_remembered(people: People) -> None:
    assert people.last_drop_had_whole_lines() is None
    people.remember_drop("aa", "run-1", MONDAY)
    assert people.last_drop_had_whole_lines() is True
    people.remember_drop("bb", "run-2", MONDAY + timedelta(seconds=1), whole_lines=False)
    assert people.last_drop_had_whole_lines() is False
    assert people.remembers("run-2")
    assert not people.remembers("run-3")


def test_keys_with_leading_zeros_are_found_and_no_others(people: People) -> None:
    for key in ("007", "0", "10", "A0", "/0", "1"):
        put(people, user(key))
    assert sorted(people.keys_with_leading_zeros()) == ["0", "007"]


# Lines


def test_who_is_new_or_has_another_line_is_told_and_everybody_known_has_a_number(people: People) -> None:
    for key, row in (("p1", b"one"), ("p2", b"two"), ("p3", b"")):
        people.put(key, msgspec.json.encode(user(key)), "run-1", row)
    numbers, others = people.other_rows(["p1", "p2", "p3", "p4"], [b"one", b"another", b"three", b"four"])
    assert sorted(numbers) == [1, 2, 3]
    assert others == {"p2", "p3", "p4"}
    assert people.rows(["p1", "p4", "p3"]) == {"p1": b"one", "p3": b""}


def test_keys_are_told_as_they_are_whatever_is_in_them(people: People) -> None:
    odd = ["", "a\nb", 'a"b', "a,b", "山田", "p1' OR 1=1 --"]
    assert people.other_rows(odd, [b"row"] * len(odd)) == ([], set(odd))
    assert people.rows(odd) == {}


def test_a_key_that_comes_twice_with_another_line_is_looked_at(people: People) -> None:
    people.put("p1", msgspec.json.encode(user("p1")), "run-1", b"one")
    assert people.other_rows(["p1", "p1"], [b"one", b"two"])[1] == {"p1"}


def test_more_people_than_sqlite_takes_at_once_are_told_alike(people: People) -> None:
    keys = [f"p{number}" for number in range(1_700)]
    for key in keys[::2]:
        people.put(key, msgspec.json.encode(user(key)), "run-1", key.encode())
    numbers, others = people.other_rows(keys, [key.encode() for key in keys])
    assert sorted(numbers) == list(range(1, 851))
    assert others == set(keys[1::2])
    assert set(people.rows(keys)) == set(keys[::2])
    assert people.other_rows([], []) == ([], set())


# Doubt


def encoded(**changes: Any) -> bytes:
    return msgspec.json.encode(user(**changes))


def known(people: People, key: str = "p1") -> KnownPerson:
    found = people.get(key)
    assert found is not None
    return found


def test_a_record_that_may_have_been_taken_is_kept_beside_the_accepted_one(people: People) -> None:
    put(people, user())
    people.possibly_sent("p1", encoded(active=False), "run-2", MONDAY)
    person = known(people)
    assert (person.run_id, person.active, person.send_again) == ("run-1", True, IN_DOUBT)
    assert (person.was_active, person.was_inactive) == (True, True)
    assert people.runs_of("p1") == {"run-1", "run-2"}
    assert [each.key for each in people.in_doubt()] == ["p1"]


def test_somebody_who_was_never_accepted_is_known_and_not_sent_by_a_partial_feed(people: People) -> None:
    people.possibly_sent("p1", encoded(), "run-1", MONDAY)
    person = known(people)
    assert (person.is_accepted, person.was_active, person.was_inactive) == (False, True, False)
    assert list(people.in_doubt()) == []
    assert "p1" in people.other_rows(["p1"], [b"row"])[1]


def test_a_newer_record_that_is_accepted_ends_the_sending_again(people: People) -> None:
    put(people, user())
    people.possibly_sent("p1", encoded(active=False), "run-2", MONDAY)
    put(people, user(), "run-3")
    person = known(people)
    assert (person.send_again, person.run_id, people.doubts("p1")) == ("", "run-3", [])


@pytest.mark.parametrize("outcome", ["disabled", "updated", "skipped"])
def test_an_answer_makes_it_the_accepted_record(people: People, outcome: str) -> None:
    put(people, user())
    people.possibly_sent("p1", encoded(active=False), "run-2", MONDAY)
    for _ in range(2):
        people.answered("run-2", [("p1", outcome)])
    person = known(people)
    assert (person.run_id, person.active, person.send_again, person.outcome) == ("run-2", False, "", outcome)
    assert (person.may_be_active, person.may_be_inactive) == (False, False)


def test_an_answer_to_the_older_of_two_leaves_the_newer_in_doubt(people: People) -> None:
    put(people, user())
    people.possibly_sent("p1", encoded(title="two"), "run-2", MONDAY)
    people.possibly_sent("p1", encoded(title="three"), "run-3", MONDAY + timedelta(days=1))
    people.answered("run-2", [("p1", "updated")])
    person = known(people)
    assert (person.run_id, person.send_again) == ("run-2", IN_DOUBT)
    assert [doubt.run_id for doubt in people.doubts("p1")] == ["run-3"]


def test_a_failure_of_a_doubtful_creation_forgets_the_person(people: People) -> None:
    people.possibly_sent("p1", encoded(), "run-1", MONDAY)
    people.answered("run-1", [("p1", "failed")])
    assert "p1" not in people
    assert (people.is_forgotten("p1"), people.last_run("p1")) == (True, "run-1")


def test_a_record_that_another_run_overtook_is_no_doubt_any_more(people: People) -> None:
    put(people, user())
    people.possibly_sent("p1", encoded(active=False), "run-2", MONDAY)
    people.answered("run-2", [("p1", "overtaken")])
    assert people.doubts("p1") == []


def test_no_answer_puts_a_person_in_doubt_between_the_last_two_records(people: People) -> None:
    put(people, user(active=False))
    put(people, user(), "run-2")
    for _ in range(2):
        assert people.answered("run-2", [("p1", "unknown")]) == 0
    person = known(people)
    assert (person.send_again, person.unknowns) == (IN_DOUBT, 1)
    assert (person.was_active, person.was_inactive) == (True, True)


def test_no_answer_twice_in_a_row_ends_the_sending_again(people: People) -> None:
    put(people, user())
    people.answered("run-1", [("p1", "unknown")])
    put(people, user(), "run-2")
    assert people.answered("run-2", [("p1", "unknown")]) == 1
    assert (known(people).send_again, known(people).unknowns) == ("", 2)
    people.answered("run-2", [("p1", "updated")])  # it came late
    assert (known(people).send_again, known(people).unknowns) == ("", 0)


def test_who_waits_for_a_release_is_not_sent_again_and_may_still_be_active(people: People) -> None:
    put(people, user())
    put(people, user(active=False), "run-2")
    people.answered("run-2", [("p1", "held_by_entra")])
    assert (known(people).send_again, known(people).may_be_active) == ("", True)
    people.send_held("p1", "run-1")
    assert known(people).send_again == ""
    people.send_held("p1", "run-2")
    assert known(people).send_again == IN_DOUBT


def test_an_older_record_that_was_processed_last_outlives_the_answer_to_the_newest(people: People) -> None:
    put(people, user(), "run-2")
    people.put_out_of_order("p1", "run-1", active=False)
    assert known(people).send_again == ""
    people.put_out_of_order("p1", "run-2", active=False)
    people.answered("run-2", [("p1", "updated")])
    assert (known(people).send_again, known(people).was_inactive) == (OUT_OF_ORDER, True)
    put(people, user(), "run-3")
    assert known(people).send_again == ""


# Records


def test_the_last_two_accepted_records_are_kept_each_with_its_run(people: People) -> None:
    for number in (1, 2, 3, 3):
        put(people, user(title=f"title {number}"), f"run-{number}")
    records = [(run_id, msgspec.json.decode(record)["title"]) for run_id, record in people.records("p1")]
    assert records == [("run-3", "title 3"), ("run-2", "title 2")]


def test_records_outlive_the_process_and_are_small() -> None:
    with People() as people:
        for number in range(500):
            put(people, user(f"p{number}", title=f"title {number}", displayName=f"Name of {number}"))
        content = people.content()
    with People(content) as people:
        assert msgspec.json.decode(people.records("p77")[0][1])["title"] == "title 77"
    assert len(content) < 500 * 400


def test_records_of_people_who_left_are_forgotten_and_those_of_others_are_not(people: People) -> None:
    old, new = "employees-20260101T000000Z-a", "employees-20261101T000000Z-b"
    put(people, user("left", active=False), old)
    put(people, user("lately", active=False), new)
    put(people, user("active"), old)
    people.forget_records(MONDAY - timedelta(days=90))
    assert [bool(people.records(key)) for key in ("left", "lately", "active")] == [False, True, True]


def test_a_file_of_a_newer_release_is_refused(people: People, monkeypatch: pytest.MonkeyPatch) -> None:
    content = people.content()
    monkeypatch.setattr(formats, "FORMAT", 1)
    with pytest.raises(NewerState):
        People(content)


def test_runs_without_a_certain_answer_are_remembered_when_a_newer_record_is_sent(people: People) -> None:
    for number in range(1, 8):
        put(people, user("a", title=f"T{number}"), f"s-2026010{number}T000000Z-000000000{number}")
    newest = people.runs_of("a")
    assert people.has_earlier("a")
    assert {run_id[-1] for run_id in newest} == {"3", "4", "5", "6", "7"}
    people.forget_records(datetime(2026, 1, 5, tzinfo=UTC))
    assert {run_id[-1] for run_id in people.runs_of("a")} == {"5", "6", "7"}


def test_a_run_whose_answer_is_certain_is_not_remembered_beyond_the_last_two_records(people: People) -> None:
    for number in range(1, 4):
        put(people, user("a", title=f"T{number}"), f"run-{number}")
        people.answered(f"run-{number}", [("a", "updated")])
    assert not people.has_earlier("a")
    assert people.runs_of("a") == {"run-2", "run-3"}


def test_a_run_in_doubt_is_remembered_after_its_record_failed(people: People) -> None:
    put(people, user("a"), "run-1")
    people.answered("run-1", [("a", "created")])
    people.possibly_sent("a", msgspec.json.encode(user("a", title="T2")), "run-2", datetime(2026, 1, 2, tzinfo=UTC))
    people.answered("run-2", [("a", "failed")])
    put(people, user("a", title="T3"), "run-3")
    assert people.runs_of("a") == {"run-1", "run-2", "run-3"}
