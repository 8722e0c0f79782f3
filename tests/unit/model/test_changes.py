"""The changes of a plan, counted."""

from __future__ import annotations

import pytest

from shared.model.plan import EXAMPLES, Action, Change, Tally


def test_everybody_is_counted_by_action() -> None:
    tally = Tally()
    for action in (Action.NEW, Action.NEW, Action.UNCHANGED, Action.ABSENT):
        tally.add(Change("p", action))
    assert dict(tally.actions) == {"new": 2, "unchanged": 1, "absent": 1}


def test_attributes_count_where_a_person_was_known_cleared_ones_twice() -> None:
    tally = Tally()
    tally.add(Change("p1", Action.CHANGED, ("title",), ("phone",)))
    tally.add(Change("p2", Action.DISABLED, ("active", "title")))
    tally.add(Change("p3", Action.ENABLED, ("active",)))
    assert dict(tally.attributes) == {"title": 2, "active": 2, "phone": 1}
    assert dict(tally.cleared) == {"phone": 1}


@pytest.mark.parametrize("action", [Action.NEW, Action.UNCHANGED, Action.ABSENT, Action.AGAIN])
def test_attributes_of_others_do_not_count(action: Action) -> None:
    tally = Tally()
    tally.add(Change("p1", action, ("title",), ("phone",)))
    assert not tally.attributes
    assert not tally.cleared


def test_a_few_keys_of_each_kind_are_kept_as_examples() -> None:
    tally = Tally()
    for number in range(EXAMPLES + 5):
        tally.add(Change(f"p{number}", Action.CHANGED, ("title",), ("phone",)))
    tally.add(Change("u", Action.UNCHANGED))
    assert tally.examples["changed"] == [f"p{number}" for number in range(EXAMPLES)]
    assert len(tally.examples["attribute:title"]) == EXAMPLES
    assert len(tally.examples["clears"]) == EXAMPLES
    assert "unchanged" not in tally.examples
