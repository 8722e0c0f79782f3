"""One case: something is damaged, the second source works, the damage is named, and everything arrives in the end."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from tests.damage.things import DAMAGES, Thing, Was, is_still, put_right
from tests.damage.world import FIRST, SECOND, SOURCES, World, staff
from tests.support.console import words


@dataclass
class Seen:
    """What was seen after the damage. Each list holds sentences; all have to be empty but for `named`."""

    named: set[str] = field(default_factory=set)  # health, console, alert
    is_healed: bool = False
    broken: list[str] = field(default_factory=list)

    @property
    def verdict(self) -> str:
        """named: until it is put right; healed: Rollcall wrote it again; silent: nothing depends on it."""
        if self.is_healed:
            return "healed"
        if self.named == {"health", "console", "alert"}:
            return "named"
        return "silent" if not self.named else f"named by {', '.join(sorted(self.named))} only"


def play(this: World, thing: Thing, damage: str) -> Seen | None:
    """None where this kind of damage is not for this kind of thing."""
    was = DAMAGES[damage](this, thing)
    if was is None:
        return None
    this.restart()  # nothing is remembered from before
    seen = Seen()
    _second_works(this, seen)
    _look(this, was, seen)
    if not seen.is_healed:
        put_right(this, was)
    _first_arrives(this, seen)
    seen.broken += this.raised
    return seen


def _second_works(this: World, seen: Seen) -> None:
    """A drop of the second source arrives, whatever is wrong with the first one."""
    this.clock.advance(minutes=5)
    this.drop(SECOND, staff(SECOND, 3, left=1), "day2.csv")
    this.until_settled([SECOND])
    if not this.settled(SECOND):
        seen.broken.append(f"the second source is not settled: {[run.state for run in this.runs(SECOND)]}")
    if this.directory(SECOND) != this.wanted[SECOND]:
        seen.broken.append("the accounts of the second source are not as HR wants them")


def _look(this: World, was: Was, seen: Seen) -> None:
    seen.broken += _pages(this, was.thing)
    this.pass_time(1)
    seen.is_healed = not is_still(this, was)
    place = was.thing.path or was.thing.row
    house = this.rollcall.house
    if any(place in str(fault) for fault in house.health()["faults"]):  # type: ignore[attr-defined]
        seen.named.add("health")
    if place in words(this.visitor.get("")):
        seen.named.add("console")
    if any(place in alert.finding.text for alert in house.alerts.open() if alert.is_open):
        seen.named.add("alert")


def _pages(this: World, thing: Thing) -> list[str]:
    """No page breaks: one that cannot be shown says why."""
    day = f"{this.runs(FIRST)[0].received_at:%Y-%m-%d}" if this.runs(FIRST) else ""
    runs = [run for name in SOURCES for run in this.runs(name)]
    names = this.rollcall.house.files.names
    paths = ["", "alerts", *(f"sources/{name}" for name in SOURCES), *(f"runs/{run.run_id}" for run in runs)]
    paths += [f"runs/{run.run_id}/files/{name}" for run in runs for name in names(run)]
    asked = [(f"page {path}", partial(this.visitor.get, path)) for path in paths]
    log = partial(this.visitor.get, "log", source=FIRST, day=day)
    asked += [("log", log), ("log of failures", partial(log, status="failure"))]
    for source, key in ((FIRST, person_of(thing)), (SECOND, f"{SECOND[0]}000")):
        asked.append((f"person of {source}", partial(this.visitor.post, "people", source=source, key=key)))
    return [fault for name, ask in asked if (fault := _fault(name, ask))]


def _fault(name: str, ask: Callable[[], object]) -> str:
    try:
        ask()
    except Exception as error:  # noqa: BLE001 - whatever it is, no page may raise
        return f"{name}: {type(error).__name__}: {error}"
    return ""


def _first_arrives(this: World, seen: Seen) -> None:
    """Nothing of the first source is lost: what was under way ends, and the next file arrives."""
    this.until_settled(SOURCES)
    if not this.settled(FIRST):
        seen.broken.append(f"the first source is not settled: {[(run.state, run.reasons) for run in this.runs(FIRST)]}")
    this.clock.advance(minutes=5)
    this.drop(FIRST, staff(FIRST, 20, left=2), "day3.csv")
    this.until_settled(SOURCES)
    if this.directory(FIRST) != this.wanted[FIRST]:
        seen.broken.append(f"the accounts of the first source differ: {_differences(this)}")
    this.pass_time(1)
    if faults := this.rollcall.house.health()["faults"]:
        seen.broken.append(f"health still says {faults}")
    if still := [alert.finding.text for alert in this.rollcall.house.alerts.open() if alert.finding.rule == "damaged"]:
        seen.broken.append(f"alerts still say {still}")
    for run in this.runs(FIRST):
        if run.figures.unknown:
            seen.broken.append(f"{run.figures.unknown} people of {run.run_id} have no answer")


def _differences(this: World) -> list[str]:
    there, wanted = this.directory(FIRST), this.wanted[FIRST]
    return [f"{key}: {there.get(key)} instead of {wanted.get(key)}" for key in sorted(wanted.keys() | there.keys())
            if there.get(key) != wanted.get(key)][:5]  # fmt: skip


def person_of(thing: Thing) -> str:
    """The person whose page reads this thing, where it is about one."""
    hashes = {hashlib.sha256(key.encode()).hexdigest()[:32]: key for key in staff(FIRST)}
    return hashes.get(thing.row.partition("_")[0], f"{FIRST[0]}000")
