"""A run as it is looked at: its page, and the report of it. Enters: ports. Leaves: a RunView, or `report.html`.

`report.html` lies in the folder of the run, one file that holds everything it shows. It is written after a run is
settled. A process killed in between leaves a settled run without its report; `missing_reports` finds it, and the next
sweep writes it.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice

from shared.collecting.advice import Advice
from shared.console.rendering import Pages
from shared.console.run_words import Level, Moment, Verdict, levels, moments, verdict
from shared.model.errors import Damaged, Missing, RollcallError, UnknownRun
from shared.model.plan import REJECTED, Lane
from shared.model.runs import ENDED_ON_THE_WAY, Answer, Artefacts, Chunk, Receipt, Run, RunState
from shared.run_folder.folder import RunFolder
from shared.sending.stops import SendingStop
from shared.status.people import TROUBLES, PersonAnswer, answers
from shared.status.reads import RECENT, RunStatus, StatusReads

REPORT = "report.html"
CHUNKS_SHOWN = 100
PEOPLE_SHOWN = 100
REJECTED_SHOWN = 20
LANES = {Lane.LEAVERS: "leavers", Lane.MANAGERS: "managers", Lane.OTHERS: "others"}
FILES = {
    "report.html": ("text/html", "the whole story of this run on one page, to keep or to mail"),
    "outcome.csv": ("text/csv", "what became of everybody, with reason and advice"),
    "rejected.csv": ("text/csv", "records that were not sent; correct them and drop the file again as it is"),
    "absent.csv": ("text/csv", "people known who are not in the file"),
    "revert.csv": ("text/csv", "of a revert: whom it sends the record of before, whom it leaves, and why"),
    "people.csv": ("text/csv", "who, line, action and chunk"),
    "plan.json": ("application/json", "the plan and its gates"),
    "requests.ndjson": ("application/x-ndjson", "exactly what Entra is sent, a bulk request a line"),
}


@dataclass(frozen=True)
class Cause:
    """People with the same trouble."""

    outcome: str
    code: str
    count: int
    advice: Advice
    reason: str  # as Entra gave it for one of them
    keys: tuple[str, ...]  # some of them


@dataclass(frozen=True)
class Troubles:
    """Who needs attention. `people` are the first of `total`."""

    people: tuple[PersonAnswer, ...] = ()
    total: int = 0
    causes: tuple[Cause, ...] = ()


@dataclass(frozen=True)
class Rejected:
    """A record that was not sent."""

    line: str
    reason: str


def troubles(found: Iterable[PersonAnswer], shown: int, examples: int = 5) -> Troubles:
    """Those who failed, were skipped or have no answer, and their causes, the most frequent first."""
    people: list[PersonAnswer] = []
    counts: Counter[tuple[str, str]] = Counter()
    kept: dict[tuple[str, str], list[PersonAnswer]] = {}
    for answer in found:
        if answer.outcome not in TROUBLES:
            continue
        cause = (answer.outcome, answer.code)
        counts[cause] += 1
        if counts[cause] <= examples:
            kept.setdefault(cause, []).append(answer)
        if len(people) < shown:
            people.append(answer)
    causes = tuple(_cause(kept[cause], count) for cause, count in counts.most_common())
    return Troubles(tuple(people), counts.total(), causes)


def rejections(artefacts: Artefacts, run: Run, shown: int) -> tuple[Rejected, ...]:
    """The first records of rejected.csv: line and reason only, which name nobody."""
    rows = islice(RunFolder(artefacts, run).lines(REJECTED), shown)
    return tuple(Rejected(row.get("line") or "", row.get("reason") or "") for row in rows)


def _cause(people: list[PersonAnswer], count: int) -> Cause:
    first = people[0]
    keys = tuple(answer.key for answer in people)
    return Cause(first.outcome, first.code, count, first.advice, first.reason, keys)


@dataclass(frozen=True)
class ChunkLine:
    """One chunk and what Entra answered."""

    number: int
    lane: str
    operations: int
    answer: str  # accepted, refused in part, refused, sent in part, not sent, waiting
    status: int
    at: datetime | None
    request_id: str


@dataclass(frozen=True, kw_only=True)
class RunView:
    """Everything the page of a run shows."""

    status: RunStatus
    verdict: Verdict
    levels: tuple[Level, ...]
    moments: tuple[Moment, ...]
    troubles: Troubles
    rejections: tuple[Rejected, ...]
    chunks: tuple[ChunkLine, ...]  # some of them
    chunks_taken: int
    files: tuple[tuple[str, str], ...]
    may_approve: bool
    same_second: tuple[tuple[str, str], ...]  # runs of drops of the same second, and their files ("" if forgotten)


def run_view(reads: StatusReads, run: Run, stop: SendingStop | None = None) -> RunView:
    """The run as it stands. `stop` keeps its source from sending."""
    status, folder = reads.run(run), reads.artefacts
    lines = tuple(_chunk_lines(status))
    there = set(folder.names(run))
    return RunView(
        status=status,
        verdict=verdict(run, stop),
        levels=levels(run, status.taken),
        moments=moments(run),
        troubles=troubles(answers(folder, run), PEOPLE_SHOWN),
        rejections=rejections(folder, run, REJECTED_SHOWN) if run.figures.rejected else (),
        chunks=_most_telling(lines),
        chunks_taken=sum(line.answer != "waiting" for line in lines),
        files=tuple((name, what) for name, (_, what) in FILES.items() if name in there),
        may_approve=run.state is RunState.HELD and not status.damage,
        same_second=tuple((run_id, _drop_of(reads, run_id)) for run_id in run.same_second),
    )


def _drop_of(reads: StatusReads, run_id: str) -> str:
    with suppress(UnknownRun, Damaged):
        return reads.ledger.get(run_id).drop.path
    return ""


def _chunk_lines(status: RunStatus) -> Iterator[ChunkLine]:
    by_chunk: dict[int, list[Receipt]] = defaultdict(list)
    for receipt in status.receipts:
        if receipt.is_final or receipt.answer is Answer.CLOSED:
            by_chunk[receipt.chunk].append(receipt)
    for chunk in status.plan.chunks if status.plan else ():
        found = by_chunk[chunk.number]
        last = found[-1] if found else None
        yield ChunkLine(
            chunk.number,
            LANES.get(Lane(chunk.lane), ""),
            chunk.operations,
            _answer(chunk, found),
            last.status if last else 0,
            last.at if last else None,
            last.request_id if last else "",
        )


def _answer(chunk: Chunk, receipts: list[Receipt]) -> str:
    if sum(receipt.stop - receipt.start for receipt in receipts) < chunk.operations:
        return "waiting"
    if any(receipt.answer is Answer.CLOSED for receipt in receipts):
        return "not sent"
    refused = sum(receipt.answer is Answer.REFUSED for receipt in receipts)
    left_out = sum(receipt.answer is Answer.LEFT_OUT for receipt in receipts)
    if refused:
        return "refused" if refused == chunk.operations else "refused in part"
    if left_out:
        return "not sent" if left_out == chunk.operations else "sent in part"
    return "accepted"


def _most_telling(lines: tuple[ChunkLine, ...]) -> tuple[ChunkLine, ...]:
    """The refused ones first when there are more than a page holds."""
    if len(lines) <= CHUNKS_SHOWN:
        return lines
    return tuple(sorted(lines, key=lambda line: (not line.answer.startswith("refused"), line.number))[:CHUNKS_SHOWN])


@dataclass(frozen=True)
class Reporter:
    """Everything reporting needs, and nothing else."""

    reads: StatusReads
    pages: Pages
    console_url: str  # where the console is, "" where nobody said


def write_reports(reporter: Reporter, run_ids: Iterable[str]) -> None:
    """Write the reports of these runs. One that fails keeps no other from being written; the first fault is raised."""
    fault: RollcallError | None = None
    for run_id in run_ids:
        try:
            write_report(reporter, reporter.reads.ledger.get(run_id))
        except RollcallError as error:
            fault = fault or error
    if fault is not None:
        raise fault


def write_report(reporter: Reporter, run: Run) -> None:
    """Write the report of a settled run. Its content depends on the run and its files alone, not on the time."""
    at = run.settled_at or run.changed_at
    view = run_view(reporter.reads, run)
    link = f"{reporter.console_url.rstrip('/')}/runs/{run.run_id}" if reporter.console_url else ""
    with reporter.reads.artefacts.writer(run, REPORT) as file:
        file.write(reporter.pages.page("report.html", view=view, run=run, now=at, link=link))


def missing_reports(reporter: Reporter, since: timedelta = RECENT) -> Iterator[str]:
    """The runs that were settled lately and have no report."""
    reads = reporter.reads
    for run in reads.ledger.runs(states={RunState.SETTLED, *ENDED_ON_THE_WAY}):
        if run.settled_at and reads.now() - run.settled_at < since and not _has_report(reads, run):
            yield run.run_id


def _has_report(reads: StatusReads, run: Run) -> bool:
    """Whether there is one; a file without a byte is none."""
    try:
        return bool(reads.artefacts.read_range(run, REPORT, 0, 1))
    except Missing:
        return False
