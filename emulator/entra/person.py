"""One operation on its way through a cycle (entra-api.md A8-A13). Enters: a staged operation. Leaves: a user created,
updated or left alone, one log entry, and a place among the escrows where it failed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .directory import Attribute, User
from .errors import ExpressionError
from .expressions import Context, IgnoreFlow, text
from .flow import PASSWORD, Flow, Record, shown
from .log import Change, Event
from .mapping import Mapping
from .state import Escrow, Staged
from .targets import Failure

if TYPE_CHECKING:
    from .engine import Cycle

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
        """Log a disable or a delete that was one too many, and do not carry it out (B8)."""
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
        """Who leaves the scope is disabled or deleted, unless the job's secrets forbid it (A11)."""
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
