"""How often each action occurs, and each pair of a fault and the HR action that followed it.

A label names an action as it is counted: `drop corrected`, `kill in send`, `fault bulkUpload cut-after`. A fault is
whatever Entra, the platform, the administrator or the operator does to a drop; HR's labels begin with `drop`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from tests.histories.actions import (
    Action,
    Admin,
    Drop,
    EditSource,
    Fault,
    History,
    Meanwhile,
    OlderRelease,
    Release,
    SetClock,
    Step,
    StopSending,
    Threshold,
    Trouble,
    Turn,
)

LEAST_ACTIONS, LEAST_PAIRS = 500, 50  # over ten thousand histories
CLAIM = 60  # seconds, in most histories
_NO_FAULTS = ("drop", "send", "sweep", "collect", "alerts", "cycle", "wait")


def labels(action: Action) -> frozenset[str]:
    """The names an action is counted by: its own, and its trouble's."""
    trouble = getattr(action, "trouble", None)
    return frozenset({_label(action), *_event(action), *(_trouble_labels(action, trouble) if trouble else ())})


def _label(action: Action) -> str:
    match action:
        case Drop():
            return f"drop {action.kind}"
        case Step():
            return action.what
        case Admin():
            return f"admin {action.what}"
        case EditSource():
            return f"edit {action.what}"
        case Turn():
            return f"dial {action.dial}"
        case Fault():
            return f"fault {action.route} {action.kind}{f' {action.status}' if action.kind == 'status' else ''}"
        case OlderRelease() | StopSending():
            return "older release" if isinstance(action, OlderRelease) else "stop sending"
        case SetClock():
            return f"clock set {'ahead' if action.seconds > 0 else 'back' if action.seconds else 'right'}"
        case Threshold() | Release():
            return "threshold" if isinstance(action, Threshold) else "release"
    return type(action).__name__.lower()


def _event(action: Action) -> Iterator[str]:
    if isinstance(action, Drop) and action.events != 1:
        yield "event lost" if action.events == 0 else "event twice"
    if isinstance(action, Drop) and action.bad:
        yield "rejected row"


def _trouble_labels(action: Action, trouble: Trouble) -> Iterator[str]:
    where = "plan" if isinstance(action, Drop) else _label(action)
    if isinstance(trouble, Meanwhile):
        yield f"suspended in {where}" if trouble.pause else f"interleaved in {where}"
        if where == "plan" and trouble.pause >= CLAIM and _label(trouble.actions[0]) in ("send", "sweep"):
            yield "another planner after the claim"
        for inner in trouble.actions:
            yield f"meanwhile {_label(inner).partition(' ')[0]}"
    else:
        yield f"{type(trouble).__name__.lower()} in {where}"


def is_fault(label: str) -> bool:
    """Whether a label is of a fault, and not of HR or of a timer."""
    return not label.startswith(_NO_FAULTS)


class Table:
    """What was drawn so far."""

    def __init__(self) -> None:
        self.histories = 0
        self.actions: Counter[str] = Counter()
        self.pairs: Counter[tuple[str, str]] = Counter()

    def add(self, history: History) -> None:
        """Count one history."""
        self.histories += 1
        waiting: set[str] = set()
        for action in history.actions:
            found = labels(action)
            self.actions.update(found)
            if isinstance(action, Drop):
                self.pairs.update((fault, f"drop {action.kind}") for fault in waiting)
                waiting = set()
            waiting |= {label for label in found if is_fault(label)}

    def update(self, other: Table) -> None:
        """Add what another process drew."""
        self.histories += other.histories
        self.actions.update(other.actions)
        self.pairs.update(other.pairs)

    def lines(self) -> Iterator[str]:
        """The table as text: a line a label, a column an HR action."""
        hr = sorted({each for _, each in self.pairs})
        yield f"{'':36}{'all':>7}" + "".join(f"{name.removeprefix('drop '):>12}" for name in hr)
        for label in sorted(self.actions):
            cells = "".join(f"{self.pairs[label, name]:>12}" for name in hr) if is_fault(label) else ""
            yield f"{label:36}{self.actions[label]:>7}{cells}"

    def too_few(self) -> list[str]:
        """What occurred less often than it must, for this number of histories."""
        share = self.histories / 10_000
        actions = [label for label, count in self.actions.items() if count < LEAST_ACTIONS * share]
        hr = {each for _, each in self.pairs}
        faults = {label for label in self.actions if is_fault(label)}
        pairs = [f"{one}, then {two}" for one in faults for two in hr if self.pairs[one, two] < LEAST_PAIRS * share]
        return sorted([*actions, *pairs])


def table_of(histories: Iterable[History]) -> Table:
    """The table of these histories."""
    made = Table()
    for history in histories:
        made.add(history)
    return made
