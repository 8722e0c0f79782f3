"""Damage that Rollcall can put right itself, when an operator says so. The rest is named with what a person has to do.

A row that only reports something (an alert, an entry of the log, a minute of the quota) is deleted. A run is written
again from its plan and its receipts: nothing of it is sent any more, what was sent is remembered and gets its answers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from shared.known_people.people import People
from shared.model.errors import Changed, Damage, Damaged, Missing, UnknownRun
from shared.model.formats import FORMAT
from shared.model.plan import PLAN, Plan, decode_plan, plan_hash
from shared.model.runs import FINISHED, Answer, DropVersion, Receipt, Run, RunState, source_of
from shared.run_folder.folder import RunFolder
from shared.sending.apply_accepted import uploads_of
from shared.sending.parts import Part, parts_to_close
from shared.stores.alert_table import DamageTable, Noted
from shared.stores.container import RunFiles
from shared.stores.ledger import TableLedger
from shared.stores.people_store import PeopleBlobs
from shared.stores.state_format import MARKER, StateFormat
from shared.stores.state_table import VERSION
from shared.stores.storage import Storage, version_of
from shared.stores.table import Entity, Query

REBUILT = "its row did not read and was written again from its plan and its receipts"
_DELETED = frozenset({"alerts_table", "logs_table", "quota_table", "checkpoints_table"})
_LATEST = timedelta(days=1)  # entries come later than others by less
_LOG_KEPT = timedelta(days=29)  # by Entra, at least
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
    people: PeopleBlobs
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
            return self._blob(noted)
        match spot.store, spot.partition:
            case "quota_table", "stops":
                return Repair(damage, "")  # it counts as a stop; an operator lifts it
            case "runs_table", _ if spot.row != _TURN:
                what = "write the run again; what it has not sent stays unsent"
                return Repair(damage, what, lambda: self._run(noted))
            case "chunks_table", _:
                return Repair(damage, "count the call as one without an answer", lambda: self._receipt(noted))
            case "checkpoints_table", "log":
                return Repair(damage, "read the log again from a time before", lambda: self._checkpoint(noted))
            case "checkpoints_table", "reading":
                what = "have the next reading join again what an earlier one has stored"
                return Repair(damage, what, lambda: self._write({"reader": "?"}, noted))
            case "logs_table", "~days":
                return Repair(damage, "write the row again", lambda: self._day(noted))
            case store, _ if store in _DELETED or spot.row == _TURN:
                return Repair(damage, "delete the row", lambda: self._delete(noted))
        return Repair(damage, "")

    def _blob(self, noted: Noted) -> Repair:
        damage, path = noted.damage, noted.spot.path
        if path == MARKER:
            return Repair(damage, "write the version again", self.state.write_again)
        if path.startswith(("console/", "log/")):
            return Repair(damage, "delete the blob", lambda: self._delete(noted))
        if noted.spot.store == "runs" and self._is_over(damage.run_id):
            what = "delete the file; the run is over, and its pages show less"
            return Repair(damage, what, lambda: self._delete(noted))
        return Repair(damage, "")

    def _is_over(self, run_id: str) -> bool:
        try:
            run = self.ledger.get(run_id)
        except (UnknownRun, Damaged):
            return False
        return run.state in FINISHED and (run.settled_at is not None or run.sending_at is None)

    def _must_be_there(self, noted: Noted) -> None:
        if version_of(self.storage, noted.spot) != noted.spot.etag:
            raise Changed(f"{noted.damage.place} was changed meanwhile; look at it again: rollcall state repair")

    def _delete(self, noted: Noted) -> None:
        self._must_be_there(noted)
        store = getattr(self.storage, noted.spot.store)
        if noted.spot.path:
            store.delete(noted.spot.path)
        else:
            store.delete([(noted.spot.partition, noted.spot.row)])

    def _receipt(self, noted: Noted) -> None:
        run_id = noted.damage.run_id
        for receipt in self.ledger.receipts(run_id):
            if receipt.etag == noted.spot.etag:
                self.ledger.record(run_id, receipt)

    def _day(self, noted: Noted) -> None:
        day, _, job_id = noted.spot.row.partition("_")
        self._write({"day": day, "jobId": job_id}, noted)

    def _checkpoint(self, noted: Noted) -> None:
        """Before the last day of which an entry is kept, and before anything that is awaited was sent: what comes
        before is kept already.
        """
        awaited = [run.sending_at for run in self.ledger.runs() if run.sending_at and run.settled_at is None]
        rows = self.storage.logs_table.rows(Query(partition="~days"))
        keys = (str(row.entity["RowKey"]).partition("_") for row in rows)
        days = [datetime.strptime(day, "%Y%m%d").replace(tzinfo=UTC) for day, _, job in keys if job == noted.spot.row]
        kept = max(days) - _LATEST if days else self.now() - _LOG_KEPT
        self._write({"until": min([kept, *awaited]).astimezone(UTC).isoformat()}, noted)

    def _write(self, values: Entity, noted: Noted) -> None:
        keys = {"PartitionKey": noted.spot.partition, "RowKey": noted.spot.row, VERSION: FORMAT}
        getattr(self.storage, noted.spot.store).replace({**values, **keys}, noted.spot.etag)

    def _run(self, noted: Noted) -> None:
        """Nothing more of it is sent. Whom it may have sent is in doubt, so an older record replaces no newer one."""
        run_id = noted.spot.row
        self._must_be_there(noted)
        row = self.storage.runs_table.get(source_of(run_id), run_id)
        receipts = self.ledger.receipts(run_id)
        run, plan = self._plan(run_id, str(row.entity.get("drop", "")))
        rebuilt = _rebuilt((run, plan), str(row.entity.get("state", "")), receipts, self.now())
        if plan is not None and rebuilt.state is RunState.CANCELLED:
            left = parts_to_close(plan.chunks, receipts)
            self.ledger.close(run_id, (_closed(part, self.now()) for part in left))
        if not rebuilt.folded:
            self._doubt(rebuilt, plan, receipts)
        self.ledger.save(replace(rebuilt, folded=True, etag=noted.spot.etag))

    def _doubt(self, run: Run, plan: Plan | None, receipts: list[Receipt]) -> None:
        """Entra may have taken these people's records of this run, or newer ones since: the next drop sends them."""
        if not any(receipt.was_taken for receipt in receipts):
            return
        sent = self._sent(run, plan, receipts)

        def change(people: People) -> None:
            if sent is None:
                people.may_differ(None)
                return
            for key, (user, since) in sent.items():
                if people.get(key) is None:
                    people.possibly_sent(key, user, run.run_id, since)
                elif people.last_run(key) != run.run_id:
                    people.may_differ([key])

        self.people.update(run.source, change)

    def _sent(self, run: Run, plan: Plan | None, receipts: list[Receipt]) -> dict[str, tuple[bytes, datetime]] | None:
        """The records that Entra took or may have taken, by key; None where that cannot be said."""
        chunks = {chunk.number: chunk for chunk in plan.chunks} if plan else {}
        found: dict[str, tuple[bytes, datetime]] = {}
        for number, places in uploads_of(receipts).items():
            try:
                users = RunFolder(self.files, run).users(chunks[number])
            except (KeyError, Missing, Damaged):
                return None
            for place, upload in places.items():
                key, user = users[place]
                found[key] = user, upload.since
        return found

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


