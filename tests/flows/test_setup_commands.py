"""`rollcall setup ...` as it is typed, before an emulated tenant over HTTP: each row of the portal's procedure."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from azure.core.credentials import AccessToken
from typer.testing import CliRunner, Result

from cli.console import CommandError
from cli.environment import Surroundings
from cli.main import app
from emulator.processes import start
from emulator.stack import process_environment
from shared.app import House
from shared.model.plan import KEYS
from shared.model.runs import RunState
from shared.provisioning_app.grants import ROLES
from tests.support.clock import FakeClock
from tests.support.house import Rollcall, environment, rollcall
from tests.unit.provisioning_app.office import FILE, HIRE, ON_PREMISES, cloud_file

Json = dict[str, Any]
CSV = "id,status,name,title,hired\nA1,Active,Ada,Clerk,2024-03-01\nB2,Active,Bo,Clerk,2023-05-02\n"


class RealClock(FakeClock):
    """The time of this machine."""

    def now(self) -> datetime:
        return datetime.now(UTC)


@dataclass(frozen=True)
class AppIdentity:
    """The app's identity at the emulator."""

    client: httpx.Client

    def get_token(self, *scopes: str, **options: Any) -> AccessToken:
        made = self.client.post("/_emulator/tokens", json={"roles": list(ROLES)})
        return AccessToken(made.json()["access_token"], int(datetime.now(UTC).timestamp()) + 3600)


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """An emulator of its own."""
    arguments = ["--port", "0", "--seed", "7", "--no-cycles", "--log-calls", "1000", "--window-calls", "1000"]
    log = tmp_path_factory.mktemp("entra") / "entra.log"
    process = start("the Entra emulator", "emulator.entra", arguments, process_environment(os.environ, {}), log)
    yield process.url
    process.stop()


class Desk:
    """A person at a terminal, a source file, an empty tenant."""

    def __init__(self, url: str, folder: Path) -> None:
        self.url = url
        self.tenant = httpx.Client(base_url=url, trust_env=False)
        self.tenant.post("/_emulator/reset")
        self.tenant.delete("/_emulator/faults")
        self.tenant.patch("/_emulator/dials", json={"ad_agents": "active", "ad_domain": "contoso.com"})
        self.folder = folder
        self.file = folder / "sources" / "employees.yaml"
        self.csv = folder / "people.csv"
        self.csv.write_text(CSV)
        self.house: Rollcall | None = None
        self.settings: dict[str, str] = {}  # of the app, as the person's machine has them
        self.write(FILE)

    def write(self, text: str) -> None:
        self.file.parent.mkdir(exist_ok=True)
        self.file.write_text(cloud_file(text), encoding="utf-8")

    def with_app(self) -> Rollcall:
        """The app over twins, beside the tenant."""
        text = self.file.read_text()
        settings = {"LOCAL_GRAPH_URL": self.url, "LOG_LAG_SECONDS": "0"}
        transport, identity = httpx.HTTPTransport(trust_env=False), AppIdentity(self.tenant)
        self.house = rollcall(self.file.parent, transport, RealClock(), identity, **settings)
        self.file.write_text(text)
        return self.house

    def call(self, *arguments: str | Path, code: int = 0, options: tuple[str, ...] = ()) -> Result:
        """`rollcall setup`, and the exit code that is expected."""
        environ = {"LOCAL_GRAPH_URL": self.url}
        if self.house:
            environ |= environment(**self.settings)
        words = [str(each) for each in arguments]
        if words[0] in ("apply", "backup", "restore"):
            words += ["--folder", str(self.folder / "kept")]
        words += ["--sources", str(self.file.parent)]
        told = CliRunner().invoke(app, ["setup", *options, *words], obj=Surroundings(environ, self._house))
        assert told.exit_code == code, (told.exit_code, told.stdout, told.stderr, told.exception)
        return told

    def _house(self) -> House:
        if self.house is None:
            raise CommandError("there is no cloud here to look at")
        return self.house.house

    def json(self, *arguments: str | Path, code: int = 0) -> Any:
        return json.loads(self.call(*arguments, "--json", code=code).stdout)

    def tick(self) -> None:
        self.tenant.post("/_emulator/tick", json={"cycles": 1}).raise_for_status()

    @property
    def app(self) -> Json:
        (found,) = self.tenant.get("/_emulator/apps").json()
        return dict(found)


