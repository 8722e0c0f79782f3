"""A person as the drop tells it, against what Entra was last told."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from shared.known_people.people import People
from shared.model.plan import Action
from shared.planning.compare import absent_user, compare, is_protected, zeros_lost


def user(**changes: Any) -> dict[str, Any]:
    told = {"externalId": "p1", "userName": "p1@contoso.com", "active": True, "title": "Clerk", "displayName": "Ada"}
    return {name: value for name, value in (told | changes).items() if value != "nothing"}


@pytest.fixture
def people() -> Iterator[People]:
    with People() as opened:
        yield opened


@pytest.mark.parametrize(
    ("told", "now", "action", "attributes", "cleared"),
    [
        ({}, {}, Action.UNCHANGED, (), ()),
        ({}, {"title": "Boss"}, Action.CHANGED, ("title",), ()),
        ({}, {"title": "nothing"}, Action.CHANGED, (), ("title",)),
        ({}, {"title": None, "displayName": "Eve"}, Action.CHANGED, ("displayName",), ("title",)),
        ({}, {"active": False}, Action.DISABLED, ("active",), ()),
        ({}, {"active": False, "title": "Boss"}, Action.DISABLED, ("active", "title"), ()),
        ({"active": False}, {}, Action.ENABLED, ("active",), ()),
        ({"active": False}, {"active": False, "title": "Boss"}, Action.CHANGED, ("title",), ()),
        ({"active": False}, {"active": False}, Action.UNCHANGED, (), ()),
    ],
)
def test_a_change_has_an_action_and_the_names_of_its_attributes(
    people: People,
    told: dict[str, Any],
    now: dict[str, Any],
    action: Action,
    attributes: tuple[str, ...],
    cleared: tuple[str, ...],
) -> None:
    people.put("p1", msgspec.json.encode(user(**told)), "run-1")
    change = compare(people, "p1", user(**now))
    assert (change.action, change.attributes, change.cleared) == (action, attributes, cleared)


def test_somebody_entra_was_never_told_of_is_new(people: People) -> None:
    assert compare(people, "p1", user()).action is Action.NEW


def test_an_absent_person_is_disabled_with_the_complete_record(people: People) -> None:
    people.put("p1", msgspec.json.encode(user()), "run-1")
    known = people.get("p1")
    assert known is not None
    assert absent_user(people, known) == user(active=False)


@pytest.mark.parametrize(
    ("key", "protected"),
    [("ADM7", True), ("CEO", True), ("adm7", False), ("CEO2", False), ("X-ADM7", False), ("B1", True), ("B2", False)],
)
def test_protected_keys_are_named_or_fit_a_pattern(key: str, protected: bool) -> None:
    assert is_protected(key, ["ADM*", "CEO", "B[1]"]) is protected


def test_new_keys_that_are_missing_keys_without_their_zeros_are_found() -> None:
    assert zeros_lost(["7", "12", "99", "0"], ["007", "0012", "12x", "88"]) == ("7", "12")


def test_no_key_has_lost_a_zero_where_none_began_with_one() -> None:
    assert zeros_lost(["7"], ["7000", "70"]) == ()


def test_somebody_who_failed_is_sent_again_and_is_not_new(people: People) -> None:
    people.put("p1", msgspec.json.encode(user()), "run-1")
    people.answered("run-1", [("p1", "failed")])
    assert compare(people, "p1", user()).action is Action.AGAIN


@pytest.mark.parametrize(
    ("now", "action"),
    [
        ({"title": "Boss"}, Action.AGAIN),  # as it was told when it failed
        ({"title": "Chief"}, Action.CHANGED),
        ({"title": "Boss", "active": False}, Action.DISABLED),
    ],
)
def test_a_change_that_failed_is_sent_again(people: People, now: dict[str, Any], action: Action) -> None:
    people.put("p1", msgspec.json.encode(user()), "run-1")
    people.answered("run-1", [("p1", "created")])
    people.put("p1", msgspec.json.encode(user(title="Boss")), "run-2")
    people.answered("run-2", [("p1", "failed")])
    assert compare(people, "p1", user(**now)).action is action


def test_a_disable_that_failed_is_a_disable_again(people: People) -> None:
    people.put("p1", msgspec.json.encode(user()), "run-1")
    people.answered("run-1", [("p1", "created")])
    people.put("p1", msgspec.json.encode(user(active=False)), "run-2")
    people.answered("run-2", [("p1", "failed")])
    assert compare(people, "p1", user(active=False)).action is Action.DISABLED
