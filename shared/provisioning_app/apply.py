"""Applying a plan: each step done, in order, and looked at again at the end. Enters: `Wanted`. Leaves: `Applied`.

May break off after any single call: what was done is found again, and an app that was asked for without an answer is
waited for before another one is asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta

from shared.model.errors import ConfigurationError, GraphError, Refused
from shared.model.times import Clock
from shared.provisioning_app import app_settings
from shared.provisioning_app.edit_schema import Parse, edited
from shared.provisioning_app.find_app import marked_tags, own_app
from shared.provisioning_app.found import Found, connection_of, find, look_into
from shared.provisioning_app.journal import Journal, Note
from shared.provisioning_app.schema import decoded
from shared.provisioning_app.steps import Act, Step, clicks, plan
from shared.provisioning_app.tenant import JobPlace, Json, Principal, Tenant
from shared.provisioning_app.wanted import Wanted

REPLICATION = timedelta(seconds=90)  # by then an app that was made is in the tenant's lists (B2: 20 to 60 s)
PAUSE = 5.0
RECENT = timedelta(minutes=10)


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
    note = office.journal.note()
    recent = note is not None and note.principal_id and office.clock.now() - note.asked_at < RECENT
    if recent and note is not None:
        office.tenant.expect(note.principal_id)
    found = find(wanted, office.tenant, app_id=office.app_id, note=note if recent else None)
    return found, planned(wanted, found, office)


def planned(wanted: Wanted, found: Found, office: SetUp) -> tuple[Step, ...]:
    """The steps that are left."""
    endpoint = office.endpoint_at(found.place) if found.job is not None else ""
    steps = plan(wanted, found, endpoint, parser(office.tenant, found))
    if not office.start:
        steps = tuple(step for step in steps if step.act is not Act.START)
    return steps


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
    found, _ = look(wanted, office)
    work = _Work(wanted, office, found)
    while step := work.next():
        office.say(step.title)
        work.do(step)
    return work.applied()


class _Work:
    """A set-up under way."""

    def __init__(self, wanted: Wanted, office: SetUp, found: Found) -> None:
        self._wanted = wanted
        self._office = office
        self._tenant = office.tenant
        self._found = found
        self._done: list[Step] = []
        self._left: list[Step] = []
        self._backups: list[str] = []
        self._notes: list[str] = []

    def next(self) -> Step | None:
        """The next step that is neither done nor left to a person; a job that cannot connect is not started."""
        over = {step.act for step in (*self._done, *self._left)}
        for step in planned(self._wanted, self._found, self._office):
            if step.act in over:
                continue
            if step.act is Act.BY_HAND or (step.act is Act.START and Act.BY_HAND in over):
                self._left.append(step)
                over.add(step.act)
                continue
            return step
        return None

    def do(self, step: Step) -> None:
        """Do one step."""
        if step.asks and not self._office.agrees(step):
            self._left.append(step)
            return
        deeds: dict[Act, Callable[[], None]] = {
            Act.MAKE_APP: self._make_app,
            Act.MARK_APP: self._mark_app,
            Act.MAKE_JOB: self._make_job,
            Act.SAVE_SETTINGS: lambda: self._save_settings(with_domain=False),
            Act.CHOOSE_DOMAIN: self._choose_domain,
            Act.SAVE_SCHEMA: self._save_schema,
            Act.START: self._start,
            Act.RESTART: self._restart,
            Act.WRITE_ENDPOINT: self._write_endpoint,
        }
        deeds[step.act]()
        self._done.append(step)

    def applied(self) -> Applied:
        """What came of it."""
        endpoint = self._office.endpoint_at(self._found.place)
        notes, backups = tuple(self._notes), tuple(self._backups)
        return Applied(tuple(self._done), tuple(self._left), self._found, endpoint, backups, notes)

    @property
    def _app(self) -> Principal:
        if self._found.app is None:
            raise Refused("the app is not there although it was made; run the command again")
        return self._found.app

    def _make_app(self) -> None:
        """Ask once. Where an earlier call had no answer, its app may still turn up: that one is waited for."""
        office, wanted = self._office, self._wanted
        note = office.journal.note()
        if note and not note.principal_id and note.display_name == wanted.display_name:
            self._wait_for_the_lists(note)
        if self._found.app is not None:
            return
        asked = Note(office.clock.now(), wanted.display_name)
        office.journal.write(asked)
        made = self._tenant.instantiate(self._found.template_id, wanted.display_name)
        office.journal.write(replace(asked, principal_id=made.id))
        there = self._tenant.principal(made.id) or made
        self._found = replace(self._found, app=there)

    def _wait_for_the_lists(self, note: Note) -> None:
        while (waited := self._office.clock.now() - note.asked_at) < REPLICATION:
            self._office.say(
                "an app was asked for before, and no answer came; looking whether Entra made it "
                f"({waited.total_seconds():.0f} of {REPLICATION.total_seconds():.0f} s)"
            )
            self._office.clock.sleep(PAUSE)
            apps = self._tenant.principals(self._found.template_id, self._wanted.display_name)
            if app := own_app(self._wanted, apps):
                self._found = replace(self._found, app=app)
                return

    def _mark_app(self) -> None:
        tags = marked_tags(self._wanted, self._app)
        self._tenant.set_tags(self._app.id, tags)
        self._found = replace(self._found, app=replace(self._app, tags=tags))

    def _make_job(self) -> None:
        templates = self._tenant.job_templates(self._app.id)
        if not templates:
            raise Refused(
                f"the app {self._app.id} has no synchronization template; is it an API-driven provisioning app?"
            )
        if not self._tenant.jobs(self._app.id):
            self._tenant.create_job(self._app.id, templates[0])
        self._found = look_into(self._found, self._wanted, self._tenant, self._app)

    def _save_settings(self, *, with_domain: bool) -> None:
        rows = self._tenant.secrets(self._app.id)
        put = app_settings.merged(rows, self._wanted, with_domain=with_domain, entered=self._office.entered)
        self._tenant.put_secrets(self._app.id, put)
        self._found = replace(self._found, settings=tuple(put))

    def _choose_domain(self) -> None:
        """Try what Microsoft documents for cloud sync; Test connection says whether it took (B11: not confirmed)."""
        try:
            self._save_settings(with_domain=True)
        except GraphError as error:
            if error.status != 400:
                raise
            self._notes.append(f"Entra did not take the domain over Graph ({error}); it has to be chosen in the portal")
            self._by_hand()
            return
        connection, unknown = connection_of(self._wanted, self._tenant, self._found.place)
        self._found = replace(self._found, connection=connection, connection_unknown=unknown, by_hand=bool(connection))
        if connection:
            self._by_hand()
        elif unknown:
            self._notes.append(f"the connection could not be tested ({unknown}); test it in the portal")
        else:
            self._notes.append(
                "Test connection is good with the domain set over Graph, a setting that Microsoft does not document "
                "for this app: look once at Provisioning, Connectivity in the portal whether domain and OU stand there"
            )

    def _by_hand(self) -> None:
        self._found = replace(self._found, by_hand=True)
        self._left.append(
            Step(Act.BY_HAND, "choose domain and OU in the portal", "", clicks(self._wanted, self._found))
        )

    def _save_schema(self) -> None:
        place = self._found.place
        now = self._tenant.schema(place)
        new, changes = edited(decoded(now), self._wanted, parser(self._tenant, self._found))
        if changes:
            self._backups.append(self._office.journal.back_up(now, place.job_id, self._office.clock.now()))
            self._tenant.put_schema(place, new)
        self._found = replace(self._found, schema=self._tenant.schema(place))

    def _start(self) -> None:
        self._tenant.start(self._found.place)
        self._found = replace(self._found, job=self._tenant.job(self._found.place))

    def _restart(self) -> None:
        self._tenant.restart(self._found.place, "QuarantineState")
        self._found = replace(self._found, job=self._tenant.job(self._found.place))

    def _write_endpoint(self) -> None:
        self._office.write_endpoint(self._office.endpoint_at(self._found.place))