@pytest.fixture
def desk(url: str, tmp_path: Path) -> Iterator[Desk]:
    found = Desk(url, tmp_path)
    yield found
    found.tenant.close()
    if found.house:
        found.house.client.close()


@pytest.fixture
def made(desk: Desk) -> Desk:
    """A desk whose app is set up."""
    desk.call("apply")
    return desk


def test_plan_shows_the_steps_with_the_portals_words_and_changes_nothing(desk: Desk) -> None:
    told = desk.call("plan", code=2).stdout
    assert "1. make the app 'HR to Entra'" in told
    assert "Enterprise applications, New application" in told
    assert desk.tenant.get("/_emulator/apps").json() == []


def test_apply_makes_it_writes_the_endpoint_and_keeps_comments(desk: Desk) -> None:
    before = desk.file.read_text()
    told = desk.call("apply").stdout
    after = desk.file.read_text()
    assert [line for line in after.splitlines() if line not in before.splitlines()] == [
        f"endpoint: {desk.app['endpoint']}"
    ]
    assert "# who hears of it" in after
    assert desk.app["endpoint"] in told
    assert "nothing to do" in desk.call("apply").stdout
    assert "everything is as the source file asks for" in desk.call("plan").stdout


def test_apply_for_active_directory_leaves_clicks_to_the_person_and_goes_on_after_them(desk: Desk) -> None:
    desk.write(ON_PREMISES)
    desk.tenant.patch("/_emulator/dials", json={"ad_agents": "none"})
    told = desk.call("apply", code=3).stdout
    assert "[ ] choose the Active Directory domain contoso.com" in told
    assert "[ ] enter the default OU for new users: OU=Employees,DC=contoso,DC=com" in told
    desk.tenant.patch("/_emulator/dials", json={"ad_agents": "active"})
    desk.call("apply")
    assert desk.json("status")["runs"]


def test_without_a_notification_address_apply_is_refused(desk: Desk) -> None:
    desk.write(FILE.replace("  notification_email: hr@contoso.com  # who hears of it\n", ""))
    assert "quarantine as soon as it starts" in desk.call("apply", code=1).stderr


def test_json_of_plan_and_apply_names_the_same_acts(desk: Desk) -> None:
    planned = [step["act"] for step in desk.json("plan", code=2)["steps"]]
    applied = desk.json("apply")
    assert [step["act"] for step in applied["done"]] == planned
    assert applied["left"] == []
    assert Path(applied["backups"][0]).is_file()


def test_mappings_stand_beside_what_the_feed_sends(made: Desk) -> None:
    told = made.call("mappings").stdout
    assert f"[{HIRE}]" in told
    assert "mapped, never sent by employees: surname <- name.familyName" in told
    found = made.json("mappings")
    assert found["mappings"][0]["target"] == "employeeId"


def test_backup_diff_and_restore_also_into_another_app(made: Desk) -> None:
    backup = made.call("backup").stdout.strip()
    assert made.call("diff", backup).stdout.strip() == "no difference"
    other = made.file.with_name("contractors.yaml")
    other.write_text(cloud_file(FILE).replace("source: employees", "source: contractors").replace("HR to", "HR2 to"))
    other.write_text("\n".join(line for line in other.read_text().splitlines() if "Hire" not in line) + "\n")
    made.call("apply", "--source", "contractors")
    told = made.call("diff", backup, "--source", "contractors", code=2).stdout
    assert f"+ employeeHireDate <- [{HIRE}]" in told
    made.call("restore", backup, "--source", "contractors", code=1)
    assert "restored" in made.call("restore", backup, "--source", "contractors", "--yes").stdout
    assert made.call("diff", backup, "--source", "contractors").stdout.strip() == "no difference"
    assert "nothing to restore" in made.call("restore", backup, "--source", "contractors", "--yes").stdout


def test_diff_shows_what_the_file_asks_for_beyond_what_there_is(made: Desk) -> None:
    assert made.call("diff").stdout.strip() == "no difference"
    made.file.write_text(
        made.file.read_text().replace("mappings:\n", "mappings:\n    usageLocation: {expression: '\"DE\"'}\n")
    )
    assert '+ usageLocation <- "DE"' in made.call("diff", code=2).stdout