def _rebuilt(found: tuple[Run, Plan | None], state: str, receipts: Iterable[Receipt], now: datetime) -> Run:
    """The run in the state that its row still says, where nothing is sent in that state; else it is cancelled."""
    run, plan = found
    made = [receipt for receipt in receipts if receipt.answer is not Answer.CLOSED]
    began = min((receipt.started_at or receipt.at for receipt in made), default=None)
    kept = {str(each): each for each in (RunState.SENT, RunState.SETTLED, RunState.REJECTED, RunState.SUPERSEDED)}
    becomes = kept.get(state, RunState.CANCELLED) if plan or state == RunState.REJECTED else RunState.CANCELLED
    is_known = becomes in (RunState.SENT, RunState.SETTLED, RunState.REJECTED)  # what it sent is among the known people
    run = replace(run, state=becomes, changed_at=now, sending_at=began, folded=is_known, reasons=(REBUILT,))
    if plan is None:
        return replace(run, reasons=(f"{REBUILT}; drop the file again if it still holds",))
    sent_at = max((receipt.at for receipt in made), default=now)
    return replace(
        run,
        drop=plan.drop,
        planned_at=plan.planned_at,
        planning_at=plan.planned_at,
        sent_at=sent_at if becomes in (RunState.SENT, RunState.SETTLED) else None,
        settled_at=now if becomes is RunState.SETTLED else None,
        resend=not plan.drop_sha256,
        marked=plan.version > 1,
        figures=plan.figures,
    )


def _closed(part: Part, now: datetime) -> Receipt:
    return Receipt(part.chunk.number, part.start, part.stop, Answer.CLOSED, now, attempt=0)
