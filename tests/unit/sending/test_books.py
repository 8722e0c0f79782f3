"""Receipts that survive a storage that fails, and saving a run that others write to."""

from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from shared.model.errors import StaleRun, StorageError
from shared.model.runs import Answer, DropVersion, Receipt, Run, RunState, new_run
from shared.sending.send_run import LAST_TRIES, Receipts, save_on_the_way
from shared.stores.ledger import TableLedger
from shared.stores.memory import MemoryTable
from tests.support.clock import FakeClock

NOW = datetime(2026, 11, 2, 6, 0, tzinfo=UTC)
RECEIPTS = [Receipt(number, 0, 50, Answer.ACCEPTED, NOW) for number in (1, 2, 3)]


class Shaky(TableLedger):
    """A ledger that refuses so many receipts, and whose runs are changed by others before each save."""

    def __init__(self, failures: int = 0, meddle: Callable[[Run], Run] | None = None) -> None:
        super().__init__(MemoryTable(), MemoryTable())
        self.failures, self.meddle = failures, meddle

    def record(self, run_id: str, receipt: Receipt) -> Receipt:
        if self.failures:
            self.failures -= 1
            raise StorageError("no answer")
        return super().record(run_id, receipt)

    def save(self, run: Run) -> Run:
        if self.meddle:
            super().save(self.meddle(self.get(run.run_id)))
            self.meddle = None
        return super().save(run)


def planned(ledger: Shaky) -> Run:
    run = new_run(DropVersion("employees/x.csv", "0x1", NOW, 1), NOW)
    ledger.add(run)
    return ledger.get(run.run_id)


def test_a_receipt_that_could_not_be_written_is_written_with_the_next(clock: FakeClock) -> None:
    ledger = Shaky(failures=1)
    receipts = Receipts(ledger, "r", clock)
    with pytest.raises(StorageError):
        receipts.keep(RECEIPTS[0])
    receipts.keep(RECEIPTS[1])
    assert ledger.receipts("r") == RECEIPTS[:2]


def test_at_the_end_receipts_are_tried_with_patience(clock: FakeClock) -> None:
    ledger = Shaky(failures=1 + len(LAST_TRIES))
    receipts = Receipts(ledger, "r", clock)
    with pytest.raises(StorageError):
        receipts.keep(RECEIPTS[0])
    receipts.keep_all()
    assert ledger.receipts("r") == RECEIPTS[:1]
    assert clock.slept == list(LAST_TRIES)


def test_a_storage_that_stays_away_is_told(clock: FakeClock) -> None:
    receipts = Receipts(Shaky(failures=100), "r", clock)
    with pytest.raises(StorageError):
        receipts.keep(RECEIPTS[0])
    with pytest.raises(StorageError):
        receipts.keep_all()


def test_with_nothing_left_nothing_is_waited_for(clock: FakeClock) -> None:
    Receipts(Shaky(), "r", clock).keep_all()
    assert clock.slept == []


def test_a_change_is_made_to_what_the_collector_wrote_meanwhile() -> None:
    ledger = Shaky(meddle=lambda run: run.counted(created=7))
    run = planned(ledger)
    saved = save_on_the_way(ledger, run, lambda run: run.counted(calls=3))
    assert (saved.figures.created, saved.figures.calls) == (7, 3)
    assert ledger.get(run.run_id) == saved


def test_a_run_that_was_cancelled_meanwhile_is_left_alone() -> None:
    ledger = Shaky(meddle=lambda run: run.moved(RunState.CANCELLED, NOW))
    run = planned(ledger)
    with pytest.raises(StaleRun):
        save_on_the_way(ledger, run, lambda run: run.counted(calls=3))
    assert ledger.get(run.run_id).state is RunState.CANCELLED
    assert ledger.get(run.run_id).figures.calls == 0
