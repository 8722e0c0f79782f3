"""One cycle of a job, and each operation on its way through it (docs/entra.md A8-A13, B6-B8). Enters: what is staged.
Leaves: users created, changed or left alone, entries logged, and failures among the escrows.

Operations are taken in order, then failures whose time has come; a dial shuffles both. Managers that turn up are
assigned at the end of the cycle; disables are held back until then where the job has a threshold for them.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from itertools import islice
from typing import Any

from emulator.entra import jobs
from emulator.entra.dials import Dials
from emulator.entra.directory import Attribute, Failure, User
from emulator.entra.expressions import Context, IgnoreFlow, text
from emulator.entra.flow import PASSWORD, Flow, Record, flatten, shown
from emulator.entra.log import Change, Entry, Event
from emulator.entra.mapping import Mapping
from emulator.entra.state import App, Awaited, Escrow, Execution, Job, Staged, Tenant
from emulator.entra.wire import ExpressionError

_LONGEST_GAP = 32
_ACCOUNT = frozenset({"accountEnabled", "accountDisabled"})
_DUPLICATE = Failure(
    "DuplicateTargetEntries", "Message: More than one object in the target matches the matching attribute."
)
_NO_SOURCE_ID = Failure("ImportSkipped", "Message: Source identifier of an entry cannot be empty.")
_GONE = Failure(
    "InvalidAnchor", "Message: The user this record was linked with no longer exists. Restart the job to match anew."
)


class Person:
    """The person an operation speaks of, in one cycle."""

    def __init__(self, cycle: Cycle, staged: Staged, record: Record) -> None:
        self.cycle = cycle
        self.staged = staged
        self.record = record
        self.external_id = staged.external_id
        self.unresolved: str | None = None
        self._held: tuple[User, dict[str, str], dict[str, Attribute], Event] | None = None

    def process(self) -> None:
        """Scope, match, then create or update."""
        if not self.external_id:
            self.cycle.failures += 1
            self.cycle.tell(self, Event.NOT_IMPORTED, "other", failure=_NO_SOURCE_ID)
            return
        if not self.cycle.job.mappings.scope.passes(self.record.source):
            self._out_of_scope()
            return
        self.cycle.execution.entitled += 1
        try:
            self._match()
        except ExpressionError as error:
            self._fail(Event.UPDATE if self._user() else Event.CREATE, _expression_failure(error))

    def write_held(self) -> None:
        """Carry out a disable or a delete that was held back."""
        if self._held:
            self._export(*self._held)

    def stage_delete(self) -> None:
        """Log a disable or a delete that was one too many, and do not carry it out (docs/entra.md B8)."""
        if self._held:
            user, before, changed, _event = self._held
            changes, dials = _changes(user, changed), self.cycle.tenant.dials
            action, status = dials.staged_action, dials.staged_status
            self.cycle.tell(self, Event.STAGED_DELETE, action, status=status, user=user, before=before, changes=changes)

    def _user(self) -> User | None:
        return self.cycle.directory.get(self.cycle.job.links.get(self.external_id, ""))

    def _match(self) -> None:
        linked = self.cycle.job.links.get(self.external_id)
        if linked and self._user() is None:
            self._fail(Event.UPDATE, _GONE)
            return
        found = (linked,) if linked else self._matches()
        if len(found) > 1:
            self._fail(Event.NOT_MATCHED, _DUPLICATE)
            return
        user = self.cycle.directory.get(found[0]) if found else None
        entitled = self.cycle.job.mappings.adds if user is None else self.cycle.job.mappings.updates
        if not entitled:
            self._skip()
        elif user is None:
            self._create()
        else:
            self._update(user)

    def _matches(self) -> tuple[str, ...]:
        context = self._context("")
        for mapping in self.cycle.job.mappings.matching:
            value = text(mapping.source.evaluate(context)) if mapping.source else None
            found = self.cycle.directory.find(mapping.target, value) if value else ()
            if found:
                return found
        return ()

    def _out_of_scope(self) -> None:
        """Who leaves the scope is disabled or deleted, unless the job's secrets forbid it (docs/entra.md A11)."""
        cycle, user = self.cycle, self._user()
        mappings, cloud = cycle.job.mappings, cycle.job.target == "entra"
        deletes = cycle.tenant.dials.leave_scope == "delete"
        kept = cycle.app.secrets.get("SkipOutOfScopeDeletions") == "True" or not mappings.deletes
        if user is None or kept or not mappings.scope.deprovisions(self.record.source):
            self._skip()
        elif deletes:
            self._write(user, _current(user, cloud), {}, Event.DELETE)
        elif _enabled(user):
            off: dict[str, Attribute] = {"accountEnabled": "False"} if cloud else {"accountDisabled": "True"}
            self._write(user, _current(user, cloud), off, Event.LEFT_SCOPE)
        else:
            self._skip()

    def _skip(self) -> None:
        self.cycle.job.escrows.pop(self.external_id, None)
        self.cycle.tell(self, Event.OUT_OF_SCOPE, "other", status="skipped")

    def _create(self) -> None:
        values = self._values(None, self.cycle.job.mappings.flows)
        changes = _changes({}, values)
        refusal = self.cycle.rules.refusal(values, None, self.cycle.directory)
        if refusal:
            self._fail(Event.CREATE, refusal, changes)
            return
        if self.cycle.job.target == "entra":
            changes = (*changes, ("IsSoftDeleted", None, "False"))
        values.pop(PASSWORD, None)
        user = self.cycle.directory.add(self.cycle.tenant.new_id(), values)
        self._done(Event.CREATE, "create", user, changes)

    def _update(self, user: User) -> None:
        dials, flows = self.cycle.tenant.dials, self.cycle.job.mappings.flows
        before = _current(user, self.cycle.job.target == "entra")
        values = self._values(user, tuple(each for each in flows if not _volatile(each)))
        changed = {name: value for name, value in values.items() if user.get(name) != value}
        if changed and dials.random_upn_on_update:
            changed |= self._values(user, tuple(each for each in flows if _volatile(each)))
        if not changed and dials.redundant_account_updates:
            changed = {name: value for name, value in values.items() if name in _ACCOUNT}
        if changed:
            self._write(user, before, changed, Event.UPDATE)
        else:
            self._settle(user)
            if dials.log_redundant:
                self.cycle.tell(self, Event.UNCHANGED, "other", status="skipped", user=user, before=before)

    def _write(self, user: User, before: dict[str, str], changed: dict[str, Attribute], event: Event) -> None:
        """Write now, or hold a disable or a delete back until the cycle knows how many there are."""
        self._held = (user, before, changed, event)
        counts = event is Event.DELETE or _disables(user, changed)
        if not (counts and self.cycle.hold(self)):
            self._export(*self._held)

    def _export(self, user: User, before: dict[str, str], changed: dict[str, Attribute], event: Event) -> None:
        changes, dials = _changes(user, changed), self.cycle.tenant.dials
        gone = self.cycle.directory.get(str(user["objectId"])) is None  # since it was held back
        refusal = _GONE if gone else self.cycle.rules.refusal(changed, user, self.cycle.directory)
        if refusal:
            self._fail(event, refusal, changes, user, before)
            return
        if event is Event.DELETE:
            self._delete(user, before)
            return
        action = dials.disable_action if _disables(user, changed) else "update"
        if self.cycle.job.target == "entra" and dials.mail_fixed_after_create:
            changed = {name: value for name, value in changed.items() if name != "mail"}
        self.cycle.directory.update(str(user["objectId"]), changed)
        self._done(event, action, user, changes, before)

    def _delete(self, user: User, before: dict[str, str]) -> None:
        self.cycle.execution.exported += 1
        self.cycle.directory.remove(str(user["objectId"]))
        self.cycle.unlinked(self.external_id)
        self.cycle.tell(self, Event.DELETE, "delete", user=user, before=before)

    def _done(
        self,
        event: Event,
        action: str,
        user: User,
        changes: tuple[Change, ...],
        before: dict[str, str] | None = None,
    ) -> None:
        self.cycle.execution.exported += 1
        self._settle(user)
        self.cycle.tell(self, event, action, user=user, before=before, changes=changes)

    def _settle(self, user: User) -> None:
        self.cycle.job.escrows.pop(self.external_id, None)
        self.cycle.linked(self.staged, user, self.unresolved)

    def _values(self, user: User | None, mappings: tuple[Mapping, ...]) -> dict[str, Attribute]:
        """What should flow. A manager who cannot be found does not; `unresolved` remembers him."""
        values: dict[str, Attribute] = {}
        tenant, on_premises = self.cycle.tenant, self.cycle.job.target == "active-directory"
        context = self._context("")
        for mapping in mappings:
            if mapping.source and mapping.source.unique:
                context = self._context(mapping.target)
            value = Flow(self.record, user, context, tenant.dials, on_premises).value(mapping)
            if mapping.reference and isinstance(value, str):
                found = self.cycle.user_of(value)
                self.unresolved = None if found else value
                if found:
                    values[mapping.target] = found
            elif not isinstance(value, IgnoreFlow):
                values[mapping.target] = value
        return values

    def _context(self, unique: str) -> Context:
        tenant, directory = self.cycle.tenant, self.cycle.directory
        return Context(
            attributes=self.record.source,
            rng=tenant.rng,
            default_domain=tenant.dials.default_domain,
            now=tenant.now(),
            taken=lambda value: bool(unique and directory.find(unique, value)),
        )

    def _fail(
        self,
        event: Event,
        failure: Failure,
        changes: tuple[Change, ...] = (),
        user: User | None = None,
        before: dict[str, str] | None = None,
    ) -> None:
        """Keep the operation for a later cycle, with growing gaps, and say why."""
        job = self.cycle.job
        earlier = job.escrows.get(self.external_id)
        attempts = earlier.attempts + 1 if earlier and earlier.staged is self.staged else 1
        gap = min(2 ** (attempts - 1), _LONGEST_GAP)
        job.escrows[self.external_id] = Escrow(self.staged, attempts, job.cycles + gap)
        self.cycle.failures += 1
        action = {Event.CREATE: "create", Event.DELETE: "delete", Event.NOT_MATCHED: "other"}.get(event, "update")
        self.cycle.tell(self, event, action, failure=failure, changes=changes, user=user, before=before)


