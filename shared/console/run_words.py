"""A run in words and as a picture: its verdict in one sentence, its stations in time, and the flow of its people from
records to outcomes. Enters: a run. Leaves: words and shapes. Pure.

Each level of the flow is a bar of its own full width; what goes on from one level is spread over the next. So a run of
which thirty people in a hundred thousand are sent shows those thirty, too. Widths are in thousandths of the bar.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from shared.model.runs import OUTCOMES, TO_SEND, Run, RunState
from shared.sending.stops import SendingStop

WIDTH = 1000.0
NARROWEST = 6.0  # of a part that is there
S = RunState
# How a state looks: good, calm, busy, warn, bad
TONES = {
    S.RECEIVED: "calm",
    S.PLANNING: "busy",
    S.PLANNED: "busy",
    S.HELD: "warn",
    S.SENDING: "busy",
    S.BLOCKED: "bad",
    S.SENT: "busy",
    S.SETTLED: "good",
    S.REJECTED: "bad",
    S.SUPERSEDED: "calm",
    S.CANCELLED: "calm",
}
MEANINGS = {
    S.RECEIVED: "The drop is known and waits for its turn: another run of this source is on its way.",
    S.PLANNING: "The drop is being read and compared with what Entra was last told.",
    S.PLANNED: "The plan is made and will be sent at the next tick.",
    S.BLOCKED: "Nothing more of this run is sent until the cause is gone. Then it goes on.",
    S.REJECTED: "The file could not be planned. Nothing was sent.",
    S.SUPERSEDED: "A newer drop came first. The rest of this run is not sent.",
    S.CANCELLED: "A person cancelled this run. The rest of it is not sent.",
}


@dataclass(frozen=True)
class Verdict:
    """One sentence, and how it looks."""

    text: str
    tone: str


@dataclass(frozen=True)
class Moment:
    """A station of a run. `after` is how long it took since the one before."""

    name: str
    at: datetime
    after: timedelta | None = None
    note: str = ""


def verdict(run: Run, stop: SendingStop | None = None) -> Verdict:
    """What there is to say of a run, in one sentence. `stop` keeps its source from sending."""
    if stop is not None and run.state in TO_SEND:
        return Verdict(f"It waits: {stop.sentence}.", "warn")
    if run.state is S.SETTLED:
        return _settled(run)
    tone = TONES[run.state]
    if run.state is S.HELD:
        if run.same_second:
            return Verdict("Nothing was sent. Another drop came in the same second; a person decides.", tone)
        gates = "A gate holds" if len(run.reasons) == 1 else f"{len(run.reasons)} gates hold"
        return Verdict(f"Nothing was sent. {gates} this plan until a person decides.", tone)
    if run.state is S.SENDING:
        return Verdict(
            f"{people(run.figures.sent)} {'is' if run.figures.sent == 1 else 'are'} on the way to Entra.", tone
        )
    if run.state is S.SENT:
        waiting = max(0, run.figures.people - sum(run.figures.outcomes.values()))
        if not waiting:
            return Verdict("Everybody has an answer; the log is read once more.", tone)
        wait = "waits" if waiting == 1 else "wait"
        return Verdict(f"Entra has taken everything. {people(waiting)} still {wait} for the log's answer.", tone)
    return Verdict(MEANINGS[run.state], tone)


def people(count: int) -> str:
    """So many people, in words."""
    return "1 person" if count == 1 else f"{count:,} people"


def moments(run: Run) -> tuple[Moment, ...]:
    """The stations of a run, in order of time."""
    stations: list[tuple[str, datetime | None, str]] = [
        ("arrived", run.received_at, ""),
        ("planning began", run.planning_at, ""),
        ("planned", run.planned_at, ""),
        ("approved", run.approval.at if run.approval else None, _approval(run)),
        ("sending began", run.sending_at, ""),
        ("sent", run.sent_at, ""),
        ("settled", run.settled_at, ""),
    ]
    if run.state in (S.HELD, S.BLOCKED, S.REJECTED, S.SUPERSEDED, S.CANCELLED):
        stations.append((str(run.state), run.changed_at, ""))
    known = sorted(((name, at, note) for name, at, note in stations if at), key=lambda each: each[1])
    found: list[Moment] = []
    for name, at, note in known:
        found.append(Moment(name, at, at - found[-1].at if found else None, note))
    return tuple(found)


def _settled(run: Run) -> Verdict:
    figures = run.figures
    troubled = [
        f"{count:,} {name}"
        for name, count in (
            ("failed", figures.failed),
            ("was skipped" if figures.skipped == 1 else "were skipped", figures.skipped),
            ("has no answer" if figures.unknown == 1 else "have no answer", figures.unknown),
            (
                "is held back by Entra" if figures.held_by_entra == 1 else "are held back by Entra",
                figures.held_by_entra,
            ),
            ("was deleted by Entra" if figures.deleted == 1 else "were deleted by Entra", figures.deleted),
            ("was sent again by a newer run", figures.overtaken),
            ("was not sent" if figures.not_sent == 1 else "were not sent", figures.not_sent),
        )
        if count
    ]
    records = "1 record" if figures.rejected == 1 else f"{figures.rejected:,} records"
    rejected = f" {records} of the file could not be sent." if figures.rejected else ""
    if not figures.people:
        return Verdict(f"There was nobody to send.{rejected}", "warn" if rejected else "good")
    if not troubled:
        told = "The one person is" if figures.people == 1 else f"All {figures.people:,} people are"
        return Verdict(f"{told} as they should be.{rejected}", "warn" if figures.rejected else "good")
    bad = figures.failed + figures.deleted + figures.held_by_entra
    good = figures.people - bad - figures.skipped - figures.unknown - figures.overtaken - figures.not_sent
    return Verdict(
        f"{good:,} of {people(figures.people)} are as they should be; {', '.join(troubled)}.{rejected}",
        "bad" if bad else "warn",
    )


def _approval(run: Run) -> str:
    return f"by {run.approval.by}: {run.approval.reason}" if run.approval else ""


@dataclass(frozen=True)
class Part:
    """One part of a level."""

    name: str
    count: int
    x: float
    width: float
    goes_on: bool = False


@dataclass(frozen=True)
class Level:
    """One bar with its title."""

    title: str
    total: int
    parts: tuple[Part, ...]

    @property
    def on(self) -> tuple[float, float] | None:
        """From where to where it goes on to the next level."""
        parts = [part for part in self.parts if part.goes_on]
        return (parts[0].x, parts[-1].x + parts[-1].width) if parts else None


def levels(run: Run, taken: int) -> tuple[Level, ...]:
    """The picture of a run. `taken` people are those Entra has taken so far."""
    figures = run.figures
    to_send = "sent" if run.sending_at else "to send"
    in_file = max(0, figures.records - figures.duplicates - figures.rejected)
    found = [
        _level(
            "records", [("people", in_file), ("repeated", figures.duplicates), ("rejected", figures.rejected)], "people"
        ),
        _level("people", [(to_send, figures.sent), ("as before", max(0, figures.people - figures.sent))], to_send),
    ]
    if run.sending_at and figures.sent:
        left_out = figures.not_sent if run.sent_at else 0
        waiting = max(0, figures.sent - taken - figures.refused - left_out)
        shares = [("taken", taken), ("waiting", waiting), ("refused", figures.refused), ("left out", left_out)]
        found.append(_level("sent", shares, "taken"))
        found.append(_level("outcomes", _outcomes(run)))
    return tuple(level for level in found if level.total)


def _outcomes(run: Run) -> list[tuple[str, int]]:
    """Of those who were sent; who was not sent because nothing changed has no outcome of Entra's."""
    figures = run.figures
    counts = dict(figures.outcomes)
    counts["unchanged"] = max(0, counts["unchanged"] - max(0, figures.people - figures.sent))
    told = [(name.replace("_", " "), counts[name]) for name in OUTCOMES]
    return [*told, ("awaited", max(0, figures.sent - sum(counts.values())))]


def _level(title: str, counts: Iterable[tuple[str, int]], goes_on: str = "") -> Level:
    there = [(name, count) for name, count in counts if count > 0]
    total = sum(count for _, count in there)
    raw = [max(NARROWEST, WIDTH * count / total) for _, count in there]
    scale = WIDTH / sum(raw) if raw else 1.0
    parts, x = [], 0.0
    for (name, count), width in zip(there, raw, strict=True):
        parts.append(Part(name, count, round(x, 1), round(width * scale, 1), name == goes_on))
        x += width * scale
    return Level(title, total, tuple(parts))
