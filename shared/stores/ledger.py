"""The ledger: runs and receipts in two tables, every change of a run conditional on its ETag.

A row that does not read is set aside by name. A run that does not read keeps the runs of its source from being planned,
since nobody knows what it has sent; a receipt that does not read counts as a call without an answer.

A run's row holds the whole run as JSON and a few columns to query by. The row `~turn` of a source names the run that is
planned and sent; it needs no giving back, since a run that is over has lost its turn.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import msgspec

from shared.model.errors import Changed, Damage, Damaged, Missing, Present, StaleRun, UnknownRun
from shared.model.runs import ENDED_ON_THE_WAY, HAS_THE_TURN, Answer, Ledger, Receipt, Run, RunState, source_of
from shared.stores.state_table import AnyTable, Kind, state_table
from shared.stores.table import Entity, Query, Row, joined, pieces, table_key

_TURN = "~turn"


class TableLedger(Ledger):
    """The books, in tables."""

    def __init__(self, runs: AnyTable, chunks: AnyTable) -> None:
        self._runs = state_table(runs)
        self._chunks = state_table(chunks)

    def add(self, run: Run) -> bool:
        try:
            self._runs.insert(_entity(run))
        except Present:
            return False
        return True

    def get(self, run_id: str) -> Run:
        """Read a run. Raises UnknownRun, Damaged."""
        try:
            return self._runs.one(table_key(source_of(run_id)), table_key(run_id), _RUN)
        except Missing:
            raise UnknownRun(f"there is no run {run_id}; `rollcall runs` lists them") from None

    def save(self, run: Run) -> Run:
        try:
            return replace(run, etag=self._runs.replace(_entity(run), run.etag))
        except (Changed, Missing):
            raise StaleRun(f"run {run.run_id} was changed by somebody else; read it again") from None

    def runs(self, source: str | None = None, states: Iterable[RunState] | None = None) -> list[Run]:
        query = Query(
            partition=None if source is None else table_key(source),
            high=_TURN,
            column="" if states is None else "state",
            texts=() if states is None else tuple(str(state) for state in sorted(states)),
        )
        return sorted(self._runs.each(query, _RUN), key=lambda run: (run.drop.last_modified, run.run_id))

    def damaged(self, source: str) -> list[Damage]:
        found = list[Damage]()
        for row in self._runs.stored(Query(partition=table_key(source), high=_TURN)):
            if row.entity.get("state") not in _OVER:
                try:
                    self._runs.decoded(row, _RUN)
                except Damaged as error:
                    found.append(error.damage)
        return found

    def is_beyond(self, damage: Damage) -> bool:
        """Whether it is a file of a run that was cancelled, superseded or rejected, and waits for nothing."""
        if not damage.run_id or not damage.place.startswith("blob runs/"):
            return False
        try:
            run = self.get(damage.run_id)
        except UnknownRun:
            return True
        except Damaged:
            return False
        is_ended = run.state in ENDED_ON_THE_WAY or run.state is RunState.REJECTED
        return is_ended and (run.settled_at is not None or run.sending_at is None)

    def must_read(self) -> None:
        """Raise Damaged where a run does not read: for those who must not leave one out."""
        for row in self._runs.stored(Query(high=_TURN)):
            self._runs.decoded(row, _RUN)

    def take_turn(self, run: Run) -> bool:
        entity = {"PartitionKey": table_key(run.source), "RowKey": _TURN, "run_id": run.run_id}
        try:
            turn = self._runs.stored_one(table_key(run.source), _TURN)
        except Missing:
            return self._won(lambda: self._runs.insert(entity))
        try:
            holder = self._runs.decoded(turn, _HOLDER)
        except Damaged as error:
            if error.damage.newer:
                return False
            holder = ""  # the states of the runs say which one has the turn
        if holder == run.run_id:
            return True
        if holder in run.same_second and self._is_held(holder):
            return True
        if self._has_the_turn(holder) or not self._won(lambda: self._runs.replace(entity, turn.etag)):
            return False
        if self._has_gone_on(holder):
            self._give_back(run, holder)
            return False
        return True

    def record(self, run_id: str, receipt: Receipt) -> Receipt:
        """Write a receipt: a new row, or over the version it was read in. Raises StaleRun.

        A write whose answer was lost is done all the same: a row that says what was to be written is no conflict.
        """
        row = _receipt_row(run_id, receipt)
        try:
            etag = self._chunks.replace(row, receipt.etag) if receipt.etag else self._chunks.insert(row)
        except (Present, Changed, Missing):
            there = self._receipt(run_id, receipt)
            if there != receipt:
                raise StaleRun(f"another sender has sent or closed part {receipt.part} of run {run_id}") from None
            return there
        return replace(receipt, etag=etag)

    def close(self, run_id: str, receipts: Iterable[Receipt]) -> None:
        there = {receipt.part for receipt in self.receipts(run_id)}
        left = [_receipt_row(run_id, receipt) for receipt in receipts if receipt.part not in there]
        self._chunks.insert_missing(left)

    def receipts(self, run_id: str) -> list[Receipt]:
        """Every receipt of a run, in order. Raises Damaged where one does not say of which part it is."""
        rows = self._chunks.stored(Query(partition=table_key(run_id), select=("body",)))
        return [self._receipt_of(run_id, row) for row in rows]

    def _receipt(self, run_id: str, like: Receipt) -> Receipt | None:
        try:
            return self._receipt_of(run_id, self._chunks.stored_one(table_key(run_id), _receipt_key(like)))
        except Missing:
            return None

    def _receipt_of(self, run_id: str, row: Row) -> Receipt:
        """The receipt of a row. One that does not read is as good as none: Entra may have taken the part."""
        kind = _receipt_kind(run_id)
        try:
            return self._chunks.decoded(row, kind)
        except Damaged as error:
            part = _part_of(str(row.entity["RowKey"]))
            if part is None or error.damage.newer:
                raise
            since = _received(run_id)
            return Receipt(*part, Answer.STARTED, since, started_at=since, in_doubt=True, etag=row.etag)

    def forget(self, run: Run) -> None:
        """Take out its receipts, then the run."""
        rows = self._chunks.stored(Query(partition=table_key(run.run_id), select=("answer",)))
        self._chunks.delete([(str(row.entity["PartitionKey"]), str(row.entity["RowKey"])) for row in rows])
        self._runs.delete([(table_key(run.source), table_key(run.run_id))])

    def _has_gone_on(self, run_id: str) -> bool:
        """Whether a run that had taken the turn uses it now, after all.

        One that has only just taken it is still `received`. Writing it anew, unchanged, makes sure that whoever is
        about to move it from what was read before will fail (StaleRun).
        """
        try:
            run = self.get(run_id)
            if run.state is RunState.RECEIVED:
                self.save(run)
        except (StaleRun, UnknownRun, Damaged):
            pass
        return self._has_the_turn(run_id)

    def _give_back(self, run: Run, holder: str) -> None:
        turn = self._runs.get(table_key(run.source), _TURN)
        if turn.entity["run_id"] == run.run_id:
            entity = {"PartitionKey": table_key(run.source), "RowKey": _TURN, "run_id": holder}
            self._won(lambda: self._runs.replace(entity, turn.etag))

    def _has_the_turn(self, run_id: str) -> bool:
        try:
            return self.get(run_id).state in HAS_THE_TURN
        except UnknownRun:
            return False
        except Damaged:  # its column says so, too
            row = self._runs.stored_one(table_key(source_of(run_id)), table_key(run_id))
            return row.entity.get("state") not in _OVER

    def _is_held(self, run_id: str) -> bool:
        try:
            return self.get(run_id).state is RunState.HELD
        except (UnknownRun, Damaged):
            return False

    @staticmethod
    def _won(write: Any) -> bool:
        try:
            write()
        except (Present, Changed, Missing):
            return False
        return True


def _entity(run: Run) -> dict[str, Any]:
    return {
        "PartitionKey": table_key(run.source),
        "RowKey": table_key(run.run_id),
        "state": str(run.state),
        "drop": run.drop.path[:1000],
        "received_at": run.received_at,
        "changed_at": run.changed_at,
        "people": run.figures.people,
        "rejected": run.figures.rejected,
        "failed": run.figures.failed,
        **pieces("body", msgspec.json.encode(replace(run, etag="")).decode()),
    }


def _receipt_key(receipt: Receipt) -> str:
    return f"{receipt.chunk:07d}-{receipt.start:02d}-{receipt.stop:02d}"


def _receipt_row(run_id: str, receipt: Receipt) -> dict[str, Any]:
    return {
        "PartitionKey": table_key(run_id),
        "RowKey": _receipt_key(receipt),
        "answer": str(receipt.answer),
        "status": receipt.status,
        "request_id": receipt.request_id,
        "body": msgspec.json.encode(replace(receipt, etag="")).decode(),
    }


def _part_of(key: str) -> tuple[int, int, int] | None:
    """The chunk, and the operations from and to, that a receipt's row key names."""
    numbers = key.split("-")
    return (
        (int(numbers[0]), int(numbers[1]), int(numbers[2]))
        if len(numbers) == 3 and key.replace("-", "").isdigit()
        else None
    )


def _received(run_id: str) -> datetime:
    """The time in a run id: no call of the run is older."""
    return datetime.strptime(run_id.rsplit("-", 2)[1], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)


def _receipt(row: Row) -> Receipt:
    return replace(msgspec.json.decode(str(row.entity["body"]), type=Receipt), etag=row.etag)


def _run(row: Row) -> Run:
    return replace(msgspec.json.decode(joined("body", row.entity), type=Run), etag=row.etag)


def _source(entity: Entity) -> str:
    return str(entity["PartitionKey"])


_OVER = frozenset({str(RunState.SETTLED), str(RunState.REJECTED)})  # nothing is sent or awaited any more
_HOLDER = Kind(
    lambda row: str(row.entity["run_id"]), lambda entity: "the row of the run that has the turn", source=_source
)
_RUN = Kind(_run, lambda entity: f"run {entity['RowKey']}", source=_source, run_id=lambda entity: str(entity["RowKey"]))


def _receipt_kind(run_id: str) -> Kind[Receipt]:
    return Kind(
        _receipt,
        lambda entity: f"the receipt of a call of run {run_id}",
        "The call counts as one without an answer. The next call of this part writes the row again",
        lambda entity: source_of(run_id),
        lambda entity: run_id,
    )
