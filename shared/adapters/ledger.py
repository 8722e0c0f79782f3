"""The ledger: runs and receipts in two tables, every change of a run conditional on its ETag.

A run's row holds the whole run as JSON and a few columns to query by. The row `~turn` of a source names the run that is
planned and sent; it needs no giving back, since a run that is over has lost its turn.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import msgspec

from shared.adapters.table import Query, Row, Table, joined, pieces, table_key
from shared.errors import Changed, Missing, Present, StaleRun, UnknownRun
from shared.runs import HAS_THE_TURN, Receipt, Run, RunState, source_of

_TURN = "~turn"


class TableLedger:
    """The books, in tables."""

    def __init__(self, runs: Table, chunks: Table) -> None:
        self._runs = runs
        self._chunks = chunks

    def add(self, run: Run) -> bool:
        """Enter a new run; False when it is there already."""
        try:
            self._runs.insert(_entity(run))
        except Present:
            return False
        return True

    def get(self, run_id: str) -> Run:
        """Read a run. Raises UnknownRun."""
        try:
            return _run(self._runs.get(table_key(source_of(run_id)), table_key(run_id)))
        except Missing:
            raise UnknownRun(f"there is no run {run_id}; `rollcall runs` lists them") from None

    def save(self, run: Run) -> Run:
        """Write a run that was read before. Raises StaleRun."""
        try:
            return replace(run, etag=self._runs.replace(_entity(run), run.etag))
        except (Changed, Missing):
            raise StaleRun(f"run {run.run_id} was changed by somebody else; read it again") from None

    def runs(self, source: str | None = None, states: Iterable[RunState] | None = None) -> list[Run]:
        """The runs of a source (or of all) in these states (or in any), oldest drop first."""
        query = Query(
            partition=None if source is None else table_key(source),
            high=_TURN,
            column="" if states is None else "state",
            texts=() if states is None else tuple(str(state) for state in sorted(states)),
        )
        found = [_run(row) for row in self._runs.rows(query)]
        return sorted(found, key=lambda run: (run.drop.last_modified, run.run_id))

    def take_turn(self, run: Run) -> bool:
        """Make this run the one of its source that is planned and sent; False while another one is."""
        entity = {"PartitionKey": table_key(run.source), "RowKey": _TURN, "run_id": run.run_id}
        try:
            turn = self._runs.get(table_key(run.source), _TURN)
        except Missing:
            return self._won(lambda: self._runs.insert(entity))
        holder = str(turn.entity["run_id"])
        if holder == run.run_id:
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
        """Write these receipts where none is; those that are there stay as they are."""
        there = {receipt.part for receipt in self.receipts(run_id)}
        left = [_receipt_row(run_id, receipt) for receipt in receipts if receipt.part not in there]
        self._chunks.insert_missing(left)

    def receipts(self, run_id: str) -> list[Receipt]:
        """Every receipt of a run, in order."""
        rows = self._chunks.rows(Query(partition=table_key(run_id), select=("body",)))
        return [_receipt(row) for row in rows]

    def _receipt(self, run_id: str, like: Receipt) -> Receipt | None:
        try:
            return _receipt(self._chunks.get(table_key(run_id), _receipt_key(like)))
        except Missing:
            return None

    def forget(self, run: Run) -> None:
        """Take out its receipts, then the run."""
        rows = self._chunks.rows(Query(partition=table_key(run.run_id), select=("answer",)))
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
        except (StaleRun, UnknownRun):
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


def _receipt(row: Row) -> Receipt:
    return replace(msgspec.json.decode(str(row.entity["body"]), type=Receipt), etag=row.etag)


def _run(row: Row) -> Run:
    return replace(msgspec.json.decode(joined("body", row.entity), type=Run), etag=row.etag)
