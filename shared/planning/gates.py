"""Gates: what a plan may do without a person's approval. Figures and limits in, tripped gates out. Pure.

A percentage is of the people known (of the records, for rejected ones and duplicates); up to `floor` people it does not
count. Some gates have no limit to set, since nobody drops such a file on purpose: one that ends in the middle of a
line, one that was sent before and is not the latest, one whose keys lost their leading zeros, and a partial one that
is, or may be, older than what was sent already.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from shared.model.plan import EXAMPLES, Action, Tally, Tripped
from shared.sources.source import Gates

SHOWN_ATTRIBUTES = 4


@dataclass(frozen=True)
class Figure:
    """One figure a gate judges."""

    gate: str
    value: int
    of: int  # what a percentage is of
    sentence: str  # with {figure}
    examples: tuple[str, ...] = ()


@dataclass(frozen=True)
class Facts:
    """What is known about a plan besides its tally."""

    known: int  # people known before this drop
    present: int  # of these, in the last full drop
    in_file: int  # people in this file
    records: int
    rejected: int
    duplicates: int
    full: bool
    whole_before: bool = True  # a drop of this source was sent to its end
    cut_off: bool = False  # the file stops in the middle of a line
    sent_before_by: str = ""  # a run that sent this very content, though not the latest one
    overtaken: str = ""  # why it may be older than what was sent already: a sentence
    zeros_lost: tuple[str, ...] = ()  # new keys that are known keys but for leading zeros
    first_run_holds: bool = False


def judge(gates: Gates, tally: Tally, facts: Facts) -> tuple[Tripped, ...]:
    """The gates that trip, the most telling first. None of the limits applies to a source's first drop."""
    always = [*_always(facts), *_first_run(facts)]
    if facts.known == 0:
        return tuple(always)
    limits: Mapping[str, int | str | None] = gates.model_dump(exclude={"floor"})
    found = [
        Tripped(figure.gate, figure.value, str(limit), figure.sentence.format(figure=figure.value), figure.examples)
        for figure in _figures(tally, facts)
        if (limit := limits[figure.gate]) is not None and exceeds(figure.value, limit, figure.of, gates.floor)
    ]
    return (*always, *found)


def exceeds(figure: int, limit: int | str, of: int, floor: int) -> bool:
    """Whether a figure is over its limit: a count, or a percentage of `of` people that counts above `floor`."""
    if isinstance(limit, int):
        return figure > limit
    return figure > floor and figure * 100 > Decimal(limit.removesuffix("%")) * of


def _figures(tally: Tally, facts: Facts) -> Iterable[Figure]:
    def figure(gate: str, value: int, of: int, sentence: str, *kinds: str) -> Figure:
        examples = [key for kind in kinds or (gate,) for key in tally.examples.get(kind, ())]
        return Figure(gate, value, of, sentence, tuple(examples[:EXAMPLES]))

    known, acted = facts.known, tally.actions
    leaving = acted[Action.DISABLED] + acted[Action.ABSENT]
    yield figure("disables", leaving, known, "{figure} accounts would be disabled", Action.DISABLED, Action.ABSENT)
    if facts.full:
        shrink = max(0, facts.present - facts.in_file)
        yield figure("shrink", shrink, facts.present, "the file holds {figure} people fewer than the last one", "gone")
    for name, count in tally.attributes.most_common(1):
        sentence = f"{_named(tally)}: is a column shifted or swapped?"
        yield figure("attribute_changes", count, known, sentence, f"attribute:{name}")
    yield figure("clears", tally.cleared.total(), known, "{figure} values would be emptied")
    kinds = (Action.CHANGED, Action.DISABLED, Action.ENABLED)
    changes = sum(acted[kind] for kind in kinds)
    yield figure("changes", changes, known, "{figure} people would be changed", *kinds)
    if facts.whole_before:  # the rest of a first drop that was superseded on its way is no surprise
        yield figure("creates", acted[Action.NEW], known, "{figure} people are new", Action.NEW)
    yield figure("enables", acted[Action.ENABLED], known, "{figure} accounts would be enabled again", Action.ENABLED)
    yield figure("rejected", facts.rejected, facts.records, "{figure} records cannot be sent as they are")
    yield figure("duplicates", facts.duplicates, facts.records, "{figure} records repeat a key")


def _named(tally: Tally) -> str:
    """The attribute that changes most, with others that change about as much: a shift moves several."""
    (first, most), *others = tally.attributes.most_common(SHOWN_ATTRIBUTES)
    more = [f"{name} for {count}" for name, count in others if count * 2 > most]
    return f"{first} changes for {{figure}} people" + (f" ({', '.join(more)})" if more else "")


def _always(facts: Facts) -> Iterable[Tripped]:
    if facts.cut_off:
        yield Tripped("cut_off", 1, "never", "the file ends in the middle of a line: was the upload cut off?")
    if facts.sent_before_by:
        sentence = f"this very file was sent before, by run {facts.sent_before_by}, and newer ones since"
        yield Tripped("sent_before", 1, "never", sentence)
    if facts.zeros_lost:
        sentence = (
            f"{len(facts.zeros_lost)} new keys are known keys without their leading zeros: did a spreadsheet drop them?"
        )
        yield Tripped("zeros_lost", len(facts.zeros_lost), "never", sentence, facts.zeros_lost[:EXAMPLES])

    if facts.overtaken:
        yield Tripped("out_of_order", 1, "never", facts.overtaken)


def _first_run(facts: Facts) -> Iterable[Tripped]:
    if facts.known == 0 and facts.first_run_holds:
        yield Tripped(
            "first_run", facts.in_file, "hold", "this is the first drop of the source, which is set to be held"
        )
