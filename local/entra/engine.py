"""One cycle of a job (entra-api.md A8-A11, B6-B8). Enters: what is staged. Leaves: users changed, entries logged.

Operations are taken in order, then failures whose time has come. Managers that turn up are assigned at the end of
the cycle; disables are held back until then where the job has a threshold for them.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from itertools import islice

from . import quarantine
from .directory import User
from .expressions import text
from .flatten import flatten
from .flow import Record
from .log import Change, Entry, Event
from .person import Person
from .state import App, Awaited, Execution, Job, Staged, Tenant
from .targets import Failure

_DURATIONS = {Event.CREATE: (2000, 3300), Event.UPDATE: (420, 470), Event.FOLLOW_UP: (300, 420)}
_TELLS_OF_MANAGER = frozenset({Event.CREATE, Event.UPDATE, Event.UNCHANGED})


class Cycle:
    """A cycle in progress. `advance` does some of it, so that a server can answer in between."""

    def __init__(self, tenant: Tenant, app: App, job: Job) -> None:
        now = tenant.now()
        job.cycles += 1
        self.tenant = tenant
        self.app = app
        self.job = job
        self.id = tenant.new_id()
        self.execution = Execution(self.id, now, now)
        self.directory = tenant.directories[job.target]
        self.rules = tenant.target_rules(job.target)
        self.threshold = None if job.release_deletes else quarantine.delete_threshold(app)
        self.failures = 0
        self._held: dict[str, Person] = {}
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
        self._settle_held()
        self._follow_up()
        self._end()
        return False

    def hold(self, person: Person) -> bool:
        """Keep a disable back until the end of the cycle? Only where the job counts them."""
        if self.threshold is None:
            return False
        self._held[person.external_id] = person
        return True

    def linked(self, staged: Staged, user: User, unresolved: str | None) -> None:
        """A person has its user: note a manager it waits for, and who waited for it."""
        job, external_id = self.job, staged.external_id
        job.links[external_id] = str(user["objectId"])
        earlier = job.awaited.pop(external_id, None)
        if earlier:
            job.waiting_for[earlier.manager].discard(external_id)
        awaited = Awaited(unresolved, staged.change_id) if unresolved is not None else earlier
        if awaited and (unresolved is not None or "manager" not in user):
            job.awaited[external_id] = awaited
            job.waiting_for[awaited.manager].add(external_id)
        self._resolved += sorted(job.waiting_for.pop(external_id, ()))

    def user_of(self, external_id: str) -> str | None:
        """The id of the user this job linked with the person, if it still exists."""
        object_id = self.job.links.get(external_id)
        return object_id if object_id and self.directory.get(object_id) else None

    def _take(self) -> Iterator[Staged]:
        job, limit = self.job, self.tenant.dials.cycle_limit
        count = len(job.staged) if limit is None else min(limit, len(job.staged))
        fresh = [job.staged.popleft() for _ in range(count)]
        again = [each for key, each in job.staged_deletes.items()]
        due = [key for key, each in job.escrows.items() if each.due <= job.cycles]
        job.staged_deletes.clear()
        yield from again
        yield from fresh
        for key in due:
            escrow = job.escrows.get(key)
            if escrow and escrow.due <= job.cycles:
                yield escrow.staged

    def _process(self, staged: Staged) -> None:
        self.execution.imported += 1
        self._held.pop(staged.external_id, None)  # the newer word about a person counts
        source = flatten(staged.data, self.job.mappings.declared, self.tenant.dials.mobile_when_declared)
        Person(self, staged, Record(staged.data, source)).process()

    def _settle_held(self) -> None:
        exceeded = self.threshold is not None and len(self._held) >= self.threshold
        for external_id, person in self._held.items():
            if exceeded:
                self.job.staged_deletes[external_id] = person.staged
                person.stage_delete()
            else:
                person.write_held()

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
                self.tell(person, Event.FOLLOW_UP, "update", changes=(("manager", old, manager_id),), user=user)

    def _end(self) -> None:
        job, execution = self.job, self.execution
        execution.ended = self.tenant.now()
        execution.escrowed = len(job.escrows)
        execution.state = "EntryLevelErrors" if self.failures else "Succeeded"
        job.last = execution
        job.release_deletes = False
        if not self.failures:
            job.last_successful = execution
            job.steady_since = job.steady_since or execution.ended
        if execution.exported:
            job.last_with_exports = execution
        quarantine.judge(job, self.tenant.dials, execution.ended)

    def tell(
        self,
        person: Person,
        event: Event,
        action: str,
        *,
        status: str = "success",
        failure: Failure | None = None,
        user: User | None = None,
        before: dict[str, str] | None = None,
        changes: tuple[Change, ...] = (),
    ) -> None:
        """Write one log entry."""
        tenant, named, now = self.tenant, user or {}, self.tenant.now()
        dials = tenant.dials
        delay = dials.log_delay + (tenant.rng.uniform(0, dials.log_scatter) if dials.log_scatter else 0.0)
        tells_manager = event in _TELLS_OF_MANAGER and not failure
        tenant.log.append(
            Entry(
                id=tenant.new_id(),
                origin=self.job.origin,
                cycle_id=self.id,
                change_id=person.staged.change_id,
                activity=now.replace(microsecond=0),
                visible_at=now + timedelta(seconds=delay),
                event=event,
                action=action,
                status="failure" if failure else status,
                duration=tenant.rng.randint(*_DURATIONS.get(event, (90, 300))),
                source_id=person.external_id,
                target_id=str(named.get("objectId") or ""),
                target_name=str(named.get("displayName") or named.get("cn") or ""),
                target_upn=str(named.get("userPrincipalName") or ""),
                source=person.record.source,
                before=before,
                changes=changes,
                failure=failure,
                unresolved_manager=person.unresolved if tells_manager else None,
            )
        )
