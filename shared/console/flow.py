"""The flow of a run as a picture: records -> people -> sent -> outcomes. Enters: figures. Leaves: shapes. Pure.

Each level is a bar of its own full width; what goes on from one level is spread over the next. So a run of which thirty
people in a hundred thousand are sent shows those thirty, too. Widths are in thousandths of the bar.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from shared.model.runs import OUTCOMES, Run

WIDTH = 1000.0
NARROWEST = 6.0  # of a part that is there


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
