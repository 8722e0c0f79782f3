"""One operation on its way through a cycle (entra-api.md A8-A13). Enters: a staged operation. Leaves: a user created,
updated or left alone, one log entry, and a place among escrows or unresolved managers where it earned one.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from .directory import Attribute, User
from .errors import ExpressionError
from .expressions import Context, IgnoreFlow, text
from .flow import PASSWORD, Flow, Record, shown
from .log import Change, Entry, Event
from .mapping import Mapping
from .state import Awaited, Escrow, Staged
from .targets import Failure

if TYPE_CHECKING:
    from .engine import Cycle

_LONGEST_GAP = 32
_DURATIONS = {Event.CREATE: (2000, 3300), Event.UPDATE: (420, 470), Event.FOLLOW_UP: (300, 420)}
_DUPLICATE = Failure(
    "DuplicateTargetEntries", "Message: More than one object in the target matches the matching attribute."
)
_NO_SOURCE_ID = Failure("ImportSkipped", "Message: Source identifier of an entry cannot be empty.")
_GONE = Failure(
    "InvalidAnchor",
    "Message: The user this record was linked with no longer exists. Restart the job to match anew.",
)


class Person:
    """One operation on its way through a cycle."""

    def __init__(self, cycle: Cycle, staged: Staged, record: Record) -> None:
        self.cycle = cycle
        self.staged = staged
        self.record = record
        self.external_id = staged.external_id
        self.unresolved: str | None = None

    def process(self) -> None:
        """Scope, match, then create or update."""
        job = self.cycle.job
        if not self.external_id:
            self.cycle.failures += 1
            self.log(Event.NOT_IMPORTED, "other", failure=_NO_SOURCE_ID)
            return
        if not job.mappings.scope.passes(self.record.source):
            job.escrows.pop(self.external_id, None)
            self.log(Event.OUT_OF_SCOPE, "other", status="skipped")
            return
        self.cycle.execution.entitled += 1
        try:
            self._match()
        except ExpressionError as error:
            self._fail(Event.UPDATE if self._user() else Event.CREATE, _expression_failure(error))

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
        if user is None:
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

    def _create(self) -> None:
        if not self.cycle.job.mappings.adds:
            self._skip_unentitled()
            return
        values, manager = self._values(None, self.cycle.job.mappings.flows)
        if isinstance(manager, str):
            values["manager"] = manager
        changes = [(name, None, shown(name, value)) for name, value in values.items()]
        refusal = self.cycle.rules.refusal(values, None, self.cycle.directory)
        if refusal:
            self._fail(Event.CREATE, refusal, tuple(changes))
            return
        if self.cycle.job.target == "entra":
            changes.append(("IsSoftDeleted", None, "False"))
        values.pop(PASSWORD, None)
        user = self.cycle.directory.add(self.cycle.tenant.new_id(), values)
        self._done(Event.CREATE, "create", user, tuple(changes))

    def _update(self, user: User) -> None:
        if not self.cycle.job.mappings.updates:
            self._skip_unentitled()
            return
        before = _current(user, self.cycle.job.target == "entra")
        steady = tuple(each for each in self.cycle.job.mappings.flows if not _volatile(each))
        values, manager = self._values(user, steady)
        if isinstance(manager, str):
            values["manager"] = manager
        changed = {name: value for name, value in values.items() if user.get(name) != value}
        if not changed and not self._redundant_account(values):
            self._unchanged(user, before)
            return
        if self.cycle.tenant.dials.random_upn_on_update and changed:
            moving = tuple(each for each in self.cycle.job.mappings.flows if _volatile(each))
            changed |= self._values(user, moving)[0]
        self._write(user, before, changed or self._redundant_account(values))

    def _write(self, user: User, before: dict[str, str], changed: dict[str, Attribute]) -> None:
        changes: tuple[Change, ...] = tuple(
            (name, shown(name, user.get(name)), shown(name, value)) for name, value in changed.items()
        )
        refusal = self.cycle.rules.refusal(changed, user, self.cycle.directory)
        if refusal:
            self._fail(Event.UPDATE, refusal, changes, user, before)
            return
        action = self._action(user, changed)
        if self.cycle.job.target == "entra" and self.cycle.tenant.dials.mail_fixed_after_create:
            changed = {name: value for name, value in changed.items() if name != "mail"}
        self.cycle.directory.update(str(user["objectId"]), changed)
        self._done(Event.UPDATE, action, user, changes, before)

    def _action(self, user: User, changed: dict[str, Attribute]) -> str:
        disables = (changed.get("accountEnabled") == "False" and user.get("accountEnabled") == "True") or (
            changed.get("accountDisabled") == "True" and user.get("accountDisabled") == "False"
        )
        return self.cycle.tenant.dials.disable_action if disables else "update"

    def _redundant_account(self, values: dict[str, Attribute]) -> dict[str, Attribute]:
        if not self.cycle.tenant.dials.redundant_account_updates:
            return {}
        return {name: value for name, value in values.items() if name in ("accountEnabled", "accountDisabled")}

    def _unchanged(self, user: User, before: dict[str, str]) -> None:
        self.cycle.job.escrows.pop(self.external_id, None)
        self._link(user)
        self.log(Event.UNCHANGED, "other", status="skipped", user=user, before=before)

    def _done(
        self,
        event: Event,
        action: str,
        user: User,
        changes: tuple[Change, ...],
        before: dict[str, str] | None = None,
    ) -> None:
        self.cycle.job.escrows.pop(self.external_id, None)
        self.cycle.execution.exported += 1
        self._link(user)
        self.log(event, action, user=user, before=before, changes=changes)

    def _link(self, user: User) -> None:
        job = self.cycle.job
        earlier = job.awaited.pop(self.external_id, None)
        if earlier:
            job.waiting_for[earlier.manager].discard(self.external_id)
        if self.unresolved is not None:
            job.awaited[self.external_id] = Awaited(self.unresolved, self.staged.change_id)
            job.waiting_for[self.unresolved].add(self.external_id)
        elif earlier and "manager" not in user:
            job.awaited[self.external_id] = earlier
            job.waiting_for[earlier.manager].add(self.external_id)
        self.cycle.linked(self.external_id, str(user["objectId"]))

    def _values(self, user: User | None, mappings: tuple[Mapping, ...]) -> tuple[dict[str, Attribute], str | None]:
        values: dict[str, Attribute] = {}
        manager: str | None = None
        tenant, on_premises = self.cycle.tenant, self.cycle.job.target == "active-directory"
        context = self._context("")
        for mapping in mappings:
            if mapping.source and mapping.source.unique:
                context = self._context(mapping.target)
            value = Flow(self.record, user, context, tenant.dials, on_premises).value(mapping)
            if isinstance(value, IgnoreFlow):
                continue
            if mapping.reference and value:
                manager = self._resolved(str(value))
            else:
                values[mapping.target] = value
        return values, manager

    def _resolved(self, manager: str) -> str | None:
        found = self.cycle.user_of(manager)
        self.unresolved = None if found else manager
        return found

    def _context(self, unique: str) -> Context:
        tenant, directory = self.cycle.tenant, self.cycle.directory
        return Context(
            attributes=self.record.source,
            rng=tenant.rng,
            default_domain=tenant.dials.default_domain,
            now=tenant.now(),
            taken=lambda value: bool(unique and directory.find(unique, value)),
        )

    def _skip_unentitled(self) -> None:
        self.cycle.job.escrows.pop(self.external_id, None)
        self.log(Event.OUT_OF_SCOPE, "other", status="skipped")

    def _fail(
        self,
        event: Event,
        failure: Failure,
        changes: tuple[Change, ...] = (),
        user: User | None = None,
        before: dict[str, str] | None = None,
    ) -> None:
        job = self.cycle.job
        earlier = job.escrows.get(self.external_id)
        attempts = earlier.attempts + 1 if earlier and earlier.staged is self.staged else 1
        gap = min(2 ** (attempts - 1), _LONGEST_GAP)
        job.escrows[self.external_id] = Escrow(self.staged, attempts, job.cycles + gap)
        self.cycle.failures += 1
        action = {Event.CREATE: "create", Event.UPDATE: "update"}.get(event, "other")
        self.log(event, action, failure=failure, changes=changes, user=user, before=before)

    def log(
        self,
        event: Event,
        action: str,
        *,
        status: str = "success",
        failure: Failure | None = None,
        user: User | None = None,
        before: dict[str, str] | None = None,
        changes: tuple[Change, ...] = (),
    ) -> None:
        """Write one entry."""
        tenant, named = self.cycle.tenant, user or {}
        now, dials = tenant.now().replace(microsecond=0), tenant.dials
        delay = dials.log_delay + (tenant.rng.uniform(0, dials.log_scatter) if dials.log_scatter else 0.0)
        tenant.log.append(
            Entry(
                id=tenant.new_id(),
                origin=self.cycle.job.origin,
                cycle_id=self.cycle.id,
                change_id=self.staged.change_id,
                activity=now,
                visible_at=tenant.now() + timedelta(seconds=delay),
                event=event,
                action=action,
                status="failure" if failure else status,
                duration=tenant.rng.randint(*_DURATIONS.get(event, (90, 300))),
                source_id=self.external_id,
                target_id=str(named.get("objectId") or ""),
                target_name=str(named.get("displayName") or named.get("cn") or ""),
                target_upn=str(named.get("userPrincipalName") or ""),
                source=self.record.source,
                before=before,
                changes=changes,
                failure=failure,
                unresolved_manager=self.unresolved if event in _EXPORTS and not failure else None,
            )
        )


_EXPORTS = frozenset({Event.CREATE, Event.UPDATE, Event.UNCHANGED})


def _volatile(mapping: Mapping) -> bool:
    return mapping.source is not None and mapping.source.volatile


def _current(user: User, cloud: bool) -> dict[str, str]:
    current = {name: shown(name, value) or "" for name, value in user.items()}
    if cloud:
        current |= {
            "IsSoftDeleted": "False",
            "originalUserPrincipalName": current.get("userPrincipalName", ""),
        }
    return current


def _expression_failure(error: ExpressionError) -> Failure:
    code = "EntryConflict" if str(error).startswith("SelectUniqueValue") else "UnprocessableEntity"
    return Failure(code, f"Message: {error}")
