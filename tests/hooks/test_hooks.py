"""The hooks, run with an Azure CLI that answers as Azure does, and with a host that answers as the app's does."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

from scripts import package
from shared.functions.http_requests import without_settings
from tests.infra.project import Project

KEY = "a+secret/key=="
TOKEN = "a.secret.token"
OUTPUTS = {
    "AZURE_RESOURCE_GROUP": "rg-rollcall-test",
    "FUNCTION_APP_NAME": "func-rollcall-x",
    "DROPS_ACCOUNT_NAME": "stdropsx",
    "EVENTS_IDENTITY_NAME": "id-rollcall-test-events",
    "APP_PRINCIPAL_ID": "the-identity-of-the-app",
}

# Writes down each call, and answers the next of the answers that a test has laid for these words; the last one stays.
CLI = """
import json, sys
from pathlib import Path

folder = Path(__file__).parent
words = " ".join(sys.argv[1:]).partition(" --")[0]
with (folder / "called").open("a") as called:
    print("az", *sys.argv[1:], file=called)
answers = json.loads((folder / "answers.json").read_text())
for asked, laid in answers.items():
    if words.startswith(asked):
        answer = laid.pop(0) if len(laid) > 1 else laid[0]
        (folder / "answers.json").write_text(json.dumps(answers))
        if "restart" in answer:
            (folder / "starting.json").write_text(json.dumps(answer["restart"]))
        if "--output none" not in " ".join(sys.argv):
            sys.stdout.write(answer.get("says", ""))
        sys.stderr.write(answer.get("warns", ""))
        sys.exit(answer.get("code", 0))
"""
REFUSED: dict[str, Any] = {
    "code": 1,
    "warns": "ERROR: Webhook validation handshake failed for https://app/runtime/webhooks/blobs.\n",
}
USUAL: dict[str, list[dict[str, Any]]] = {
    "functionapp keys list": [{"says": f"{KEY}\n", "warns": "a warning that says nothing of keys\n"}],
    "functionapp function list": [{"says": "func-rollcall-x/plan_drop\n"}],
    "eventgrid system-topic list": [{}],
    "deployment group create": [{}],
    "account get-access-token": [{"says": f"{TOKEN}\n"}],
    # What Azure answers where a service principal, as a pipeline's, is signed in.
    "ad signed-in-user": [
        {"code": 1, "warns": "ERROR: /me request is only valid with delegated authentication flow.\n"}
    ],
}


class Host(ThreadingHTTPServer):
    """The app's host: answers the handshake when it is up and has read its keys."""

    def __init__(self, called: Path) -> None:
        super().__init__(("127.0.0.1", 0), Webhook)
        self.called = called
        self.page = b""  # what something else answers in its place
        self.endpoint: list[tuple[int, str]] = []  # what the deployment endpoint answers; the last one stays
        self.pushed: list[bytes] = []
        self.health: list[tuple[int, str]] = []  # what health answers; the last one stays

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def restart(self, *answers: int) -> None:
        """Answer so before it is up again. A call of the Azure CLI may have it restart, too."""
        self.called.with_name("starting.json").write_text(json.dumps(answers))

    def starting(self) -> int:
        """The next of these answers, or 0."""
        laid = self.called.with_name("starting.json")
        answers: list[int] = json.loads(laid.read_text()) if laid.exists() else []
        if not answers:
            return 0
        self.restart(*answers[1:])
        return answers[0]


class Webhook(BaseHTTPRequestHandler):
    """`/runtime/webhooks/blobs` as the extension for blobs of the Functions host answers it."""

    server: Host

    def do_POST(self) -> None:
        sent = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        status, body = self.answer(sent)
        with self.server.called.open("a") as called:
            print("host", self.path, status, file=called)
        self.send_response(status)
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self) -> None:
        self.do_POST()

    def answer(self, sent: bytes) -> tuple[int, bytes]:
        if self.server.endpoint:
            if self.headers.get("Authorization") != f"Bearer {TOKEN}":
                return 401, b""
            self.server.pushed += [sent] * (self.command == "POST")
            laid = self.server.endpoint
            status, says = laid.pop(0) if len(laid) > 1 else laid[0]
            return status, says.encode()
        if self.path == "/api/health":
            laid = self.server.health
            status, says = laid.pop(0) if len(laid) > 1 else laid[0]
            return (status, says.encode()) if self.headers.get("x-functions-key") == KEY else (401, b"")
        if status := self.server.starting():
            return status, b""
        if self.server.page:
            return 200, self.server.page
        if self.headers.get("x-functions-key") != KEY:
            return 401, b""
        if self.headers.get("aeg-event-type") != "SubscriptionValidation":
            return 400, b""
        return 200, json.dumps({"validationResponse": json.loads(sent)[0]["data"]["validationCode"]}).encode()

    def log_message(self, format: str, *args: object) -> None:
        pass


@dataclass
class Ran:
    """How a hook ended, and what happened meanwhile."""

    code: int
    out: str
    err: str
    events: list[str]

    def count(self, begin: str) -> int:
        return sum(event.startswith(begin) for event in self.events)

    @property
    def pauses(self) -> list[int]:
        return [int(event.split()[1]) for event in self.events if event.startswith("sleep ")]

    @property
    def steps(self) -> list[str]:
        """The two first words of each call of the Azure CLI, the answers of the host, and no pauses."""
        shown = (event.split() for event in self.events if not event.startswith(("sleep ", "curl ")))
        return [" ".join(event[1:3]) if event[0] == "az" else f"host {event[-1]}" for event in shown]


