"""Damage that Rollcall can put right itself, when an operator says so. The rest is named with what a person has to do.

A row that only reports something (an alert, an entry of the log, a minute of the quota) is deleted. A run is written
again from its plan and its receipts: nothing of it is sent any more, what was sent is remembered and gets its answers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from shared.adapters.container import RunFiles
from shared.adapters.damage_table import DamageTable, Noted
from shared.adapters.ledger import TableLedger
from shared.adapters.state_format import MARKER, StateFormat
from shared.adapters.storage import Storage
from shared.adapters.table import Entity
from shared.adapters.versioned import VERSION
from shared.errors import Damage, Damaged, Missing
from shared.formats import FORMAT
from shared.planning.plan import PLAN, Plan, decode_plan, plan_hash
from shared.runs import Answer, DropVersion, Receipt, Run, RunState, source_of

REBUILT = "its row did not read and was written again from its plan and its receipts"
_DELETED = frozenset({"alerts_table", "logs_table", "quota_table", "checkpoints_table"})
_BEFORE_FOUND = timedelta(days=1)  # a checkpoint that does not read is found at the next tick
_TURN = "~turn"


@dataclass(frozen=True)
class Repair:
    """One damage and what can be done about it here; "" where only a person can do it."""

    damage: Damage
    what: str
    act: Callable[[], None] | None = None


@dataclass(frozen=True)
class Repairs:
    """Everything that repairing needs."""

    storage: Storage
    ledger: TableLedger
    files: RunFiles
    state: StateFormat
    damages: DamageTable
    now: Callable[[], datetime]

    def all(self) -> list[Repair]:
        """What is damaged now, each with what would be done. Nothing is changed. Raises StorageError."""
        self.damages.look_again()
        return [self._repair(noted) for noted in self.damages.notes()]

    def carry_out(self, repair: Repair) -> None:
        """Do it. Raises StorageError."""
        if repair.act is not None:
            repair.act()
            self.damages.forget(repair.damage)

    def _repair(self, noted: Noted) -> Repair:
        damage, spot = noted.damage, noted.spot
        if damage.newer:
            return Repair(damage, "")
        if spot.path:
            return self._blob(damage, spot.path)
        if spot.store == "runs_table" and spot.row != _TURN:
            return Repair(damage, "write the run again; what it has not sent stays unsent", lambda: self._run(spot.row))
        if spot.store == "checkpoints_table" and spot.partition == "log":
            return Repair(damage, "read the log again from a time before", lambda: self._checkpoint(noted))
        if spot.store in _DELETED or spot.row == _TURN:
            return Repair(damage, "delete the row", lambda: self._delete(noted))
        return Repair(damage, "")

    def _blob(self, damage: Damage, path: str) -> Repair:
        if path == MARKER:
            return Repair(damage, "write the version again", self.state.write_again)
        if path.startswith(("console/", "log/")):
            return Repair(damage, "delete the blob", lambda: self.storage.state.delete(path))
        return Repair(damage, "")

    def _delete(self, noted: Noted) -> None:
        getattr(self.storage, noted.spot.store).delete([(noted.spot.partition, noted.spot.row)])

    def _checkpoint(self, noted: Noted) -> None:
        """Long enough before it was found, and before anything that is awaited was sent."""
        awaited = [run.sending_at for run in self.ledger.runs() if run.sending_at and run.settled_at is None]
        until = min([noted.found_at - _BEFORE_FOUND, *awaited]).astimezone(UTC)
        self._write({"until": until.isoformat()}, noted)

    def _write(self, values: Entity, noted: Noted) -> None:
        keys = {"PartitionKey": noted.spot.partition, "RowKey": noted.spot.row, VERSION: FORMAT}
        getattr(self.storage, noted.spot.store).replace({**values, **keys}, noted.spot.etag)

    def _run(self, run_id: str) -> None:
        row = self.storage.runs_table.get(source_of(run_id), run_id)
        found = self._plan(run_id, str(row.entity.get("drop", "")))
        run = _rebuilt(run_id, str(row.entity.get("state", "")), found, self._receipts(run_id), self.now())
        newer = (other.planned_at and _age(other) > _age(run) for other in self.ledger.runs(run.source))
        self.ledger.save(replace(run, folded=run.folded or any(newer), etag=row.etag))

    def _receipts(self, run_id: str) -> list[Receipt]:
        try:
            return self.ledger.receipts(run_id)
        except Damaged:
            return []

    def _plan(self, run_id: str, drop: str) -> tuple[Run, Plan | None]:
        """The run as far as its folder says, with the last plan that was made."""
        source, path = source_of(run_id), drop or f"{source_of(run_id)}/?"
        received = datetime.strptime(run_id.rsplit("-", 2)[1], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
        run = Run(run_id, source, DropVersion(path, "", received, 0), RunState.CANCELLED, received, received)
        found: Plan | None = None
        for attempt in range(1, 1 + self._attempts(run)):
            with suppress(Missing, ValueError):
                body = b"".join(self.files.read(replace(run, plan_attempt=attempt), PLAN))
                found = decode_plan(body)
                run = replace(run, plan_attempt=attempt, plan_hash=plan_hash(body))
        return run, found

    def _attempts(self, run: Run) -> int:
        prefix = self.files.path(run, "attempt-")
        paths = (version.path.removeprefix(prefix) for version in self.storage.runs.versions(prefix))
        return max((int(path.partition("/")[0]) for path in paths), default=1)


def _rebuilt(
    run_id: str, state: str, found: tuple[Run, Plan | None], receipts: Iterable[Receipt], now: datetime
) -> Run:
    """The run in the state that its row still says, where nothing is sent in that state; else it is cancelled."""
    run, plan = found
    made = [receipt for receipt in receipts if receipt.answer is not Answer.CLOSED]
    began = min((receipt.started_at or receipt.at for receipt in made), default=None)
    kept = {str(each): each for each in (RunState.SENT, RunState.SETTLED, RunState.REJECTED, RunState.SUPERSEDED)}
    is_over = state in (str(RunState.SENT), str(RunState.SETTLED), str(RunState.REJECTED))
    run = replace(
        run,
        state=kept.get(state, RunState.CANCELLED) if plan or state == RunState.REJECTED else RunState.CANCELLED,
        changed_at=now,
        sending_at=began,
        folded=is_over,
        reasons=(REBUILT,),
    )
    if plan is None:
        return replace(run, reasons=(f"{REBUILT}; drop the file again if it still holds",))
    sent_at = max((receipt.at for receipt in made), default=now)
    return replace(
        run,
        drop=plan.drop,
        planned_at=plan.planned_at,
        planning_at=plan.planned_at,
        sent_at=sent_at if run.state in (RunState.SENT, RunState.SETTLED) else None,
        settled_at=now if run.state is RunState.SETTLED else None,
        resend=not plan.drop_sha256,
        marked=plan.version > 1,
        figures=plan.figures,
    )


def _age(run: Run) -> tuple[datetime, str]:
    return run.drop.last_modified, run.run_id
