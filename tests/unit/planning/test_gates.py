"""Gates: figures and limits in, tripped gates out."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from shared.model.plan import Action, Change, Tally, Tripped
from shared.planning.gates import Facts, exceeds, judge
from shared.sources.source import Gates

FACTS = Facts(known=1000, present=1000, in_file=1000, records=1000, rejected=0, duplicates=0, full=True)
OPEN = dict.fromkeys(
    ("disables", "enables", "creates", "changes", "clears", "rejected", "shrink", "duplicates", "attribute_changes")
)


def tally(*changes: tuple[int, Action], attributes: tuple[str, ...] = (), cleared: tuple[str, ...] = ()) -> Tally:
    made = Tally()
    for count, action in changes:
        for number in range(count):
            made.add(Change(f"{action}{number}", action, attributes, cleared))
    return made


def judged(made: Tally, facts: Facts = FACTS, **limits: Any) -> dict[str, Tripped]:
    return {gate.gate: gate for gate in judge(Gates.model_validate(OPEN | limits), made, facts)}


# Limits


@pytest.mark.parametrize(
    ("figure", "limit", "of", "floor", "over"),
    [
        (10, 10, 0, 0, False),
        (11, 10, 0, 0, True),
        (11, 10, 1000, 50, True),  # a count has no floor
        (1, 0, 1000, 5, True),
        (0, 0, 1000, 5, False),
        (50, "5%", 1000, 5, False),
        (51, "5%", 1000, 5, True),
        (5, "5%", 10, 5, False),  # half of them, but only five people
        (6, "5%", 10, 5, True),
        (6, "0%", 1000, 5, True),
        (5, "0%", 1000, 5, False),
        (1, "0%", 1000, 0, True),
        (7, "0.7%", 1000, 0, False),
        (69, "18.4%", 375, 0, False),  # 18.4 is no binary fraction
        (70, "18.4%", 375, 0, True),
        (100, "100%", 100, 5, False),
        (6, "100%", 0, 5, True),
    ],
)
def test_a_figure_is_over_its_limit_only_beyond_it(
    figure: int, limit: int | str, of: int, floor: int, over: bool
) -> None:
    assert exceeds(figure, limit, of, floor) is over


def test_a_gate_without_a_limit_never_trips() -> None:
    facts = replace(FACTS, rejected=1000, duplicates=1000, in_file=0)
    made = tally((1000, Action.DISABLED), (1000, Action.NEW), attributes=("active",), cleared=("title",))
    assert judged(made, facts) == {}


@pytest.mark.parametrize(
    ("gate", "made"),
    [
        ("disables", tally((26, Action.DISABLED), (25, Action.ABSENT))),
        ("enables", tally((51, Action.ENABLED))),
        ("creates", tally((51, Action.NEW))),
        ("changes", tally((17, Action.CHANGED), (17, Action.DISABLED), (17, Action.ENABLED))),
        ("clears", tally((17, Action.CHANGED), cleared=("title", "phone", "street"))),
        ("attribute_changes", tally((51, Action.CHANGED), attributes=("title",))),
    ],
)
@pytest.mark.parametrize(("limit", "trips"), [("5%", True), (50, True), ("5.1%", False), (51, False)])
def test_each_gate_counts_its_own_figure(gate: str, made: Tally, limit: int | str, trips: bool) -> None:
    found = judged(made, FACTS, **{gate: limit})
    assert list(found) == ([gate] if trips else [])
    if trips:
        assert found[gate].figure == 51
        assert found[gate].limit == str(limit)
        assert "51" in found[gate].sentence
        assert found[gate].examples


@pytest.mark.parametrize(("figure", "trips"), [(50, False), (51, True)])
@pytest.mark.parametrize("gate", ["rejected", "duplicates"])
def test_rejected_records_and_duplicates_are_measured_in_records(gate: str, figure: int, trips: bool) -> None:
    facts = replace(FACTS, known=10, rejected=figure, duplicates=figure)
    assert (gate in judged(Tally(), facts, **{gate: "5%"})) is trips


@pytest.mark.parametrize(("in_file", "trips"), [(900, False), (899, True), (1200, False)])
def test_a_shrinking_file_is_measured_against_the_people_of_the_last_one(in_file: int, trips: bool) -> None:
    facts = replace(FACTS, known=5000, in_file=in_file)
    assert ("shrink" in judged(Tally(), facts, shrink="10%")) is trips


def test_a_partial_file_does_not_shrink() -> None:
    assert judged(Tally(), replace(FACTS, full=False, in_file=1), shrink="10%") == {}


def test_the_attribute_that_changes_most_is_named_with_those_that_come_near() -> None:
    made = tally((300, Action.CHANGED), attributes=("title",))
    for number in range(280):
        made.attributes["department"] += 1
        made.attributes["phone"] += number % 2
    sentence = judged(made, attribute_changes="25%")["attribute_changes"].sentence
    assert sentence == "title changes for 300 people (department for 280): is a column shifted or swapped?"


def test_examples_are_keys_of_the_people_concerned() -> None:
    found = judged(tally((60, Action.DISABLED), (60, Action.NEW)), disables="5%", creates="5%")
    assert found["disables"].examples[:2] == ("disabled0", "disabled1")
    assert len(found["creates"].examples) == 10


# Gates without a limit


@pytest.mark.parametrize(
    ("gate", "facts"),
    [
        ("cut_off", {"cut_off": True}),
        ("sent_before", {"sent_before_by": "run-1"}),
        ("zeros_lost", {"zeros_lost": ("7",)}),
        ("out_of_order", {"overtaken": "it is older than run-2"}),
    ],
)
def test_some_drops_always_need_a_person(gate: str, facts: dict[str, Any]) -> None:
    assert list(judged(Tally(), replace(FACTS, **facts))) == [gate]
    assert list(judged(Tally(), replace(FACTS, known=0, **facts))) == [gate]


def test_the_limits_do_not_apply_to_a_first_drop() -> None:
    facts = replace(FACTS, known=0, present=0, rejected=500)
    made = tally((1000, Action.NEW))
    assert judge(Gates(), made, facts) == ()


def test_a_first_drop_is_held_where_the_source_says_so() -> None:
    facts = replace(FACTS, known=0, first_run_holds=True)
    (gate,) = judge(Gates(), tally((1000, Action.NEW)), facts)
    assert (gate.gate, gate.figure) == ("first_run", 1000)
    assert judge(Gates(), Tally(), replace(facts, known=1)) == ()


def test_the_rest_of_a_first_drop_that_was_superseded_is_no_surprise() -> None:
    made = tally((900, Action.NEW))
    assert "creates" in judged(made, replace(FACTS, known=100), creates="20%")
    assert judged(made, replace(FACTS, known=100, whole_before=False), creates="20%") == {}


def test_a_first_drop_that_was_superseded_does_not_open_the_other_gates() -> None:
    facts = replace(FACTS, known=100, whole_before=False)
    assert list(judged(tally((50, Action.DISABLED)), facts, disables="5%")) == ["disables"]


def test_the_safe_defaults_let_an_ordinary_day_pass() -> None:
    made = tally((30, Action.CHANGED), (8, Action.DISABLED), (10, Action.NEW), attributes=("title",))
    assert judge(Gates(), made, FACTS) == ()
