"""The Entra side of a history: the emulator, its two provisioning apps, and what is noted of both.

Touches the emulator's insides, and nothing of the product's. Ids are the same in every history; what is random in
Entra's behaviour comes from the history's seed.
"""

from __future__ import annotations

import dataclasses
import itertools
import json
import random
from collections.abc import Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import httpx

from emulator.entra import Dials, Entra, EntraTransport, jobs
from emulator.entra.dials import dial_names
from emulator.entra.directory import Attribute, Directory, User
from emulator.entra.schema import attribute_mapping
from emulator.entra.state import App
from emulator.entra.state import Tenant as Inside
from tests.histories.actions import SOURCES, Dial, Fault, Setup
from tests.histories.facts import Arrival, Call, Change, Journal, Processed
from tests.histories.hr import Content
from tests.support.clock import FakeClock

ROLES = ("SynchronizationData-User.Upload", "ProvisioningLog.Read.All", "Synchronization.Read.All")
ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
KEPT = ("employeeId", "accountEnabled", "userPrincipalName", "displayName", "jobTitle", "department", "manager",
        "preferredLanguage")  # fmt: skip
_PLAIN_ACTIONS = frozenset({"create", "update", "disable", "other"})
_PLAIN_STATUSES = frozenset({"success", "failure", "skipped"})
_DAY = 86_400.0


class _Accounts(Directory):
    """A directory that notes each state of each account."""

    def __init__(self, journal: Journal) -> None:
        super().__init__()
        self._journal = journal

    def add(self, object_id: str, attributes: Mapping[str, Attribute]) -> User:
        user = super().add(object_id, attributes)
        self._note(object_id)
        return user

    def update(self, object_id: str, changes: Mapping[str, Attribute]) -> User:
        user = super().update(object_id, changes)
        self._note(object_id)
        return user

    def remove(self, object_id: str) -> None:
        super().remove(object_id)
        self._note(object_id)

    def _note(self, object_id: str) -> None:
        state = _kept(self.get(object_id))
        self._journal.changes.append(Change(self._journal.next(), object_id, self._journal.by, state))