def test_stop_says_what_it_means_and_start_takes_it_back(made: Desk) -> None:
    assert "uploads are still taken and pile up" in made.call("stop", "--yes").stderr
    assert "stopped" in made.call("status", code=1).stdout
    made.call("start", "--yes")
    assert "listens" in made.call("status").stdout


def test_nothing_is_stopped_without_a_yes(made: Desk) -> None:
    assert "say --yes" in made.call("stop", code=1).stderr
    assert made.json("status")["runs"]


def test_restart_says_what_it_purges_before_it_asks(made: Desk) -> None:
    made.call("stop", "--yes")
    told = made.call("restart", "--scope", "Full", code=1).stderr
    assert "is lost: the job does not run" in told
    assert "everybody is matched anew" in told
    assert "known are" in made.call("restart", "--scope", "Everything", code=2).stderr
    made.call("restart", "--yes")
    assert made.json("status")["runs"]


def test_after_a_restart_the_open_runs_are_sent_again(made: Desk) -> None:
    house = made.with_app()
    run = dropped(house)
    house.house.send_runs()
    made.call("stop", "--yes")
    assert "1 open run with 2 people" in made.call("restart", code=1).stderr
    told = made.call("restart", "--resend", "--yes").stdout
    (again,) = [each for each in house.house.ledger.runs("employees") if each.resend]
    assert again.run_id in told
    keys = json.loads(b"".join(house.house.files.read(again, KEYS)))
    assert keys == ["A1", "B2"]
    house.house.sweep()
    house.house.send_runs()
    made.tick()
    people = {user["employeeId"] for user in made.tenant.get("/_emulator/directory").json()}
    assert people == {"A1", "B2"}
    assert house.run(run).state is RunState.SENT


def dropped(house: Rollcall) -> Any:
    drops: Any = house.house.storage.drops
    drops.write("employees/people.csv", CSV.encode())
    return house.house.plan_drop(drops.drop("employees/people.csv"))


def test_rehearse_sends_one_person_of_the_newest_drop_and_prints_every_step(made: Desk) -> None:
    house = made.with_app()
    dropped(house)
    made.tenant.patch("/_emulator/dials", json={"interval": 0.2})
    with cycles(made):
        told = made.call("rehearse", "--key", "B2", "--yes", "--minutes", "1")
    assert "created" in told.stdout
    assert "EntryExportAdd" in told.stdout
    assert "the newest drop is employees/people.csv" in told.stderr
    assert [upload["externalIds"] for upload in made.tenant.get("/_emulator/uploads").json()] == [["B2"]]
    assert house.house.sender.quota.book.read().used == 1, "the call is in the book"


class cycles:  # noqa: N801  # reads as what it does
    """A cycle whenever the log is asked for, in a thread of its own."""

    def __init__(self, desk: Desk) -> None:
        import threading

        self._desk = desk
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._over.wait(0.1):
            self._desk.tick()


def test_rehearse_of_nobody_and_of_a_stopped_job_is_refused(made: Desk) -> None:
    assert "has the key 'C3'" in made.call("rehearse", "--key", "C3", "--file", made.csv, "--yes", code=1).stderr
    made.call("stop", "--yes")
    assert "setup start" in made.call("rehearse", "--key", "A1", "--file", made.csv, "--yes", code=1).stderr
    assert made.tenant.get("/_emulator/uploads").json() == []


def test_a_record_that_cannot_be_sent_is_told_with_its_reason(made: Desk) -> None:
    made.csv.write_text(CSV.replace("2024-03-01", "soon"))
    told = made.call("preview", "--key", "A1", "--file", made.csv, code=1).stderr
    assert "cannot be sent" in told
    assert "hired" in told


def test_preview_shows_the_value_of_every_attribute_and_sends_nothing(made: Desk) -> None:
    found = {each["target"]: each for each in made.json("preview", "--key", "A1", "--file", made.csv)}
    assert found["userPrincipalName"]["value"] == "A1@contoso.com"
    assert found["accountEnabled"]["value"] == "True"
    assert "A1@contoso.com" in made.call("preview", "--key", "A1", "--file", made.csv).stdout
    assert made.tenant.get("/_emulator/uploads").json() == []


