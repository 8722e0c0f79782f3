"""One cycle of a job (entra-api.md A8-A11, B6-B8). Enters: what is staged. Leaves: users changed, entries logged.

Operations are taken in order, then failures whose time has come; a dial shuffles both. Managers that turn up are
assigned at the end of the cycle; disables are held back until then where the job has a threshold for them.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from itertools import islice
from typing import Any

from . import quarantine
from .dials import Dials
from .directory import User
from .expressions import text
from .flatten import flatten
from .flow import Record
from .log import Change, Entry, Event
from .person import Person
from .state import App, Awaited, Execution, Job, Staged, Tenant
from .targets import Failure

_DURATIONS = {Event.CREATE: (2000, 3300), Event.UPDATE: (420, 470), Event.FOLLOW_UP: (300, 420)}
_ORDINARY = frozenset({"create", "update", "disable"})
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
        self.releases = job.release_deletes
        self.threshold = None if self.releases else quarantine.delete_threshold(app)
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
        escrow = self.job.escrows.get(person.external_id)
        if escrow and escrow.staged is not person.staged:  # an older record, whose turn would come after this one
            del self.job.escrows[person.external_id]
        return True

    def linked(self, staged: Staged, user: User, unresolved: str | None) -> None:
        """A person has its user: note a manager it waits for, and who waited for it."""
        job, external_id = self.job, staged.external_id
        job.links[external_id] = str(user["objectId"])
        earlier = self._stop_waiting(external_id)
        awaited = Awaited(unresolved, staged.change_id) if unresolved is not None else earlier
        if awaited and (unresolved is not None or "manager" not in user):
            job.awaited[external_id] = awaited
            job.waiting_for[awaited.manager].add(external_id)
        self._resolved += sorted(job.waiting_for.pop(external_id, ()))

    def unlinked(self, external_id: str) -> None:
        """The person's user is deleted: a later record matches as if there had never been one."""
        self.job.links.pop(external_id, None)
        self.job.escrows.pop(external_id, None)
        self._stop_waiting(external_id)

    def _stop_waiting(self, external_id: str) -> Awaited | None:
        earlier = self.job.awaited.pop(external_id, None)
        if earlier:
            self.job.waiting_for[earlier.manager].discard(external_id)
        return earlier

    def user_of(self, external_id: str) -> str | None:
        """The id of the user this job linked with the person, if it still exists."""
        object_id = self.job.links.get(external_id)
        return object_id if object_id and self.directory.get(object_id) else None

    def _take(self) -> Iterator[Staged]:
        job, limit = self.job, self.tenant.dials.cycle_limit
        count = len(job.staged) if limit is None else min(limit, len(job.staged))
        again = list(job.staged_deletes.values())
        work: list[Staged | str] = [job.staged.popleft() for _ in range(count)]
        work += [key for key, each in job.escrows.items() if each.due <= job.cycles]
        if self.tenant.dials.cycle_order == "shuffled":
            self.tenant.rng.shuffle(work)
        job.staged_deletes.clear()
        yield from again  # they are older than whatever was taken, in any order
        for each in work:
            escrow = job.escrows.get(each) if isinstance(each, str) else None
            if isinstance(each, Staged):
                yield each
            elif escrow and escrow.due <= job.cycles:
                yield escrow.staged

    def _process(self, staged: Staged) -> None:
        self.execution.imported += 1
        self._held.pop(staged.external_id, None)  # the word about a person that comes later counts
        source = flatten(staged.data, self.job.mappings.declared, self.tenant.dials.mobile_when_declared)
        Person(self, staged, Record(staged.data, source)).process()

    def _settle_held(self) -> None:
        exceeded = self.threshold is not None and len(self._held) >= self.threshold
        for external_id, person in self._held.items():
            if exceeded:
                self.job.staged_deletes[external_id] = person.staged
                self.job.escrows.pop(external_id, None)
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
        job.release_deletes = job.release_deletes and not self.releases  # a release during this cycle is for the next
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
        action, status = self._worded(action, "failure" if failure else status)
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
                status=status,
                duration=tenant.rng.randint(*_DURATIONS.get(event, (90, 300))),
                source_id=person.external_id,
                target_id=str(named.get("objectId") or ""),
                target_name=str(named.get("displayName") or named.get("cn") or ""),
                target_upn=str(named.get("userPrincipalName") or ""),
                source=_received(person.record, dials),
                before=before,
                changes=changes,
                failure=failure,
                unresolved_manager=person.unresolved if tells_manager else None,
            )
        )

    def _worded(self, action: str, status: str) -> tuple[str, str]:
        """Action and status, some of those that went well in words no client knows (B8)."""
        dials, rng = self.tenant.dials, self.tenant.rng
        if action not in _ORDINARY or status != "success":
            return action, status
        if dials.unknown_action and rng.random() < dials.unknown_action_share:
            action = dials.unknown_action
        if dials.unknown_status and rng.random() < dials.unknown_status_share:
            status = dials.unknown_status
        return action, status


def _received(record: Record, dials: Dials) -> dict[str, Any]:
    """What the import step shows of a record (A4, D6)."""
    names = ("externalId",) if dials.import_details == "externalId" else tuple(record.source)
    received: dict[str, Any] = {name: record.source.get(name) for name in names if name != "id"}
    if dials.echo_source_id:
        received["id"] = record.data.get("id")
    return received