class Tenant:
    """The emulated tenant of a history."""

    def __init__(self, setup: Setup, clock: FakeClock, journal: Journal) -> None:
        self.setup, self.clock, self.journal = setup, clock, journal
        self.over_quota = 0
        self.dropped: dict[str, int] = {}  # people whose staged delete an administrator dropped, and when
        self._seen = 0  # log entries
        self._last = clock.now()
        self.entra = Entra(_dials(setup), self._time, seed=7)
        self._inside.rng = random.Random(f"{setup.seed}/entra")
        self._inside.directories["entra"] = _Accounts(journal)
        self._apps = [_app(self.entra, name) for name in SOURCES]
        self._transport = EntraTransport(self.entra)

    @property
    def _inside(self) -> Inside:
        return self.entra.tenant

    def _time(self) -> datetime:
        """Entra's own clock never goes back."""
        self._last = max(self._last, self.clock.now())
        return self._last

    def endpoint(self, number: int) -> str:
        """The upload address of one of the two jobs."""
        app = self._apps[number]
        return (
            f"https://graph.microsoft.com/v1.0/servicePrincipals/{app.service_principal_id}"
            f"/synchronization/jobs/{app.job.id}/bulkUpload"
        )

    def token(self) -> str:
        """An access token of the app."""
        return self.entra.issue_token(roles=ROLES)

    # What Entra does

    def turn(self, dial: str, value: Dial) -> None:
        """Turn a dial, where the emulator has it. `Entra.turn` would check the value, which takes long."""
        if dial in dial_names():
            change: dict[str, Any] = {dial: value}
            self._inside.dials = dataclasses.replace(self._inside.dials, **change)

    def plan_fault(self, fault: Fault) -> None:
        """Calls go wrong."""
        more: dict[str, Any] = {"status": fault.status} if fault.kind == "status" else {}
        if fault.retry_after is not None:
            more["retry_after"] = fault.retry_after
        self.entra.plan_fault(route=fault.route, kind=fault.kind, times=fault.times, skip=fault.skip, **more)

    def cycle(self) -> None:
        """One cycle of every job."""
        self.entra.tick()
        entries = list(itertools.islice(self._inside.log, self._seen, None))
        self._seen += len(entries)
        for each in entries:
            self.journal.processed.append(
                Processed(
                    self.journal.next(),
                    each.activity,
                    each.change_id,
                    each.source_id,
                    each.event.value,
                    each.failure is not None,
                    each.visible_at,
                    each.action in _PLAIN_ACTIONS and each.status in _PLAIN_STATUSES,
                )
            )

    def threshold(self, value: int) -> None:
        """Accidental-deletion prevention of both jobs; 0 for none."""
        for app in self._apps:
            settings = json.loads(app.secrets["SyncNotificationSettings"])
            settings |= {"DeleteThresholdEnabled": value > 0, "DeleteThresholdValue": max(1, value)}
            app.secrets["SyncNotificationSettings"] = json.dumps(settings)

    def release(self, *, deletes: bool) -> None:
        """Take the jobs out of quarantine. What waits in a bucket stays: the administrator waits until it is empty."""
        for app in self._apps:
            job = app.job
            if not deletes:
                self.dropped |= dict.fromkeys(job.staged_deletes, self.journal.next())
            waiting = list(job.staged)
            jobs.forget(job, frozenset({"ForceDeletes" if deletes else "QuarantineState"}))
            job.staged.extend(waiting)
            job.code = job.schedule = "Active"

    @property
    def jobs(self) -> tuple[str, ...]:
        """The ids of the jobs."""
        return tuple(app.job.id for app in self._apps)

    def calm(self) -> None:
        """Nothing goes wrong any more."""
        self.entra.clear_faults()
        self._inside.dials = _dials(self.setup)
        self.threshold(0)
        self.release(deletes=True)

    # What a directory administrator does

    def account_of(self, key: str) -> str | None:
        """The object id of the account with this employee id."""
        found = self._inside.directories["entra"].find("employeeId", key)
        return found[0] if found else None

    def change_account(self, object_id: str, **attributes: str) -> None:
        """An account is changed in the directory itself."""
        with self._by_admin():
            self.entra.change_user(object_id, "entra", **attributes)

    def delete_account(self, object_id: str) -> None:
        """An account is deleted in the directory itself."""
        with self._by_admin():
            self.entra.remove_user(object_id)

    @contextmanager
    def _by_admin(self) -> Any:
        self.journal.by = "admin"
        try:
            yield
        finally:
            self.journal.by = "entra"

    # What Entra is asked

    def answer(self, request: httpx.Request) -> httpx.Response:
        """A call to Entra; what it takes is noted, also where the answer is lost."""
        if not request.url.path.endswith("/bulkUpload"):
            return self._transport.handle_request(request)
        digest = str(json.loads(request.content)["Operations"][0]["bulkId"]).partition("-")[0]
        self.journal.calls.append(Call(self.journal.next(), digest))
        uploads, faults = len(self._inside.uploads), len(self._inside.faults.planned)
        spent = self._inside.upload_day.wait(self._time(), self.entra.dials.daily_quota, _DAY) > 0
        try:
            response = self._transport.handle_request(request)
            self.over_quota += spent and response.status_code == 429 and not faults
            return response
        finally:
            if len(self._inside.uploads) > uploads:
                self._note_arrivals(request)

    def _note_arrivals(self, request: httpx.Request) -> None:
        parts = request.url.path.split("/")
        job = self._inside.apps[parts[3]].jobs[parts[6]]
        operations = json.loads(request.content)["Operations"]
        staged = list(job.staged)[-len(operations) :]
        for operation, each in zip(operations, staged, strict=True):
            self.journal.arrivals.append(
                Arrival(
                    self.journal.next(),
                    self.clock.now(),
                    job.id,
                    each.external_id,
                    each.change_id,
                    operation["bulkId"].partition("-")[0],
                    content_of_user(operation["data"]),
                )
            )

    # What is looked at in the end

    def accounts(self) -> dict[str, dict[str, str]]:
        """Every account, by its object id."""
        return {str(user["objectId"]): _kept(user) or {} for user in self._inside.directories["entra"]}

    def links(self) -> dict[str, dict[str, str]]:
        """The accounts that each job has linked with a person."""
        return {app.job.id: dict(app.job.links) for app in self._apps}


def _dials(setup: Setup) -> Dials:
    return Dials(daily_quota=setup.daily_calls, escrow_base=100_000, echo_source_id=setup.echoes, log_minimum="400-iso")


def _app(entra: Entra, name: str) -> App:
    """A provisioning app that takes the user name as it is sent."""
    app = entra.add_app(f"HR to Entra, {name}")
    schema = app.job.schema
    mappings = schema["synchronizationRules"][0]["objectMappings"][0]["attributeMappings"]
    mappings[:] = [each for each in mappings if each["targetAttributeName"] != "userPrincipalName"]
    source = {"expression": "[userName]", "name": "userName", "type": "Attribute", "parameters": []}
    mappings.append(attribute_mapping(source, "userPrincipalName"))
    entra.tenant.set_schema(app.job, schema)
    return app


def _kept(user: User | None) -> dict[str, str] | None:
    """The attributes of an account that are compared."""
    return None if user is None else {name: str(user[name]) for name in KEPT if user.get(name) is not None}


def content_of_user(user: dict[str, Any]) -> Content:
    """What an operation says of a person."""
    more = user.get(ENTERPRISE) or {}
    manager = more.get("manager")
    return Content(
        bool(user["active"]),
        user.get("userName"),
        user.get("displayName"),
        user.get("title"),
        more.get("department"),
        manager["value"] if isinstance(manager, dict) else manager,
        user.get("preferredLanguage"),
    )
