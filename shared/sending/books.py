"""What the sender writes into the books while calls are under way: receipts that survive a storage that fails for a
moment, and changes of a run that others write to as well.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from shared.model.clock import Clock
from shared.model.errors import StaleRun, StorageError
from shared.model.runs import Ledger, Receipt, Run

LAST_TRIES = (1.0, 5.0, 15.0)  # seconds before each, when storage failed and nothing else is left to do
_TRIES = 5


class Receipts:
    """The receipts of one run, on their way into the ledger. One that could not be written is tried again."""

    def __init__(self, ledger: Ledger, run_id: str, clock: Clock) -> None:
        self._ledger = ledger
        self._run_id = run_id
        self._clock = clock
        self._unkept: deque[Receipt] = deque()

    def keep(self, receipt: Receipt) -> Receipt:
        """Write it, and those before it that could not be written, and return it with its new version.

        Raises StorageError; nothing is lost then. Raises StaleRun when another sender wrote over it.
        """
        self._unkept.append(receipt)
        return self._write() or receipt

    def keep_all(self) -> None:
        """Write what is left, with patience. Raises StorageError when that fails, too."""
        for pause in LAST_TRIES:
            try:
                self._write()
            except StorageError:
                self._clock.sleep(pause)
        self._write()

    def _write(self) -> Receipt | None:
        """Write what waits; the last one as it was written. What another sender wrote over is left to that one."""
        written = None
        while self._unkept:
            try:
                written = self._ledger.record(self._run_id, self._unkept[0])
            except StaleRun:
                self._unkept.popleft()
                raise
            self._unkept.popleft()
        return written


def save_on_the_way(ledger: Ledger, run: Run, change: Callable[[Run], Run]) -> Run:
    """Save a change of a run that is being sent, also when the collector has counted outcomes in it meanwhile.

    Raises StaleRun when the run has left the state it was read in: somebody cancelled or superseded it.
    """
    for _ in range(_TRIES):
        try:
            return ledger.save(change(run))
        except StaleRun:
            fresh = ledger.get(run.run_id)
            if fresh.state is not run.state:
                raise
            run = fresh
    raise StaleRun(f"run {run.run_id} was changed by others {_TRIES} times in a row; the next tick goes on")
