"""A history from a seed. The same seed draws the same history; nothing here looks at the world.

A history is made of pieces: a day of HR with its timers, or one action of anybody. Troubles are drawn with the steps in
which they happen. `without` names labels (see `table.labels`) that are left out.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from tests.histories.actions import (
    FULL,
    PARTIAL,
    PEOPLE,
    SOURCES,
    Action,
    Admin,
    Approve,
    Cancel,
    Cycle,
    Drop,
    DropKind,
    Edit,
    EditSource,
    Fault,
    Follow,
    Freeze,
    History,
    Kill,
    LoseLease,
    Meanwhile,
    MoveEndpoint,
    OlderRelease,
    Protect,
    PutBack,
    Redeliver,
    Release,
    Replan,
    Resend,
    Resume,
    Revert,
    SetClock,
    Setup,
    Skew,
    Spot,
    Step,
    StopSending,
    Tamper,
    Threshold,
    Trouble,
    Turn,
    Wait,
)
from tests.histories.table import labels

T = TypeVar("T")
LEAST, MOST = 30, 32
KINDS: tuple[DropKind, ...] = ("usual", "reverted", "corrected", "shrunk", "duplicated", "reuploaded")
TITLES = ("Clerk", "Boss", "Chief", "Guard", "Cook", "Pilot")
DEPARTMENTS = ("Sales", "Works", "Board")
DIALS: tuple[tuple[str, tuple[Any, ...]], ...] = (
    ("cycle_limit", (None, 1, 3, 6, 10)),
    ("log_delay", (0.0, 60.0, 600.0, 5400.0)),
    ("log_scatter", (0.0, 300.0, 3600.0)),
    ("log_shuffle", (True, True, False)),
    ("log_page_size", (3, 7, 1000)),
    ("log_retention", (10_800.0, 2_592_000.0)),  # with days that cannot be read any more
    ("log_redundant", (False, True)),
    ("import_details", ("externalId", "full")),
    ("cycle_order", ("shuffled", "received")),
    ("staged_action", ("stagedDelete", "StagedDelete", "StagedAction")),
    ("staged_status", ("skipped", "success", "warning")),
    ("unknown_action", ("reconcile", "")),
    ("unknown_status", ("pending", "")),
    ("disable_action", ("update", "disable")),
    ("bucket_size", (10, 500_000)),
    ("window_calls", (2, 40)),
    ("upload_retry_after", (False, True)),
    ("redundant_account_updates", (True, False)),
)
SHARES = {"unknown_action": "unknown_action_share", "unknown_status": "unknown_status_share"}
UPLOAD_FAULTS = (
    "status",
    "status",
    "status",
    "status",
    "status",
    "bucket-full",
    "timeout",
    "timeout-after",
    "cut-before",
    "cut-after",
    "cut-after",
)
STATUSES = (400, 401, 403, 404, 429, 500, 503)
LOG_FAULTS = ("status", "status", "timeout", "cut-before")
PORTS: dict[str, tuple[str, ...]] = {
    "send": ("http", "http", "http", "chunks_table", "runs_table", "state", "runs", "quota_table", "any", "any"),
    "plan": ("runs_table", "runs", "state", "drops", "any", "any"),
    "sweep": ("runs_table", "runs", "state", "drops", "any", "any"),
    "collect": ("http", "outcomes_table", "logs_table", "checkpoints_table", "runs_table", "runs", "state", "any"),
    "alerts": ("any", "alerts_table"),
}
PAUSES = (0, 0, 0, 0, 5, 90, 400, 4000)
JUMPS = (-7200, -3600, -600, 0, 0, 600, 3600, 7200)  # seconds that a clock is from the truth
WAITS = (5, 20, 130, 130, 600, 1800, 7200, 21_600, 90_000)


def draw(seed: int, without: frozenset[str] = frozenset()) -> History:
    """The history of this seed."""
    return _Draw(random.Random(f"{seed}/history"), without).history(seed)


class _Draw:
    def __init__(self, chance: random.Random, without: frozenset[str]) -> None:
        self.chance = chance
        self.without = without

    def history(self, seed: int) -> History:
        chance = self.chance
        setup = Setup(
            seed,
            absence=self.one(("disable", "disable", "report")),
            grace=self.one((1, 1, 1, 2)),
            gates=self.one(("open", "open", "open", "tight")),
            concurrency=self.one((1, 4)),
            daily_calls=self.one((2000,) * 6 + (60,)),
            claim_seconds=self.one((60, 60, 60, 1800)),
            echoes=self.is_so(0.4),
            releases_at_end=chance.random() < 0.85,
            restores=self.is_so(0.6),
        )
        actions: list[Action] = [Drop(FULL), Drop(PARTIAL), Step("send")]
        if chance.random() < 0.8:
            actions += self._answers()
        length = chance.randint(LEAST, MOST)
        while len(actions) < length:
            actions += [each for each in self._piece() if not labels(each) & self.without]
        return History(setup, tuple(actions))

    def one(self, choices: Sequence[T]) -> T:
        return self.chance.choice(choices)

    def is_so(self, share: float) -> bool:
        return self.chance.random() < share

    # Pieces

    def _piece(self) -> list[Action]:
        makes: Callable[[], list[Action]] = self.chance.choices(
            (self._day, self._answers, self._fault, self._operator, self._admin, self._entra, self._platform),
            (28, 10, 15, 17, 6, 17, 19),
        )[0]
        return makes()

    def _day(self) -> list[Action]:
        actions: list[Action] = [self._drop()]
        if self.is_so(0.08):
            actions.append(self.one((self._protect, self._tamper))())
        if self.is_so(0.4):
            actions.append(Approve())
        if self.is_so(0.75):
            actions.append(self._step("send", 0.3))
        if self.is_so(0.35):
            actions += self._answers()
        return actions

    def _answers(self) -> list[Action]:
        """A cycle, and what the log says of it."""
        actions: list[Action] = [Cycle(self.one((1, 1, 2)))]
        if self.is_so(0.7):
            actions += [Wait(self.one((130, 300, 300, 1800))), self._step("collect", 0.15)]
        if self.is_so(0.25):
            actions += [Wait(self.one((130, 300, 9000))), self._step("collect", 0.1)]
        return actions

    def _fault(self) -> list[Action]:
        if self.is_so(0.33):
            kind = self.one(LOG_FAULTS)
            status = self.one((429, 500, 503))
            return [Fault("provisioningLog", kind, status, times=self.chance.randint(1, 6))]
        retry_after = self.one((None, None, 3.0, 30.0))
        kind = self.one(UPLOAD_FAULTS)
        status = self.one(STATUSES)
        most = 12 if status == 400 else 4
        return [
            Fault(
                "bulkUpload",
                kind,
                status if kind == "status" else 500,
                retry_after if kind == "status" and status in (429, 503) else None,
                self.chance.randint(1, most),
                self.one((0, 0, 0, 1, 2)),
            )
        ]

    def _operator(self) -> list[Action]:
        which = self.one((0, 0, 0, 1, 2, 3))
        source = self.one(SOURCES)
        makes: list[tuple[int, Callable[[], list[Action]]]] = [
            (12, lambda: [Follow()]),
            (18, lambda: [Approve(which, self.is_so(0.1))]),
            (16, lambda: [Cancel(which)]),
            (14, lambda: [Replan(which)]),
            (14, lambda: [Resend(which, self._keys(self.one(SOURCES), 5))]),
            (17, lambda: [self._edit_source(source)]),
            (8, lambda: [self._protect()]),
            (4, lambda: [MoveEndpoint(source)]),
            (10, lambda: self._stop(self.one(("", source)))),
            (10, lambda: self._revert(which)),
        ]
        return self._weighted(makes)

    def _stop(self, source: str) -> list[Action]:
        """Sending is stopped, often only for a while; another stop is sometimes lifted instead."""
        actions: list[Action] = [StopSending(source)]
        if self.is_so(0.6):
            actions.append(self._step("send", 0.4))
        if self.is_so(0.75):
            actions.append(Resume(source if self.is_so(0.85) else ""))
        return actions

    def _revert(self, which: int) -> list[Action]:
        """A run is reverted; often the revert is planned and decided at once."""
        actions: list[Action] = [Revert(which, self.one(("", "", "disable")))]
        if self.is_so(0.75):
            actions.append(self._step("sweep", 0.2))
            actions.append(Approve() if self.is_so(0.75) else Cancel())
        return actions

    def _edit_source(self, source: str) -> Action:
        what = self.one(("gates", "absence", "grace", "language"))
        values = {
            "gates": ("open", "open", "tight"),
            "absence": ("disable", "report", "ignore"),
            "grace": ("1", "2"),
            "language": ("en-US", "de-DE"),
        }
        return EditSource(source, what, self.one(values[what]))

    def _protect(self) -> Action:
        source = self.one(SOURCES)
        return Protect(source, self._keys(source, 2) if self.is_so(0.6) else ())

    def _tamper(self) -> Action:
        file: Any = self.one(("requests.ndjson", "requests.ndjson", "people.csv", "absent.csv", "plan.json"))
        return Tamper(file, self.one((0, 0, 1)), self.chance.randint(0, 999))

    def _admin(self) -> list[Action]:
        whats: tuple[Any, ...] = ("disable", "disable", "enable", "rename", "rename", "delete")
        return [Admin(self.one(whats), self._key(self.one(SOURCES)))]

    def _entra(self) -> list[Action]:
        makes: list[tuple[int, Callable[[], list[Action]]]] = [
            (60, self._turn),
            (12, lambda: [Threshold(self.one((1, 2, 4, 0)))]),
            (10, lambda: [Release(self.is_so(0.7))]),
            (18, lambda: [Cycle(self.one((1, 1, 3)))]),
        ]
        return self._weighted(makes)

    def _turn(self) -> list[Action]:
        dial, values = self.one(DIALS)
        if dial == "cycle_order" and self.is_so(0.05):
            dial, values = "cycle_limit", (1, 3, 6)
        actions: list[Action] = [Turn(dial, self.one(values))]
        if dial in SHARES:
            actions.append(Turn(SHARES[dial], self.one((0.3, 1.0))))
        return actions

    def _platform(self) -> list[Action]:
        makes: list[tuple[int, Callable[[], Action]]] = [
            (14, lambda: self._step("send", 0.5)),
            (24, lambda: self._step("sweep", 0.9)),
            (10, lambda: self._step("collect", 0.4)),
            (22, lambda: self._step("alerts", 0.95)),
            (14, lambda: Redeliver(self.chance.randint(0, 4), self.one((0, 1)))),
            (16, lambda: Wait(self.one(WAITS))),
            (7, self._tamper),
            (7, PutBack),
            (5, lambda: OlderRelease(self.one(("plan", "send", "send", "sweep", "collect", "alerts")))),
            (8, lambda: Skew(self.one((0, 1)), self.one((-20, -3, 0, 3, 20)))),
            (14, self._set_clock),
        ]
        return [self._weighted(makes)]

    def _set_clock(self) -> Action:
        return SetClock(self.one((0, 1)), self.one(JUMPS))

    def _weighted(self, makes: Sequence[tuple[int, Callable[[], T]]]) -> T:
        return self.chance.choices([make for _, make in makes], [weight for weight, _ in makes])[0]()

    # HR

    def _drop(self) -> Drop:
        source = self.one(SOURCES)
        kind = self.one((*KINDS, "usual", "corrected"))
        edits = tuple(self._edit(source) for _ in range(self.chance.randint(1, 5)))
        if kind in ("reverted", "reuploaded"):
            edits = ()
        bad = self._keys(source, 2) if self.is_so(0.15) else ()
        return Drop(
            source,
            kind,
            edits,
            also=self._keys(source, 3) if source == PARTIAL and self.is_so(0.5) else (),
            bad=bad if kind != "reuploaded" else (),
            back=self.one((1, 1, 2, 3)) if kind == "reverted" else 1,
            same_name=self.is_so(0.3),
            events=self.one((1, 1, 1, 1, 1, 0, 2)),
            instance=self.one((0, 0, 0, 1)),
            trouble=self._trouble("plan") if self.is_so(0.2) else None,
        )

    def _edit(self, source: str) -> Edit:
        key = self._key(source)
        what = self.chance.choices(
            ("title", "department", "status", "manager", "name", "upn", "vanish", "join"), (30, 10, 26, 9, 6, 7, 8, 6)
        )[0]
        values: dict[str, tuple[str, ...]] = {
            "title": TITLES,
            "department": DEPARTMENTS,
            "status": ("Left", "Left", "Active"),
            "manager": (self._key(source), self._key(source), ""),
            "name": (f"Name of {key}", f"Other name of {key}"),
            "upn": (f"{key}@contoso.com", f"{self._key(source)}@contoso.com", f"{key}@unverified.example"),
        }
        return Edit(key, what, self.one(values.get(what, ("",))))

    def _key(self, source: str) -> str:
        return self.one(PEOPLE[source])

    def _keys(self, source: str, most: int) -> tuple[str, ...]:
        return tuple(sorted(self.chance.sample(PEOPLE[source], self.chance.randint(1, most))))

    # Steps and their troubles

    def _step(self, what: Any, share: float) -> Step:
        trouble = self._trouble(what) if self.is_so(share) else None
        return Step(what, self.one((0, 0, 1)), trouble)

    def _trouble(self, what: str) -> Trouble:
        kinds = ("kill", "kill", "kill", "kill", "freeze", "freeze", "meanwhile", "meanwhile", "meanwhile")
        kind = self.one((*kinds, "lease") if what == "send" else kinds)
        spot = self._spot(what)
        if kind == "kill":
            return Kill(spot)
        if kind == "freeze":
            return Freeze(replace(spot, on="any") if spot.on == "http" else spot, self.one((1, 2, 5, 60)))
        if kind == "lease":
            return LoseLease(spot)
        if what == "send" and self.is_so(0.35):  # the other instance sends a newer drop, once the lease is over
            drop = replace(self._drop(), events=1, trouble=None)
            return Meanwhile(spot, (drop, Step("send", 1)), self.one((90, 400, 4000)))
        if what == "plan" and self.is_so(0.35):  # the other instance takes the run, once the claim is over
            return Meanwhile(spot, (Step(self.one(("send", "sweep")), 1),), self.one((90, 400)))
        return Meanwhile(spot, tuple(self._meanwhile() for _ in range(self.chance.randint(1, 3))), self.one(PAUSES))

    def _meanwhile(self) -> Action:
        makes: list[tuple[int, Callable[[], Action]]] = [
            (30, lambda: Step("send", 1)),
            (16, lambda: Step("sweep", 1)),
            (12, lambda: Step("collect", 1)),
            (16, lambda: replace(self._drop(), trouble=None)),
            (8, Cycle),
            (8, lambda: Cancel(0)),
            (7, self._tamper),
            (7, lambda: OlderRelease(self.one(("plan", "send", "sweep", "collect")))),
            (8, lambda: Approve(0)),
            (6, lambda: StopSending(self.one(("", *SOURCES)))),
            (6, Resume),
            (10, self._set_clock),
        ]
        return self._weighted(makes)

    def _spot(self, what: str) -> Spot:
        on = self.one(PORTS[what])
        most = {"any": 60, "http": 5}.get(on, 8)
        return Spot(on, self.chance.randint(1, most), self.is_so(0.5))