@dataclass
class Cloud:
    """A folder before every other on the path: a scripted `az`, a `sleep` that does not, and `curl`, written down."""

    root: Path
    folder: Path
    host: Host
    answers: dict[str, list[dict[str, Any]]] = field(default_factory=lambda: dict(USUAL))

    def put(self, name: str, body: str) -> None:
        (self.folder / name).write_text(body, encoding="utf-8")
        (self.folder / name).chmod(0o755)

    def run(self, hook: str, *words: str, unset: str = "", **environ: str) -> Ran:
        """Run a hook to its end, without one variable. Neither its output nor any command's words may hold a secret."""
        (self.folder / "answers.json").write_text(json.dumps(self.answers))
        path = f"{self.folder}{os.pathsep}{os.environ['PATH']}"
        ran = subprocess.run(
            [str(self.root / "infra" / "hooks" / hook), *words],
            env={
                name: value
                for name, value in {"PATH": path, "FUNCTION_APP_URL": self.host.url, **OUTPUTS, **environ}.items()
                if name != unset
            },
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
        )
        called = self.folder / "called"
        events = called.read_text().splitlines() if called.exists() else []
        shown = "\n".join([ran.stdout, ran.stderr, *events])
        assert [secret for secret in (KEY, TOKEN) if secret in shown] == []
        return Ran(code=ran.returncode, out=ran.stdout, err=ran.stderr, events=events)


