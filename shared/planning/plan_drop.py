"""A drop becomes a plan. Nothing is sent here.

pass 1  the drop is read once: who is in it, what each record tells, how that differs from what Entra was last told
pass 2  over what pass 1 has kept: the record of each key that counts, into lanes
gates   on the figures -> planned, or held with the reasons
writes  requests.ndjson, people.csv, rejected.csv, absent.csv, and plan.json last: its presence is the commit
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from datetime import datetime

from shared.files.records import Drop
from shared.known_people.people import People
from shared.model import formats
from shared.model.csv_cells import csv_line
from shared.model.plan import (
    ABSENT,
    PEOPLE,
    PLAN,
    RECORDS,
    REJECTED,
    REQUESTS,
    HashedWriter,
    Plan,
    encode_plan,
    plan_hash,
)
from shared.model.runs import Artefacts, Run
from shared.planning.drop_order import check_name, holds_everybody
from shared.planning.first_pass import source_hash, survey
from shared.planning.lanes import ChunkCutter
from shared.planning.second_pass import NullsFlow, SecondPass
from shared.planning.spool import Spool
from shared.planning.todays_source import parts_of
from shared.run_folder.folder import PEOPLE_COLUMNS
from shared.sources.source import Source


def plan_drop(
    run: Run,
    drop: Drop,
    source: Source,
    people: People,
    artefacts: Artefacts,
    nulls_flow: NullsFlow,
    now: datetime,
    overtaken: str = "",
    keep: Callable[[], object] = lambda: None,
) -> tuple[Plan, str]:
    """The plan of this drop, written to the run's folder, and its hash. Raises DropError where the drop does not read.

    Planning the same drop again, with the same people known and at the same `now`, writes the same files.
    `overtaken` says why the drop may be older than what was sent already, "" where it is not.
    `keep` is called again and again on the way; what it raises ends the planning.
    """
    full = holds_everybody(source, run.drop)
    with ExitStack() as files:
        spool = files.enter_context(Spool(keep))
        found, table = survey(drop, source, people, spool)
        check_name(source, run.drop, table)
        requests = files.enter_context(artefacts.writer(run, REQUESTS))
        written = HashedWriter(files.enter_context(artefacts.writer(run, PEOPLE)))
        rejected = files.enter_context(artefacts.writer(run, REJECTED))
        written.write(csv_line(PEOPLE_COLUMNS))
        rejected.write(csv_line((*table.header, "line", "reason")))
        lacks_records = full and people.lacks_records
        records = HashedWriter(files.enter_context(artefacts.writer(run, RECORDS))) if lacks_records else None
        absent = HashedWriter(files.enter_context(artefacts.writer(run, ABSENT))) if full else None
        cutter = ChunkCutter(run.run_id, requests, written)
        second = SecondPass(source, people, found, cutter, rejected, overtaken, len(table.header), full, records)
        for page in spool.pages():
            second.take(page)
        if absent is not None:
            second.absent(absent)
        chunks = cutter.finish()
    plan = Plan(
        run_id=run.run_id,
        source=source.source,
        drop=run.drop,
        drop_sha256=found.sha256,
        whole_lines=found.whole_lines,
        planned_at=now,
        encoding=table.encoding,
        delimiter=table.delimiter,
        guess_gives=table.form.examples,
        figures=second.figures(len(chunks)),
        actions=dict(second.tally.actions),
        attributes=dict(second.tally.attributes),
        cleared=dict(second.tally.cleared),
        known=len(people),
        gone=second.gone,
        unresolved_managers=second.unresolved_managers(),
        chunks=chunks,
        source_sha256=source_hash(source),
        full=full,
        gates=second.verdict(nulls_flow),
        has_records=records is not None,
        in_doubt=second.in_doubt if source.csv.mode == "partial" else 0,
        version=formats.FORMAT,
        people_sha256=written.sha256,
        absent_sha256=absent.sha256 if absent is not None else "",
        records_sha256=records.sha256 if records is not None else "",
        source_parts=parts_of(source),
        endpoint=source.endpoint,
        protected=source.protected,
    )
    body = encode_plan(plan)
    with artefacts.writer(run, PLAN) as commit:
        commit.write(body)
    return plan, plan_hash(body)
