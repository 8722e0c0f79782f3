"""A run as it is looked at: verdict, flow, gates, causes, chunks, files. Enters: ports. Leaves: a RunView."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime

from shared.console.answers import Rejected, Troubles, rejections, troubles
from shared.console.flow import Level, levels
from shared.console.verdict import TONES, Moment, Verdict, moments, verdict
from shared.model.errors import Damaged, UnknownRun
from shared.model.plan import Lane, Plan
from shared.model.runs import TO_SEND, Answer, Chunk, Ledger, ListedArtefacts, Receipt, Run, RunState
from shared.run_folder.folder import RunFolder
from shared.sending.parts import calls_left
from shared.sending.quota import Budget, finished_at
from shared.sending.stops import SendingStop
from shared.status.people import answers

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
class Progress:
    """How far a run is. `answered` are people who were sent and of whom the log, or a refusal, has spoken. `done_at` is
    when everything will be sent, as far as the quota permits.
    """

    taken: int = 0
    sent: int = 0
    answered: int = 0
    calls_left: int = 0
    done_at: datetime | None = None


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


@dataclass(frozen=True)
class RunView:
    """Everything the page of a run shows."""

    run: Run
    verdict: Verdict
    tone: str
    levels: tuple[Level, ...]
    moments: tuple[Moment, ...]
    progress: Progress
    plan: Plan | None
    plan_hash: str
    troubles: Troubles
    rejections: tuple[Rejected, ...]
    chunks: tuple[ChunkLine, ...]
    chunks_total: int
    chunks_taken: int
    files: tuple[tuple[str, str], ...]
    may_approve: bool
    may_cancel: bool
    damage: str = ""  # why there is no plan to show
    same_second: tuple[tuple[str, str], ...] = ()  # runs of drops of the same second, and their files ("" if forgotten)


def receipts_of(ledger: Ledger, run: Run) -> list[Receipt]:
    """The receipts of a run; none where one does not read, which is among the damages."""
    with suppress(Damaged):
        return ledger.receipts(run.run_id)
    return []


def run_view(
    ledger: Ledger, folder: ListedArtefacts, run: Run, budget: Budget, now: datetime, stop: SendingStop | None = None
) -> RunView:
    """The run as it stands. `stop` keeps its source from sending."""
    is_planned = run.planned_at is not None or run.state is RunState.HELD
    plan, damage = RunFolder(folder, run).plan_to_show() if is_planned else (None, "")
    receipts = receipts_of(ledger, run)
    progress = progress_of(run, plan, receipts, budget, now)
    lines = tuple(_chunk_lines(plan.chunks, receipts)) if plan else ()
    there = set(folder.names(run))
    return RunView(
        run=run,
        verdict=verdict(run, stop),
        tone=TONES[run.state],
        levels=levels(run, progress.taken),
        moments=moments(run),
        progress=replace(progress, done_at=None) if stop else progress,
        plan=plan,
        plan_hash=run.plan_hash if plan else "",
        troubles=troubles(answers(folder, run), PEOPLE_SHOWN),
        rejections=rejections(folder, run, REJECTED_SHOWN) if run.figures.rejected else (),
        chunks=_most_telling(lines),
        chunks_total=len(lines),
        chunks_taken=sum(line.answer != "waiting" for line in lines),
        files=tuple((name, what) for name, (_, what) in FILES.items() if name in there),
        may_approve=run.state is RunState.HELD and not damage,
        may_cancel=RunState.CANCELLED in run.next_states,
        damage=damage,
        same_second=tuple((run_id, _drop_of(ledger, run_id)) for run_id in run.same_second),
    )


def _drop_of(ledger: Ledger, run_id: str) -> str:
    with suppress(UnknownRun, Damaged):
        return ledger.get(run_id).drop.path
    return ""


def progress_of(run: Run, plan: Plan | None, receipts: Iterable[Receipt], budget: Budget, now: datetime) -> Progress:
    """How far the run is."""
    receipts = list(receipts)
    taken = sum(receipt.stop - receipt.start for receipt in receipts if receipt.answer is Answer.ACCEPTED)
    figures = run.figures
    as_before = max(0, figures.people - figures.sent)  # they have an outcome, and were not sent
    answered = max(0, sum(figures.outcomes.values()) - as_before - figures.unknown - figures.not_sent)
    if plan is None or run.state not in TO_SEND:
        return Progress(taken, figures.sent, answered)
    calls = calls_left(plan.chunks, receipts)
    start = max(now, run.not_before or now)
    return Progress(taken, figures.sent, answered, calls, finished_at(calls, budget, start))


def _chunk_lines(chunks: Iterable[Chunk], receipts: Iterable[Receipt]) -> Iterable[ChunkLine]:
    by_chunk: Mapping[int, list[Receipt]] = defaultdict(list)
    for receipt in receipts:
        if receipt.is_final or receipt.answer is Answer.CLOSED:
            by_chunk[receipt.chunk].append(receipt)
    for chunk in chunks:
        found = by_chunk.get(chunk.number, [])
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
