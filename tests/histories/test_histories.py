"""A few hundred random histories keep every promise. Ten thousand are played by `python -m tests.histories`."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest

from tests.histories.actions import Cycle, Drop, Edit, Fault, History, Kill, Setup, Spot, Step, Wait
from tests.histories.draw import LEAST, draw
from tests.histories.run import run
from tests.histories.shrink import shrink
from tests.histories.story import as_sentences, literal, pasteable
from tests.histories.table import is_fault, labels, table_of
from tests.histories.world import product_in_small

IGNORED: frozenset[str] = frozenset()  # names of violations that are known and not corrected yet
COUNT, PART = 240, 40


@pytest.fixture(autouse=True)
def _small() -> Iterator[None]:
    with product_in_small():
        yield


@pytest.mark.parametrize("first", range(0, COUNT, PART))
def test_histories_keep_every_promise(first: int) -> None:
    for seed in range(first, first + PART):
        result = run(draw(seed))
        broken = [each for each in result.violations if each.name not in IGNORED]
        text = "\n".join(f"{each.name}: {each.text}" for each in broken)
        assert not broken, f"history {seed} (python -m tests.histories --count 1 --seed {seed} --story):\n{text}"


def test_the_same_history_ends_the_same_way_every_time() -> None:
    for seed in range(5):
        first, second = run(draw(seed)), run(draw(seed))
        assert (first.violations, first.happened) == (second.violations, second.happened)


def test_a_history_is_long_enough_and_a_literal_of_itself() -> None:
    names = vars(__import__("tests.histories.actions", fromlist=["History"]))
    for seed in range(50):
        history = draw(seed)
        assert len(history.actions) >= LEAST
        assert eval(literal(history), names) == history
        assert eval(pasteable(history), names) == history
        assert as_sentences(history).count("\n") == len(history.actions)


def test_every_part_of_a_history_can_be_played() -> None:
    history = draw(11)
    chance = random.Random(3)
    for _ in range(5):
        some = tuple(action for action in history.actions if chance.random() < 0.5)
        assert run(History(history.setup, some)).names() is not None


def test_a_quiet_history_compares_everybody_and_excludes_nobody() -> None:
    result = run(QUIET)
    assert result.violations == ()
    assert result.excluded["(compared)"] == 15
    assert not {name for name in result.excluded if not name.startswith(("(", "no manager"))}


QUIET = History(
    Setup(),
    (
        Drop("full"),
        Drop("partial"),
        Step("send"),
        Cycle(),
        Wait(300),
        Step("collect"),
        Wait(300),
        Step("collect"),
        Wait(20_000),
        Drop("full", edits=(Edit("e01", "title", "Boss"), Edit("e02", "status", "Left"), Edit("e03", "vanish"))),
        Step("send"),
        Cycle(),
        Wait(300),
        Step("collect"),
    ),
)


def test_a_killed_process_and_a_fault_happen_where_they_are_asked_for() -> None:
    actions = (Drop("full"), Fault(kind="cut-before"), Step("send", trouble=Kill(Spot("http", 2, after=True))))
    result = run(History(Setup(), actions))
    assert result.happened["Kill"] == 1


def test_the_shortest_history_is_found() -> None:
    def fails(history: History) -> bool:
        return any(isinstance(action, Wait) and action.seconds == 7 for action in history.actions)

    history = draw(1)
    history = History(history.setup, (*history.actions[:9], Wait(7), *history.actions[9:]))
    assert shrink(history, fails, lambda: False) == History(Setup(seed=1), (Wait(7),))


def test_every_action_and_every_pair_is_drawn_often_enough() -> None:
    table = table_of(draw(seed) for seed in range(10_000))
    assert table.too_few() == []
    assert {label for label in table.actions if is_fault(label)} > labels(Fault(kind="cut-after"))
