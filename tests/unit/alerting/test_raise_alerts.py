"""An alert is raised once, kept up to date, and resolved once, whatever fails and whoever is killed in between."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.alerting.findings import Finding, Severity
from shared.alerting.raise_alerts import Alert, Raised, raise_alerts, try_channels
from shared.model.errors import ChannelError
from shared.stores.alert_table import AlertTable
from shared.stores.memory import MemoryTable
from tests.support.guillotine import Guillotine, Killed
from tests.unit.alerting.world import NOW


def finding(key: str = "a", text: str = "first") -> Finding:
    return Finding(key, Severity.WARNING, "silence", "employees", f"title {key}", text, "remedy")


@dataclass
class Ear:
    """A channel that hears, or is down."""

    name: str
    wants_updates: bool = False
    heard: list[tuple[str, str]] = field(default_factory=list)  # key and change
    down: bool = False
    tries: int = 0

    def tell(self, alert: Alert) -> None:
        self.tries += 1
        if self.down:
            raise ChannelError(f"{self.name} answered 503")
        self.heard.append((alert.key, str(alert.change)))


class Tower:
    """Alerts, two channels, and time that passes."""

    def __init__(self) -> None:
        self.table = MemoryTable()
        self.store = AlertTable(self.table)
        self.teams, self.log = Ear("teams"), Ear("log", wants_updates=True)
        self.now = NOW

    def tick(self, *found: Finding, channels: Iterable[Ear] | None = None) -> Raised:
        self.now += timedelta(minutes=5)
        return raise_alerts(found, self.store, tuple(channels or (self.teams, self.log)), self.now)


@pytest.fixture
def tower() -> Tower:
    return Tower()


def test_an_alert_is_raised_once_and_resolved_once(tower: Tower) -> None:
    assert tower.tick(finding()) == Raised(raised=1, open=1)
    assert tower.tick(finding()) == Raised(open=1)
    assert tower.tick() == Raised(resolved=1)
    assert tower.tick() == Raised()
    assert tower.teams.heard == tower.log.heard == [("a", "raised"), ("a", "resolved")]
    assert tower.store.open() == []
    (over,) = tower.store.over()
    assert (over.raised_at, over.resolved_at) == (NOW + timedelta(minutes=5), NOW + timedelta(minutes=15))


def test_a_change_is_told_to_those_who_want_it(tower: Tower) -> None:
    tower.tick(finding())
    assert tower.tick(finding(text="more of it")) == Raised(updated=1, open=1)
    tower.tick(finding(text="more of it"))
    assert tower.teams.heard == [("a", "raised")]
    assert tower.log.heard == [("a", "raised"), ("a", "updated")]
    assert tower.store.open()[0].finding.text == "more of it"
    assert tower.store.open()[0].raised_at == NOW + timedelta(minutes=5)


def test_what_comes_back_is_raised_anew_and_both_times_are_kept(tower: Tower) -> None:
    for found in ([finding()], [], [finding()], []):
        tower.tick(*found)
    assert [change for _, change in tower.teams.heard] == ["raised", "resolved"] * 2
    assert len(tower.store.over()) == 2


def test_a_channel_that_is_down_is_told_later_and_keeps_no_other_waiting(tower: Tower) -> None:
    tower.teams.down = True
    assert tower.tick(finding("a"), finding("b")).failed_channels == ("teams",)
    assert tower.log.heard == [("a", "raised"), ("b", "raised")]
    assert tower.teams.tries == 1  # one try a tick, not one an alert
    tower.teams.down = False
    assert tower.tick(finding("a"), finding("b")).failed_channels == ()
    assert tower.teams.heard == [("a", "raised"), ("b", "raised")]
    assert len(tower.log.heard) == 2


def test_an_end_that_could_not_be_told_is_told_later(tower: Tower) -> None:
    tower.tick(finding())
    tower.teams.down = True
    tower.tick()
    assert [alert.is_open for alert in tower.store.open()] == [False]
    tower.teams.down = False
    tower.tick()
    assert tower.teams.heard == [("a", "raised"), ("a", "resolved")]
    assert tower.log.heard == [("a", "raised"), ("a", "resolved")]
    assert tower.store.open() == []


def test_what_came_and_went_while_a_channel_was_down_is_told_there_in_order(tower: Tower) -> None:
    tower.teams.down = True
    tower.tick(finding())
    tower.tick()
    tower.teams.down = False
    tower.tick()
    assert tower.teams.heard == tower.log.heard == [("a", "raised"), ("a", "resolved")]
    assert tower.store.open() == []


def test_what_came_back_before_its_end_was_told_is_told_in_order(tower: Tower) -> None:
    tower.tick(finding())
    tower.teams.down = True
    tower.tick()
    tower.teams.down = False
    tower.tick(finding())
    tower.tick()
    assert tower.teams.heard == tower.log.heard == [("a", "raised"), ("a", "resolved")] * 2
    assert len(tower.store.over()) == 2


def test_what_comes_and_goes_again_and_again_while_a_channel_is_down_is_told_in_short(tower: Tower) -> None:
    tower.teams.down = True
    for _ in range(9):
        tower.tick(finding())
        tower.tick()
    tower.teams.down = False
    tower.tick()
    assert tower.teams.heard == [("a", "raised"), ("a", "resolved")]
    assert len(tower.log.heard) == 18


def test_a_channel_that_was_taken_away_is_waited_for_no_longer(tower: Tower) -> None:
    tower.teams.down = True
    tower.tick(finding())
    tower.tick(finding(), channels=[tower.log])
    tower.tick(channels=[tower.log])
    assert tower.store.open() == []
    assert tower.log.heard == [("a", "raised"), ("a", "resolved")]


def test_without_any_channel_alerts_are_kept_all_the_same() -> None:
    store = AlertTable(MemoryTable())
    raise_alerts([finding()], store, (), NOW)
    assert [alert.key for alert in store.open()] == ["a"]
    raise_alerts([], store, (), NOW)
    assert (store.open(), len(store.over())) == ([], 1)


class Tries(Tower):
    """The same, under a guillotine: every call of the store and of a channel is a step."""

    def play(self, guillotine: Guillotine) -> None:
        for found in ([finding("a"), finding("b")], [finding("a", "more"), finding("b")], [finding("b")]):
            self.now += timedelta(minutes=5)
            store = guillotine.over(self.store)
            raise_alerts(found, store, (guillotine.over(self.teams), guillotine.over(self.log)), self.now)


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_killed_at_any_step_nobody_is_left_untold(after: bool) -> None:
    whole, guillotine = Tries(), Guillotine(at=0)
    whole.play(guillotine)
    assert guillotine.steps > 12
    for step in range(1, guillotine.steps + 1):
        killed = Tries()
        with pytest.raises(Killed):
            killed.play(Guillotine(step, after))
        killed.tick(finding("b"))
        killed.tick(finding("b"))
        assert [alert.key for alert in killed.store.open()] == ["b"]
        for ear in (killed.teams, killed.log):
            _is_balanced(ear, {"b"}, at_least_once=True)


def _is_balanced(ear: Ear, holds: set[str], *, at_least_once: bool = False) -> None:
    """Raised and resolved take turns for each key, and what was heard last is how it stands.

    A process killed after it told and before it noted so tells once more.
    """
    heard: dict[str, list[str]] = defaultdict(list)
    for key, change in ear.heard:
        if change != "updated" and not (at_least_once and heard[key][-1:] == [change]):
            heard[key].append(change)
    for key, changes in heard.items():
        assert changes == (["raised", "resolved"] * len(changes))[: len(changes)], ear.heard
        assert (changes[-1] == "raised") == (key in holds), ear.heard
    assert holds <= heard.keys()


@given(
    st.lists(
        st.tuples(st.dictionaries(st.sampled_from("abc"), st.sampled_from(["x", "y"])), st.booleans(), st.booleans()),
        max_size=12,
    )
)
def test_whatever_is_found_and_whichever_channel_is_down_raised_and_resolved_take_turns(
    ticks: list[tuple[dict[str, str], bool, bool]],
) -> None:
    tower = Tower()
    for found, tower.teams.down, tower.log.down in ticks:
        tower.tick(*(finding(key, text) for key, text in found.items()))
        for ear in (tower.teams, tower.log):
            if not ear.down:
                _is_balanced(ear, set(found))
    tower.teams.down = tower.log.down = False
    tower.tick()
    for ear in (tower.teams, tower.log):
        _is_balanced(ear, set())
    assert tower.store.open() == []


@given(st.lists(st.dictionaries(st.sampled_from("abc"), st.sampled_from(["x", "y"])), max_size=10))
def test_the_log_has_one_event_for_every_change(ticks: list[dict[str, str]]) -> None:
    tower, before, expected = Tower(), dict[str, str](), []
    for found in [*ticks, {}]:
        expected += [(key, "updated" if key in before else "raised") for key in found if before.get(key) != found[key]]
        expected += [(key, "resolved") for key in before if key not in found]
        tower.tick(*(finding(key, text) for key, text in found.items()))
        before = found
    assert sorted(tower.log.heard) == sorted(expected)


def test_trying_the_channels_tells_which_took_it_and_keeps_nothing(tower: Tower) -> None:
    tower.teams.down = True
    assert list(try_channels((tower.teams, tower.log), NOW)) == [("teams", "teams answered 503"), ("log", "")]
    assert tower.log.heard == [("test", "raised")]
    assert tower.store.open() == []


def test_the_moment_of_a_change_is_kept(tower: Tower) -> None:
    tower.tick(finding())
    tower.tick(finding(text="new"))
    moment: datetime = tower.store.open()[0].changed_at
    assert moment == NOW + timedelta(minutes=10)
