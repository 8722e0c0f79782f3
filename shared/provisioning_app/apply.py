"""Applying a plan: each step done, in order, and looked at again at the end. Enters: `Wanted`. Leaves: `Applied`.

May break off after any single call: what was done is found again, and an app that was asked for without an answer is
waited for before another one is asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Protocol

from shared.model.errors import ConfigurationError, GraphError, Refused
from shared.model.times import Clock
from shared.provisioning_app import app_settings
from shared.provisioning_app.edit_schema import Parse, edited
from shared.provisioning_app.found import Found, connection_of, find, look_into, own_app
from shared.provisioning_app.schema import decoded
from shared.provisioning_app.steps import Act, Step, clicks, plan
from shared.provisioning_app.tenant import JobPlace, Json, Principal, Tenant
from shared.provisioning_app.wanted import Wanted

REPLICATION = timedelta(seconds=90)  # by then a new app is in the tenant's lists (docs/entra.md B2: 20 to 60 s)
PAUSE = 5.0
RECENT = timedelta(minutes=10)


@dataclass(frozen=True)
class Note:
    """An app was asked for; `principal_id` is "" as long as no answer came.

    Between asking for an app and finding it in the tenant's lists lies up to a minute of replication
    (docs/entra.md B2). With the note, breaking off never makes a second one.
    """

    asked_at: datetime
    display_name: str
    principal_id: str = ""


class Journal(Protocol):
    """Where the note and the backups of a source are kept."""

    def note(self) -> Note | None:
        """The note, None where there is none."""

    def write(self, note: Note) -> None:
        """Keep a note; it is on disk when this returns."""

    def back_up(self, schema: bytes, job_id: str, now: datetime) -> str:
        """Keep a schema before it is replaced, and answer where."""


@dataclass(frozen=True)
class SetUp:
    """Everything setting a source up needs. `write_endpoint` puts an address into the source file."""

    tenant: Tenant
    journal: Journal
    clock: Clock
    endpoint_at: Callable[[JobPlace], str]
    write_endpoint: Callable[[str], None]
    say: Callable[[str], None]
    agrees: Callable[[Step], bool]  # a person says yes to a step that asks
    entered: Mapping[str, str] = field(default_factory=dict)  # secrets given anew
    app_id: str = ""
    start: bool = True


@dataclass(frozen=True)
class Applied:
    """What was done, what is left to a person, and where the job is."""

    done: tuple[Step, ...]
    left: tuple[Step, ...]
    found: Found
    endpoint: str
    backups: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def look(wanted: Wanted, office: SetUp) -> tuple[Found, tuple[Step, ...]]:
    """What there is, and what is to be done about it. Changes nothing."""
    note, made = office.journal.note(), ""
    if note and note.principal_id and office.clock.now() - note.asked_at < RECENT:
        made = note.principal_id
        office.tenant.graph.expect(made)
    found = find(wanted, office.tenant, office.app_id or made)
    return found, planned(wanted, found, office)


def planned(wanted: Wanted, found: Found, office: SetUp) -> tuple[Step, ...]:
    """The steps that are left."""
    endpoint = office.endpoint_at(found.place) if found.job is not None else ""
    steps = plan(wanted, found, endpoint, parser(office.tenant, found))
    return tuple(step for step in steps if office.start or step.act is not Act.START)


def parser(tenant: Tenant, found: Found) -> Parse:
    """Has the service read an expression. Raises ConfigurationError for one that it does not read."""

    def parse(expression: str) -> Json:
        parsed = tenant.parse(found.place, expression)
        if parsed.tree is None:
            raise ConfigurationError(f"app.mappings: Entra does not read the expression {expression!r}: {parsed.error}")
        return parsed.tree

    return parse


def apply(wanted: Wanted, office: SetUp) -> Applied:
    """Do what is to be done. Raises ConfigurationError, GraphError; then call it again."""
    work = _Work(wanted, office, look(wanted, office)[0])
    while step := work.next():
        office.say(step.title)
        work.do(step)
    done, left, endpoint = tuple(work.done), tuple(work.left), office.endpoint_at(work.found.place)
    return Applied(done, left, work.found, endpoint, tuple(work.backups), tuple(work.notes))


@dataclass
class _Work:
    """A set-up under way."""

    wanted: Wanted
    office: SetUp
    found: Found
    done: list[Step] = field(default_factory=list)
    left: list[Step] = field(default_factory=list)
    backups: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def next(self) -> Step | None:
        """The next step that is neither done nor left to a person; a job that cannot connect is not started."""
        over = {step.act for step in (*self.done, *self.left)}
        for step in planned(self.wanted, self.found, self.office):
            if step.act in over:
                continue
            if step.act is Act.BY_HAND or (step.act is Act.START and Act.BY_HAND in over):
                self.left.append(step)
                over.add(step.act)
                continue
            return step
        return None

    def do(self, step: Step) -> None:
        """Do one step."""
        if step.asks and not self.office.agrees(step):
            self.left.append(step)
            return
        deeds: dict[Act, Callable[[], None]] = {
            Act.MAKE_APP: self._make_app,
            Act.MARK_APP: self._mark_app,
            Act.MAKE_JOB: self._make_job,
            Act.SAVE_SETTINGS: lambda: self._save_settings(with_domain=False),
            Act.CHOOSE_DOMAIN: self._choose_domain,
            Act.SAVE_SCHEMA: self._save_schema,
            Act.START: lambda: self.office.tenant.start(self.found.place),
            Act.RESTART: lambda: self.office.tenant.restart(self.found.place, "QuarantineState"),
            Act.WRITE_ENDPOINT: lambda: self.office.write_endpoint(self.office.endpoint_at(self.found.place)),
        }
        deeds[step.act]()
        if step.act in (Act.START, Act.RESTART):
            self.found = replace(self.found, job=self.office.tenant.job(self.found.place))
        self.done.append(step)

    @property
    def _app(self) -> Principal:
        if self.found.app is None:
            raise Refused("the app is not there although it was made; run the command again")
        return self.found.app

    def _make_app(self) -> None:
        """Ask once. Where an earlier call had no answer, its app may still turn up: that one is waited for."""
        office, wanted = self.office, self.wanted
        note = office.journal.note()
        if note and not note.principal_id and note.display_name == wanted.display_name:
            self._wait_for_the_lists(note)
        if self.found.app is not None:
            return
        asked = Note(office.clock.now(), wanted.display_name)
        office.journal.write(asked)
        made = self.office.tenant.instantiate(self.found.template_id, wanted.display_name)
        office.journal.write(replace(asked, principal_id=made.id))
        there = self.office.tenant.principal(made.id) or made
        self.found = replace(self.found, app=there)

    def _wait_for_the_lists(self, note: Note) -> None:
        while (waited := self.office.clock.now() - note.asked_at) < REPLICATION:
            self.office.say(
                "an app was asked for before, and no answer came; looking whether Entra made it "
                f"({waited.total_seconds():.0f} of {REPLICATION.total_seconds():.0f} s)"
            )
            self.office.clock.sleep(PAUSE)
            apps = self.office.tenant.principals(self.found.template_id)
            if app := own_app(self.wanted, apps):
                self.found = replace(self.found, app=app)
                return

    def _mark_app(self) -> None:
        tags = (*self._app.tags, self.wanted.mark)
        self.office.tenant.set_tags(self._app.id, tags)
        self.found = replace(self.found, app=replace(self._app, tags=tags))

    def _make_job(self) -> None:
        templates = self.office.tenant.job_templates(self._app.id)
        if not templates:
            raise Refused(
                f"the app {self._app.id} has no synchronization template; is it an API-driven provisioning app?"
            )
        if not self.office.tenant.jobs(self._app.id):
            self.office.tenant.create_job(self._app.id, templates[0])
        self.found = look_into(self.found, self.wanted, self.office.tenant, self._app)

    def _save_settings(self, *, with_domain: bool) -> None:
        rows = self.office.tenant.secrets(self._app.id)
        put = app_settings.merged(rows, self.wanted, with_domain=with_domain, entered=self.office.entered)
        self.office.tenant.put_secrets(self._app.id, put)
        self.found = replace(self.found, settings=tuple(put))

    def _choose_domain(self) -> None:
        """Try what is documented for cloud sync; Test connection says whether it took (docs/entra.md B11)."""
        try:
            self._save_settings(with_domain=True)
        except GraphError as error:
            if error.status != 400:
                raise
            self.notes.append(f"Entra did not take the domain over Graph ({error}); it has to be chosen in the portal")
            self._by_hand()
            return
        connection, unknown = connection_of(self.wanted, self.office.tenant, self.found.place)
        self.found = replace(self.found, connection=connection, connection_unknown=unknown, by_hand=bool(connection))
        if connection:
            self._by_hand()
        elif unknown:
            self.notes.append(f"the connection could not be tested ({unknown}); test it in the portal")
        else:
            self.notes.append(
                "Test connection is good with the domain set over Graph, a setting that Microsoft does not document "
                "for this app: look once at Provisioning, Connectivity in the portal whether domain and OU stand there"
            )

    def _by_hand(self) -> None:
        self.found = replace(self.found, by_hand=True)
        self.left.append(Step(Act.BY_HAND, "choose domain and OU in the portal", "", clicks(self.wanted, self.found)))

    def _save_schema(self) -> None:
        place = self.found.place
        now = self.office.tenant.schema(place)
        new, changes = edited(decoded(now), self.wanted, parser(self.office.tenant, self.found))
        if changes:
            self.backups.append(self.office.journal.back_up(now, place.job_id, self.office.clock.now()))
            self.office.tenant.put_schema(place, new)
        self.found = replace(self.found, schema=self.office.tenant.schema(place))