def _volatile(mapping: Mapping) -> bool:
    return mapping.source is not None and mapping.source.volatile


def _enabled(user: User) -> bool:
    return user.get("accountEnabled") == "True" or user.get("accountDisabled") == "False"


def _disables(user: User, changed: dict[str, Attribute]) -> bool:
    return _enabled(user) and (changed.get("accountEnabled") == "False" or changed.get("accountDisabled") == "True")


def _changes(user: User, changed: dict[str, Attribute]) -> tuple[Change, ...]:
    return tuple((name, shown(name, user.get(name)), shown(name, value)) for name, value in changed.items())


def _current(user: User, cloud: bool) -> dict[str, str]:
    current = {name: shown(name, value) or "" for name, value in user.items()}
    if cloud:
        current |= {"IsSoftDeleted": "False", "originalUserPrincipalName": current.get("userPrincipalName", "")}
    return current


def _expression_failure(error: ExpressionError) -> Failure:
    code = "EntryConflict" if str(error).startswith("SelectUniqueValue") else "UnprocessableEntity"
    return Failure(code, f"Message: {error}")


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
        self.threshold = None if self.releases else jobs.delete_threshold(app)
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
        jobs.judge(job, self.tenant.dials, execution.ended)

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
        """Action and status, some of those that went well in words no client knows (docs/entra.md B8)."""
        dials, rng = self.tenant.dials, self.tenant.rng
        if action not in _ORDINARY or status != "success":
            return action, status
        if dials.unknown_action and rng.random() < dials.unknown_action_share:
            action = dials.unknown_action
        if dials.unknown_status and rng.random() < dials.unknown_status_share:
            status = dials.unknown_status
        return action, status


def _received(record: Record, dials: Dials) -> dict[str, Any]:
    """What the import step shows of a record (docs/entra.md A4, D6)."""
    names = ("externalId",) if dials.import_details == "externalId" else tuple(record.source)
    received: dict[str, Any] = {name: record.source.get(name) for name in names if name != "id"}
    if dials.echo_source_id:
        received["id"] = record.data.get("id")
    return received
