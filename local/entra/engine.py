"""One cycle of a job (entra-api.md A8-A11, B6, D4). Enters: what is staged. Leaves: users changed, entries logged.

Operations are taken in order. A person is scoped, matched, then created, updated or found unchanged; a failure is
kept and tried again later; managers that could not be resolved follow at the end of the cycle they turn up in.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from .expressions import text
from .flatten import flatten
from .flow import Record
from .log import Event
from .person import Person
from .state import Execution, Job, Staged, Tenant


class Cycle:
    """A cycle in progress. `advance` does some of it, so that a server can answer in between."""

    def __init__(self, tenant: Tenant, job: Job) -> None:
        now = tenant.now()
        job.cycles += 1
        self.tenant = tenant
        self.job = job
        self.id = tenant.new_id()
        self.execution = Execution(self.id, now, now)
        self.directory = tenant.directories[job.target]
        self.rules = tenant.target_rules(job.target)
        self.failures = 0
        self._resolved: list[str] = []
        self._work = self._take()

    def advance(self, count: int) -> bool:
        """Process up to `count` operations; False when the cycle is over."""
        done = 0
        for staged in islice(self._work, count):  # drawn one by one: a success takes its escrow out of the work
            self._process(staged)
            done += 1
        if done == count:
            return True
        self._follow_up()
        self._end()
        return False

    def _take(self) -> Iterator[Staged]:
        waiting, limit = self.job.staged, self.tenant.dials.cycle_limit
        count = len(waiting) if limit is None else min(limit, len(waiting))
        fresh = [waiting.popleft() for _ in range(count)]
        due = [key for key, each in self.job.escrows.items() if each.due <= self.job.cycles]
        yield from fresh
        for key in due:
            escrow = self.job.escrows.get(key)
            if escrow and escrow.due <= self.job.cycles:
                yield escrow.staged

    def _end(self) -> None:
        job, execution = self.job, self.execution
        execution.ended = self.tenant.now()
        execution.escrowed = len(job.escrows)
        execution.state = "EntryLevelErrors" if self.failures else "Succeeded"
        job.last = execution
        if not self.failures:
            job.last_successful = execution
            job.steady_since = job.steady_since or execution.ended
        if execution.exported:
            job.last_with_exports = execution

    def _process(self, staged: Staged) -> None:
        self.execution.imported += 1
        source = flatten(staged.data, self.job.mappings.declared, self.tenant.dials.mobile_when_declared)
        Person(self, staged, Record(staged.data, source)).process()

    def linked(self, external_id: str, object_id: str) -> None:
        """A person has its user now: whoever waited for this manager follows at the end."""
        self.job.links[external_id] = object_id
        self._resolved += sorted(self.job.waiting_for.pop(external_id, ()))

    def user_of(self, external_id: str) -> str | None:
        """The id of the user this job linked with the person, if it still exists."""
        object_id = self.job.links.get(external_id)
        return object_id if object_id and self.directory.get(object_id) else None

    def _follow_up(self) -> None:
        for external_id in self._resolved:
            awaited, object_id = self.job.awaited.pop(external_id, None), self.user_of(external_id)
            manager_id = self.user_of(awaited.manager) if awaited else None
            user = self.directory.get(object_id or "")
            if not awaited or not object_id or not manager_id or not user:
                continue
            old = text(user.get("manager"))
            if old != manager_id:
                self.directory.update(object_id, {"manager": manager_id})
                self.execution.exported += 1
                self.execution.references += 1
                staged = Staged({"externalId": external_id}, awaited.change_id)
                person = Person(self, staged, Record(staged.data, {}))
                person.log(Event.FOLLOW_UP, "update", changes=(("manager", old, manager_id),), user=user)
