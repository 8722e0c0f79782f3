"""Changes that accidental-deletion prevention held back: when they are sent again.

Entra carries a held change out itself once an administrator allows it, and the log says so. Only when the job is out
of its quarantine, and a whole cycle after that brought no final entry, the next drop sends the person again.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from shared.collecting.open_runs import OpenRun
from shared.known_people.people import People, PeopleStore
from shared.model.job import SynchronizationJob
from shared.model.runs import Run


def waits_for_release(run: Run, now: datetime, kept: timedelta) -> bool:
    """Whether Entra holds changes of this run, and nobody was sent again for that yet."""
    return bool(
        run.settled_at and now - run.settled_at < kept and run.figures.held_by_entra and run.released_at is None
    )


def send_released(opened: OpenRun, job: SynchronizationJob, read_to: datetime, people: PeopleStore) -> bool:
    """Have held people sent again by the next drop; False while Entra may still carry their changes out."""
    cycle = job.cycle
    if job.quarantine or cycle is None or cycle.began is None or cycle.ended is None or cycle.ended > read_to:
        return False
    opened.book.read_all()
    held = [known for key in opened.people if (known := opened.book.known(key)).outcome == "held_by_entra"]
    if any(known.trouble_at is not None and known.trouble_at >= cycle.began for known in held):
        return False  # this cycle has held them again

    def change(found: People) -> None:
        for known in held:
            found.send_held(known.key, opened.run.run_id)

    people.update(opened.run.source, change)
    return True