@pytest.fixture
def cloud(root: Path, tmp_path: Path) -> Iterator[Cloud]:
    called = tmp_path / "called"
    with Host(called) as host:
        threading.Thread(target=host.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        cloud = Cloud(root=root, folder=tmp_path, host=host)
        for name in ("the.zip", "dist/rollcall.zip"):
            (tmp_path / name).parent.mkdir(exist_ok=True)
            (tmp_path / name).write_bytes(b"code")
        cloud.put("az", f"#!{sys.executable} -IS\n{CLI}")
        cloud.put("sleep", f"#!/bin/sh\necho \"sleep $*\" >> '{called}'\n")
        cloud.put("curl", f"#!/bin/sh\necho \"curl $*\" >> '{called}'\nexec '{shutil.which('curl')}' \"$@\"\n")
        yield cloud
        host.shutdown()


def as_azure_returns_it(name: str) -> str:
    """Azure writes names of outputs as .NET writes camel case: azurE_RESOURCE_GROUP, dropStorage__blobServiceUri."""
    capitals = re.match(r"[A-Z]*", name)
    count = len(capitals[0]) if capitals else 0
    small = max(count - 1, 1) if count < len(name) else count
    return name[:small].lower() + name[small:]


def test_every_output_has_the_name_that_main_gives_it(root: Path, cloud: Cloud) -> None:
    names = [each.name for each in Project(root).files["main.bicep"].of("output")]
    returned = [as_azure_returns_it(name) for name in names]
    assert "azurE_RESOURCE_GROUP" in returned
    answer = "\t".join(returned) + "\n" + "\t".join(f"of-{name}" for name in names) + "\n"
    cloud.answers["deployment sub show"] = [{"says": answer}]
    ran = cloud.run("outputs.sh", "rollcall-test")
    assert ran.out.splitlines() == [f"{name}=of-{name}" for name in names]


@pytest.mark.parametrize("answer", [{"code": 1, "warns": "ERROR: DeploymentNotFound\n"}, {"says": "\n"}])
def test_a_deployment_without_outputs_is_no_success(cloud: Cloud, answer: dict[str, Any]) -> None:
    """`export $(outputs.sh ...)` hides the exit code, so what is wrong is said as well."""
    cloud.answers["deployment sub show"] = [answer]
    ran = cloud.run("outputs.sh", "rollcall-test")
    assert (ran.code, ran.out) == (1, "")
    assert answer.get("warns", "rollcall-test") in ran.err


NEEDED = {
    "push.sh": ["AZURE_RESOURCE_GROUP", "FUNCTION_APP_NAME"],
    "push.sh prebuilt.zip": ["AZURE_RESOURCE_GROUP", "FUNCTION_APP_NAME", "FUNCTION_APP_URL"],
    "postdeploy.sh": [
        "AZURE_RESOURCE_GROUP", "FUNCTION_APP_NAME", "FUNCTION_APP_URL", "DROPS_ACCOUNT_NAME", "EVENTS_IDENTITY_NAME"
    ],
    "smoke.sh health": ["AZURE_RESOURCE_GROUP", "FUNCTION_APP_NAME", "FUNCTION_APP_URL"],
    "smoke.sh drop": ["DROPS_ACCOUNT_NAME", "SMOKE_DROP_SOURCE", "SMOKE_DROP_CSV"],
}  # fmt: skip
ONE_PERSON = {"SMOKE_DROP_SOURCE": "employees", "SMOKE_DROP_CSV": "id,name\n1,Ada"}


@pytest.mark.parametrize("is_there", [False, True], ids=["not set", "empty"])
@pytest.mark.parametrize(("hook", "name"), [(hook, name) for hook, names in NEEDED.items() for name in names])
def test_a_variable_that_is_missing_is_named_before_anything_is_done(
    cloud: Cloud, hook: str, name: str, is_there: bool
) -> None:
    installed(cloud)
    given = ONE_PERSON | ({name: ""} if is_there else {})
    ran = cloud.run(*hook.split(), unset="" if is_there else name, **given)
    assert (ran.code, ran.events) == (2, [])
    assert name in ran.err
    assert name.startswith("SMOKE_") or "export $(infra/hooks/outputs.sh rollcall-ENVIRONMENT)" in ran.err


def test_the_hook_for_windows_needs_the_same_variables(root: Path) -> None:
    text = (root / "infra" / "hooks" / "postdeploy.ps1").read_text(encoding="utf-8")
    named = re.search(r"\$needed = (.+)", text)
    assert named
    assert re.findall(r"'(\w+)'", named[1]) == NEEDED["postdeploy.sh"]


# Pushing the code

ROLE = (
    "InaccessibleStorageException: Failed to access storage account for deployment: BlobUploadFailedException: Failed "
    "to upload blob to storage account: Response status code does not indicate success: 403 "
    "(This request is not authorized to perform this operation using this permission.)"
)
# As the Azure CLI shows it: of a deployment that failed later, and of one that was refused at once.
LATER = {"id": "1", "status": 3, "status_text": ROLE, "complete": True}
LOG = json.dumps([{"message": ROLE}])
SHOWN = {
    "its log": f"ERROR: Zip deployment failed. {LATER}. These are the deployment logs: \n{LOG}\n",
    "its answer": f"ERROR: An error occured during deployment. Status Code: 500, Details: {LOG}\n",
    "lines": f"ERROR: {ROLE}".replace(": ", ":\n") + "\n",
    "lines in JSON": f"ERROR: {json.dumps(ROLE.replace(': ', ':' + chr(10)))}\n",
}
NAME = ROLE.replace("Response status code does not indicate success: 403", "Name or service not known")
OTHERS = {
    "another code of storage": ROLE.replace(" 403 ", " 404 "),
    "no name for storage": f"{NAME} deployment id 6f1c-403-9a",
    "403 of the site, not of storage": "An error occured during deployment. Status Code: 403, Details: Ip Forbidden",
    "a build that failed": "Zip deployment failed. No matching distribution found for azure-functions==2.3.0",
}
PUSH = "az functionapp deployment source config-zip"


@pytest.mark.parametrize("shown", SHOWN.values(), ids=SHOWN)
def test_a_role_that_is_too_new_at_the_first_push_is_waited_for(cloud: Cloud, shown: str) -> None:
    cloud.answers["functionapp deployment"] = [{"code": 1, "warns": shown}, {"says": "Deployment was successful."}]
    ran = cloud.run("push.sh", "the.zip")
    assert ran.code == 0
    assert ran.events[0] == ran.events[-1]
    assert ran.events[0].startswith(PUSH)
    assert "--src the.zip --build-remote true" in ran.events[0]
    assert (len(ran.events), ran.pauses) == (3, [30])


def test_a_role_that_stays_away_ends_the_push_after_five_tries_with_growing_pauses(cloud: Cloud) -> None:
    cloud.answers["functionapp deployment"] = [{"code": 1, "warns": SHOWN["its log"]}]
    ran = cloud.run("push.sh")
    assert ran.code == 1
    assert (ran.count(PUSH), ran.pauses) == (5, [30, 60, 120, 240])
    assert ran.err.count("BlobUploadFailedException") == 10  # the Azure CLI's own words, which say it twice, each time
    assert f"--assignee {OUTPUTS['APP_PRINCIPAL_ID']}" in ran.err.splitlines()[-1]


@pytest.mark.parametrize("shown", OTHERS.values(), ids=OTHERS)
def test_any_other_error_ends_the_push_at_once_with_what_azure_says(cloud: Cloud, shown: str) -> None:
    cloud.answers["functionapp deployment"] = [{"code": 3, "warns": f"ERROR: {shown}\n"}]
    ran = cloud.run("push.sh")
    assert (ran.code, len(ran.events)) == (3, 1)
    assert ran.err == f"ERROR: {shown}\n"


def test_code_that_is_there_is_pushed_although_its_host_is_not_up_yet(cloud: Cloud) -> None:
    """The Azure CLI asks the host for half a minute and fails then; the next hook has the patience."""
    words = "ERROR: Deployment was successful but the app appears to be unhealthy. Please check the app logs.\n"
    cloud.answers["functionapp deployment"] = [{"code": 1, "warns": words}]
    ran = cloud.run("push.sh")
    assert (ran.code, len(ran.events)) == (0, 1)
    assert ran.err.startswith(words)


def test_a_push_that_is_cut_off_is_no_success(cloud: Cloud) -> None:
    """It leaves no exit code."""
    cloud.put("az", "#!/bin/sh\nkill -9 $PPID\n")
    ran = cloud.run("push.sh", "the.zip")
    assert ran.code == 1


def test_a_package_that_is_not_there_is_not_pushed(cloud: Cloud) -> None:
    ran = cloud.run("push.sh", "none.zip")
    assert (ran.code, ran.events) == (2, [])
    assert "none.zip" in ran.err


# Pushing a package that holds its Python packages

APP_URL = "http://func-rollcall-x.example.net"
POSTED = "host http://func-rollcall-x.scm.example.net/api/publish?RemoteBuild=false&Deployer=rollcall"
ASKED = "host http://func-rollcall-x.scm.example.net/api/deployments/6f1c-403-9a"
TAKEN = (202, '"6f1c-403-9a"')
AT_WORK = (200, json.dumps({"id": "6f1c-403-9a", "status": 1, "status_text": 'a "status": 4', "complete": False}))
DONE = (200, json.dumps({"id": "6f1c-403-9a", "status": 4, "status_text": "", "complete": True}))
FAILED = (200, json.dumps(LATER))


def installed(cloud: Cloud) -> None:
    """What `make package-prebuilt` builds, as `prebuilt.zip`."""
    installed = cloud.folder / "installed" / "azure" / "functions" / "__init__.py"
    installed.parent.mkdir(parents=True)
    installed.touch()
    package.build(cloud.root, cloud.folder / "prebuilt.zip", cloud.folder / "installed")


def prebuilt(cloud: Cloud, *answers: tuple[int, str], **environ: str) -> Ran:
    """Push a prebuilt package to a deployment endpoint that answers so. All hosts are the one here."""
    installed(cloud)
    cloud.host.endpoint = list(answers)
    given = {"FUNCTION_APP_URL": APP_URL, "http_proxy": cloud.host.url, **environ}
    return cloud.run("push.sh", "prebuilt.zip", **given)


def hosts(ran: Ran) -> list[str]:
    return [event for event in ran.events if event.startswith("host ")]


def test_a_package_that_holds_its_python_packages_is_pushed_as_it_is(cloud: Cloud) -> None:
    """The Azure CLI would have Azure build it, which a closed network does not let it do."""
    ran = prebuilt(cloud, TAKEN, (404, ""), AT_WORK, DONE)
    assert (ran.code, ran.count(PUSH), ran.pauses) == (0, 0, [5, 5, 5])
    assert hosts(ran) == [f"{POSTED} 202", f"{ASKED} 404", f"{ASKED} 200", f"{ASKED} 200"]
    assert cloud.host.pushed == [(cloud.folder / "prebuilt.zip").read_bytes()]


def test_the_package_that_azure_builds_is_no_such_package(cloud: Cloud) -> None:
    package.build(cloud.root, cloud.folder / "the.zip")
    ran = cloud.run("push.sh", "the.zip")
    assert (ran.code, ran.count(PUSH), hosts(ran)) == (0, 1, [])


@pytest.mark.parametrize("refused", [[(500, LOG)], [TAKEN, FAILED]], ids=["at once", "later"])
def test_a_role_that_is_too_new_is_waited_for_without_a_build_as_well(
    cloud: Cloud, refused: list[tuple[int, str]]
) -> None:
    ran = prebuilt(cloud, *refused, TAKEN, DONE)
    assert (ran.code, ran.count(POSTED), ran.pauses) == (0, 2, [5] * (len(refused) - 1) + [30, 5])


@pytest.mark.parametrize(
    "answers",
    [[(403, "Ip Forbidden")], [TAKEN, (200, FAILED[1].replace(" 403 ", " 404 "))], [TAKEN, AT_WORK]],
    ids=["the site is closed", "another error", "no end"],
)
def test_any_other_error_of_the_endpoint_ends_the_push_at_once(cloud: Cloud, answers: list[tuple[int, str]]) -> None:
    ran = prebuilt(cloud, *answers)
    assert (ran.code, ran.count(POSTED)) == (1, 1)
    assert answers[-1][1] in ran.err


PRIVATE = "rollcall: this app is private: push from a machine in its network"
# What the Azure CLI says where it does not reach the deployment endpoint of a private app.
SHUT_OUT = {
    "no name": "HTTPSConnectionPool(host='x.scm.azurewebsites.net', port=443): Max retries exceeded: Failed to resolve",
    "no name on Windows": "Failed to establish a new connection: [Errno 11001] getaddrinfo failed",
    "no entry": "An error occured during deployment. Status Code: 403, Details: <h1>Error 403 - Forbidden</h1>",
    "another address": "An error occured during deployment. Status Code: 403, Details: Ip Forbidden",
}
LET_IN = {
    "a build that failed": OTHERS["a build that failed"],
    "a build that reached no index": "Zip deployment failed. Logs: Failed to resolve 'pypi.org'",
}


@pytest.mark.parametrize("is_private", [True, False])
@pytest.mark.parametrize("shown", [*SHUT_OUT, *LET_IN])
def test_a_push_that_a_private_app_shuts_out_says_from_where_it_goes(
    cloud: Cloud, shown: str, is_private: bool
) -> None:
    cloud.answers["functionapp deployment"] = [{"code": 1, "warns": f"ERROR: {(SHUT_OUT | LET_IN)[shown]}\n"}]
    ran = cloud.run("push.sh", PRIVATE_NETWORK=str(is_private).lower())
    assert (ran.code, len(ran.events)) == (1, 1)
    assert ran.err.splitlines()[-1].startswith(PRIVATE) == (is_private and shown in SHUT_OUT)


@pytest.mark.parametrize("answer", [(403, "Ip Forbidden"), (403, ""), (404, "403"), (500, "a fault")])
def test_a_prebuilt_push_that_a_private_app_shuts_out_says_so_as_well(cloud: Cloud, answer: tuple[int, str]) -> None:
    ran = prebuilt(cloud, answer, PRIVATE_NETWORK="true")
    assert (ran.code, ran.count(POSTED)) == (1, 1)
    assert ran.err.splitlines()[-1].startswith(PRIVATE) == (answer[0] == 403)


@pytest.mark.parametrize("code", [6, 7, 28, 35])
def test_an_endpoint_that_is_not_reached_is_that_of_a_private_app(root: Path, cloud: Cloud, code: int) -> None:
    cloud.put("curl", f"#!/bin/sh\nexit {code}\n")
    ran = prebuilt(cloud, DONE, PRIVATE_NETWORK="true")
    assert ran.code == code
    assert (PRIVATE in ran.err) == (code != 35)
    assert "### Private network" in (root / "docs" / "deploy.md").read_text(encoding="utf-8")


def test_without_a_token_nothing_is_pushed(cloud: Cloud) -> None:
    cloud.answers["account get-access-token"] = [{"code": 1, "warns": "ERROR: Please run az login.\n"}]
    ran = prebuilt(cloud, DONE)
    assert (ran.code, hosts(ran)) == (1, [])
    assert "az login" in ran.err


@pytest.mark.parametrize("hook", ["push.sh", "postdeploy.sh"])
@pytest.mark.parametrize(("environ", "named"), [({}, False), ({"AZURE_SUBSCRIPTION_ID": "the-one-of-azd"}, True)])
def test_hooks_work_in_the_subscription_that_azd_deploys_to(
    cloud: Cloud, hook: str, environ: dict[str, str], named: bool
) -> None:
    cloud.answers["functionapp function list"] = [{}]
    ran = cloud.run(hook, **environ)
    assert ran.code == 0
    of_azure = [event for event in ran.events if event.startswith("az ")]
    assert {("--subscription the-one-of-azd" in event) for event in of_azure} == {named}


# Deploying the events

CALM = ["functionapp keys", "host 200", "functionapp function", "eventgrid system-topic", "deployment group"]
AGAIN = ["functionapp keys", "host 200", "eventgrid system-topic", "deployment group"]


def test_the_host_is_asked_with_the_key_before_the_events_are_deployed(root: Path, cloud: Cloud) -> None:
    ran = cloud.run("postdeploy.sh")
    assert (ran.code, ran.steps, ran.pauses) == (0, CALM, [])
    events = (root / "infra" / "events.bicep").read_text(encoding="utf-8")
    named = re.search(r"functionName = '(\w+)'", events)
    assert named
    assert f"host /runtime/webhooks/blobs?functionName=Host.Functions.{named[1]} 200" in ran.events


def test_a_key_that_is_not_there_yet_is_waited_for(cloud: Cloud) -> None:
    """After the first deployment; some versions of the Azure CLI say None for nothing, and it may fail for a while."""
    late: list[dict[str, Any]] = [{"code": 1}, {"says": "\n"}, {"says": "None\n"}]
    cloud.answers["functionapp keys list"] = [*late, *USUAL["functionapp keys list"]]
    ran = cloud.run("postdeploy.sh")
    assert (ran.code, ran.steps, ran.pauses) == (0, ["functionapp keys"] * 3 + CALM, [15] * 3)


def test_a_host_that_restarts_is_waited_for_although_the_key_is_there(cloud: Cloud) -> None:
    """It is not reached, it starts, it has not read its keys yet."""
    cloud.host.restart(502, 503, 404, 401)
    ran = cloud.run("postdeploy.sh")
    assert ran.code == 0
    assert [step for step in ran.steps if step.startswith("host")] == [
        "host 502", "host 503", "host 404", "host 401", "host 200"
    ]  # fmt: skip
    assert ran.steps[-5:] == CALM
    assert ran.pauses == [15] * 4


def test_a_handshake_that_fails_twice_is_repeated_each_time_with_a_host_that_answers(cloud: Cloud) -> None:
    cloud.answers["deployment group create"] = [REFUSED, REFUSED, {}]
    ran = cloud.run("postdeploy.sh")
    assert (ran.code, ran.steps, ran.pauses) == (0, CALM + AGAIN * 2, [15, 30])
    assert ran.err.count(REFUSED["warns"]) == 2


def test_a_handshake_that_fails_five_times_fails_the_third_step(cloud: Cloud) -> None:
    """Not even what Azure quotes gives the key away."""
    cloud.answers["deployment group create"] = [
        {"code": 1, "warns": f"Url validation: https://app?code={KEY} or {KEY}\n"}
    ]
    ran = cloud.run("postdeploy.sh")
    assert ran.code == 1
    assert (ran.count("az deployment group"), ran.pauses) == (5, [15, 30, 60, 120])
    assert ran.err.count("Url validation: https://app?code=*** or ***\n") == 5
    assert "step 3 of 3 failed" in ran.err


def test_a_second_azd_up_waits_for_the_host_that_restarts_under_the_deployment(cloud: Cloud) -> None:
    """The key and the topic are there at once, the old host still answers, and Event Grid meets the restart."""
    cloud.answers["eventgrid system-topic list"] = [{"says": "evgt-stdropsx\n"}]
    cloud.answers["deployment group create"] = [{**REFUSED, "restart": [503, 503]}, {}]
    ran = cloud.run("postdeploy.sh")
    waited = ["functionapp keys", "host 503"] * 2
    assert (ran.code, ran.steps, ran.pauses) == (0, [*CALM, *waited, *AGAIN], [15] * 3)
    assert "topicName=evgt-stdropsx" in ran.events[-1]


def test_the_pauses_can_be_chosen(cloud: Cloud) -> None:
    cloud.answers["deployment group create"] = [REFUSED, REFUSED, {}]
    cloud.answers["functionapp deployment"] = [{"code": 1, "warns": SHOWN["lines"]}, {}]
    assert cloud.run("postdeploy.sh", HOOK_PAUSE="0").pauses == [0, 0]
    assert cloud.run("push.sh", HOOK_PAUSE="7").pauses == [0, 0, 7]


def test_a_list_of_topics_that_fails_is_asked_for_again(cloud: Cloud) -> None:
    cloud.answers["eventgrid system-topic list"] = [{"code": 1, "warns": "ERROR: try later\n"}, {}]
    ran = cloud.run("postdeploy.sh")
    assert (ran.code, ran.steps) == (0, [*CALM[:-1], *AGAIN])
    assert "ERROR: try later" in ran.err


def test_a_host_that_never_answers_fails_the_second_step(cloud: Cloud) -> None:
    cloud.host.restart(*[503] * 99)
    ran = cloud.run("postdeploy.sh")
    assert (ran.code, ran.count("host "), ran.count("az deployment")) == (1, 20, 0)
    assert "step 2 of 3 failed" in ran.err
    assert "answered 503" in ran.err


def test_an_app_that_is_not_reached_fails_the_second_step(cloud: Cloud) -> None:
    ran = cloud.run("postdeploy.sh", FUNCTION_APP_URL="http://127.0.0.1:1")
    assert (ran.code, ran.count("az deployment")) == (1, 0)
    assert "answered nothing" in ran.err


def test_a_page_that_answers_in_place_of_the_host_is_not_the_host(cloud: Cloud) -> None:
    cloud.host.page = b"<html>Sign in</html>"
    ran = cloud.run("postdeploy.sh")
    assert (ran.code, ran.count("az deployment")) == (1, 0)
    assert "step 2 of 3 failed" in ran.err


def test_an_app_that_has_come_up_without_functions_fails_the_first_step(root: Path, cloud: Cloud) -> None:
    cloud.answers |= {"functionapp keys list": [{}], "functionapp function list": [{}]}
    ran = cloud.run("postdeploy.sh")
    assert (ran.code, ran.count("az deployment")) == (1, 0)
    assert "step 1 of 3 failed" in ran.err
    assert "without its functions (docs/deploy.md" in ran.err
    words = ("infra/hooks/push.sh", f"restart --resource-group {OUTPUTS['AZURE_RESOURCE_GROUP']}", "azd hooks run")
    steps = [ran.err.index(word) for word in words]
    assert steps == sorted(steps)
    assert f"--name {OUTPUTS['FUNCTION_APP_NAME']}\n" in ran.err
    assert "## What only Azure can say" in (root / "docs" / "deploy.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("listing", [{"says": "func-rollcall-x/plan_drop\n"}, {"code": 1, "warns": "no\n"}])
def test_no_restart_is_asked_for_where_azure_does_not_say_that_functions_are_missing(
    cloud: Cloud, listing: dict[str, Any]
) -> None:
    cloud.answers |= {"functionapp keys list": [{}], "functionapp function list": [listing]}
    ran = cloud.run("postdeploy.sh")
    assert ran.code == 1
    assert next(iter(listing.values() if "says" in listing else ["no\n"])) in ran.err
    assert "functionapp restart" not in ran.err


@pytest.mark.parametrize(("listed", "synced"), [("", True), ("func-rollcall-x/plan_drop\n", False)])
def test_azure_is_asked_to_look_for_functions_where_it_lists_none(cloud: Cloud, listed: str, synced: bool) -> None:
    cloud.answers |= {"functionapp function list": [{"says": listed}], "rest": [{"code": 1, "warns": "no\n"}]}
    cloud.host.restart(*[503] * 4)
    ran = cloud.run("postdeploy.sh")
    assert ran.code == 0
    posts = [event for event in ran.events if event.startswith("az rest --method post")]
    assert len(posts) == 2 * synced  # while it waits, and before the deployment
    assert all(f"/sites/{OUTPUTS['FUNCTION_APP_NAME']}/host/default/sync?" in event for event in posts)


@pytest.mark.parametrize("topic", ["", "stdropsx-of-defender"])
def test_a_system_topic_that_the_account_has_already_is_shared(cloud: Cloud, topic: str) -> None:
    cloud.answers["eventgrid system-topic list"] = [{"says": topic}]
    deployment = cloud.run("postdeploy.sh").events[-1]
    assert ("topicName=" in deployment, f"topicName={topic}" in deployment) == (bool(topic), bool(topic))


@pytest.mark.parametrize("listed", ["func-rollcall-x/plan_drop\n", ""])
def test_a_private_app_gets_no_events(cloud: Cloud, listed: str) -> None:
    """Azure is asked to look for its functions all the same."""
    cloud.answers |= {"functionapp function list": [{"says": listed}]}
    ran = cloud.run("postdeploy.sh", PRIVATE_NETWORK="true")
    assert (ran.code, ran.steps) == (0, ["functionapp function", *["rest --method"] * (not listed)])


# Asking the app how it is

HEALTHY = (200, json.dumps({"healthy": True, "faults": []}))
LACKING = (503, json.dumps(without_settings([]) | {"faults": ["employees: no endpoint yet"]}))
STARTING = (503, "The service is unavailable.")


def test_the_smoke_test_leaves_nothing_in_the_checkout(cloud: Cloud) -> None:
    cloud.host.health = [HEALTHY]
    before = set(cloud.folder.iterdir())
    ran = cloud.run("smoke.sh", "health", TMPDIR=str(cloud.folder))
    assert (ran.code, "try" in ran.err) == (0, False)
    assert HEALTHY[1] in ran.out
    assert {path.name for path in set(cloud.folder.iterdir()) - before} == {"answers.json", "called"}


def test_the_smoke_test_names_an_app_without_functions(cloud: Cloud) -> None:
    cloud.host.health = [(404, "")]
    ran = cloud.run("smoke.sh", "health")
    assert ran.code == 1
    assert "another Python: docs/deploy.md" in ran.err


@pytest.mark.parametrize(("settings", "code"), [(["DAILY_CALLS: a whole number is wanted"], 1), ([], 0)])
def test_the_smoke_test_names_faulty_settings_also_the_first_time(cloud: Cloud, settings: list[str], code: int) -> None:
    cloud.host.health = [(503, json.dumps(without_settings(settings) | {"faults": ["employees: no endpoint yet"]}))]
    ran = cloud.run("smoke.sh", "health", FIRST_TIME="true")
    assert ran.code == code
    assert "no endpoint yet" in ran.out
    assert ("DAILY_CALLS" in ran.out, "settings are faulty" in ran.err) == (bool(code), bool(code))


@pytest.mark.parametrize("answer", [HEALTHY, LACKING])
def test_what_health_itself_answers_is_not_asked_for_again(cloud: Cloud, answer: tuple[int, str]) -> None:
    cloud.host.health = [answer]
    ran = cloud.run("smoke.sh", "health")
    assert (ran.code, ran.count("host "), ran.pauses) == (int(answer is LACKING), 1, [])


def test_each_try_at_an_app_that_starts_is_said(cloud: Cloud) -> None:
    cloud.host.health = [STARTING, (502, ""), HEALTHY]
    ran = cloud.run("smoke.sh", "health")
    assert (ran.code, ran.pauses) == (0, [10, 10])
    assert [f"{status} (try {number} of 7)" in ran.err for number, status in ((1, 503), (2, 502), (3, 200))] == [
        True, True, False
    ]  # fmt: skip


@pytest.mark.parametrize("answer", [STARTING, (200, "<html>Sign in</html>")])
def test_a_page_in_the_place_of_health_is_no_health_not_even_the_first_time(
    cloud: Cloud, answer: tuple[int, str]
) -> None:
    cloud.host.health = [answer]
    ran = cloud.run("smoke.sh", "health", FIRST_TIME="true")
    assert (ran.code, ran.count("host ")) == (1, 7 if answer is STARTING else 1)
    assert answer[1] in ran.out


def test_an_app_that_is_not_reached_is_asked_seven_times(cloud: Cloud) -> None:
    ran = cloud.run("smoke.sh", "health", FUNCTION_APP_URL="http://127.0.0.1:1")
    assert (ran.code, ran.count("curl "), ran.pauses) == (1, 7, [10] * 6)
    assert "try 6 of 7" in ran.err


def test_the_person_of_the_workflow_is_dropped_and_planned(root: Path, cloud: Cloud) -> None:
    """The variables of its step are those that the hook needs; without them it says so at once."""
    workflow = yaml.safe_load((root / ".github" / "workflows" / "deploy.yml").read_text(encoding="utf-8"))
    (step,) = (each for each in workflow["jobs"]["deploy"]["steps"] if each.get("run") == "infra/hooks/smoke.sh drop")
    assert set(step["env"]) == set(ONE_PERSON)
    cloud.answers["storage blob list"] = [{}, {"says": "employees/run/plan.json\n"}]
    ran = cloud.run("smoke.sh", "drop", TMPDIR=str(cloud.folder), **ONE_PERSON)
    assert (ran.code, ran.count("az storage blob upload"), ran.pauses) == (0, 1, [15])
    assert "planned: employees/run/plan.json" in ran.out
    assert list(cloud.folder.glob("tmp.*")) == []


def test_the_workflow_predicts_with_the_compiler_that_it_has_installed(root: Path, tmp_path: Path) -> None:
    """GitHub's image has another one on its path."""
    workflow = yaml.safe_load((root / ".github" / "workflows" / "deploy.yml").read_text(encoding="utf-8"))
    (step,) = (each["run"] for each in workflow["jobs"]["build"]["steps"] if "predict.py" in str(each.get("run")))
    for folder, name, body in (
        (".azure/bin", "bicep", ""), ("image", "bicep", ""), ("image", "python", "command -v bicep")
    ):  # fmt: skip
        (tmp_path / folder).mkdir(parents=True, exist_ok=True)
        (tmp_path / folder / name).write_text(f"#!/bin/sh\n{body}\n", encoding="utf-8")
        (tmp_path / folder / name).chmod(0o755)
    environ = {"HOME": str(tmp_path), "PATH": f"{tmp_path / 'image'}{os.pathsep}{os.environ['PATH']}"}
    found = subprocess.run(["/bin/sh", "-c", step], env=environ, capture_output=True, text=True, check=True)
    assert found.stdout.strip() == str(tmp_path / ".azure" / "bin" / "bicep")


# Who deploys, and from where


def test_a_service_principal_deploys_as_a_person_does(cloud: Cloud) -> None:
    """Nobody is signed in as a person: no hook asks who it is."""
    cloud.answers["functionapp deployment"] = [{"says": "Deployment was successful."}]
    ran = [cloud.run(hook, HOOK_PAUSE="0") for hook in ("push.sh", "postdeploy.sh")]
    assert [each.code for each in ran] == [0, 0]
    assert ran[-1].count("az ad ") == 0
    hooks = "".join(path.read_text(encoding="utf-8") for path in (cloud.root / "infra" / "hooks").iterdir())
    assert "az ad " not in hooks


def test_the_workflow_and_azd_and_the_page_run_the_same_hooks(root: Path) -> None:
    workflow = yaml.safe_load((root / ".github" / "workflows" / "deploy.yml").read_text(encoding="utf-8"))
    steps = [str(step.get("run", "")).strip() for step in workflow["jobs"]["deploy"]["steps"]]
    push = steps.index("infra/hooks/push.sh dist/*.zip")
    assert steps[push + 1] == "infra/hooks/postdeploy.sh"
    azd = yaml.safe_load((root / "azure.yaml").read_text(encoding="utf-8"))["hooks"]["postdeploy"]
    assert azd["posix"]["run"] == "infra/hooks/postdeploy.sh"
    assert azd["windows"]["run"] == "infra/hooks/postdeploy.ps1"
    for page in ("README.md", "docs/deploy.md"):
        assert re.search(
            r"\ninfra/hooks/push\.sh *(#.*)?\ninfra/hooks/postdeploy\.sh", (root / page).read_text(encoding="utf-8")
        )


def source(root: Path, kind: str) -> str:
    """A hook without its comments, with its commands in one line each."""
    text = (root / "infra" / "hooks" / f"postdeploy.{kind}").read_text(encoding="utf-8")
    return re.sub(r"(?m)^\s*#.*$", "", re.sub(r"[`\\]\n\s*", "", text))


def calls(source: str) -> list[tuple[str, list[str]]]:
    """How a hook calls the Azure CLI: its words, and the options and names of parameters in their order."""
    found = re.findall(r"\baz ((?:[a-z-]+ )+)(.*)", source)
    return [(words, re.findall(r"--[a-z-]+|\b[a-zA-Z]+(?==\S*[A-Z_]{6})", options)) for words, options in found]


def test_the_hook_for_windows_calls_azure_as_the_other_does(root: Path) -> None:
    posix, windows = calls(source(root, "sh")), calls(source(root, "ps1"))
    assert len(posix) == 8
    assert windows == posix


STEPS = {
    "Get-Key": "key",
    "Get-Answer": "answer",
    "Sync-Triggers": "sync",
    "Wait-Host": "await",
    "Deploy-Events": "deploy",
}


def rules(source: str) -> dict[str, list[str]]:
    """What else the two have in common: how often, how long, the request to the host, which step follows which."""
    source = source.replace("$env:", "$").replace('\\"', '"').replace('`"', '"')
    source = re.sub("|".join(STEPS), lambda found: STEPS[found[0]], source).replace("Start-Sleep -Seconds", "sleep")
    waiting = re.split(r"(?m)^(?:function )?(?:await|deploy)\b.*\{", source)[1]
    whole = re.split(r"\btries ?= ?1\b", source)[1]
    return {
        "pause": re.findall(r"HOOK_PAUSE\D{1,30}?(\d+)", source),
        "patience": re.findall(r"(?:--max-time|-TimeoutSec) (\d+)", source),
        "limits": re.findall(r"(?:looks|tries)\"? -ge (\d+)", source),
        "synced": re.findall(r"looks % (\d+)", source),
        "growth": re.findall(r"longer \*=? ?(\d+)", source),
        "request": re.findall(r"/runtime/webhooks/\S+(?=\")|rollcall-\w{8}|\[\{\"eventType.*\}\}\]", source),
        "headers": sorted(
            re.findall(r"x-functions-key|aeg-event-type|SubscriptionValidation\b|application/json", source)
        ),
        "sync": re.findall(r"host/default/sync\S+(?=\")", source),
        "while it waits": re.findall(r"key(?= \"|\n)|answer(?=\)| \})|sync(?= )|sleep", waiting),
        "in all": re.findall(r"await|sync|deploy(?= )|sleep|(?<=exit )\d", whole),
        "hidden": re.findall(r"\*{3}", source),
        "exits": re.findall(r"exit (\d)", source),
        "words": re.findall(
            r"step \d of 3 failed|What Azure says|no function is listed|push the code|run this hook|read the log"
            r"|failed \(try",
            source,
        ),
        "end": re.findall(r"announces each drop in .*", source),
    }


def test_the_hook_for_windows_waits_and_tries_as_the_other_does(root: Path) -> None:
    posix, windows = rules(source(root, "sh")), rules(source(root, "ps1"))
    assert windows == posix
    assert all(posix.values())
