"""From an empty tenant to people: set up, granted, first drop, accounts; nothing done by hand. Both targets."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest
from azure.core.credentials import AccessToken

from emulator.entra import EntraTransport
from shared.model.runs import Run, RunState
from shared.provisioning_app.grants import grant
from tests.support.house import Rollcall, rollcall
from tests.unit.provisioning_app.office import FILE, ON_PREMISES, Office

PEOPLE = 'id,status,name,title,hired\nA1,Active,Ada,"Engineer",2024-03-01\nB2,Active,Bo,Clerk,2023-05-02\n'


class AppIdentity:
    """The deployed app's identity: it holds what it was granted, and nothing else."""

    def __init__(self, office: Office, principal_id: str) -> None:
        self._office = office
        self._principal_id = principal_id

    def get_token(self, *scopes: str, **options: Any) -> AccessToken:
        token = self._office.entra.issue_token(principal_id=self._principal_id)
        return AccessToken(token, int(self._office.clock.now().timestamp()) + 3600)


def deployed(office: Office, folder: Path, principal_id: str) -> Rollcall:
    """The app over twins, with the source file as set-up left it."""
    identity = AppIdentity(office, principal_id)
    made = rollcall(folder, EntraTransport(office.entra), office.clock, identity, LOG_LAG_SECONDS="0")
    line = f"endpoint: {office.endpoint}\n"
    (folder / "employees.yaml").write_text(office.text + line, encoding="utf-8")
    return made


def provision(office: Office, made: Rollcall, text: str) -> Run:
    """Drop, send, a cycle, collect."""
    drops: Any = made.house.storage.drops
    drops.write("employees/people.csv", text.encode())
    run = made.house.plan_drop(drops.drop("employees/people.csv"))
    assert run.state is RunState.PLANNED, run.reasons
    made.house.send_runs()
    office.clock.advance(minutes=1)
    office.entra.tick()
    for _ in range(4):
        office.clock.advance(minutes=5)
        made.house.collect_logs()
    return made.run(run)


@pytest.mark.parametrize(
    ("text", "target", "key", "hired"),
    [
        (FILE, "entra", "employeeId", "employeeHireDate"),
        (ON_PREMISES, "active-directory", "employeeID", "extensionAttribute2"),
    ],
    ids=["entra", "active-directory"],
)
def test_an_empty_tenant_is_set_up_and_the_first_drop_provisions_people(
    text: str, target: Any, key: str, hired: str, tmp_path: Path
) -> None:
    office = Office(text)
    assert not office.apply().left
    uploader = office.entra.add_principal("rollcall-app")
    grant(office.tenant(), uploader.id)
    run = provision(office, deployed(office, tmp_path / "sources", uploader.id), PEOPLE)
    assert run.state is RunState.SETTLED, run.reasons
    assert run.figures.created == 2
    users = {str(user.get(key)): user for user in office.entra.dump_directory(target)}
    assert set(users) == {"A1", "B2"}
    assert str(users["A1"][hired]).startswith("2024-03-01")


def test_without_the_grant_the_first_drop_is_blocked_and_says_why(tmp_path: Path) -> None:
    office = Office()
    office.apply()
    uploader = office.entra.add_principal("rollcall-app")
    made = deployed(office, tmp_path / "sources", uploader.id)
    run = provision(office, made, PEOPLE)
    assert run.state is RunState.BLOCKED
    assert "403" in "".join(run.reasons)


def test_the_user_name_that_the_file_asks_for_stays_what_it_is(tmp_path: Path) -> None:
    office = Office()
    office.apply()
    uploader = office.entra.add_principal("rollcall-app")
    grant(office.tenant(), uploader.id)
    made = deployed(office, tmp_path / "sources", uploader.id)
    provision(office, made, PEOPLE)
    office.clock.advance(minutes=1)
    provision(office, made, PEOPLE.replace("Clerk", "Director"))
    names = {user["userPrincipalName"] for user in office.entra.dump_directory("entra")}
    assert names == {"A1@contoso.com", "B2@contoso.com"}


def test_two_sources_have_two_apps(tmp_path: Path) -> None:
    office = Office()
    office.apply()
    office.endpoint = ""
    office.memory.kept = None
    office.text = office.text.replace("source: employees", "source: contractors")
    assert office.acts()[0] == "make-app", "a name alone never takes another source's app"
    office.apply()
    marks = {tag for app in office.entra.tenant.apps.values() for tag in app.tags if tag.startswith("rollcall:")}
    assert marks == {"rollcall:employees", "rollcall:contractors"}
    assert isinstance(office.client, httpx.Client)