def test_endpoint_is_alone_on_stdout(made: Desk) -> None:
    assert made.call("endpoint").stdout == made.app["endpoint"] + "\n"


def test_grant_says_what_it_gave_and_what_is_too_much(made: Desk) -> None:
    body = {"displayName": "app", "roles": ["ProvisioningLog.Read.All", "Directory.Read.All"]}
    principal = made.tenant.post("/_emulator/service-principals", json=body).json()["id"]
    told = made.call("grant", "--principal", principal, code=1).stdout
    assert "had      ProvisioningLog.Read.All" in told
    assert "granted  SynchronizationData-User.Upload" in told
    assert "too many Directory.Read.All" in told


def test_grant_for_a_new_identity_is_exact(made: Desk) -> None:
    principal = made.tenant.post("/_emulator/service-principals", json={"displayName": "app"}).json()["id"]
    assert made.json("grant", "--principal", principal)["granted"] == list(ROLES)
    assert made.json("grant", "--principal", principal)["had"] == list(ROLES)


def test_doctor_ends_with_1_as_long_as_something_failed(desk: Desk) -> None:
    told = desk.call("doctor", code=1).stdout
    assert "there is none yet" in told
    desk.call("apply")
    desk.with_app()
    principal = desk.tenant.post("/_emulator/service-principals", json={"displayName": "app"}).json()["id"]
    desk.call("grant", "--principal", principal)
    found = {check["name"]: check["status"] for check in desk.json("doctor", "--principal", principal)}
    assert found["grants"] == found["job"] == found["endpoint"] == found["storage"] == "good"


def test_doctor_names_a_setting_of_the_app_that_is_faulty(desk: Desk) -> None:
    """Also one that this machine does not see: the app has raised an alert about it."""
    desk.call("apply")
    house = desk.with_app().house
    house.alert_about_settings(["DAILY_CALLS: a whole number is wanted"])
    found = {check["name"]: check for check in desk.json("doctor", code=1)}
    assert found["app-settings"]["status"] == "failed"
    assert "DAILY_CALLS" in found["app-settings"]["reason"]
    desk.settings["ALERT_SLACK_URL"] = "@Microsoft.KeyVault(SecretUri=https://kv.vault.azure.net/secrets/x)"
    desk.settings["SEND_SECONDS"] = "many"
    told = desk.call("doctor", code=1).stdout
    assert "SEND_SECONDS" in told
    assert "ALERT_SLACK_URL" in told
    assert "vault.azure.net" not in told


def test_doctor_of_a_file_that_is_not_complete_names_what_is_missing(desk: Desk) -> None:
    desk.write(ON_PREMISES.replace("  domain: contoso.com\n", ""))
    assert "app.domain is missing" in desk.call("doctor", code=1).stdout


def test_an_app_that_went_into_quarantine_is_shown_with_its_cure(desk: Desk) -> None:
    desk.tenant.post("/_emulator/apps", json={"displayName": "HR to Entra", "notificationEmail": None})
    told = desk.call("status", code=1).stdout
    assert "no notification e-mail" in told
    assert "cure" in told
    desk.call("apply", code=3)
    desk.call("apply", "--yes")
    assert desk.json("status")["runs"]


def test_a_graph_address_off_this_machine_gets_nothing(desk: Desk) -> None:
    told = desk.call("plan", code=1, options=("--graph-url", "https://evil.example"))
    assert "is not on this machine" in told.stderr


def test_several_sources_want_one_to_be_named(desk: Desk) -> None:
    desk.file.with_name("contractors.yaml").write_text(cloud_file().replace("source: employees", "source: contractors"))
    assert "--source NAME (there are contractors, employees" in desk.call("plan", code=2).stderr


@pytest.mark.parametrize("name", ["plan", "apply", "doctor", "status", "mappings", "diff"])
def test_no_output_ever_holds_a_token(desk: Desk, name: str, capsys: Callable[..., object]) -> None:
    desk.call("apply")
    told = CliRunner().invoke(
        app,
        ["setup", name, "--sources", str(desk.file.parent)],
        obj=Surroundings({"LOCAL_GRAPH_URL": desk.url}, desk._house),
    )
    assert "emu." not in told.stdout + told.stderr
    kept = [path for path in desk.folder.rglob("*") if path.is_file()]
    assert not any(b"emu." in path.read_bytes() for path in kept)
